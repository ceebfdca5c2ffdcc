//! Passwords, typed where nobody sees them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};

use anyhow::{Context as _, Result};
use provender_server::api::types::Password;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::exit::Failure;

/// The longest line that is read as a password, in bytes.
const LINE_LIMIT_BYTES: u64 = 1024;
/// The terminal that the command was typed at, whatever its input and output are.
const TERMINAL: &str = "/dev/tty";

/// A new password: from standard input, or typed twice at the terminal.
pub(crate) async fn choose(from_stdin: bool) -> Result<Password> {
    if from_stdin {
        return read_stdin();
    }
    let first = ask("New password: ").await?;
    let again = ask("Once more: ").await?;
    if first.0 != again.0 {
        return Err(Failure::Usage("the two passwords differ".to_owned()).into());
    }
    Ok(first)
}

fn read_stdin() -> Result<Password> {
    first_line(io::stdin().lock())
}

/// Asks at the terminal. Ctrl-C ends the command, and the terminal echoes again.
async fn ask(prompt: &'static str) -> Result<Password> {
    let terminal = File::options().read(true).write(true).open(TERMINAL).map_err(|_| {
        let message = "no terminal to type a password at; give it with --password-stdin";
        Failure::Usage(message.to_owned())
    })?;
    let silence = Silence::of(terminal.try_clone()?).context("cannot hide what is typed")?;
    let typed = tokio::task::spawn_blocking(move || {
        (&terminal).write_all(prompt.as_bytes())?;
        first_line(BufReader::new(&terminal))
    });
    let outcome = tokio::select! {
        typed = typed => typed?,
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted.into()),
    };
    drop(silence);
    outcome
}

/// What stands before the first end of line.
fn first_line(input: impl io::BufRead) -> Result<Password> {
    let mut line = String::new();
    let read = input.take(LINE_LIMIT_BYTES + 2).read_line(&mut line);
    read.context("a password is one line of UTF-8 text")?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::Usage("the password is empty".to_owned()).into());
    }
    if password.len() as u64 > LINE_LIMIT_BYTES {
        let message = format!("a password has at most {LINE_LIMIT_BYTES} bytes");
        return Err(Failure::Usage(message).into());
    }
    Ok(Password(password.to_owned()))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    fn of(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        // What was typed before it was asked for is no password.
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::{LINE_LIMIT_BYTES, first_line};

    #[test]
    fn a_password_is_a_line() {
        let check = |input: &[u8], expected: Option<&str>| {
            let read = first_line(input).ok().map(|password| password.0);
            assert_eq!(read.as_deref(), expected, "{:?}", String::from_utf8_lossy(input));
        };
        check(b"correct horse\n", Some("correct horse"));
        check(b"correct horse", Some("correct horse"));
        check(b"correct horse\r\n", Some("correct horse"));
        check(b" spaces stay \nsecond line\n", Some(" spaces stay "));
        check(b"", None);
        check(b"\n", None);
        check(b"\xff\n", None);
        let longest = "x".repeat(usize::try_from(LINE_LIMIT_BYTES).unwrap());
        check(format!("{longest}\n").as_bytes(), Some(&longest));
        check(format!("{longest}x\n").as_bytes(), None);
        check(format!("{longest}{longest}").as_bytes(), None);
    }
}
