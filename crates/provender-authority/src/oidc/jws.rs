//! Signed tokens in their compact form (RFC 7515): taken apart, and put together.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::claims::ClaimsError;
use super::{Claims, TokenError};
use crate::keys::{KeyAlgorithm, SigningFailed, SigningKey};

/// The longest token that is looked at.
const TOKEN_LIMIT_BYTES: usize = 16 * 1024;

/// An algorithm that a token may be signed by: all have a private key that the verifier does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Es256,
    Es384,
    EdDsa,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
}

/// How a signature is checked.
pub(super) enum Check {
    Point(&'static dyn VerificationAlgorithm),
    Rsa(&'static RsaParameters),
}

/// A token, taken apart and not believed yet.
pub(super) struct Unverified<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<String>,
    pub(super) claims: Claims,
    pub(super) message: &'a [u8],
    pub(super) signature: Vec<u8>,
}

const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::Es256,
    Algorithm::Es384,
    Algorithm::EdDsa,
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

impl Algorithm {
    /// The one of our own keys.
    pub(super) fn of(key: KeyAlgorithm) -> Self {
        match key {
            KeyAlgorithm::EcdsaP256 => Self::Es256,
            KeyAlgorithm::EcdsaP384 => Self::Es384,
            KeyAlgorithm::Ed25519 => Self::EdDsa,
        }
    }

    /// The name in `alg` (RFC 7518, section 3.1; RFC 8037, section 3.1).
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    /// The kind of key and the curve that it needs.
    pub(super) fn key_kind(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Es256 => ("EC", Some("P-256")),
            Self::Es384 => ("EC", Some("P-384")),
            Self::EdDsa => ("OKP", Some("Ed25519")),
            _ => ("RSA", None),
        }
    }

    pub(super) fn check(self) -> Check {
        match self {
            Self::Es256 => Check::Point(&ECDSA_P256_SHA256_FIXED),
            Self::Es384 => Check::Point(&ECDSA_P384_SHA384_FIXED),
            Self::EdDsa => Check::Point(&ED25519),
            Self::Rs256 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Check::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Check::Rsa(&RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Check::Rsa(&RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Check::Rsa(&RSA_PSS_2048_8192_SHA512),
        }
    }

    fn named(name: &str) -> Result<Self, TokenError> {
        let found = ALGORITHMS.into_iter().find(|algorithm| algorithm.as_str() == name);
        found.ok_or_else(|| match name {
            _ if name.eq_ignore_ascii_case("none") => TokenError::Unsigned,
            _ if name.starts_with("HS") => TokenError::SharedSecret,
            _ => TokenError::Algorithm { name: name.chars().take(NAME_SHOWN_CHARS).collect() },
        })
    }
}

/// How much of an unknown algorithm's name an error shows.
const NAME_SHOWN_CHARS: usize = 16;

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenError> {
        if token.len() > TOKEN_LIMIT_BYTES {
            return Err(TokenError::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Syntax)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Syntax)?;
        let header = object(header)?;
        let algorithm = Algorithm::named(header.string("alg").ok_or(TokenError::Syntax)?)?;
        // What must be understood is not (RFC 7515, section 4.1.11).
        if header.at("crit").is_some() || header.at("enc").is_some() {
            return Err(TokenError::Syntax);
        }
        let claims = object(payload)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Syntax)?;
        let kid = header.string("kid").map(str::to_owned);
        Ok(Self { algorithm, kid, claims, message: message.as_bytes(), signature })
    }
}

fn object(part: &str) -> Result<Claims, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Syntax)?;
    Claims::from_json(&json).map_err(|error| match error {
        ClaimsError::Duplicate(_) => TokenError::Duplicate,
        ClaimsError::Json(_) => TokenError::Syntax,
    })
}

/// A token with these claims, signed.
pub(super) fn signed(
    key: &SigningKey,
    kid: &str,
    claims: &serde_json::Value,
) -> Result<String, SigningFailed> {
    let algorithm = Algorithm::of(key.algorithm());
    let header = json!({ "alg": algorithm.as_str(), "kid": kid, "typ": "JWT" });
    let message = format!("{}.{}", encoded(&header), encoded(claims));
    let signature = key.sign(message.as_bytes())?;
    let signature = match algorithm {
        Algorithm::EdDsa => signature,
        Algorithm::Es384 => fixed(&signature, 48).ok_or(SigningFailed)?,
        _ => fixed(&signature, 32).ok_or(SigningFailed)?,
    };
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn encoded(value: &serde_json::Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// An ASN.1 signature as two numbers of so many bytes (RFC 7518, section 3.4).
fn fixed(der: &[u8], number_bytes: usize) -> Option<Vec<u8>> {
    let mut fixed = vec![0; 2 * number_bytes];
    let numbers = <[der::asn1::UintRef<'_>; 2] as der::Decode>::from_der(der).ok()?;
    for (number, half) in numbers.iter().zip(fixed.chunks_exact_mut(number_bytes)) {
        let bytes = number.as_bytes();
        half[number_bytes.checked_sub(bytes.len())?..].copy_from_slice(bytes);
    }
    Some(fixed)
}
