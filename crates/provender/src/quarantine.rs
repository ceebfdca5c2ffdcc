//! `provender quarantine`.

use anyhow::Result;
use clap::{ArgGroup, Args, Subcommand};
use provender_server::api::types::{Change, ChangedFiles, File, Items, QuarantineQuery};

use crate::api::Api;
use crate::output::{Output, count, moment, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The files in quarantine, and why they are.
    List {
        /// Only in this repository
        #[arg(long, value_name = "REPOSITORY")]
        repo: Option<String>,
    },
    /// Stop serving a version or file, and keep it, or close it before it is fetched; `provender
    /// package release` lets it out again.
    #[command(
        override_usage = "provender quarantine add [OPTIONS] --reason <REASON> <ECOSYSTEM> <PACKAGE> <VERSION|--file <FILE>>"
    )]
    Add(Chosen),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["version", "file"]))]
pub(crate) struct Chosen {
    /// The repository
    #[arg(long, value_name = "REPOSITORY", default_value = "main")]
    repo: String,
    /// The ecosystem, such as pypi
    ecosystem: String,
    /// The package
    package: String,
    /// All files of this version; of an image, a tag or a digest
    version: Option<String>,
    /// Only this file
    #[arg(long)]
    file: Option<String>,
    /// Why; shown to whoever asks for it
    #[arg(long)]
    reason: String,
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List { repo } => {
            let query = QuarantineQuery { repository: repo };
            let found: Items<File> = api.get(&["quarantine"], &query).await?;
            output.show(&found, |found| list(&found.items))
        }
        Command::Add(Chosen { repo, ecosystem, package, version, file, reason }) => {
            let change = Change { ecosystem, package, version, file, reason: Some(reason) };
            let path = ["repositories", &repo, "changes", "quarantine"];
            let changed: ChangedFiles = api.post(&path, &change).await?;
            output.done(&changed, |changed| {
                let number = count(changed.files.len(), "file");
                format!("{number} in quarantine now:\n  {}", changed.files.join("\n  "))
            })
        }
    }
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
    table(["REPOSITORY", "PACKAGE", "FILE", "RECORDED", "WHY"], rows, "Nothing is in quarantine.")
}
