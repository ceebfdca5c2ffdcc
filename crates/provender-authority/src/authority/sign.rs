//! What the server signs itself, without a token and without asking over HTTP.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use provender_tlog::rekor::{Algorithm, HashedRekord, Material, Verified, Verifier};
use sha2::{Digest as _, Sha256};

use super::Authority;
use crate::ca::{Identity, ProvenKey};
use crate::error::CertificateError;
use crate::keys::{KeyAlgorithm, SigningFailed, SigningKey};
use crate::oidc::San;

/// So many identities are kept at most; the oldest are made anew when they are needed again.
const IDENTITIES_MAX: usize = 1024;

/// The identities that are in use.
#[derive(Default)]
pub(super) struct Identities(Mutex<HashMap<San, Arc<SigningIdentity>>>);

/// A key in memory with a certificate of some minutes.
#[derive(Debug)]
pub struct SigningIdentity {
    key: SigningKey,
    chain: Vec<Vec<u8>>,
    not_after: Timestamp,
    renewed_from: Timestamp,
}

impl SigningIdentity {
    /// Signs a message: ECDSA on P-256 over its SHA-256, as an ASN.1 sequence.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.key.sign(message)
    }

    /// Signs a message for the log.
    ///
    /// # Errors
    /// Where it cannot be signed.
    pub fn sign_for_log(&self, message: &[u8]) -> Result<SignedMessage, SigningFailed> {
        let signature = self.sign(message)?;
        let entry = Verified::signed_here(self.hashedrekord(message, &signature));
        Ok(SignedMessage { signature, entry: entry.expect("a digest and a certificate are short") })
    }

    /// The certificate, in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.chain[0]
    }

    /// The certificate and those above it, the root last, in DER.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// When the certificate ends. What was signed must be timestamped and logged before.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// What the log is given about this signature of this message.
    pub fn hashedrekord(&self, message: &[u8], signature: &[u8]) -> HashedRekord {
        let material = Material::Certificate(Bytes::copy_from_slice(self.certificate()));
        HashedRekord {
            digest: Bytes::copy_from_slice(&Sha256::digest(message)),
            signature: Bytes::copy_from_slice(signature),
            verifier: Verifier { algorithm: Algorithm::EcdsaP256, material },
        }
    }
}

/// A signature, and what the log is to be given about it.
#[derive(Debug, Clone)]
pub struct SignedMessage {
    /// ECDSA on P-256 over the message's SHA-256, as an ASN.1 sequence.
    pub signature: Vec<u8>,
    /// The entry.
    pub entry: Verified,
}

impl Authority {
    /// A key and a certificate of this name, by the word of this server's own issuer. The same is
    /// given until half of its life is over, so that there is time to use it.
    ///
    /// # Errors
    /// Where the name cannot stand in a certificate, or the log of certificates takes nothing.
    pub async fn identity(&self, san: &San) -> Result<Arc<SigningIdentity>, CertificateError> {
        let now = self.clock.now()?;
        let found = self.identities.lock().get(san).cloned();
        if let Some(identity) = found.filter(|identity| now < identity.renewed_from) {
            return Ok(identity);
        }
        let identity = Arc::new(self.new_identity(san).await?);
        self.identities.keep(san, &identity, now);
        Ok(identity)
    }

    async fn new_identity(&self, san: &San) -> Result<SigningIdentity, CertificateError> {
        let key = SigningKey::generate(KeyAlgorithm::EcdsaP256)?;
        let identity = Identity::new(san, self.issuer.url().as_str(), Vec::new())?;
        let now = self.clock.now()?;
        let issued = self.issue(&ProvenKey::of(&key), &identity).await?;
        let lifetime = self.services().ca.lifetime();
        Ok(SigningIdentity {
            key,
            chain: issued.chain().to_vec(),
            // The log may have taken a moment: what counts is when the certificate began at least.
            not_after: now.checked_add(lifetime).unwrap_or(Timestamp::MAX),
            renewed_from: now.checked_add(lifetime / 2).unwrap_or(Timestamp::MAX),
        })
    }
}

impl Identities {
    /// All are made anew when they are needed again.
    pub(super) fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<San, Arc<SigningIdentity>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, san: &San, identity: &Arc<SigningIdentity>, now: Timestamp) {
        let mut identities = self.lock();
        if identities.len() >= IDENTITIES_MAX {
            identities.retain(|_, identity| now < identity.renewed_from);
        }
        if identities.len() >= IDENTITIES_MAX {
            identities.clear();
        }
        identities.insert(san.clone(), Arc::clone(identity));
    }
}
