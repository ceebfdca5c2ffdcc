//! `provender issuer`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use provender_server::api::types::{Issuer, IssuerQuery, Items, NewIssuer, NoParameters};
use serde_json::{Map, Value};

use crate::api::Api;
use crate::exit::Failure;
use crate::input;
use crate::output::{Output, count, moment, table};

/// The longest definition that is read from a file, in bytes.
const DEFINITION_LIMIT_BYTES: usize = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The issuers whose identity tokens are believed, and for whom.
    List,
    /// Believe an issuer's identity tokens, for those whom a rule allows; replaces what was said of
    /// it before.
    #[command(
        override_usage = "provender issuer add [OPTIONS] <URL> --preset <PRESET> [--allow <CLAIM=PATTERN>]...\n       provender issuer add --file <FILE>"
    )]
    Add(Add),
    /// Believe an issuer no more; what its identities signed stays valid.
    Remove {
        /// Its URL, as `issuer list` shows it
        url: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What its tokens have as `iss`, to the last slash
    #[arg(required_unless_present = "file")]
    url: Option<String>,
    /// What its tokens say: a common system's claims
    #[arg(long, required_unless_present = "file")]
    preset: Option<Preset>,
    /// The address that people know the system by, where it is not the issuer's own
    #[arg(long, value_name = "URL")]
    system_url: Option<String>,
    /// An audience that its tokens may be for [default: sigstore]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// Whom to believe it for: a claim and a pattern (`*` is anything but `/`, `**` anything); with
    /// commas between several that must hold together; given several times, any will do
    #[arg(long, value_name = "CLAIM=PATTERN[,…]", value_parser = rule)]
    allow: Vec<BTreeMap<String, String>>,
    /// Read the whole definition from this file instead, as JSON; `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "preset", "system_url", "audience", "allow"])]
    file: Option<PathBuf>,
}

/// Systems whose claims are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Preset {
    /// Workflows of GitHub Actions and what speaks like it
    GithubActions,
    /// Pipelines of GitLab
    Gitlab,
    /// Service accounts of a Kubernetes cluster
    Kubernetes,
    /// People of a single sign-on, by verified e-mail address
    Email,
}

pub(crate) async fn run(command: Command, api: &Api, output: Output) -> Result<()> {
    match command {
        Command::List => {
            let found: Items<Issuer> = api.get(&["issuers"], &NoParameters::default()).await?;
            output.show(&found, |found| list(&found.items))
        }
        Command::Add(add) => {
            let trusted: Issuer = api.post(&["issuers"], &add.definition()?).await?;
            output.done(&trusted, describe)
        }
        Command::Remove { url } => {
            let query = IssuerQuery { url };
            api.delete(&["issuers"], &query).await?;
            output.done(&query, |query| {
                format!("{} is believed no more; what was signed stays valid.", query.url)
            })
        }
    }
}

impl Add {
    fn definition(self) -> Result<NewIssuer> {
        let (Some(url), Some(preset)) = (self.url, self.preset) else {
            return read(self.file.as_deref().unwrap_or(Path::new("-")));
        };
        let mut claims = Map::new();
        claims.insert("preset".to_owned(), Value::from(preset.name()));
        if let Some(address) = self.system_url.or_else(|| preset.known_by(&url)) {
            claims.insert("server".to_owned(), Value::from(address));
        }
        let audiences = Some(self.audience).filter(|audiences| !audiences.is_empty());
        Ok(NewIssuer { url, audiences, claims, rules: self.allow, keys: None })
    }
}

impl Preset {
    /// What the API calls it.
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Where nobody says by what address people know the system: by the issuer's own.
    fn known_by(self, issuer: &str) -> Option<String> {
        match self {
            Self::GithubActions | Self::Gitlab => {
                let url = url::Url::parse(issuer).ok()?;
                url.host_str()?;
                Some(url.origin().ascii_serialization())
            }
            Self::Kubernetes | Self::Email => None,
        }
    }
}

/// `repository=acme/*,ref=refs/tags/**`.
fn rule(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut conditions = BTreeMap::new();
    for condition in text.split(',') {
        let (claim, pattern) = match condition.split_once('=') {
            Some((claim, pattern)) if !claim.is_empty() && !pattern.is_empty() => (claim, pattern),
            _ => return Err(format!("{condition:?} is not written CLAIM=PATTERN")),
        };
        if conditions.insert(claim.to_owned(), pattern.to_owned()).is_some() {
            return Err(format!("{claim} is given twice; for either of two, give --allow twice"));
        }
    }
    Ok(conditions)
}

fn read(path: &Path) -> Result<NewIssuer> {
    let text = match path == Path::new("-") {
        true => input::read_stdin("--file", DEFINITION_LIMIT_BYTES)?,
        false => input::read_text("--file", path, DEFINITION_LIMIT_BYTES)?,
    };
    let place = path.display();
    serde_json::from_str(&text)
        .map_err(|error| Failure::Usage(format!("{place} defines no issuer: {error}")).into())
}

fn describe(issuer: &Issuer) -> String {
    let url = &issuer.url;
    match issuer.rules.len() {
        0 => format!(
            "{url} is known, but grants nothing yet: say for whom with --allow CLAIM=PATTERN."
        ),
        rules => format!("{url} is believed, by {}.", count(rules, "rule")),
    }
}

fn list(issuers: &[Issuer]) -> String {
    let rows = issuers.iter().map(|issuer| {
        let preset = issuer.claims.get("preset").and_then(Value::as_str);
        [
            issuer.url.clone(),
            preset.unwrap_or("(own)").to_owned(),
            issuer.audiences.join(" "),
            shown(&issuer.rules),
            moment(issuer.created_at),
        ]
    });
    table(["URL", "CLAIMS", "AUDIENCES", "ALLOWS", "SINCE"], rows, "No issuer is believed.")
}

/// Rules as they are typed.
fn shown(rules: &[BTreeMap<String, String>]) -> String {
    if rules.is_empty() {
        return "(nobody)".to_owned();
    }
    let shown = rules.iter().map(|rule| {
        let conditions = rule.iter().map(|(claim, pattern)| format!("{claim}={pattern}"));
        conditions.collect::<Vec<_>>().join(",")
    });
    shown.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Preset, rule, shown};

    #[test]
    fn rules_are_read_and_shown() {
        let check = |text: &str, expected: Option<&str>| {
            let read = rule(text).ok().map(|rule| shown(&[rule]));
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("sub=**", Some("sub=**"));
        check("repository=acme/*,ref=refs/tags/**", Some("ref=refs/tags/**,repository=acme/*"));
        check("sub=a=b", Some("sub=a=b"));
        check("", None);
        check("sub", None);
        check("sub=", None);
        check("=x", None);
        check("sub=a,", None);
        check("sub=a,sub=b", None);
        assert_eq!(shown(&[]), "(nobody)");
    }

    #[test]
    fn a_system_is_known_by_its_issuers_address_unless_told() {
        let check = |preset: Preset, issuer: &str, expected: Option<&str>| {
            assert_eq!(preset.known_by(issuer).as_deref(), expected, "{issuer}");
        };
        check(Preset::Gitlab, "https://ci.example", Some("https://ci.example"));
        check(Preset::GithubActions, "https://ci.example:8/_/oidc", Some("https://ci.example:8"));
        check(Preset::Gitlab, "nonsense", None);
        check(Preset::Kubernetes, "https://ci.example", None);
    }
}
