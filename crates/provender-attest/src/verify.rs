//! Verification: whether a bundle proves that somebody signed an artifact, and what it leaves open.
//!
//! The cryptography is done by the Sigstore project's own library; on top of it this module
//! refuses what the library lets pass (a log entry without proof beside one with, an entry that
//! names another log than the one whose checkpoint it carries, copies of signed numbers that say
//! something else, a certificate for nobody), and tells which link of the chain broke.

mod error;
mod strict;
mod verified;

pub use error::{Cause, VerifyError};
pub use verified::{Identity, LogPlace, SignedBy, SigningTime, TimeSource, Unproved, Verified};

use std::collections::HashMap;
use std::io::Read;

use provender_domain::{Algorithm, Digest, Timestamp};
use sigstore_types as library;
use sigstore_verify::crypto::Keyring;
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, VerificationResult};

use crate::bundle::{Bundle, Content, KeyMaterial};
use crate::cosign::cosign_payload_digest;
use crate::policy::{ExpectedSigner, Policy};
use crate::statement::Statement;
use crate::trust::{TrustError, TrustRoot};

/// What is said to be signed.
pub enum Artifact<'a> {
    /// Its bytes.
    Bytes(&'a [u8]),
    /// Its digest: SHA-256 serves almost all bundles, SHA-384 and SHA-512 the rest.
    Digest(&'a Digest),
    /// Its bytes, read to the end once, in constant memory.
    Reader(&'a mut dyn Read),
}

/// Verifies bundles against one trust root. Making one reads every key of the root; verifying
/// many bundles with it does not read them again.
pub struct Verifier {
    library: sigstore_verify::Verifier,
    timestamp_authorities: Vec<library::TsaAuthority>,
    log_keys: Keyring,
    logs: HashMap<Vec<u8>, String>,
}

impl Verifier {
    /// Reads the trust root's keys and certificates.
    pub fn new(root: &TrustRoot) -> Result<Self, TrustError> {
        let unusable = |error| TrustError::Unusable(Box::new(error));
        let root = root.library();
        let logs = root
            .tlogs
            .iter()
            .map(|log| (log.log_id.key_id.as_bytes().to_vec(), log.base_url.clone()));
        Ok(Self {
            library: sigstore_verify::Verifier::new(root).map_err(unusable)?,
            timestamp_authorities: root.tsa_authorities(),
            log_keys: root.rekor_keys().map_err(|error| unusable(error.into()))?,
            logs: logs.collect(),
        })
    }

    /// Verifies that the bundle proves what the policy asks for.
    ///
    /// All of it holds or it is refused: every timestamp, every log entry. The times come from
    /// timestamp authorities and logs of the trust root, never from the clock.
    pub fn verify(
        &self,
        bundle: &Bundle,
        artifact: Artifact<'_>,
        policy: &Policy,
    ) -> Result<Verified, VerifyError> {
        strict::check(bundle, &self.logs)?;
        let converted = bundle.to_library().map_err(|unfit| error::unfit(&unfit))?;
        let result = match policy {
            Policy::Certificate(_) => {
                let policy = VerificationPolicy::any_identity();
                run(&self.library, &converted, artifact, &policy)
            }
            Policy::Key(key) => {
                let key = library::DerPublicKey::from_bytes(key.as_der());
                let policy = PublicKeyVerificationPolicy::new(key);
                run(&self.library, &converted, artifact, &policy)
            }
        };
        let result = result.map_err(|error| error::refusal(error, bundle, policy))?;
        strict::check_signers_of_checkpoints(&converted, &self.log_keys)?;
        self.conclude(bundle, policy, &result)
    }

    /// Verifies a signature of cosign's older form: that the bundle proves what the policy asks for of
    /// this text, and that the text names the manifest with this digest.
    pub fn verify_cosign(
        &self,
        bundle: &Bundle,
        text: &[u8],
        manifest: &Digest,
        policy: &Policy,
    ) -> Result<Verified, VerifyError> {
        match cosign_payload_digest(text) {
            Some(named) if named == *manifest => self.verify(bundle, Artifact::Bytes(text), policy),
            named => Err(error::other_manifest(named.as_ref())),
        }
    }

    /// Verifies an RFC 3161 response over these bytes and says the time in it.
    pub fn verify_timestamp(
        &self,
        response: &[u8],
        message: &[u8],
    ) -> Result<Timestamp, VerifyError> {
        let token = library::TimestampToken::from_bytes(response);
        let message = library::SignatureBytes::from_bytes(message);
        let mut refused = None;
        for authority in &self.timestamp_authorities {
            let verified =
                sigstore_verify::tsa::verify_timestamp_for_authority(&token, &message, authority);
            match verified {
                Ok(time) => return Ok(moment(time)),
                Err(error) => refused = Some(error.to_string()),
            }
        }
        let why = refused.unwrap_or_else(|| "the trust root names no authority".to_owned());
        Err(error::timestamp(why))
    }

    fn conclude(
        &self,
        bundle: &Bundle,
        policy: &Policy,
        result: &VerificationResult,
    ) -> Result<Verified, VerifyError> {
        let mut unproved = Vec::new();
        let signed_by = match policy {
            Policy::Key(key) => SignedBy::Key { fingerprint: key.fingerprint() },
            Policy::Certificate(expected) => {
                let signed_by = SignedBy::certificate(result)?;
                unproved.extend(compare(&signed_by, expected)?);
                signed_by
            }
        };
        let times = times(bundle, result);
        if times.is_empty() {
            unproved.push(Unproved::Time);
        }
        let log: Vec<LogPlace> =
            bundle.log_entries.iter().map(|entry| LogPlace::of(entry, &self.logs)).collect();
        if log.iter().any(|place| !place.is_proved) {
            unproved.push(Unproved::Inclusion);
        }
        unproved.push(Unproved::SameLogForAll);
        let statement = statement(bundle)?;
        if statement.is_some() {
            unproved.push(Unproved::TruthOfStatement);
        }
        Ok(Verified { signed_by, times, log, statement, unproved })
    }
}

fn run(
    verifier: &sigstore_verify::Verifier,
    bundle: &library::Bundle,
    artifact: Artifact<'_>,
    policy: &impl sigstore_verify::Policy,
) -> Result<VerificationResult, sigstore_verify::Error> {
    match artifact {
        Artifact::Bytes(bytes) => verifier.verify(bytes, bundle, policy),
        Artifact::Digest(digest) => verifier.verify(library_digest(digest)?, bundle, policy),
        Artifact::Reader(reader) => verifier.verify_reader(reader, bundle, policy),
    }
}

fn library_digest(digest: &Digest) -> Result<library::ArtifactDigest, sigstore_verify::Error> {
    let algorithm = match digest.algorithm() {
        Algorithm::Sha256 => library::HashAlgorithm::Sha2256,
        Algorithm::Sha384 => library::HashAlgorithm::Sha2384,
        Algorithm::Sha512 => library::HashAlgorithm::Sha2512,
        other => {
            let why = format!("nothing is signed by its {} digest", other.as_str());
            return Err(sigstore_verify::Error::UnsupportedArtifact(why));
        }
    };
    let bytes = hex::decode(digest.hex()).expect("a digest is hexadecimal");
    Ok(library::ArtifactDigest::new(algorithm, bytes)?)
}

/// What was expected and not met is an error; what was not expected is left open.
fn compare(signed_by: &SignedBy, expected: &ExpectedSigner) -> Result<Vec<Unproved>, VerifyError> {
    let SignedBy::Certificate { identity, issuer, .. } = signed_by else { return Ok(Vec::new()) };
    let mut unproved = Vec::new();
    match &expected.identity {
        None => unproved.push(Unproved::Identity),
        Some(pattern) if pattern.matches_identity(identity.as_str()) => {}
        Some(pattern) => {
            return Err(VerifyError::Identity {
                expected: pattern.to_string(),
                actual: identity.to_string(),
            });
        }
    }
    match &expected.issuer {
        None => unproved.push(Unproved::Issuer),
        Some(pattern) if issuer.as_deref().is_some_and(|issuer| pattern.matches(issuer)) => {}
        Some(pattern) => {
            return Err(VerifyError::Issuer {
                expected: pattern.to_string(),
                actual: issuer.clone(),
            });
        }
    }
    Ok(unproved)
}

/// The library verified each timestamp, and the times of those log entries that sign theirs.
fn times(bundle: &Bundle, result: &VerificationResult) -> Vec<SigningTime> {
    let stamps = bundle.timestamps.len();
    // With a certificate the timestamps come first, with a key the log's times do.
    let with_certificate = matches!(bundle.key, KeyMaterial::Certificates(_));
    let all = result.verified_timestamps();
    let from_logs = all.len().saturating_sub(stamps);
    let times = all.iter().enumerate().map(|(position, time)| {
        let is_stamp = if with_certificate { position < stamps } else { position >= from_logs };
        let source =
            if is_stamp { TimeSource::TimestampAuthority } else { TimeSource::TransparencyLog };
        SigningTime { at: moment(*time), source }
    });
    times.collect()
}

fn statement(bundle: &Bundle) -> Result<Option<Statement>, VerifyError> {
    match &bundle.content {
        Content::Message(_) => Ok(None),
        Content::Envelope(envelope) => {
            Statement::parse(&envelope.payload).map(Some).map_err(VerifyError::Statement)
        }
    }
}

fn moment(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_microseconds(time.as_microsecond())
}
