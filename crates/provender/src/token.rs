//! `provender token`.

mod lifetime;

use anyhow::Result;
use clap::{Args, Subcommand};
use provender_domain::Scope;
use provender_server::api::types::{CreatedToken, Items, NewToken, NoParameters, Token};

use crate::api::{self, Api};
use crate::output::{Output, moment, or_dash, print, table};
pub(crate) use lifetime::Lifetime;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The tokens, without their secrets.
    List,
    /// Make a token and print it, this once.
    Create(Create),
    /// Revoke a token, at once and for ever.
    Revoke {
        /// Its id, as `token list` shows it
        id: String,
    },
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("where").required(true).args(["repo", "all_repos"]))]
pub(crate) struct Create {
    /// The repository it is for
    #[arg(long, value_name = "REPOSITORY")]
    repo: Option<String>,
    /// For every repository, also those to come
    #[arg(long)]
    all_repos: bool,
    /// What it allows: `read`, `publish` or `admin`; each includes those before it
    #[arg(long, default_value = "read")]
    scope: Scope,
    /// Who or what will use it [default: its scope and repository]
    #[arg(long)]
    name: Option<String>,
    /// Only for packages of this name, or with this prefix and `*` behind it
    #[arg(long, value_name = "PATTERN")]
    packages: Option<String>,
    /// For how long: a number with `m`, `h`, `d` or `y` behind it, or `never`
    #[arg(long, value_name = "TIME", default_value = "90d")]
    expires: Lifetime,
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List => {
            let found: Items<Token> = api.get(&["tokens"], &NoParameters::default()).await?;
            output.show(&found, |found| list(&found.items))
        }
        Command::Create(create) => self::create(create, api, output).await,
        Command::Revoke { id } => {
            let answer = api.delete(&["tokens", &id], &NoParameters::default()).await?;
            let token: Token = api::read(&answer)?;
            output.done(&token, |token| format!("{} ({}) is revoked.", token.id, token.name))
        }
    }
}

async fn create(create: Create, api: &Api, output: Output) -> Result<()> {
    let place = create.repo.as_deref().unwrap_or("all repositories");
    let request = NewToken {
        name: create.name.unwrap_or_else(|| format!("{} {place}", create.scope.as_str())),
        repository: create.repo,
        scope: create.scope,
        pattern: create.packages,
        lifetime_seconds: create.expires.seconds(),
    };
    let created: CreatedToken = api.post(&["tokens"], &request).await?;
    if output.quiet && !output.json {
        return print(&format!("{}\n", created.secret));
    }
    output.show(&created, describe)
}

/// The token on a line of its own, and what it is good for.
fn describe(created: &CreatedToken) -> String {
    let token = &created.token;
    let place = token.repository.as_deref().unwrap_or("every repository");
    let packages = token.pattern.as_ref().map_or_else(String::new, |p| format!(", packages {p}"));
    let until = token.expires_at.map_or_else(
        || "until it is revoked".to_owned(),
        |expires_at| format!("until {}", moment(expires_at)),
    );
    format!(
        "{}\n\nThis is shown once. It gives scope {} on {place}{packages}, {until}.\n\
         Revoke it with: provender token revoke {}",
        created.secret,
        token.scope.as_str(),
        token.id,
    )
}

fn list(tokens: &[Token]) -> String {
    let rows = tokens.iter().map(|token| {
        [
            token.id.clone(),
            token.name.clone(),
            token.scope.as_str().to_owned(),
            token.repository.clone().unwrap_or_else(|| "(all)".to_owned()),
            or_dash(token.pattern.as_ref()),
            moment(token.created_at),
            validity(token),
        ]
    });
    let headings = ["ID", "NAME", "SCOPE", "REPOSITORY", "PACKAGES", "CREATED", "VALID"];
    table(headings, rows, "No token.")
}

fn validity(token: &Token) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", moment(at)),
        (None, Some(at)) => format!("until {}", moment(at)),
        (None, None) => "until revoked".to_owned(),
    }
}
