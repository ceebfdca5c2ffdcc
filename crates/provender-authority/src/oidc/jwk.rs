//! Public keys as issuers publish them (RFC 7517, RFC 7518, RFC 8037).

use aws_lc_rs::signature::{RsaPublicKeyComponents, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::jws::{Algorithm, Check};
use crate::keys::{KeyAlgorithm, SigningKey};

/// The most keys that one issuer may have at a time.
pub(super) const KEYS_MAX: usize = 64;

/// A set of public keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys. Those of unknown kinds are kept, and never fit.
    pub keys: Vec<Jwk>,
}

/// A public key. Members that do not matter here are dropped; a private key's are never read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// Which kind: `EC`, `RSA`, `OKP`.
    pub kty: String,
    /// Its name within the set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The only algorithm it is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// What it is for: signatures (`sig`) or not.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The point's first coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The point's second coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The modulus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The exponent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
}

impl JwkSet {
    /// The key that a token with this `kid` and algorithm was signed with. A token without `kid` fits where
    /// only one key could have made it (RFC 7515, section 4.1.4, leaves it optional).
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Jwk> {
        let mut fitting = self.keys.iter().take(KEYS_MAX).filter(|key| key.fits(algorithm));
        match kid {
            Some(kid) => fitting.find(|key| key.kid.as_deref() == Some(kid)),
            None => {
                let only = fitting.next()?;
                fitting.next().is_none().then_some(only)
            }
        }
    }
}

impl Jwk {
    /// The public half of a key of ours, named by its thumbprint (RFC 7638).
    pub(super) fn of(key: &SigningKey) -> Self {
        let bits = key.public_key().subject_public_key.raw_bytes();
        // An uncompressed point: 0x04, then two coordinates of one length (SEC 1, section 2.3.3).
        let on_curve = |curve: &str| {
            let (x, y) = bits[1..].split_at(bits.len() / 2);
            Self {
                kty: "EC".to_owned(),
                crv: Some(curve.to_owned()),
                x: Some(URL_SAFE_NO_PAD.encode(x)),
                y: Some(URL_SAFE_NO_PAD.encode(y)),
                ..Self::default()
            }
        };
        let mut jwk = match key.algorithm() {
            KeyAlgorithm::EcdsaP256 => on_curve("P-256"),
            KeyAlgorithm::EcdsaP384 => on_curve("P-384"),
            KeyAlgorithm::Ed25519 => Self {
                kty: "OKP".to_owned(),
                crv: Some("Ed25519".to_owned()),
                x: Some(URL_SAFE_NO_PAD.encode(bits)),
                ..Self::default()
            },
        };
        jwk.kid = Some(jwk.thumbprint());
        jwk.alg = Some(Algorithm::of(key.algorithm()).as_str().to_owned());
        jwk.purpose = Some("sig".to_owned());
        jwk
    }

    /// Whether a signature by this algorithm can be this key's: kind, curve and purpose agree.
    fn fits(&self, algorithm: Algorithm) -> bool {
        let (kty, crv) = algorithm.key_kind();
        let is_named = self.alg.as_deref().is_none_or(|alg| alg == algorithm.as_str());
        let signs = self.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        self.kty == kty && (crv.is_none() || self.crv.as_deref() == crv) && is_named && signs
    }

    /// Whether the signature is this key's over the message.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match algorithm.check() {
            Check::Point(check) => self.public_bytes().is_some_and(|point| {
                UnparsedPublicKey::new(check, point).verify(message, signature).is_ok()
            }),
            Check::Rsa(check) => {
                self.rsa().is_some_and(|key| key.verify(check, message, signature).is_ok())
            }
        }
    }

    fn public_bytes(&self) -> Option<Vec<u8>> {
        let x = decoded(self.x.as_ref())?;
        if self.kty == "OKP" {
            return Some(x);
        }
        let y = decoded(self.y.as_ref())?;
        let half = if self.crv.as_deref() == Some("P-384") { 48 } else { 32 };
        (x.len() == half && y.len() == half).then(|| [&[0x04], x.as_slice(), y.as_slice()].concat())
    }

    fn rsa(&self) -> Option<RsaPublicKeyComponents<Vec<u8>>> {
        let without_zeros =
            |bytes: Vec<u8>| bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        let n = without_zeros(decoded(self.n.as_ref())?);
        let e = without_zeros(decoded(self.e.as_ref())?);
        Some(RsaPublicKeyComponents { n, e })
    }

    fn thumbprint(&self) -> String {
        let members =
            [("crv", &self.crv), ("kty", &Some(self.kty.clone())), ("x", &self.x), ("y", &self.y)]
                .map(|(name, value)| value.as_ref().map(|value| format!("\"{name}\":\"{value}\"")));
        let members: Vec<String> = members.into_iter().flatten().collect();
        URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
    }
}

fn decoded(text: Option<&String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::jws::Algorithm;
    use super::{Jwk, JwkSet};

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // RFC 8037, appendix A.3.
        let key = Jwk {
            kty: "OKP".to_owned(),
            crv: Some("Ed25519".to_owned()),
            x: Some("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".to_owned()),
            ..Jwk::default()
        };
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn a_key_is_found_by_name_kind_and_purpose() {
        let set: JwkSet = serde_json::from_str(
            r#"{"keys":[
                {"kty":"EC","crv":"P-256","kid":"a","use":"sig"},
                {"kty":"EC","crv":"P-256","kid":"enc","use":"enc"},
                {"kty":"EC","crv":"P-384","kid":"b"},
                {"kty":"RSA","kid":"r","alg":"RS256"},
                {"kty":"OKP","crv":"Ed25519","kid":"e"},
                {"kty":"OKP","crv":"Ed25519","kid":"f"},
                {"kty":"oct","kid":"s","k":"AAAA"}]}"#,
        )
        .unwrap();
        let check = |kid: Option<&str>, algorithm, expected: Option<&str>| {
            let found = set.find(kid, algorithm).and_then(|key| key.kid.as_deref());
            assert_eq!(found, expected, "{kid:?} {algorithm:?}");
        };
        check(Some("a"), Algorithm::Es256, Some("a"));
        check(Some("a"), Algorithm::Es384, None);
        check(Some("a"), Algorithm::Rs256, None);
        check(Some("enc"), Algorithm::Es256, None);
        check(Some("b"), Algorithm::Es384, Some("b"));
        check(Some("r"), Algorithm::Rs256, Some("r"));
        check(Some("r"), Algorithm::Rs512, None);
        check(Some("s"), Algorithm::Es256, None);
        check(None, Algorithm::Es256, Some("a"));
        check(None, Algorithm::EdDsa, None);
        check(None, Algorithm::Ps256, None);
    }
}
