//! `provender package`.

use anyhow::Result;
use clap::{Args, Subcommand};
use provender_domain::FileState;
use provender_server::api::types::{
    Change, ChangedFiles, File, Items, Package, PackageSummary, VerdictWord,
};
use serde::Serialize;

use crate::api::Api;
use crate::ecosystems;
use crate::output::{Output, count, moment, or_dash, size, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The packages of which something is kept.
    List {
        /// The repository
        #[arg(long, value_name = "REPOSITORY", default_value = "main")]
        repo: String,
        /// Only of this ecosystem, such as pypi
        ecosystem: Option<String>,
    },
    /// One package, with every file that is kept of it.
    Show {
        /// The repository
        #[arg(long, value_name = "REPOSITORY", default_value = "main")]
        repo: String,
        /// The ecosystem, such as pypi
        ecosystem: String,
        /// The package
        package: String,
    },
    /// Hide a version or file from new choices; who pinned it still gets it.
    #[command(
        override_usage = "provender package yank [OPTIONS] <ECOSYSTEM> <PACKAGE> <VERSION|--file <FILE>>"
    )]
    Yank(Chosen),
    /// Take a yank back.
    #[command(
        override_usage = "provender package unyank [OPTIONS] <ECOSYSTEM> <PACKAGE> <VERSION|--file <FILE>>"
    )]
    Unyank(Chosen),
    /// Remove the bytes of a version or file; a tombstone stays, so that its name is never reused.
    #[command(
        override_usage = "provender package delete [OPTIONS] <ECOSYSTEM> <PACKAGE> <VERSION|--file <FILE>>"
    )]
    Delete(Chosen),
    /// Let a version or file out of quarantine.
    #[command(
        override_usage = "provender package release [OPTIONS] <ECOSYSTEM> <PACKAGE> <VERSION|--file <FILE>>"
    )]
    Release(Chosen),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["version", "file"]))]
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
    reason: Option<String>,
}

/// The ecosystem, where the repository already stands in the path.
#[derive(Serialize)]
struct Of<'a> {
    ecosystem: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a str>,
}

/// Packages of one ecosystem.
#[derive(Serialize)]
struct Listed {
    ecosystem: String,
    #[serde(flatten)]
    package: PackageSummary,
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List { repo, ecosystem } => {
            let found = list(&repo, ecosystem, api).await?;
            output.show(&Items { items: found }, |found| describe_list(&found.items))
        }
        Command::Show { repo, ecosystem, package } => {
            output.show(&show(&repo, &ecosystem, &package, api).await?, describe)
        }
        Command::Yank(chosen) => change(chosen, ("yank", "yanked"), api, output).await,
        Command::Unyank(chosen) => {
            change(chosen, ("unyank", "no longer yanked"), api, output).await
        }
        Command::Delete(chosen) => change(chosen, ("delete", "deleted"), api, output).await,
        Command::Release(chosen) => change(chosen, ("release", "released"), api, output).await,
    }
}

/// With all files, of which an answer has some.
async fn show(repo: &str, ecosystem: &str, package: &str, api: &Api) -> Result<Package> {
    let mut shown: Option<Package> = None;
    loop {
        let after = shown.as_ref().and_then(|shown| shown.next.as_deref());
        let query = Of { ecosystem, name: Some(package), after };
        let mut page: Package = api.get(&["repositories", repo, "package"], &query).await?;
        if let Some(before) = shown {
            page.files.splice(..0, before.files);
        }
        if page.next.is_none() {
            return Ok(page);
        }
        shown = Some(page);
    }
}

async fn list(repo: &str, ecosystem: Option<String>, api: &Api) -> Result<Vec<Listed>> {
    let ecosystems = match ecosystem {
        Some(ecosystem) => vec![ecosystem],
        None => ecosystems::all().iter().map(|ecosystem| ecosystem.id().to_string()).collect(),
    };
    let mut listed = Vec::new();
    for ecosystem in ecosystems {
        let query = Of { ecosystem: &ecosystem, name: None, after: None };
        let found: Items<PackageSummary> =
            api.get(&["repositories", repo, "packages"], &query).await?;
        let of_it = |package| Listed { ecosystem: ecosystem.clone(), package };
        listed.extend(found.items.into_iter().map(of_it));
    }
    Ok(listed)
}

async fn change(
    chosen: Chosen,
    (verb, done): (&str, &str),
    api: &Api,
    output: Output,
) -> Result<()> {
    let Chosen { repo, ecosystem, package, version, file, reason } = chosen;
    let change = Change { ecosystem, package, version, file, reason };
    let changed: ChangedFiles =
        api.post(&["repositories", &repo, "changes", verb], &change).await?;
    output.done(&changed, |changed| {
        if changed.files.is_empty() {
            return format!("Nothing to do: it is {done} already.");
        }
        let mut text = format!("{} {done}:", count(changed.files.len(), "file"));
        for file in &changed.files {
            text.push_str("\n  ");
            text.push_str(file);
        }
        text
    })
}

fn describe_list(packages: &[Listed]) -> String {
    let rows = packages.iter().map(|listed| {
        [
            listed.ecosystem.clone(),
            listed.package.name.clone(),
            or_dash(listed.package.origin.as_ref()),
            if listed.package.is_owned { "owned" } else { "" }.to_owned(),
            moment(listed.package.created_at),
        ]
    });
    let headings = ["ECOSYSTEM", "PACKAGE", "ORIGIN", "NAME", "SINCE"];
    table(headings, rows, "Nothing is kept here yet.")
}

fn describe(package: &Package) -> String {
    let rows = package.files.iter().map(|file| {
        [
            or_dash(file.version.as_ref()),
            file.name.clone(),
            or_dash(file.size_bytes.map(size)),
            state(file),
            file.origin.to_string(),
            moment(file.recorded_at),
            file.sha256.clone(),
        ]
    });
    let headings = ["VERSION", "FILE", "SIZE", "STATE", "ORIGIN", "RECORDED", "SHA-256"];
    let files = table(headings, rows, "No file is kept.");
    let origin = match &package.origin {
        _ if package.is_owned => "its name is owned".to_owned(),
        Some(origin) => format!("its name is bound: {origin}"),
        None => "its name is not bound to any origin yet".to_owned(),
    };
    format!("{}/{} in {}; {origin}\n\n{files}", package.ecosystem, package.name, package.repository)
}

fn state(file: &File) -> String {
    let is_refused = matches!(file.verdict, VerdictWord::Deny | VerdictWord::Quarantine);
    if file.state == FileState::Present && is_refused {
        return format!("not served: {}", file.reasons.join("; "));
    }
    let state = match file.state {
        FileState::Present if file.yanked => "yanked",
        FileState::Present => "served",
        FileState::Quarantined => "quarantined",
        FileState::Deleted => "deleted",
    };
    let reason = file.state_reason.as_ref().or(file.yank_reason.as_ref());
    reason.map_or_else(|| state.to_owned(), |reason| format!("{state}: {reason}"))
}
