//! What the tests of this module share: a moment, keys, another issuer.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Issuer, IssuerUrl, Jwk, JwkSet, KeySource, KeySourceError, jws};
use crate::keys::{KeyAlgorithm, SigningKey};

pub(super) const NOW: i64 = 1_790_000_000;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW + seconds).unwrap()
}

pub(super) fn issuer() -> Arc<Issuer> {
    let key = SigningKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let url = IssuerUrl::new("https://registry.example/-/oidc").unwrap();
    Arc::new(Issuer::new(url, Arc::new(key), SignedDuration::from_mins(5)))
}

/// Another issuer, with keys that may change.
pub(super) struct Foreign {
    pub(super) url: &'static str,
    pub(super) key: SigningKey,
    pub(super) kid: String,
}

impl Foreign {
    pub(super) fn new(url: &'static str, algorithm: KeyAlgorithm) -> Self {
        let key = SigningKey::generate(algorithm).unwrap();
        let kid = Jwk::of(&key).kid.unwrap();
        Self { url, key, kid }
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        jws::signed(&self.key, &self.kid, claims).unwrap()
    }

    pub(super) fn claims(&self) -> Value {
        json!({ "iss": self.url, "sub": "someone", "aud": "sigstore", "iat": NOW, "exp": NOW + 300 })
    }

    pub(super) fn keys(&self) -> JwkSet {
        JwkSet { keys: vec![Jwk::of(&self.key)] }
    }
}

/// Documents by URL, and how often anything was asked for.
#[derive(Default)]
pub(super) struct Documents {
    by_url: Mutex<HashMap<String, Bytes>>,
    pub(super) requests: AtomicUsize,
}

impl Documents {
    pub(super) fn put(&self, url: impl Into<String>, document: &impl serde::Serialize) {
        let bytes = serde_json::to_vec(document).unwrap();
        self.by_url.lock().unwrap().insert(url.into(), bytes.into());
    }

    pub(super) fn put_issuer(&self, url: &str, keys: &JwkSet) {
        let jwks = format!("{url}/keys");
        self.put(
            format!("{url}/.well-known/openid-configuration"),
            &json!({ "issuer": url, "jwks_uri": jwks }),
        );
        self.put(jwks, keys);
    }

    pub(super) fn clear(&self) {
        self.by_url.lock().unwrap().clear();
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl KeySource for Documents {
    async fn document(&self, _issuer: &str, url: &str) -> Result<Bytes, KeySourceError> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let found = self.by_url.lock().unwrap().get(url).cloned();
        found.ok_or_else(|| KeySourceError::request(std::io::Error::other("nothing there")))
    }
}
