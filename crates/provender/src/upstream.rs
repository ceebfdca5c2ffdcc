//! `provender upstream`.

use anyhow::Result;
use clap::{ArgGroup, Args, Subcommand};
use provender_server::api::types::{
    Items, NameCheck, Namesake, NewUpstream, NoParameters, Upstream, WhoAmI,
};

use crate::api::Api;
use crate::discovery::{self, Adoption, Finding, Outcome};
use crate::ecosystems;
use crate::output::{Output, or_dash, printable, table};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The upstreams of a repository, in the order in which they are asked.
    List(Place),
    /// Add a remote registry, or another repository of this server.
    #[command(
        override_usage = "provender upstream add [OPTIONS] <ECOSYSTEM> <URL|--from-repo <REPOSITORY>>"
    )]
    Add(Add),
    /// Remove an upstream; what was mirrored from it stays.
    Remove {
        #[command(flatten)]
        place: Place,
        /// The ecosystem, such as pypi
        ecosystem: String,
        /// Its name, as `upstream list` shows it
        name: String,
    },
    /// Ask the clients installed on this machine which upstreams they use, and adopt those.
    Discover {
        #[command(flatten)]
        place: Place,
        /// Only say what would be adopted
        #[arg(long)]
        dry_run: bool,
    },
    /// Hold our names against the complete lists of the upstreams added with --watch-names, now.
    CheckNames(Place),
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The repository
    #[arg(long, value_name = "REPOSITORY", default_value = "main")]
    repo: String,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("where").required(true).args(["url", "from_repo"]))]
pub(crate) struct Add {
    #[command(flatten)]
    place: Place,
    /// The ecosystem, such as pypi
    ecosystem: String,
    /// Where it is, as the ecosystem's clients are configured with it; may carry user:password@
    url: Option<String>,
    /// Another repository of this server instead
    #[arg(long, value_name = "REPOSITORY")]
    from_repo: Option<String>,
    /// What to call it [default: its host, or the repository]
    #[arg(long)]
    name: Option<String>,
    /// Its place in the order of asking, lowest first [default: behind all others]
    #[arg(long, allow_negative_numbers = true)]
    position: Option<i64>,
    /// Fetch its complete list of names from time to time and hold ours against it
    #[arg(long)]
    watch_names: bool,
    /// Let its files and redirects lead to private addresses; its own address always may be private
    #[arg(long)]
    allow_private_addresses: bool,
    /// Where else the user and the password may be shown for a token, if it says so; only the URL's
    /// origin counts
    #[arg(long, value_name = "URL", conflicts_with = "from_repo")]
    token_realm: Option<String>,
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List(Place { repo }) => {
            let path = ["repositories", &repo, "upstreams"];
            let found: Items<Upstream> = api.get(&path, &NoParameters::default()).await?;
            output.show(&found, |found| list(&found.items))
        }
        Command::Add(add) => self::add(add, api, output).await,
        Command::Remove { place: Place { repo }, ecosystem, name } => {
            let path = ["repositories", &repo, "upstreams", &ecosystem, &name];
            api.delete(&path, &NoParameters::default()).await?;
            output.done(&serde_json::json!({ "removed": name }), |_| {
                format!("{name} is no upstream of {repo} any more; what is kept stays.")
            })
        }
        Command::Discover { place, dry_run } => discover(&place.repo, dry_run, api, output).await,
        Command::CheckNames(Place { repo }) => {
            let path = ["repositories", &repo, "name-checks"];
            let found: Items<Namesake> = api.post(&path, &NameCheck::default()).await?;
            output.show(&found, |found| namesakes(&found.items))
        }
    }
}

async fn add(add: Add, api: &Api, output: Output) -> Result<()> {
    let new = NewUpstream {
        ecosystem: add.ecosystem,
        name: add.name,
        url: add.url,
        from_repository: add.from_repo,
        position: add.position,
        watch_names: add.watch_names,
        allow_private_addresses: add.allow_private_addresses,
        token_realm: add.token_realm,
    };
    let added: Upstream = api.post(&["repositories", &add.place.repo, "upstreams"], &new).await?;
    output.done(&added, |added| format!("{} is an upstream of {}.", added.name, added.repository))
}

async fn discover(repo: &str, dry_run: bool, api: &Api, output: Output) -> Result<()> {
    let discovered = discovery::ask_all_clients(&ecosystems::all()).await;
    let server: WhoAmI = api.get(&["whoami"], &NoParameters::default()).await?;
    let address = api.address();
    let own_origins: Vec<&str> =
        std::iter::once(server.origin.as_str()).chain(address.as_deref()).collect();
    let adoption = Adoption { repository: repo, own_origins: &own_origins, dry_run };
    let findings = discovery::adopt(discovered, adoption, api).await?;
    output.show(&Items { items: findings }, |found| {
        if found.items.is_empty() {
            return "No client that is installed here names an upstream.".to_owned();
        }
        found.items.iter().map(describe).collect::<Vec<_>>().join("\n")
    })
}

/// One discovery in one line.
pub(crate) fn describe(finding: &Finding) -> String {
    let Finding { ecosystem, client, url, outcome } = finding;
    let found = format!("{ecosystem}: {} (from {client})", printable(url));
    match outcome {
        Outcome::Adopted { upstream } => format!("{found} is adopted as {upstream}"),
        Outcome::Known => format!("{found} is an upstream already"),
        Outcome::Proposed => format!("{found} would be adopted"),
        Outcome::Ourselves => format!("{found} is this server itself"),
        Outcome::Pinned => {
            format!("{found} is for packages that are pinned to it alone, so it is not adopted")
        }
        Outcome::Refused { reason } => format!("{found} cannot be adopted: {reason}"),
    }
}

fn list(upstreams: &[Upstream]) -> String {
    let rows = upstreams.iter().map(|upstream| {
        [
            upstream.ecosystem.clone(),
            upstream.position.to_string(),
            upstream.name.clone(),
            location(upstream),
            notes(upstream),
        ]
    });
    let headings = ["ECOSYSTEM", "ORDER", "NAME", "WHERE", "NOTES"];
    table(headings, rows, "No upstream: only what is published or kept here is served.")
}

/// Where it leads.
pub(crate) fn location(upstream: &Upstream) -> String {
    match &upstream.from_repository {
        Some(repository) => format!("repository {repository}"),
        None => or_dash(upstream.url.as_ref()),
    }
}

fn notes(upstream: &Upstream) -> String {
    let notes = [
        (upstream.has_credentials, "with credentials"),
        (upstream.watch_names, "names watched"),
        (upstream.allow_private_addresses, "private addresses allowed"),
    ];
    let true_ones = notes.into_iter().filter(|(holds, _)| *holds);
    let true_ones = true_ones.map(|(_, note)| note.to_owned());
    let realm = upstream.token_realm.iter().map(|realm| format!("tokens from {realm}"));
    true_ones.chain(realm).collect::<Vec<_>>().join(", ")
}

fn namesakes(namesakes: &[Namesake]) -> String {
    let rows = namesakes.iter().map(|namesake| {
        [
            namesake.ecosystem.clone(),
            namesake.package.clone(),
            namesake.upstream.clone(),
            if namesake.is_new { "new: a red flag was raised" } else { "known" }.to_owned(),
        ]
    });
    let headings = ["ECOSYSTEM", "NAME", "ALSO AT", "SINCE WHEN"];
    table(headings, rows, "No watched upstream has a package of our names.")
}
