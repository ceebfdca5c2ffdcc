//! `provender retention`.

use anyhow::Result;
use clap::Subcommand;
use provender_server::api::types::{Expired, Retention};

use crate::api::Api;
use crate::output::{Output, count, moment, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take away the tags and files that the rules of `provender repo retain` do not keep.
    Apply {
        /// Only by the rules of this repository
        #[arg(long, value_name = "REPOSITORY")]
        repo: Option<String>,
        /// Only tell
        #[arg(long)]
        dry_run: bool,
    },
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    let Command::Apply { repo, dry_run } = command;
    let request = Retention { repository: repo, dry_run };
    let expired: Expired = api.post(&["retentions"], &request).await?;
    output.show(&expired, describe)
}

fn describe(expired: &Expired) -> String {
    let tags = expired.tags.iter().map(|tag| {
        [
            tag.repository.clone(),
            format!("{}/{}", tag.ecosystem, tag.package),
            format!("tag {}", tag.tag),
            moment(tag.moved_at),
        ]
    });
    let files = expired.files.iter().map(|file| {
        [
            file.repository.clone(),
            format!("{}/{}", file.ecosystem, file.package),
            file.file.clone(),
            moment(file.recorded_at),
        ]
    });
    let verb = if expired.dry_run { "would be" } else { "were" };
    let sum = format!(
        "{} and {} {verb} taken away.",
        count(expired.tags.len(), "tag"),
        count(expired.files.len(), "file")
    );
    let rows: Vec<_> = tags.chain(files).collect();
    if rows.is_empty() {
        return sum;
    }
    format!("{}\n{sum}", table(["REPOSITORY", "PACKAGE", "WHAT", "SINCE"], rows, ""))
}
