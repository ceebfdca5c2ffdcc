//! Keys as TUF's metadata has them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::canonical::canonical;
use crate::keys::{KeyAlgorithm, SigningKey};

/// The kind of keys to make for this repository: every client checks it, and there is but one way to write
/// it down.
pub const KEY_ALGORITHM: KeyAlgorithm = KeyAlgorithm::Ed25519;

/// A public key in metadata.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PublicKey {
    pub(super) id: String,
    pub(super) document: Value,
    bytes: Vec<u8>,
    algorithm: KeyAlgorithm,
}

impl PublicKey {
    pub(super) fn of(key: &SigningKey) -> Self {
        let bytes = key.public_key().subject_public_key.raw_bytes().to_vec();
        let algorithm = key.algorithm();
        let (kind, scheme, public) = match algorithm {
            KeyAlgorithm::Ed25519 => ("ed25519", "ed25519", hex::encode(&bytes)),
            KeyAlgorithm::EcdsaP256 => ("ecdsa", "ecdsa-sha2-nistp256", key.public_key_pem()),
            KeyAlgorithm::EcdsaP384 => ("ecdsa", "ecdsa-sha2-nistp384", key.public_key_pem()),
        };
        let document = json!({ "keytype": kind, "scheme": scheme, "keyval": { "public": public } });
        let id = hex::encode(Sha256::digest(canonical(&document)));
        Self { id, document, bytes, algorithm }
    }

    /// Reads back what [`Self::of`] wrote.
    pub(super) fn parse(document: &Value) -> Option<Self> {
        let public = document["keyval"]["public"].as_str()?;
        let (algorithm, bytes) = match document["keytype"].as_str()? {
            "ed25519" => (KeyAlgorithm::Ed25519, hex::decode(public).ok()?),
            "ecdsa" => {
                let (_, der) = der::pem::decode_vec(public.as_bytes()).ok()?;
                let key: spki::SubjectPublicKeyInfoOwned = der::Decode::from_der(&der).ok()?;
                (KeyAlgorithm::of(&key)?, key.subject_public_key.raw_bytes().to_vec())
            }
            _ => return None,
        };
        let id = hex::encode(Sha256::digest(canonical(document)));
        Some(Self { id, document: document.clone(), bytes, algorithm })
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &'static dyn VerificationAlgorithm = match self.algorithm {
            KeyAlgorithm::Ed25519 => &ED25519,
            KeyAlgorithm::EcdsaP256 => &ECDSA_P256_SHA256_ASN1,
            KeyAlgorithm::EcdsaP384 => &ECDSA_P384_SHA384_ASN1,
        };
        UnparsedPublicKey::new(algorithm, &self.bytes).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::PublicKey;
    use crate::keys::{KeyAlgorithm, SigningKey};

    #[test]
    fn the_id_is_the_hash_of_the_key() {
        // As securesystemslib computes it.
        let key = PublicKey::parse(&json!({
            "keytype": "ed25519",
            "scheme": "ed25519",
            "keyval": { "public": "edcd0a32a07dce33f7c7873aaffbff36d20ea30787574ead335eefd337e4dacd" },
        }))
        .unwrap();
        assert_eq!(key.id, "2345a90ad8d76f3677f9ad6695b0ba0b5c7b7fbf27fb0ed35fbdf7b71264a679");
    }

    #[test]
    fn all_kinds_are_read_back_and_check_signatures() {
        for algorithm in [KeyAlgorithm::Ed25519, KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384] {
            let private = SigningKey::generate(algorithm).unwrap();
            let public = PublicKey::of(&private);
            assert_eq!(PublicKey::parse(&public.document).unwrap(), public);
            let signature = private.sign(b"message").unwrap();
            assert!(public.verifies(b"message", &signature));
            assert!(!public.verifies(b"massage", &signature));
        }
    }
}
