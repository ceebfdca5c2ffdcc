//! What can be typed.

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};

use crate::api::Api;
use crate::data::Target;
use crate::output::Output;
use crate::{
    account, attest, events, gc, issuer, log, login, origin, own, package, quarantine, repo,
    retention, serve, sign, status, tag, timestamp, token, tour, trust, upstream, verify, whoami,
    why,
};

/// A package registry for everything that an organisation pulls and publishes.
///
/// `provender serve` runs the server and says how to use it; `provender tour` shows in a minute
/// what it does. Every other command administers a server: the one that runs on the data directory,
/// the data directory itself where none runs, or the one that --server names.
#[derive(Debug, Parser)]
#[command(name = "provender", version, max_term_width = 100, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten, next_help_heading = "Options of every command")]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Exit status: 0 done, 1 failed, 2 wrong usage, 3 server or data directory not reachable,
4 refused, 5 not found, 6 conflict, 130 interrupted.";

/// What every command takes.
#[derive(Debug, Args)]
struct Global {
    #[command(flatten)]
    target: Target,
    /// Print facts as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// Print nothing but what was asked for.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(serve::Options),
    /// See in about a minute what Provender does, with the real clients.
    Tour(tour::Options),
    /// Sign files, folders, and what a server keeps.
    Sign(sign::Options),
    /// Verify who signed files, folders, or what a server keeps, and when.
    Verify(verify::Options),
    /// Sign a statement about files, such as a bill of materials or where they were built.
    Attest(attest::Options),
    /// Prove that files existed at a time.
    Timestamp(timestamp::Options),
    /// Where a file came from, who signed it, and what was checked; each link verified here.
    Why(why::Options),
    /// Sign in for a few minutes, to sign as yourself.
    Login(login::Options),
    /// What the server's signatures are checked by.
    #[command(subcommand)]
    Trust(trust::Command),
    /// The server's transparency log.
    #[command(subcommand)]
    Log(log::Command),
    /// Repositories: who may read and publish what, and what is asked of it.
    #[command(subcommand)]
    Repo(repo::Command),
    /// Tags of packages: where they point, and where they pointed before.
    #[command(subcommand)]
    Tag(tag::Command),
    /// What need not be kept for ever.
    #[command(subcommand)]
    Retention(retention::Command),
    /// Tokens: who may do what.
    #[command(subcommand)]
    Token(token::Command),
    /// People who can sign in with a password, to sign as themselves.
    #[command(subcommand)]
    Account(account::Command),
    /// Issuers whose identity tokens are believed, and for whom.
    #[command(subcommand)]
    Issuer(issuer::Command),
    /// Names that belong to a repository and are never asked for upstream.
    #[command(subcommand)]
    Own(own::Command),
    /// Where a repository looks for what it has not.
    #[command(subcommand)]
    Upstream(upstream::Command),
    /// Where a package's name is from.
    #[command(subcommand)]
    Origin(origin::Command),
    /// Packages and their files.
    #[command(subcommand)]
    Package(package::Command),
    /// Files that are kept and not served.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// What happened: who, what, when, from where, why.
    Events(events::Options),
    /// Remove bytes, files and uploads that nothing refers to any more.
    Gc(gc::Options),
    /// How the server is doing.
    Status,
    /// Whose rights commands have here.
    Whoami,
}

/// Runs what was typed.
pub(crate) fn run(cli: Cli) -> Result<()> {
    let Global { target, json, quiet } = cli.global;
    let output = Output { json, quiet };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(dispatch(cli.command, &target, output));
    runtime.shutdown_background();
    outcome
}

async fn dispatch(command: Command, target: &Target, output: Output) -> Result<()> {
    match command {
        Command::Serve(options) => return serve::run(options, target, output).await,
        Command::Tour(options) => return tour::run(options, output).await,
        Command::Sign(options) => return sign::run(options, target, output).await,
        Command::Verify(options) => return verify::run(options, target, output).await,
        Command::Attest(options) => return attest::run(options, target, output).await,
        Command::Timestamp(options) => return timestamp::run(options, target, output).await,
        Command::Why(options) => return why::run(options, target, output).await,
        Command::Login(options) => return login::run(options, target, output).await,
        Command::Trust(command) => return trust::run(command, target, output).await,
        Command::Log(command) => return log::run(command, target, output).await,
        _ => {}
    }
    let api = Api::open(target).await?;
    let outcome = administer(command, &api, output).await;
    api.close().await;
    outcome
}

async fn administer(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::Serve(_)
        | Command::Tour(_)
        | Command::Sign(_)
        | Command::Verify(_)
        | Command::Attest(_)
        | Command::Timestamp(_)
        | Command::Why(_)
        | Command::Login(_)
        | Command::Trust(_)
        | Command::Log(_) => unreachable!("these are no clients of the API"),
        Command::Repo(command) => repo::run(command, api, output).await,
        Command::Tag(command) => tag::run(command, api, output).await,
        Command::Retention(command) => retention::run(command, api, output).await,
        Command::Token(command) => token::run(command, api, output).await,
        Command::Account(command) => account::run(command, api, output).await,
        Command::Issuer(command) => issuer::run(command, api, output).await,
        Command::Own(command) => own::run(command, api, output).await,
        Command::Upstream(command) => upstream::run(command, api, output).await,
        Command::Origin(command) => origin::run(command, api, output).await,
        Command::Package(command) => package::run(command, api, output).await,
        Command::Quarantine(command) => quarantine::run(command, api, output).await,
        Command::Events(options) => events::run(options, api, output).await,
        Command::Gc(options) => gc::run(&options, api, output).await,
        Command::Status => status::run(api, output).await,
        Command::Whoami => whoami::run(api, output).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    /// Clap gives an argument's value to every other of the same id, further in or out.
    #[test]
    fn no_command_has_an_argument_of_every_command_anew() {
        let root = super::Cli::command();
        root.clone().debug_assert();
        let global: Vec<_> = root.get_arguments().filter(|one| one.is_global_set()).collect();
        assert_eq!(global.len(), 4);
        let mut commands: Vec<_> = root.get_subcommands().collect();
        while let Some(command) = commands.pop() {
            commands.extend(command.get_subcommands());
            for argument in command.get_arguments() {
                let is_anew = global.iter().any(|global| {
                    global.get_id() == argument.get_id()
                        || global.get_long().is_some_and(|long| Some(long) == argument.get_long())
                        || global.get_short().is_some_and(|one| Some(one) == argument.get_short())
                });
                assert!(!is_anew, "{}: {}", command.get_name(), argument.get_id());
            }
        }
    }
}
