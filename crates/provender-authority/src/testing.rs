//! What an authority stands on in tests, of this crate and of those that use it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use provender_tlog::testing::MemoryStore;
use provender_tlog::{StateStore, StorageError, TileStore};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::LogStores;
use crate::SigningIdentity;
use crate::ca::certificate::to_pem;
use crate::clock::Clock;
use crate::oidc::{KeySource, KeySourceError};

/// Stores in memory that survive a restart of the authority.
#[derive(Default)]
pub struct MemoryStores {
    tiles: Mutex<HashMap<String, Arc<MemoryStore>>>,
    state: Arc<MemoryStore>,
}

#[async_trait]
impl LogStores for MemoryStores {
    async fn tiles(&self, name: &str) -> Result<Arc<dyn TileStore>, StorageError> {
        let mut tiles = self.tiles.lock().expect("nothing panics while it holds this lock");
        Ok(Arc::clone(tiles.entry(name.to_owned()).or_default()) as Arc<dyn TileStore>)
    }

    fn state(&self) -> Arc<dyn StateStore> {
        Arc::clone(&self.state) as Arc<dyn StateStore>
    }
}

/// Nobody is asked for keys.
pub struct Offline;

#[async_trait]
impl KeySource for Offline {
    async fn document(&self, _issuer: &str, _url: &str) -> Result<Bytes, KeySourceError> {
        Err(KeySourceError::TooLarge)
    }
}

/// The system's clock, put forwards and back.
#[derive(Default)]
pub struct AdjustedClock {
    ahead_secs: AtomicI64,
}

impl AdjustedClock {
    /// Puts it so many seconds ahead of the system's, whatever it was before.
    pub fn set_ahead(&self, seconds: i64) {
        self.ahead_secs.store(seconds, Ordering::Relaxed);
    }

    /// Puts it so many seconds further ahead.
    pub fn advance(&self, seconds: i64) {
        self.ahead_secs.fetch_add(seconds, Ordering::Relaxed);
    }
}

impl Clock for AdjustedClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_secs(self.ahead_secs.load(Ordering::Relaxed))
    }
}

/// A log as they were before tiles: it answers with a promise and a time, both signed.
pub struct PromisingLog(EcdsaKeyPair);

impl Default for PromisingLog {
    fn default() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        Self(pair.expect("there is randomness"))
    }
}

impl PromisingLog {
    /// As a trust root names it, among its `tlogs`.
    pub fn term(&self) -> Value {
        json!({
            "baseUrl": "https://log.upstream.example",
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": BASE64_STANDARD.encode(self.public_key()),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": { "start": "2020-01-01T00:00:00Z" },
            },
            "logId": { "keyId": BASE64_STANDARD.encode(self.id()) },
        })
    }

    /// An identity's signature over a text, with all that proves it, as cosign writes it into the
    /// annotations of a layer (its "Signature Specification", "Storage").
    pub fn sign(&self, identity: &SigningIdentity, text: &[u8]) -> Value {
        let at = Timestamp::now();
        let signature = identity.sign(text).expect("a key in memory signs");
        let signature = BASE64_STANDARD.encode(signature);
        let certificate = to_pem(identity.certificate());
        let entry = json!({
            "apiVersion": "0.0.1",
            "kind": "hashedrekord",
            "spec": {
                "data": {
                    "hash": { "algorithm": "sha256", "value": hex::encode(Sha256::digest(text)) },
                },
                "signature": {
                    "content": signature,
                    "publicKey": { "content": BASE64_STANDARD.encode(&certificate) },
                },
            },
        });
        let promised = json!({
            "body": BASE64_STANDARD.encode(entry.to_string()),
            "integratedTime": at.as_second(),
            "logID": hex::encode(self.id()),
            "logIndex": 7,
        });
        let canonical = serde_json_canonicalizer::to_vec(&promised).expect("it is JSON");
        let promise = self.0.sign(&SystemRandom::new(), &canonical).expect("there is randomness");
        let logged = json!({
            "SignedEntryTimestamp": BASE64_STANDARD.encode(promise.as_ref()),
            "Payload": promised,
        });
        json!({
            "dev.cosignproject.cosign/signature": signature,
            "dev.sigstore.cosign/certificate": certificate,
            "dev.sigstore.cosign/bundle": logged.to_string(),
        })
    }

    fn public_key(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = self.0.public_key().as_der().expect("a key has a form");
        der.as_ref().to_vec()
    }

    fn id(&self) -> [u8; 32] {
        Sha256::digest(self.public_key()).into()
    }
}

/// The text that cosign signs for an image's manifest.
pub fn simple_signing(manifest_digest: &str) -> String {
    let critical = json!({
        "identity": { "docker-reference": "registry.upstream.example/team/app" },
        "image": { "docker-manifest-digest": manifest_digest },
        "type": "cosign container image signature",
    });
    json!({ "critical": critical, "optional": null }).to_string()
}
