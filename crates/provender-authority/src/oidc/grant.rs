//! Requests and answers of the token endpoint, in OAuth's dialect.

use std::borrow::Cow;
use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::TokenSubject;

/// The ways to a token.
pub(super) const GRANT_TYPES: &[&str] =
    &[PASSWORD, DEVICE_CODE, AUTHORIZATION_CODE, CLIENT_CREDENTIALS, TOKEN_EXCHANGE];

const PASSWORD: &str = "password";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const AUTHORIZATION_CODE: &str = "authorization_code";
const CLIENT_CREDENTIALS: &str = "client_credentials";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// The kind of token that an exchange gives (RFC 8693, section 3).
pub const ID_TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:id_token";

/// The longest value of a request that is looked at.
pub const VALUE_LIMIT_BYTES: usize = 1024;

/// A text that nobody may read by accident: a password, a token, a code.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

/// The form that is posted to the token endpoint (RFC 6749, section 4; RFC 8628, section 3.4; RFC 8693,
/// section 2.1). Unknown fields are ignored, as they must be.
#[derive(Clone, Debug, Default, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the specifications, which explain them")]
pub struct TokenRequest {
    pub grant_type: Option<String>,
    pub client_id: Option<String>,
    pub client_secret: Option<Secret>,
    pub audience: Option<String>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub device_code: Option<Secret>,
    pub code: Option<Secret>,
    pub redirect_uri: Option<String>,
    pub code_verifier: Option<Secret>,
    pub subject_token: Option<Secret>,
}

/// What somebody offers for a token.
#[derive(Clone, Debug)]
pub enum Grant {
    /// An account's name and password, typed into a terminal.
    Password {
        /// The account.
        username: String,
        /// Its password.
        password: Secret,
        /// Whom the token is for.
        audience: String,
    },
    /// A code that was confirmed, or not, on another screen.
    DeviceCode {
        /// Which client asks.
        client_id: String,
        /// The code.
        device_code: Secret,
        /// What its challenge was made of.
        code_verifier: Option<Secret>,
    },
    /// A code that came along with the browser.
    AuthorizationCode {
        /// Which client asks.
        client_id: String,
        /// The code.
        code: Secret,
        /// Where the browser was sent with it.
        redirect_uri: String,
        /// What its challenge was made of.
        code_verifier: Secret,
    },
    /// A server token, for a token that says who it is. RFC 6749's client credentials (the secret is
    /// the token) and RFC 8693's exchange (the subject token is) mean the same here.
    ServerToken {
        /// The server token.
        token: Secret,
        /// Whom the token is for.
        audience: String,
    },
}

/// A grant that was found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Whom the token is about.
    pub subject: TokenSubject,
    /// Which client asked.
    pub client_id: String,
    /// What the client sent to know its request again.
    pub nonce: Option<String>,
}

/// The answer with a token (RFC 6749, section 5.1; OIDC Core, section 3.1.3.3).
#[derive(Clone, Serialize)]
pub struct TokenAnswer {
    /// The token. Who wants an access token gets the same one.
    pub access_token: String,
    /// The token.
    pub id_token: String,
    /// Its kind, for an exchange.
    pub issued_token_type: &'static str,
    /// How it is carried.
    pub token_type: &'static str,
    /// How long it may be used.
    pub expires_in: i64,
}

/// The answer without one (RFC 6749, section 5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{error_description}")]
pub struct OAuthError {
    /// What a client goes by.
    pub error: OAuthErrorCode,
    /// What a person reads.
    pub error_description: Cow<'static, str>,
}

/// The codes of OAuth's errors (RFC 6749, sections 4.1.2.1 and 5.2; RFC 8628, section 3.5; RFC 8693,
/// section 2.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are those of the specifications, which explain them")]
pub enum OAuthErrorCode {
    InvalidRequest,
    InvalidClient,
    InvalidGrant,
    UnsupportedGrantType,
    UnsupportedResponseType,
    InvalidTarget,
    AccessDenied,
    AuthorizationPending,
    SlowDown,
    ExpiredToken,
    ServerError,
    TemporarilyUnavailable,
}

impl TokenRequest {
    /// What is offered, if all that belongs to it is there.
    pub fn grant(self, default_audience: &str) -> Result<Grant, OAuthError> {
        let default_audience = default_audience.to_owned();
        let kind = required(self.grant_type, "grant_type")?;
        match kind.as_str() {
            PASSWORD => Ok(Grant::Password {
                username: required(self.username, "username")?,
                password: required(self.password, "password")?,
                audience: optional(self.audience, "audience")?.unwrap_or(default_audience),
            }),
            DEVICE_CODE => Ok(Grant::DeviceCode {
                client_id: required(self.client_id, "client_id")?,
                device_code: required(self.device_code, "device_code")?,
                code_verifier: self.code_verifier,
            }),
            AUTHORIZATION_CODE => Ok(Grant::AuthorizationCode {
                client_id: required(self.client_id, "client_id")?,
                code: required(self.code, "code")?,
                redirect_uri: required(self.redirect_uri, "redirect_uri")?,
                code_verifier: required(self.code_verifier, "code_verifier")?,
            }),
            CLIENT_CREDENTIALS => Ok(Grant::ServerToken {
                token: required(self.client_secret, "client_secret")?,
                audience: optional(self.audience, "audience")?.unwrap_or(default_audience),
            }),
            TOKEN_EXCHANGE => Ok(Grant::ServerToken {
                token: required(self.subject_token, "subject_token")?,
                audience: optional(self.audience, "audience")?.unwrap_or(default_audience),
            }),
            _ => Err(OAuthError::new(
                OAuthErrorCode::UnsupportedGrantType,
                "this grant type is not known here",
            )),
        }
    }
}

impl TokenAnswer {
    /// An answer with this token, which may be used for so long.
    pub fn new(token: String, life: SignedDuration) -> Self {
        Self {
            access_token: token.clone(),
            id_token: token,
            issued_token_type: ID_TOKEN_TYPE,
            token_type: "Bearer",
            expires_in: life.as_secs(),
        }
    }
}

impl OAuthError {
    /// An error with an explanation.
    pub fn new(error: OAuthErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { error, error_description: description.into() }
    }
}

impl OAuthErrorCode {
    /// As it stands in an answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidTarget => "invalid_target",
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }
}

/// A value that a request cannot do without.
pub(super) fn required<T: AsRef<str>>(value: Option<T>, name: &str) -> Result<T, OAuthError> {
    let value = value.filter(|value| (1..=VALUE_LIMIT_BYTES).contains(&value.as_ref().len()));
    value.ok_or_else(|| {
        let description = format!("{name} is missing, empty or too long");
        OAuthError::new(OAuthErrorCode::InvalidRequest, description)
    })
}

/// A value that may be missing, but not overlong.
pub(super) fn optional(value: Option<String>, name: &str) -> Result<Option<String>, OAuthError> {
    value.filter(|value| !value.is_empty()).map(|value| required(Some(value), name)).transpose()
}

/// What a client shows of a secret of its own before it shows the secret (RFC 7636, `S256`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge([u8; 32]);

impl Challenge {
    /// Reads a challenge, which is made by SHA-256: the plain form protects against nobody.
    pub(super) fn new(challenge: &str, method: Option<&str>) -> Result<Self, OAuthError> {
        let wrong = |description| OAuthError::new(OAuthErrorCode::InvalidRequest, description);
        if method != Some("S256") {
            return Err(wrong("code_challenge_method must be S256"));
        }
        let digest = URL_SAFE_NO_PAD.decode(challenge).ok().and_then(|bytes| bytes.try_into().ok());
        Ok(Self(digest.ok_or_else(|| wrong("code_challenge is no SHA-256 in base64url"))?))
    }

    /// Whether it was made of this secret (of 43 to 128 characters: RFC 7636, section 4.1).
    pub(super) fn was_made_of(&self, verifier: &Secret) -> bool {
        let verifier = verifier.expose();
        let digest = Sha256::digest(verifier);
        (43..=128).contains(&verifier.len()) && verify_slices_are_equal(&digest, &self.0).is_ok()
    }
}

/// The hash under which a code is kept: what leaks from memory opens nothing, and finding it tells nothing
/// by the time it takes.
pub(super) fn fingerprint(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}

/// A code that nobody guesses: 256 bits.
pub(super) fn unguessable() -> Result<String, OAuthError> {
    let mut bytes = [0; 32];
    random(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

pub(super) fn random(bytes: &mut [u8]) -> Result<(), OAuthError> {
    aws_lc_rs::rand::fill(bytes).map_err(|_| {
        OAuthError::new(OAuthErrorCode::ServerError, "the system gave no random bytes")
    })
}

impl Secret {
    /// The text, for whoever has to check it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl AsRef<str> for Secret {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAnswer").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
