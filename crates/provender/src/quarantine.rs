//! `provender quarantine`.

use anyhow::Result;
use clap::Subcommand;
use provender_server::api::types::{File, Items, QuarantineQuery};

use crate::api::Api;
use crate::output::{Output, moment, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The files in quarantine, and why they are.
    List {
        /// Only in this repository
        #[arg(long, value_name = "REPOSITORY")]
        repo: Option<String>,
    },
}

pub(crate) async fn run(command: &Command, api: &Api, output: Output) -> Result<()> {
    let Command::List { repo } = command;
    let query = QuarantineQuery { repository: repo.clone() };
    let found: Items<File> = api.get(&["quarantine"], &query).await?;
    output.show(&found, |found| list(&found.items))
}

fn list(files: &[File]) -> String {
    let rows = files.iter().map(|file| {
        [
            file.repository.clone(),
            format!("{}/{}", file.ecosystem, file.package),
            file.name.clone(),
            moment(file.recorded_at),
            file.state_reason.clone().unwrap_or_default(),
        ]
    });
    table(["REPOSITORY", "PACKAGE", "FILE", "SINCE", "WHY"], rows, "Nothing is in quarantine.")
}
