//! Our own tokens.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::json;

use super::jws::{Algorithm, signed};
use super::mapping::{is_email, uri};
use super::{Claims, IssuerUrl, Jwk, JwkSet};
use crate::keys::{SigningFailed, SigningKey};

/// How much earlier than now a token begins, for clients whose clocks are late.
const BACKDATE_SECONDS: i64 = 30;
/// Private claims (RFC 7519, section 4.3) that say which account or token exactly it is, so that
/// nothing more comes of a token whose account or server token has ended.
const SINCE_CLAIM: &str = "provender_account_since";
const TOKEN_CLAIM: &str = "provender_token";
/// The longest audience and the longest nonce.
const TEXT_LIMIT_BYTES: usize = 512;

/// Our own issuer: it says in a signed token who somebody is. Who that is, others have found out.
#[derive(Debug)]
pub struct Issuer {
    url: IssuerUrl,
    key: Arc<SigningKey>,
    kid: String,
    keys: JwkSet,
    token_life: SignedDuration,
}

/// Whom a token is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenSubject {
    /// A person with an account, known to others by an e-mail address that the operator vouches for.
    Person {
        /// The account.
        account: String,
        /// The address, which a certificate will be for.
        email: String,
        /// Since when the account's sign-ins count, in microseconds since 1970: one that is made later
        /// under the same name is another's, and a new password makes those before it void.
        since_microseconds: i64,
    },
    /// A server token, known to others by its URI.
    Machine {
        /// The URI, which a certificate will be for. Tokens that follow each other have the same.
        uri: String,
        /// Which token it is.
        token: String,
    },
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The name cannot stand in a certificate.
    #[error("the subject is no plain e-mail address or URI")]
    Subject,
    /// The audience or the nonce is empty or too long.
    #[error("an audience and a nonce have 1 to {TEXT_LIMIT_BYTES} bytes")]
    Text,
    /// The key did not sign.
    #[error("the token could not be signed")]
    Sign(#[from] SigningFailed),
}

impl Issuer {
    /// An issuer of this name that signs with this key, whose tokens may be used for so long. ECDSA P-256
    /// (`ES256`) is what every client checks.
    pub fn new(url: IssuerUrl, key: Arc<SigningKey>, token_life: SignedDuration) -> Self {
        let jwk = Jwk::of(&key);
        let kid = jwk.kid.clone().expect("a key of ours is named by its thumbprint");
        Self { url, key, kid, keys: JwkSet { keys: vec![jwk] }, token_life }
    }

    /// Its name.
    pub fn url(&self) -> &IssuerUrl {
        &self.url
    }

    /// How long its tokens may be used: as long as it takes to get a certificate.
    pub fn token_life(&self) -> SignedDuration {
        self.token_life
    }

    /// The document of its public keys (RFC 7517, section 5).
    pub fn keys(&self) -> &JwkSet {
        &self.keys
    }

    /// The document that says where everything is (OIDC Discovery, section 3).
    pub fn discovery(&self) -> Discovery {
        Discovery {
            issuer: self.url.clone(),
            authorization_endpoint: self.url.endpoint("authorize"),
            device_authorization_endpoint: self.url.endpoint("device/code"),
            token_endpoint: self.url.endpoint("token"),
            jwks_uri: self.url.endpoint("keys"),
            response_types_supported: &["code"],
            response_modes_supported: &["query"],
            grant_types_supported: super::grant::GRANT_TYPES,
            subject_types_supported: &["public"],
            id_token_signing_alg_values_supported: [Algorithm::of(self.key.algorithm()).as_str()],
            token_endpoint_auth_methods_supported: &[
                "none",
                "client_secret_post",
                "client_secret_basic",
            ],
            code_challenge_methods_supported: &["S256"],
            scopes_supported: &["openid", "email"],
            claims_supported: &[
                "iss",
                "sub",
                "aud",
                "iat",
                "nbf",
                "exp",
                "nonce",
                "email",
                "email_verified",
            ],
        }
    }

    /// Where people type the code that their device shows.
    pub fn device_page(&self) -> String {
        self.url.endpoint("device")
    }

    /// A token about `subject` for `audience`, valid for [`Self::token_life`]. `nonce` is what the client
    /// sent to know its own request again.
    pub fn mint(
        &self,
        subject: &TokenSubject,
        audience: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<String, MintError> {
        let is_text = |text: &str| (1..=TEXT_LIMIT_BYTES).contains(&text.len());
        if !is_text(audience) || nonce.is_some_and(|nonce| !is_text(nonce)) {
            return Err(MintError::Text);
        }
        let now = now.as_second();
        let mut claims = json!({
            "iss": self.url,
            "sub": subject.checked()?,
            "aud": audience,
            "iat": now,
            "nbf": now - BACKDATE_SECONDS,
            "exp": now + self.token_life.as_secs(),
        });
        match subject {
            TokenSubject::Person { email, since_microseconds, .. } => {
                claims["email"] = json!(email);
                claims["email_verified"] = json!(true);
                claims[SINCE_CLAIM] = json!(since_microseconds);
            }
            TokenSubject::Machine { token, .. } => claims[TOKEN_CLAIM] = json!(token),
        }
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        Ok(signed(&self.key, &self.kid, &claims)?)
    }
}

impl TokenSubject {
    /// Whom claims are about that [`Issuer::mint`] signed.
    pub(super) fn of(claims: &Claims) -> Option<Self> {
        let subject = claims.string("sub")?.to_owned();
        Some(match claims.string("email") {
            Some(email) => Self::Person {
                account: subject,
                email: email.to_owned(),
                since_microseconds: claims.at(SINCE_CLAIM)?.as_i64()?,
            },
            None => Self::Machine { uri: subject, token: claims.string(TOKEN_CLAIM)?.to_owned() },
        })
    }

    /// What stands in `sub`, if it and what goes with it can stand in a certificate.
    fn checked(&self) -> Result<&str, MintError> {
        let (is_plain, subject) = match self {
            Self::Person { account, email, .. } => {
                (is_email(email) && (1..=TEXT_LIMIT_BYTES).contains(&account.len()), account)
            }
            Self::Machine { uri: name, .. } => (uri(name.clone()).is_ok(), name),
        };
        is_plain.then_some(subject.as_str()).ok_or(MintError::Subject)
    }
}

/// Where everything of an issuer is (OIDC Discovery, section 3; RFC 8414; RFC 8628, section 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names are those of the specifications, which explain them")]
pub struct Discovery {
    pub issuer: IssuerUrl,
    pub authorization_endpoint: String,
    pub device_authorization_endpoint: String,
    pub token_endpoint: String,
    pub jwks_uri: String,
    pub response_types_supported: &'static [&'static str],
    pub response_modes_supported: &'static [&'static str],
    pub grant_types_supported: &'static [&'static str],
    pub subject_types_supported: &'static [&'static str],
    pub id_token_signing_alg_values_supported: [&'static str; 1],
    pub token_endpoint_auth_methods_supported: &'static [&'static str],
    pub code_challenge_methods_supported: &'static [&'static str],
    pub scopes_supported: &'static [&'static str],
    pub claims_supported: &'static [&'static str],
}

#[cfg(test)]
mod tests;
