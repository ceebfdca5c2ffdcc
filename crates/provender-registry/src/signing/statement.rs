//! What is said about a file.

use std::collections::BTreeMap;

use provender_attest::{
    Release, ResourceDescriptor, Statement, Subject, VerificationResult, VerificationSummary,
};
use provender_domain::{Digest, EventKind, KeptFile, Purl};
use provender_store::EventFilter;
use sha2::{Digest as _, Sha256};

use super::Task;
use super::bundle::SigningFailure;
use crate::Registry;

/// The rules that every file from an upstream is held to before it is served.
const POLICY: &str = include_str!("first-mirror-policy.txt");
/// Their name. They change with the program, and their digest with them.
const POLICY_URI: &str = "urn:provender:policy:first-mirror:1";
/// No build was looked at (SLSA's own word for that).
const UNEVALUATED: &str = "SLSA_BUILD_LEVEL_UNEVALUATED";
/// The detail of a `mirrored` event that says what was checked.
pub(crate) const CHECKS: &str = "checks";

/// Something that was checked of a file on its way in: a level of its verification summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// Its bytes have every digest that the upstream's index promised, one of which nobody can forge.
    DigestPromised,
    /// The index promised no digest, or only what can be forged: the first bytes that came are trusted.
    FirstUse,
    /// Its archive was read under limits, and agrees with its name and its index.
    ArchiveInspected,
    /// It was kept by another repository of this server, which checked it.
    CheckedBehind,
}

impl Check {
    /// What it says of bytes that they have these digests, which an index promised, and how to say that.
    pub(crate) fn of_promise(digests: &[Digest]) -> (Self, &'static str) {
        if digests.iter().any(|digest| digest.algorithm().is_collision_resistant()) {
            return (Self::DigestPromised, "its bytes are what the upstream's index promised");
        }
        let how = match digests.is_empty() {
            true => "the upstream promised no digest, so its first bytes are trusted",
            false => {
                "the upstream promised no digest but one that can be forged, which its first bytes, \
                 now trusted, have"
            }
        };
        (Self::FirstUse, how)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::DigestPromised => "PROVENDER_DIGEST_PROMISED_BY_INDEX",
            Self::FirstUse => "PROVENDER_TRUSTED_ON_FIRST_USE",
            Self::ArchiveInspected => "PROVENDER_ARCHIVE_INSPECTED",
            Self::CheckedBehind => "PROVENDER_CHECKED_BY_REPOSITORY_BEHIND",
        }
    }
}

/// That a file belongs to a version.
pub(super) fn release(purl: &Purl, kept: &KeptFile) -> Result<Statement, SigningFailure> {
    let release = Release::new(purl)?;
    Ok(release.statement(vec![subject(kept)]))
}

/// What was checked of a file, by which rules.
pub(super) fn summary(
    verifier: &str,
    purl: &Purl,
    kept: &KeptFile,
    checks: Vec<String>,
) -> Statement {
    let digest = hex::encode(Sha256::digest(POLICY));
    let policy = ResourceDescriptor {
        uri: Some(POLICY_URI.to_owned()),
        digest: BTreeMap::from([("sha256".to_owned(), digest)]),
    };
    let mut summary = VerificationSummary::new(
        verifier,
        kept.recorded_at,
        purl.to_string(),
        policy,
        VerificationResult::Passed,
    );
    summary.verified_levels = std::iter::once(UNEVALUATED.to_owned()).chain(checks).collect();
    summary.statement(vec![subject(kept)])
}

fn subject(kept: &KeptFile) -> Subject {
    Subject::file(kept.file.name.as_str(), kept.blob)
}

impl Registry {
    /// What was checked when the file came in, from the event that says so.
    pub(super) async fn checks_of(&self, task: &Task) -> Result<Vec<String>, SigningFailure> {
        let package = &task.file.package;
        let filter = EventFilter {
            limit: 1,
            newest_first: true,
            kinds: vec![EventKind::Mirrored],
            repository: Some(package.repository.clone()),
            ecosystem: Some(package.ecosystem.clone()),
            package: Some(package.package.clone()),
            file: Some(task.file.name.clone()),
            ..EventFilter::default()
        };
        let events = self.inner.metadata.events(&filter).await?;
        let checks = events.first().and_then(|event| event.event.detail.0.get(CHECKS));
        let checks = checks.and_then(serde_json::Value::as_array).into_iter().flatten();
        Ok(checks.filter_map(|check| check.as_str().map(str::to_owned)).collect())
    }
}
