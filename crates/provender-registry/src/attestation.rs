//! Publishers' own attestations: verified before the row is written, kept beside it for ever.

use std::sync::Arc;

use provender_attest::{Artifact, Bundle, Policy, SignedBy, Statement, TrustRoot, Verifier};
use provender_domain::{BlobId, Companion, FileName, KeptFile, Problem, ProblemCode, Timestamp};
use provender_ecosystem::{AttestationClaim, Attested, Ecosystem, Publication};
use provender_store::{Attestation, AttestationSource, FileKey, PackageKey, Write};

use crate::Registry;

/// A publisher's attestation that holds.
#[derive(Debug, Clone)]
pub(crate) struct PublisherAttestation {
    bundle: String,
    predicate_type: String,
    /// Whom its certificate names.
    pub(crate) identity: String,
    /// Who vouched for that.
    pub(crate) issuer: String,
    log_index: Option<u64>,
    verified_at: Timestamp,
}

impl PublisherAttestation {
    /// Keeps it, behind the file's own row in the same commit.
    pub(crate) fn record(&self, key: &PackageKey, kept: &KeptFile) -> Write {
        self.record_about(key, Some(&kept.file.name), kept.blob)
    }

    /// Keeps it as being about these bytes, and about a file where that is recorded.
    pub(crate) fn record_about(
        &self,
        key: &PackageKey,
        file: Option<&FileName>,
        blob: BlobId,
    ) -> Write {
        Write::RecordAttestation((&self.attestation_about(key, file, blob)).into())
    }

    /// As it is kept.
    pub(crate) fn attestation_about(
        &self,
        key: &PackageKey,
        file: Option<&FileName>,
        blob: BlobId,
    ) -> Attestation {
        Attestation {
            blob,
            file: file.map(|name| FileKey::new(key, name.clone())),
            source: AttestationSource::Publisher,
            predicate_type: self.predicate_type.clone(),
            bundle: self.bundle.clone(),
            log_index: self.log_index,
            recorded_at: self.verified_at,
        }
    }

    fn attested(&self) -> Attested {
        Attested {
            bundle: self.bundle.clone(),
            identity: self.identity.clone(),
            issuer: self.issuer.clone(),
        }
    }
}

impl Registry {
    /// Verifies what a publisher attests of these bytes under this name. One that does not hold
    /// refuses the publication, and says which link broke.
    pub(crate) async fn verify_attestations(
        &self,
        publication: &Publication,
        blob: BlobId,
    ) -> Result<Vec<PublisherAttestation>, Problem> {
        if publication.attestations.is_empty() {
            return Ok(Vec::new());
        }
        let verifier = self.attestation_verifier()?;
        let mut attested = Vec::with_capacity(publication.attestations.len());
        for (index, claim) in publication.attestations.iter().enumerate() {
            let refused = |problem: Problem| Problem {
                public: format!("attestation {}: {}", index + 1, problem.public),
                ..problem
            };
            let bundle = self.timestamped(claim).map_err(refused)?;
            let (verifier, file) = (verifier.clone(), publication.file.clone());
            let verifying = tokio::task::spawn_blocking(move || {
                verify(&verifier, &bundle, Some(file.as_str()), blob)
            });
            let found = verifying.await.map_err(|error| Problem::internal(&error))?;
            attested.push(self.publisher_attestation(found.map_err(refused)?));
        }
        Ok(attested)
    }

    /// Whom publishers' certificates, log entries and timestamps are believed from: this server.
    pub(crate) fn attestation_verifier(&self) -> Result<Arc<Verifier>, Problem> {
        let root = self.authority().trusted_root().to_string();
        let root = TrustRoot::parse(root.as_bytes()).map_err(|error| Problem::internal(&error))?;
        Verifier::new(&root).map(Arc::new).map_err(|error| Problem::internal(&error))
    }

    /// The bundle with a time in it. A log of tiles signs none, and not every format of upload has
    /// room for a timestamp; where there is none yet, that it came now is what we know ourselves.
    pub(crate) fn timestamped(&self, claim: &AttestationClaim) -> Result<Bundle, Problem> {
        let mut bundle = Bundle::parse(claim.bundle.as_bytes()).map_err(|error| invalid(&error))?;
        if !bundle.proves_time() {
            let stamped = self.authority().timestamp_over(bundle.signature());
            bundle.timestamps.push(stamped.map_err(|error| Problem::internal(&error))?);
        }
        Ok(bundle)
    }

    pub(crate) fn publisher_attestation(&self, found: Found) -> PublisherAttestation {
        let Found { bundle, statement, identity, issuer, log, index } = found;
        let is_ours = log.starts_with(&self.inner.origin);
        PublisherAttestation {
            bundle: bundle.to_json(),
            predicate_type: statement.predicate_type,
            identity,
            issuer,
            log_index: index.filter(|_| is_ours),
            verified_at: self.now(),
        }
    }

    /// The companion in which clients of the ecosystem find what is attested. Where the publisher
    /// attests nothing it is made of our own attestation, when somebody first asks. Beside it, what
    /// has to stand before its file in the commit.
    pub(crate) async fn keep_provenance(
        &self,
        ecosystem: &dyn Ecosystem,
        attested: &[PublisherAttestation],
    ) -> Result<Option<(Companion, Option<Write>)>, Problem> {
        let Some(kind) = ecosystem.attestations_companion() else {
            return Ok(None);
        };
        let attested: Vec<Attested> = attested.iter().map(PublisherAttestation::attested).collect();
        let (digest, keep) = match attested.as_slice() {
            [] => (None, None),
            attested => match ecosystem.render_attestations(attested) {
                Some(bytes) => {
                    let (digest, keep) = self.keep_bytes_with_row(bytes.into(), &[]).await?;
                    (Some(digest), keep)
                }
                None => return Ok(None),
            },
        };
        Ok(Some((Companion { kind: kind.to_owned(), url: None, digest }, keep)))
    }
}

/// What one attestation turned out to say.
pub(crate) struct Found {
    bundle: Bundle,
    statement: Statement,
    identity: String,
    issuer: String,
    /// The address of the log that it is in.
    log: String,
    index: Option<u64>,
}

/// Verifies a bundle that says something about these bytes, and about this file's name where
/// names do not follow from bytes.
pub(crate) fn verify(
    verifier: &Verifier,
    bundle: &Bundle,
    file: Option<&str>,
    blob: BlobId,
) -> Result<Found, Problem> {
    let digest = blob.digest();
    let proved = verifier
        .verify(bundle, Artifact::Digest(&digest), &Policy::anybody())
        .map_err(|error| invalid(&error))?;
    let statement = proved.statement.ok_or_else(|| refused("it holds no statement"))?;
    let hex = blob.to_hex();
    let is_about = statement.subjects.iter().any(|subject| {
        let is_digest = subject.digest.get("sha256").is_some_and(|sha256| *sha256 == hex);
        is_digest && file.is_none_or(|file| subject.name.as_deref() == Some(file))
    });
    if !is_about {
        let what = file.unwrap_or("a file");
        return Err(refused(&format!("its statement is not about {what} with these bytes")));
    }
    let SignedBy::Certificate { identity, issuer, .. } = proved.signed_by else {
        return Err(refused("it is signed without a certificate"));
    };
    let place = proved.log.into_iter().next();
    Ok(Found {
        bundle: bundle.clone(),
        statement,
        identity: identity.to_string(),
        issuer: issuer.unwrap_or_default(),
        index: place.as_ref().map(|place| place.index),
        log: place.map(|place| place.log).unwrap_or_default(),
    })
}

/// Who publishes a file once more may send the attestations that are kept, and no others: it would
/// look as if they had been taken.
pub(crate) fn check_kept_already(
    publication: &Publication,
    kept: &[Attestation],
) -> Result<(), Problem> {
    let signature = |bundle: &str| {
        Bundle::parse(bundle.as_bytes()).ok().map(|bundle| bundle.signature().to_vec())
    };
    let kept: Vec<_> =
        kept.iter().filter_map(|attestation| signature(&attestation.bundle)).collect();
    let is_kept = |claim: &AttestationClaim| {
        signature(&claim.bundle).is_some_and(|signature| kept.contains(&signature))
    };
    if publication.attestations.iter().all(is_kept) {
        return Ok(());
    }
    let message = format!(
        "{} was published before, without these attestations; they come with the first upload or \
         not at all",
        publication.file
    );
    Err(Problem::new(ProblemCode::Conflict, message))
}

/// A link of the chain that broke, with its causes: all of it is about what the publisher sent.
fn invalid(error: &(dyn std::error::Error + 'static)) -> Problem {
    refused(&with_causes(error))
}

/// An error and its causes as one line.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    message.replace(char::is_control, " ")
}

fn refused(message: &str) -> Problem {
    Problem::new(ProblemCode::InvalidPackage, message)
}
