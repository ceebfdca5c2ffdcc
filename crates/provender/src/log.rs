//! `provender log`.

use anyhow::{Context as _, Result};
use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use provender_server::api::types::{Items, LogCertificate, LogSummary};
use provender_tlog::audit::audit;
use provender_tlog::note::NoteVerifier;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::api::Refusal;
use crate::data;
use crate::exit::Failure;
use crate::instance::{Instance, RemoteTiles, token_of_environment, usage};
use crate::output::{Output, moment, newest, printable, table};
use crate::verify::TrustOptions;

mod scan;

/// Where the log's checkpoint and tiles are.
const LOG_PREFIX: &str = "-/log/api/v2/";
/// Where those of the certificate log are.
const CT_PREFIX: &str = "-/ct/";
/// Where the logs are told of.
const LOGS_PATH: &str = "-/api/v1/logs";
/// Where certificates are looked up.
const CERTIFICATES_PATH: &str = "-/api/v1/log/certificates";
/// Where entries are looked up.
const SEARCH_PATH: &str = "-/api/v1/log/entries";
/// Longest thing that is searched for, in bytes.
const QUERY_LIMIT_BYTES: usize = 2048;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read both logs whole, compute every hash anew, and compare with what the server signed.
    Verify(Verify),
    /// Find the entries about a digest or by an identity, or certificates.
    Search(Search),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    trust: TrustOptions,
    /// What checkpoints of the certificate log are checked with, as `GET /-/api/v1/logs` says it
    /// [default: what the server says now]
    #[arg(long, value_name = "KEY")]
    ct_key: Option<String>,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["digest", "identity", "serial"]))]
pub(crate) struct Search {
    /// The SHA-256 of what was signed, or a file to compute it of
    #[arg(long, value_name = "DIGEST")]
    digest: Option<String>,
    /// Who signed: an e-mail address or a URI
    #[arg(long, value_name = "NAME")]
    identity: Option<String>,
    /// The serial number of a certificate, in hexadecimal
    #[arg(long, value_name = "NUMBER")]
    serial: Option<String>,
    /// Which log [default: transparency, or ct for a serial number]
    #[arg(long, value_enum)]
    log: Option<Which>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// What was signed
    Transparency,
    /// Which certificates were issued
    Ct,
}

/// Both logs; the second where the server has one.
#[derive(Debug, Serialize)]
struct Verified {
    #[serde(flatten)]
    transparency: Audited,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificates: Option<Audited>,
}

#[derive(Debug, Serialize)]
struct Audited {
    log: String,
    sound: bool,
    size: u64,
    entries: u64,
    entry_bytes: u64,
    tiles: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// What the server answers a search with.
#[derive(Debug, Serialize, Deserialize)]
struct Found {
    items: Vec<FoundEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct FoundEntry {
    index: u64,
    #[serde(default)]
    digest: Option<String>,
    #[serde(default)]
    identity: Option<String>,
}

pub(crate) async fn run(command: Command, target: &data::Target, output: Output) -> Result<()> {
    match command {
        Command::Verify(verify) => self::verify(&verify, target, output).await,
        Command::Search(search) => self::search(&search, target, output).await,
    }
}

async fn verify(verify: &Verify, target: &data::Target, output: Output) -> Result<()> {
    let instance = Instance::of(target).await?;
    let ct_key = verify.ct_key.as_deref().map(|key| {
        NoteVerifier::parse(key).map_err(|error| usage(&format!("--ct-key {key}: {error}")))
    });
    let ct_key = ct_key.transpose()?;
    let root = match verify.trust.is_given() {
        true => verify.trust.root(target).await?,
        false => instance.trust().await?,
    };
    let checkpoint = checkpoint(&instance, LOG_PREFIX).await?;
    let origin = checkpoint.lines().next().unwrap_or_default();
    let (url, key) = root
        .logs()
        .filter(|log| host(log.url).as_deref() == Some(origin))
        .find_map(|log| Some((log.url, NoteVerifier::from_spki(origin, log.public_key).ok()?)))
        .ok_or_else(|| {
            let log = printable(origin);
            Failure::Refused(format!("the trust root knows no log of tiles called {log}"))
        })?;
    let log = RemoteLog { instance: &instance, prefix: LOG_PREFIX, url };
    let transparency = log.audit(origin, &key, &checkpoint).await?;
    let certificates = verify_certificates(&instance, ct_key).await?;
    let verified = Verified { transparency, certificates };
    let all =
        || [Some(&verified.transparency), verified.certificates.as_ref()].into_iter().flatten();
    if let Some((log, fault)) = all().find_map(|one| Some((&one.log, one.fault.as_ref()?))) {
        if output.json {
            output.show(&verified, |_| String::new())?;
        }
        let log = printable(log);
        return Err(Failure::Refused(format!("{log} is not what was signed: {fault}")).into());
    }
    let text = all().map(Audited::text).collect::<Vec<_>>().join("\n");
    output.show(&verified, |_| text)
}

/// The log of certificates, where there is one. Its key is in no trust root: it proves that nothing
/// was taken out since, not who the server is.
async fn verify_certificates(
    instance: &Instance,
    key: Option<NoteVerifier>,
) -> Result<Option<Audited>> {
    let logs = match instance.read_json::<Items<LogSummary>>(LOGS_PATH, &[], None).await {
        Ok(logs) => logs,
        Err(error) if is_not_found(&error) && key.is_none() => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = logs.items.into_iter().find(|log| log.log == "ct");
    let found = found.context("the server names no certificate log")?;
    let key = match key {
        Some(key) => key,
        None => NoteVerifier::parse(&found.key).context("this is no key of checkpoints")?,
    };
    let url = format!("{}{}", instance.address(), found.path);
    let checkpoint = checkpoint(instance, CT_PREFIX).await?;
    let log = RemoteLog { instance, prefix: CT_PREFIX, url: &url };
    log.audit(key.name(), &key, &checkpoint).await.map(Some)
}

async fn checkpoint(instance: &Instance, prefix: &str) -> Result<String> {
    let checkpoint = instance.get(&format!("{prefix}checkpoint"), &[]).await?;
    String::from_utf8(checkpoint.to_vec()).context("this is no checkpoint")
}

/// A log of an instance.
struct RemoteLog<'a> {
    instance: &'a Instance,
    prefix: &'static str,
    url: &'a str,
}

impl RemoteLog<'_> {
    async fn audit(&self, origin: &str, key: &NoteVerifier, checkpoint: &str) -> Result<Audited> {
        let tiles = RemoteTiles { instance: self.instance, prefix: self.prefix };
        let audit = audit(&tiles, origin, key, checkpoint).await?;
        Ok(Audited {
            log: self.url.to_owned(),
            sound: audit.is_sound(),
            size: audit.size,
            entries: audit.entries,
            entry_bytes: audit.entry_bytes,
            tiles: audit.tiles,
            fault: audit.fault.as_ref().map(|fault| printable(&fault.to_string())),
        })
    }
}

impl Audited {
    fn text(&self) -> String {
        format!(
            "{}: all {} entries ({}) and {} tiles are what was signed",
            printable(&self.log),
            self.entries,
            crate::output::size(self.entry_bytes),
            self.tiles,
        )
    }
}

/// A log of tiles is called by the host of its address.
fn host(url: &str) -> Option<String> {
    Url::parse(url).ok()?.host_str().map(str::to_owned)
}

async fn search(search: &Search, target: &data::Target, output: Output) -> Result<()> {
    let by_serial = if search.serial.is_some() { Which::Ct } else { Which::Transparency };
    match (search.log.unwrap_or(by_serial), &search.serial) {
        (Which::Ct, _) => return search_certificates(search, target, output).await,
        (Which::Transparency, Some(_)) => return Err(usage("serial numbers are in --log ct")),
        (Which::Transparency, None) => {}
    }
    let digest = search.digest.as_deref().map(digest).transpose()?;
    let query = match (&digest, &search.identity) {
        (Some(digest), _) => ("digest", digest.as_str()),
        (None, Some(identity)) => ("identity", identity.as_str()),
        (None, None) => return Err(usage("name a digest or an identity")),
    };
    if query.1.len() > QUERY_LIMIT_BYTES {
        return Err(usage("this is too long to be searched for"));
    }
    let instance = Instance::of(target).await?;
    let token = token_of_environment();
    let found = match instance.read_json(SEARCH_PATH, &[query], token.as_deref()).await {
        Ok(found) => found,
        Err(error) if is_not_found(&error) => scan::scan(&instance, query).await?,
        Err(error) => return Err(error),
    };
    output.show(&found, |found| {
        let rows = found.items.iter().map(|entry| {
            let dash = || "-".to_owned();
            [
                entry.index.to_string(),
                entry.digest.clone().unwrap_or_else(dash),
                entry.identity.clone().unwrap_or_else(dash),
            ]
        });
        newest(table(["ENTRY", "DIGEST", "IDENTITY"], rows, "No entry."), found.items.len())
    })
}

async fn search_certificates(search: &Search, target: &data::Target, output: Output) -> Result<()> {
    let query = match (&search.identity, &search.serial) {
        (Some(identity), None) => ("identity", identity.as_str()),
        (None, Some(serial)) => ("serial", serial.as_str()),
        _ => return Err(usage("certificates are found by --identity or by --serial")),
    };
    if query.1.len() > QUERY_LIMIT_BYTES {
        return Err(usage("this is too long to be searched for"));
    }
    let instance = Instance::of(target).await?;
    let found: Items<LogCertificate> =
        instance.read_json(CERTIFICATES_PATH, &[query], token_of_environment().as_deref()).await?;
    output.show(&found, |found| {
        let rows = found.items.iter().map(|one| {
            let identities = one.identities.join(", ");
            [one.index.to_string(), one.serial.clone(), moment(one.not_before), identities]
        });
        let list = table(["ENTRY", "SERIAL", "ISSUED", "IDENTITY"], rows, "No certificate.");
        newest(list, found.items.len())
    })
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refusal>().is_some_and(|refusal| refusal.code == "not-found")
}

/// 64 hexadecimal digits, with or without `sha256:` in front; or a file.
fn digest(given: &str) -> Result<String> {
    let hexadecimal = given.strip_prefix("sha256:").unwrap_or(given);
    if hexadecimal.len() == 64 && hexadecimal.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(format!("sha256:{}", hexadecimal.to_ascii_lowercase()));
    }
    let target = crate::artifact::Target::open(given.as_ref())
        .with_context(|| format!("--digest {given}: neither a SHA-256 nor a file"))?;
    Ok(format!("sha256:{}", hex::encode(target.sha256()?)))
}

#[cfg(test)]
mod tests {
    use super::{digest, host};

    #[test]
    fn digests() {
        let check = |given: &str, expected: Option<String>| {
            assert_eq!(digest(given).ok(), expected, "{given}");
        };
        let hexadecimal = "aB".repeat(32);
        let expected = Some(format!("sha256:{}", "ab".repeat(32)));
        check(&hexadecimal, expected.clone());
        check(&format!("sha256:{hexadecimal}"), expected);
        check("sha256:ab", None);
        check("/no/such/file", None);
    }

    #[test]
    fn logs_are_called_by_their_host() {
        assert_eq!(host("http://localhost:8080/-/log").as_deref(), Some("localhost"));
        assert_eq!(host("log"), None);
    }
}
