//! `provender own`.

use anyhow::Result;
use clap::{Args, Subcommand};
use provender_server::api::types::{Items, NewOwnedName, NoParameters, OwnedName};

use crate::api::Api;
use crate::output::{Output, moment, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The names and prefixes that a repository owns.
    List {
        /// The repository
        #[arg(long, value_name = "REPOSITORY", default_value = "main")]
        repo: String,
    },
    /// Own a name, or every name with a prefix: it is never asked for upstream from now on.
    Add(Named),
    /// Own it no more.
    Remove(Named),
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The repository
    #[arg(long, value_name = "REPOSITORY", default_value = "main")]
    repo: String,
    /// The ecosystem, such as pypi
    ecosystem: String,
    /// A name, or a prefix with `*` behind it (quote it for the shell)
    pattern: String,
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List { repo } => {
            let query = NoParameters::default();
            let found: Items<OwnedName> =
                api.get(&["repositories", &repo, "owned-names"], &query).await?;
            output.show(&found, |found| list(&found.items))
        }
        Command::Add(Named { repo, ecosystem, pattern }) => {
            let name = NewOwnedName { ecosystem, pattern };
            let owned: OwnedName = api.post(&["repositories", &repo, "owned-names"], &name).await?;
            output.done(&owned, |owned| {
                format!(
                    "{} ({}) belongs to {} and is never asked for upstream.",
                    owned.pattern, owned.ecosystem, owned.repository
                )
            })
        }
        Command::Remove(Named { repo, ecosystem, pattern }) => {
            let query = NewOwnedName { ecosystem, pattern };
            api.delete(&["repositories", &repo, "owned-names"], &query).await?;
            output.done(&query, |name| {
                format!(
                    "{} ({}) is owned by {repo} no more: upstreams may be asked for it again, unless another \
                     owned name covers it.\nWhat was published here, or was claimed, stays bound to {repo}; \
                     `provender origin set` binds it elsewhere.",
                    name.pattern, name.ecosystem
                )
            })
        }
    }
}

fn list(names: &[OwnedName]) -> String {
    let rows = names
        .iter()
        .map(|name| [name.ecosystem.clone(), name.pattern.clone(), moment(name.created_at)]);
    table(["ECOSYSTEM", "NAME", "SINCE"], rows, "No name is owned.")
}
