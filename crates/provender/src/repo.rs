//! `provender repo`.

use anyhow::Result;
use clap::Subcommand;
use provender_domain::Visibility;
use provender_server::api::types::{
    ChangeRepository, Items, NewRepository, NoParameters, Repository,
};

use crate::api::Api;
use crate::output::{Output, moment, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The repositories.
    List,
    /// Make a repository.
    Create {
        /// Its name: lower-case letters, digits, `-`, `_` and `.`
        name: String,
        /// Who may read it without a token: `public` or `private`
        #[arg(long, default_value = "private")]
        visibility: Visibility,
    },
    /// Change who may read a repository without a token.
    SetVisibility {
        /// The repository
        name: String,
        /// `public` or `private`
        visibility: Visibility,
    },
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List => {
            let found: Items<Repository> =
                api.get(&["repositories"], &NoParameters::default()).await?;
            output.show(&found, |found| list(&found.items))
        }
        Command::Create { name, visibility } => {
            let made: Repository =
                api.post(&["repositories"], &NewRepository { name, visibility }).await?;
            output.done(&made, |made| {
                format!("{} is made, and {}.", made.name, made.visibility.as_str())
            })
        }
        Command::SetVisibility { name, visibility } => {
            let change = ChangeRepository { visibility };
            let changed: Repository = api.patch(&["repositories", &name], &change).await?;
            output.done(&changed, |changed| {
                format!("{} is {} now.", changed.name, changed.visibility.as_str())
            })
        }
    }
}

fn list(repositories: &[Repository]) -> String {
    let rows = repositories.iter().map(|repository| {
        [
            repository.name.clone(),
            repository.visibility.as_str().to_owned(),
            moment(repository.created_at),
        ]
    });
    table(["REPOSITORY", "VISIBILITY", "CREATED"], rows, "No repository.")
}
