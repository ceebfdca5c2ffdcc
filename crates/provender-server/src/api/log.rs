//! The logs, searched: the one question that their tiles do not answer by themselves.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use provender_authority::Authority;
use provender_authority::ct::{self, LoggedCertificate};
use provender_domain::{BlobId, Problem, ProblemCode, Timestamp};
use provender_registry::{Caller, Registry};
use provender_tlog::rekor::{self, HashedRekord, Material};
use provender_tlog::{HITS_MAX, Log, SearchKey};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::endpoint::{Context, Found, NoBody};
use super::types::{
    Items, LogCertificate, LogCertificatesQuery, LogEntriesQuery, LogEntry, LogSummary,
    NoParameters,
};

/// How many look for entries at once. Each checks a signature for every entry that it finds.
const SEARCHES_AT_ONCE: usize = 1;
/// How long another one waits for its turn.
const SEARCH_TURN: Duration = Duration::from_secs(10);

static SEARCHES: Semaphore = Semaphore::const_new(SEARCHES_AT_ONCE);

/// Anybody may ask, so it is done beside what serves, and one at a time.
pub(super) async fn entries(
    Context { registry, caller }: Context,
    query: LogEntriesQuery,
    NoBody: NoBody,
) -> Result<Found<Items<LogEntry>>, Problem> {
    let busy = |_| {
        let message = "others search the log at this moment; try again later";
        Problem::new(ProblemCode::Busy, message).retry_after(SEARCH_TURN)
    };
    let turn = timeout(SEARCH_TURN, SEARCHES.acquire()).await.map_err(busy)?;
    let runtime = Handle::current();
    // The turn ends with the work, also where whoever asked has left.
    let found = tokio::task::spawn_blocking(move || {
        let found = runtime.block_on(find(&registry, &caller, query));
        drop(turn);
        found
    });
    found.await.map_err(|error| Problem::internal(&error))?
}

async fn find(
    registry: &Registry,
    caller: &Caller,
    LogEntriesQuery { digest, identity }: LogEntriesQuery,
) -> Result<Found<Items<LogEntry>>, Problem> {
    let log = registry.authority().log();
    let places = match (digest, &identity) {
        (Some(digest), None) => {
            let mut places = search(log, &rekor::digest_key(&bytes(&digest)?)).await?;
            places.extend(attested(registry, caller, &digest).await?);
            places
        }
        (None, Some(identity)) => signed_by(registry.authority(), identity).await?,
        _ => {
            let message = "entries are searched for by a digest or by an identity";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
    };
    // What was appended a moment ago is durable, and published within the next.
    let published = log.checkpoint().await.map_err(|error| Problem::internal(&error))?;
    let mut found = Vec::with_capacity(places.len());
    for index in places.range(..published.size) {
        found.push(read(registry.authority(), *index, identity.as_deref()).await?);
    }
    Ok(Found(Items { items: found }))
}

pub(super) async fn certificates(
    Context { registry, .. }: Context,
    LogCertificatesQuery { identity, serial }: LogCertificatesQuery,
    NoBody: NoBody,
) -> Result<Found<Items<LogCertificate>>, Problem> {
    let log = registry.authority().ct_log();
    let key = match (identity, serial) {
        (Some(identity), None) => rekor::identity_key(&identity),
        (None, Some(serial)) => ct::serial_key(&serial_bytes(&serial)?),
        _ => {
            let message = "certificates are searched for by an identity or by a serial number";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
    };
    let mut found = Vec::new();
    for index in search(log, &key).await? {
        let entry = log.entry(index).await.map_err(|error| Problem::internal(&error))?;
        found.extend(LoggedCertificate::read(&entry).map(|one| certificate(index, one)));
    }
    Ok(Found(Items { items: found }))
}

/// For everybody, like the logs themselves.
pub(super) async fn list(
    Context { registry, .. }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<Items<LogSummary>>, Problem> {
    let authority = registry.authority();
    let summary = |name: &str, path: &str, log: &Log| LogSummary {
        log: name.to_owned(),
        origin: log.origin().to_owned(),
        path: path.to_owned(),
        key: log.verifier().to_string(),
    };
    let transparency = summary("transparency", "/-/log", authority.log());
    let certificates = summary("ct", "/-/ct", authority.ct_log());
    Ok(Found(Items { items: vec![transparency, certificates] }))
}

fn certificate(index: u64, found: LoggedCertificate) -> LogCertificate {
    let moment = Timestamp::from_microseconds;
    LogCertificate {
        index,
        serial: found.serial,
        identities: found.identities,
        public_key: found.public_key,
        not_before: moment(found.not_before.as_microsecond()),
        not_after: moment(found.not_after.as_microsecond()),
    }
}

/// Longest serial number of a certificate, in bytes (RFC 5280 section 4.1.2.2).
const SERIAL_LIMIT_BYTES: usize = 20;

/// Tools write serial numbers with colons or without, in letters of either size.
fn serial_bytes(serial: &str) -> Result<Vec<u8>, Problem> {
    let digits: Vec<u8> = serial.bytes().filter(|byte| *byte != b':').collect();
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2)?;
        u8::from_str_radix(text, 16).ok().filter(|_| pair.iter().all(u8::is_ascii_hexdigit))
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    let bytes = bytes.filter(|bytes| (1..=SERIAL_LIMIT_BYTES).contains(&bytes.len()));
    bytes.ok_or_else(|| {
        let message = "a serial number is up to 40 hexadecimal digits, two for each byte";
        Problem::new(ProblemCode::InvalidRequest, message)
    })
}

async fn search(log: &Log, key: &SearchKey) -> Result<BTreeSet<u64>, Problem> {
    let found = log.search(key).await.map_err(|error| Problem::internal(&error))?;
    Ok(found.into_iter().collect())
}

/// Entries of whoever this server knows by this name. Others may log what names them so, too: those are
/// passed over, and where they are too many to be, that is said, rather than that there is nothing.
async fn signed_by(authority: &Authority, identity: &str) -> Result<BTreeSet<u64>, Problem> {
    let is_theirs = |body: &[u8]| {
        let entry = HashedRekord::from_body(body).ok();
        entry.and_then(|entry| identity_of(authority, &entry)).is_some_and(|name| name == identity)
    };
    let found = authority.log().search_for(&rekor::identity_key(identity), &is_theirs).await;
    let found = found.map_err(|error| Problem::internal(&error))?;
    if found.has_more_unread && found.indexes.len() < HITS_MAX {
        let message = "too many entries are by others who gave themselves this name; search by \
                       digest, or among the certificates (`/log/certificates`)";
        return Err(Problem::new(ProblemCode::TooLarge, message));
    }
    Ok(found.indexes.into_iter().collect())
}

/// Who signed an entry, as far as this server's own authority found that out. Whoever may publish may
/// log what they signed, under a certificate that they made themselves: of what such a one says, nothing
/// is repeated.
fn identity_of(authority: &Authority, entry: &HashedRekord) -> Option<String> {
    match &entry.verifier.material {
        Material::Certificate(der) if authority.has_issued(der) => {
            entry.verifier.identities().ok()?.into_iter().next()
        }
        Material::Certificate(_) | Material::PublicKey(_) => None,
    }
}

/// Entries of statements about these bytes: the log itself knows the digest of each envelope alone.
async fn attested(registry: &Registry, caller: &Caller, digest: &str) -> Result<Vec<u64>, Problem> {
    match registry.attestations(caller, digest).await {
        Ok(attestations) => {
            Ok(attestations.into_iter().filter_map(|attestation| attestation.log_index).collect())
        }
        Err(problem) if problem.code == ProblemCode::NotFound => Ok(Vec::new()),
        Err(problem) => Err(problem),
    }
}

/// Reads an entry, whose signer may be known by now.
async fn read(
    authority: &Authority,
    index: u64,
    identity: Option<&str>,
) -> Result<LogEntry, Problem> {
    let body = authority.log().entry(index).await.map_err(|error| Problem::internal(&error))?;
    let entry = HashedRekord::from_body(&body).map_err(|error| Problem::internal(&error))?;
    let identity = match identity {
        Some(identity) => Some(identity.to_owned()),
        None => identity_of(authority, &entry),
    };
    let digest = entry.digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a text never fails");
        text
    });
    Ok(LogEntry { index, digest, identity })
}

fn bytes(digest: &str) -> Result<[u8; 32], Problem> {
    let hexadecimal = digest.strip_prefix("sha256:").unwrap_or(digest);
    let blob: BlobId = hexadecimal.parse().map_err(|_| {
        let message = "a digest is sha256: and 64 hexadecimal digits";
        Problem::new(ProblemCode::InvalidRequest, message)
    })?;
    Ok(*blob.as_bytes())
}
