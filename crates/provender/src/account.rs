//! `provender account`.

use anyhow::Result;
use clap::{Args, Subcommand};
use provender_server::api::types::{Account, ChangeAccount, Items, NewAccount, NoParameters};

use crate::api::Api;
use crate::output::{Output, moment, table};
use crate::password;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// People who can sign in with a password.
    List,
    /// Make an account for a person: signing in proves who signs, and gives no right here.
    Add(Add),
    /// Give an account another password.
    Password {
        /// The account's name
        name: String,
        #[command(flatten)]
        source: Source,
    },
    /// Let nobody sign in with an account for now.
    Disable {
        /// The account's name
        name: String,
    },
    /// Let its owner sign in again.
    Enable {
        /// The account's name
        name: String,
    },
    /// Remove an account; what its owner signed stays valid.
    Remove {
        /// The account's name
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What to sign in as: a-z, digits, `.`, `_` and `-`
    name: String,
    /// The person's e-mail address: it stands in certificates, and you vouch for it
    #[arg(long)]
    email: String,
    #[command(flatten)]
    source: Source,
}

/// Where a password comes from: the terminal, unless told.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Read the password from standard input, up to the end of its first line
    #[arg(long)]
    password_stdin: bool,
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List => {
            let found: Items<Account> = api.get(&["accounts"], &NoParameters::default()).await?;
            output.show(&found, |found| list(&found.items))
        }
        Command::Add(Add { name, email, source }) => {
            let password = password::choose(source.password_stdin).await?;
            let new = NewAccount { name, email, password };
            let made: Account = api.post(&["accounts"], &new).await?;
            output.done(&made, |made| {
                format!("{} can sign in; certificates will be for {}.", made.name, made.email)
            })
        }
        Command::Password { name, source } => {
            let password = Some(password::choose(source.password_stdin).await?);
            let changed = change(api, &name, ChangeAccount { password, ..Default::default() });
            output.done(&changed.await?, |account| format!("{} has a new password.", account.name))
        }
        Command::Disable { name } => {
            let disabled = Some(true);
            let changed = change(api, &name, ChangeAccount { disabled, ..Default::default() });
            output.done(&changed.await?, |account| format!("{} cannot sign in.", account.name))
        }
        Command::Enable { name } => {
            let disabled = Some(false);
            let changed = change(api, &name, ChangeAccount { disabled, ..Default::default() });
            output.done(&changed.await?, |account| format!("{} can sign in again.", account.name))
        }
        Command::Remove { name } => {
            api.delete(&["accounts", &name], &NoParameters::default()).await?;
            output.done(&serde_json::json!({ "removed": name }), |_| {
                format!("{name} is removed; what its owner signed stays valid.")
            })
        }
    }
}

async fn change(api: &Api, name: &str, change: ChangeAccount) -> Result<Account> {
    api.patch(&["accounts", name], &change).await
}

fn list(accounts: &[Account]) -> String {
    let rows = accounts.iter().map(|account| {
        let state = match account.disabled_at {
            Some(at) => format!("disabled {}", moment(at)),
            None => "enabled".to_owned(),
        };
        [account.name.clone(), account.email.clone(), moment(account.created_at), state]
    });
    table(["NAME", "E-MAIL", "CREATED", "STATE"], rows, "No account.")
}
