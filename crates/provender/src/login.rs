//! `provender login`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, Result};
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde::Serialize;

use crate::data;
use crate::instance::{Identity, Instance, lifetime_of, logins, usage};
use crate::output::{Output, printable};

/// Longest name or password that is read, in bytes.
const LINE_LIMIT_BYTES: usize = 4096;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Ask for the password here, instead of showing a code to confirm in a browser
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Forget who is logged in
    #[arg(long, conflicts_with = "user")]
    forget: bool,
}

#[derive(Debug, Serialize)]
struct LoggedIn {
    server: String,
    identity: String,
    seconds_left: u64,
}

pub(crate) async fn run(options: Options, target: &data::Target, output: Output) -> Result<()> {
    let instance = Instance::of(target).await?;
    if options.forget {
        let server = instance.address().to_owned();
        let was = logins::forget(&instance)?;
        return output.done(&serde_json::json!({ "server": server, "forgotten": was }), |_| {
            if was {
                format!("Logged out of {server}.")
            } else {
                format!("Nobody was logged in to {server}.")
            }
        });
    }
    let identity = match &options.user {
        None => Identity::by_device(&instance).await?,
        Some(name) => {
            let password = tokio::task::spawn_blocking(read_password).await??;
            Identity::by_password(&instance, name, &password).await?
        }
    };
    logins::keep(&instance, &identity)?;
    let subject = identity.subject().context("the server's token says nothing")?;
    let logged_in = LoggedIn {
        server: instance.address().to_owned(),
        identity: subject.name().to_owned(),
        seconds_left: lifetime_of(&identity).as_secs(),
    };
    output.done(&logged_in, |logged_in| {
        format!(
            "Logged in to {} as {} for {} minutes.",
            printable(&logged_in.server),
            printable(&logged_in.identity),
            logged_in.seconds_left.div_ceil(60),
        )
    })
}

/// Reads a line: from a terminal without showing it, else as it comes.
fn read_password() -> Result<String> {
    let stdin = std::io::stdin();
    let terminal = if stdin.is_terminal() { Some(Silent::begin()?) } else { None };
    if terminal.is_some() {
        eprint!("Password: ");
        std::io::stderr().flush()?;
    }
    let mut line = String::new();
    let limited = std::io::Read::take(stdin.lock(), LINE_LIMIT_BYTES as u64);
    std::io::BufReader::new(limited).read_line(&mut line)?;
    if terminal.is_some() {
        eprintln!();
    }
    drop(terminal);
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(usage("no password was given"));
    }
    Ok(password.to_owned())
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silent {
    before: Termios,
}

impl Silent {
    fn begin() -> Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self { before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that went away.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.before);
    }
}
