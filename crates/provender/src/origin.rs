//! `provender origin`.

use anyhow::Result;
use clap::Subcommand;
use provender_server::api::types::SetOrigin;

use crate::api::Api;
use crate::output::Output;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bind a package's name to an upstream, or claim it for what is published here.
    #[command(
        group = clap::ArgGroup::new("to").required(true).args(["upstream", "here"]),
        override_usage = "provender origin set [OPTIONS] <ECOSYSTEM> <PACKAGE> <--upstream <NAME>|--here>"
    )]
    Set {
        /// The repository
        #[arg(long, value_name = "REPOSITORY", default_value = "main")]
        repo: String,
        /// The ecosystem, such as pypi
        ecosystem: String,
        /// The package
        package: String,
        /// Its files come from this upstream from now on
        #[arg(long, value_name = "NAME")]
        upstream: Option<String>,
        /// Its files are published here from now on
        #[arg(long)]
        here: bool,
    },
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    let Command::Set { repo, ecosystem, package, upstream, here: _ } = command;
    let origin = SetOrigin { ecosystem, package, upstream };
    api.put(&["repositories", &repo, "origins"], &origin).await?;
    output.done(&origin, |origin| match &origin.upstream {
        Some(upstream) => format!("{} comes from {upstream} from now on.", origin.package),
        None => format!("{} is published here from now on, and nowhere else.", origin.package),
    })
}
