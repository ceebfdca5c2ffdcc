//! `provender tag`.

use anyhow::Result;
use clap::{Args, Subcommand};
use provender_server::api::types::{Items, Tag, TagChange};
use serde::Serialize;

use crate::api::Api;
use crate::output::{Output, moment, newest, or_dash, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The tags of a package, and the files that they point to.
    List(Place),
    /// Where tags pointed before, since when, and by whom; the newest first.
    History {
        #[command(flatten)]
        place: Place,
        /// Only this tag, which need not be there any more
        tag: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The repository
    #[arg(long, value_name = "REPOSITORY", default_value = "main")]
    repo: String,
    /// The ecosystem, such as oci
    ecosystem: String,
    /// The package
    package: String,
}

/// Which tags, where the repository already stands in the path.
#[derive(Serialize)]
struct Of<'a> {
    ecosystem: &'a str,
    package: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List(place) => {
            let found = Items { items: all(&place, api).await? };
            output.show(&found, |found| describe(&found.items))
        }
        Command::History { place: Place { repo, ecosystem, package }, tag } => {
            let query =
                Of { ecosystem: &ecosystem, package: &package, tag: tag.as_deref(), after: None };
            let found: Items<TagChange> =
                api.get(&["repositories", &repo, "tag-history"], &query).await?;
            output.show(&found, |found| describe_history(&found.items))
        }
    }
}

/// Page by page, until there are no more.
async fn all(place: &Place, api: &Api) -> Result<Vec<Tag>> {
    let mut tags: Vec<Tag> = Vec::new();
    loop {
        let after = tags.last().map(|tag| tag.tag.clone());
        let query = Of {
            ecosystem: &place.ecosystem,
            package: &place.package,
            tag: None,
            after: after.as_deref(),
        };
        let page: Items<Tag> = api.get(&["repositories", &place.repo, "tags"], &query).await?;
        if page.items.is_empty() {
            return Ok(tags);
        }
        tags.extend(page.items);
    }
}

fn describe(tags: &[Tag]) -> String {
    let rows = tags.iter().map(|tag| {
        [
            tag.tag.clone(),
            tag.file.clone(),
            moment(tag.moved_at),
            tag.checked_at.map(moment).unwrap_or_default(),
        ]
    });
    table(["TAG", "FILE", "SINCE", "UPSTREAM ASKED"], rows, "It has no tag.")
}

fn describe_history(changes: &[TagChange]) -> String {
    let rows = changes.iter().map(|change| {
        [
            moment(change.at),
            change.tag.clone(),
            change.file.clone().unwrap_or_else(|| "taken away".to_owned()),
            or_dash(change.actor.as_ref()),
        ]
    });
    newest(table(["AT", "TAG", "POINTS TO", "BY"], rows, "No tag was ever set."), changes.len())
}
