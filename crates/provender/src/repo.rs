//! `provender repo`.

mod policy;

use anyhow::Result;
use clap::Subcommand;
use provender_domain::{TagRule, Visibility};
use provender_server::api::types::{
    ChangeRepository, Items, NewRepository, NoParameters, Policy, Repository,
};
use serde::Serialize;

use crate::api::{Api, Refusal};
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
    /// What a repository asks of what it holds: its rules for tags, signatures and retention.
    Policy {
        /// The repository
        name: String,
    },
    /// Change whether tags may be pointed to other files.
    SetTags {
        /// The repository
        name: String,
        /// `movable` or `immutable`
        rule: TagRule,
    },
    /// Serve files of some packages only if somebody signed them.
    RequireSignature(policy::RequireSignature),
    /// Say which tags, or which files without tags, need not be kept for ever.
    Retain(policy::Retain),
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
        Command::Policy { name } => {
            let (policy, _) = policy_of(&name, api).await?;
            output.show(&policy, policy::describe)
        }
        Command::SetTags { name, rule } => {
            let set = |policy: &mut Policy| {
                policy.tags = rule;
                Ok(())
            };
            let changed = change_policy(&name, api, set).await?;
            output.done(&changed, |_| format!("Tags in {name} are {} now.", rule.as_str()))
        }
        Command::RequireSignature(options) => policy::require_signature(options, api, output).await,
        Command::Retain(options) => policy::retain(options, api, output).await,
    }
}

/// What a repository asks for now, and which revision that is.
async fn policy_of(name: &str, api: &Api) -> Result<(Policy, String)> {
    let found: Items<Repository> = api.get(&["repositories"], &NoParameters::default()).await?;
    let found = found.items.into_iter().find(|repository| repository.name == name);
    let refusal = |code: &str, message: String| Refusal { code: code.to_owned(), message };
    let found = found
        .ok_or_else(|| refusal("not-found", format!("no repository {name} that you may read")))?;
    let policy = found.policy.ok_or_else(|| {
        let message = "what a repository asks for is shown to who has a token";
        refusal("authentication-required", message.to_owned())
    })?;
    Ok((policy, found.policy_revision.unwrap_or_default()))
}

/// How often a change is begun anew because somebody else's came between.
const CHANGE_TRIES: u32 = 32;

/// Changes what a repository asks for as it is then: what others change at the same time stays.
async fn change_policy(
    name: &str,
    api: &Api,
    change: impl Fn(&mut Policy) -> Result<()>,
) -> Result<Repository> {
    let mut tries = 0;
    loop {
        let (mut policy, revision) = policy_of(name, api).await?;
        change(&mut policy)?;
        tries += 1;
        match replace_policy(name, &policy, revision, api).await {
            Err(error) if tries < CHANGE_TRIES && is_conflict(&error) => {}
            outcome => return outcome,
        }
    }
}

async fn replace_policy(
    name: &str,
    policy: &Policy,
    revision: String,
    api: &Api,
) -> Result<Repository> {
    #[derive(Serialize)]
    struct Replaces {
        replaces: String,
    }
    api.replace(&["repositories", name, "policy"], &Replaces { replaces: revision }, policy).await
}

fn is_conflict(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.code == "conflict")
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
