//! The transparency log, searched: the one question that its tiles do not answer by themselves.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use provender_domain::{BlobId, Problem, ProblemCode};
use provender_registry::{Caller, Registry};
use provender_tlog::rekor::{self, HashedRekord};
use provender_tlog::{Log, SearchKey};

use super::endpoint::{Context, Found, NoBody};
use super::types::{Items, LogEntriesQuery, LogEntry};

pub(super) async fn entries(
    Context { registry, caller }: Context,
    LogEntriesQuery { digest, identity }: LogEntriesQuery,
    NoBody: NoBody,
) -> Result<Found<Items<LogEntry>>, Problem> {
    let log = registry.authority().log();
    let places = match (digest, identity) {
        (Some(digest), None) => {
            let mut places = search(log, &rekor::digest_key(&bytes(&digest)?)).await?;
            places.extend(attested(&registry, &caller, &digest).await?);
            places
        }
        (None, Some(identity)) => search(log, &rekor::identity_key(&identity)).await?,
        _ => {
            let message = "entries are searched for by a digest or by an identity";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
    };
    // What was appended a moment ago is durable, and published within the next.
    let published = log.checkpoint().await.map_err(|error| Problem::internal(&error))?;
    let mut found = Vec::with_capacity(places.len());
    for index in places.range(..published.size) {
        found.push(read(log, *index).await?);
    }
    Ok(Found(Items { items: found }))
}

async fn search(log: &Log, key: &SearchKey) -> Result<BTreeSet<u64>, Problem> {
    let found = log.search(key).await.map_err(|error| Problem::internal(&error))?;
    Ok(found.into_iter().collect())
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

async fn read(log: &Log, index: u64) -> Result<LogEntry, Problem> {
    let body = log.entry(index).await.map_err(|error| Problem::internal(&error))?;
    let entry = HashedRekord::from_body(&body).map_err(|error| Problem::internal(&error))?;
    // Whoever signed with a key of their own is named by no certificate.
    let identity = entry.verifier.identities().unwrap_or_default().into_iter().next();
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
