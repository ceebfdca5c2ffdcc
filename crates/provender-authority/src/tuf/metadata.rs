//! The four documents, and signatures on them.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::canonical::canonical;
use super::key::PublicKey;
use crate::keys::{SigningFailed, SigningKey};

/// The version of the specification that the documents follow.
const SPEC_VERSION: &str = "1.0.31";

/// A document with its signatures, as it is served.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) bytes: Bytes,
    pub(super) signed: Value,
    pub(super) version: u64,
    pub(super) expires: Timestamp,
}

/// The head that all documents share.
pub(super) struct Head {
    pub(super) version: u64,
    pub(super) expires: Timestamp,
}

/// The keys that the roles have, one each.
pub(super) struct Roles {
    pub(super) root: PublicKey,
    pub(super) targets: PublicKey,
    pub(super) online: PublicKey,
}

impl Document {
    /// Signs a document by each of the keys.
    pub(super) fn sign(signed: &Value, keys: &[&SigningKey]) -> Result<Self, SigningFailed> {
        let message = canonical(signed);
        let mut signatures: Vec<Value> = Vec::new();
        for key in keys {
            let id = PublicKey::of(key).id;
            if signatures.iter().all(|signature| signature["keyid"] != id) {
                signatures.push(json!({ "keyid": id, "sig": hex::encode(key.sign(&message)?) }));
            }
        }
        let envelope = json!({ "signatures": signatures, "signed": signed });
        let bytes = Bytes::from(envelope.to_string());
        Ok(Self::parse(bytes).expect("a document that was just made can be read"))
    }

    /// Reads a document; the signatures are not checked.
    pub(super) fn parse(bytes: Bytes) -> Option<Self> {
        let envelope: Value = serde_json::from_slice(&bytes).ok()?;
        let signed = envelope.get("signed")?.clone();
        let version = signed["version"].as_u64().filter(|version| *version > 0)?;
        let expires = signed["expires"].as_str()?.parse().ok()?;
        Some(Self { bytes, signed, version, expires })
    }

    /// Whether it is of this role and has a signature of this key.
    pub(super) fn is_signed_by(&self, role: &str, key: &PublicKey) -> bool {
        let Ok(envelope) = serde_json::from_slice::<Value>(&self.bytes) else { return false };
        let message = canonical(&self.signed);
        let good = |signature: &Value| {
            let bytes = signature["sig"].as_str().and_then(|sig| hex::decode(sig).ok());
            signature["keyid"] == key.id
                && bytes.is_some_and(|bytes| key.verifies(&message, &bytes))
        };
        self.signed["_type"] == role
            && envelope["signatures"].as_array().is_some_and(|all| all.iter().any(good))
    }

    /// The key that a root document gives to a role: the first, as there is but one.
    pub(super) fn role_key(&self, role: &str) -> Option<PublicKey> {
        let id = self.signed["roles"][role]["keyids"].get(0)?.as_str()?;
        PublicKey::parse(&self.signed["keys"][id]).filter(|key| key.id == id)
    }

    /// The version, length and hash by which another document refers to this one.
    pub(super) fn reference(&self) -> Value {
        json!({
            "version": self.version,
            "length": self.bytes.len(),
            "hashes": { "sha256": sha256(&self.bytes) },
        })
    }

    /// Whether a reference means this document.
    pub(super) fn is_referred_to_by(&self, reference: &Value) -> bool {
        *reference == self.reference()
    }
}

/// Which key counts for what.
pub(super) fn root(head: &Head, roles: &Roles) -> Value {
    let mut keys = Map::new();
    for key in [&roles.root, &roles.targets, &roles.online] {
        keys.insert(key.id.clone(), key.document.clone());
    }
    let role = |key: &PublicKey| json!({ "keyids": [key.id], "threshold": 1 });
    json!({
        "_type": "root",
        "spec_version": SPEC_VERSION,
        "version": head.version,
        "expires": date(head.expires),
        "consistent_snapshot": true,
        "keys": keys,
        "roles": {
            "root": role(&roles.root),
            "targets": role(&roles.targets),
            "snapshot": role(&roles.online),
            "timestamp": role(&roles.online),
        },
    })
}

/// Which targets there are.
pub(super) fn targets(head: &Head, targets: &BTreeMap<String, Bytes>) -> Value {
    let entry = |(name, bytes): (&String, &Bytes)| {
        let hashes = json!({ "sha256": sha256(bytes) });
        (name.clone(), json!({ "length": bytes.len(), "hashes": hashes }))
    };
    json!({
        "_type": "targets",
        "spec_version": SPEC_VERSION,
        "version": head.version,
        "expires": date(head.expires),
        "targets": targets.iter().map(entry).collect::<Map<_, _>>(),
    })
}

/// Which document of targets is the present one.
pub(super) fn snapshot(head: &Head, targets: &Document) -> Value {
    json!({
        "_type": "snapshot",
        "spec_version": SPEC_VERSION,
        "version": head.version,
        "expires": date(head.expires),
        "meta": { "targets.json": targets.reference() },
    })
}

/// Which snapshot is the present one.
pub(super) fn timestamp(head: &Head, snapshot: &Document) -> Value {
    json!({
        "_type": "timestamp",
        "spec_version": SPEC_VERSION,
        "version": head.version,
        "expires": date(head.expires),
        "meta": { "snapshot.json": snapshot.reference() },
    })
}

/// The hash of a file, as metadata and file names have it.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Whole seconds in UTC: clients read no other form.
fn date(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
