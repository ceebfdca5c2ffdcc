//! Signing in in the browser of this machine: the authorization code flow (RFC 6749, section 4.1) for
//! programs (RFC 8252), which prove that the code is theirs (RFC 7636).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::TokenSubject;
use super::grant::{
    Challenge, Granted, OAuthError, OAuthErrorCode, Secret, fingerprint, optional, required,
    unguessable,
};
use super::issuer_url::is_loopback;

/// How long a code may be exchanged: the program is waiting for it.
pub const CODE_LIFE_SECONDS: i64 = 60;
/// The most codes that wait at a time.
pub const CODES_MAX: usize = 4096;

/// What the browser comes with (RFC 6749, section 4.1.1; RFC 7636, section 4.3; OIDC Core,
/// section 3.1.2.1).
#[derive(Clone, Debug, Default, Deserialize)]
#[allow(missing_docs, reason = "the names are those of the specifications, which explain them")]
pub struct AuthorizationRequest {
    pub response_type: Option<String>,
    pub client_id: Option<String>,
    pub redirect_uri: Option<String>,
    pub scope: Option<String>,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub code_challenge: Option<String>,
    pub code_challenge_method: Option<String>,
}

/// A request that was found in order, to be shown to a person.
#[derive(Clone, Debug)]
pub struct Authorization {
    /// Which client asks.
    pub client_id: String,
    redirect_uri: Url,
    /// As the client wrote it, which is what it will compare.
    redirect_text: String,
    state: Option<String>,
    nonce: Option<String>,
    challenge: Challenge,
}

/// The codes that wait.
#[derive(Default)]
pub struct CodeGrants {
    waiting: Mutex<HashMap<[u8; 32], Waiting>>,
}

struct Waiting {
    begun: Timestamp,
    redirect_text: String,
    challenge: Challenge,
    granted: Granted,
}

impl AuthorizationRequest {
    /// Reads the request.
    ///
    /// # Errors
    /// To be shown to the person, never sent to the address that the request names: it may be the mistake.
    pub fn check(self) -> Result<Authorization, OAuthError> {
        let redirect_text = required(self.redirect_uri, "redirect_uri")?;
        let redirect_uri = loopback(&redirect_text)?;
        if self.response_type.as_deref() != Some("code") {
            return Err(OAuthError::new(
                OAuthErrorCode::UnsupportedResponseType,
                "response_type must be code",
            ));
        }
        let challenge = required(self.code_challenge, "code_challenge")?;
        Ok(Authorization {
            client_id: required(self.client_id, "client_id")?,
            challenge: Challenge::new(&challenge, self.code_challenge_method.as_deref())?,
            redirect_uri,
            redirect_text,
            state: optional(self.state, "state")?,
            nonce: optional(self.nonce, "nonce")?,
        })
    }
}

/// A program of the person's own machine listens there (RFC 8252, section 7.3), so the code stays on it.
/// Addresses elsewhere would have to be registered, and nobody can register here.
fn loopback(text: &str) -> Result<Url, OAuthError> {
    let wrong = || {
        OAuthError::new(
            OAuthErrorCode::InvalidRequest,
            "redirect_uri must be http:// on this machine, without a user and a fragment",
        )
    };
    let url = Url::parse(text).map_err(|_| wrong())?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    // It goes into a header of the page that asks: nothing of it may end a directive there.
    let is_plain = |host: &str| {
        host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte))
    };
    let is_here = is_loopback(&url) && url.host_str().is_some_and(is_plain);
    match url.scheme() == "http" && is_here && url.fragment().is_none() && !has_user {
        true => Ok(url),
        false => Err(wrong()),
    }
}

impl Authorization {
    /// Where to send the browser when the person refused or something failed.
    pub fn refused(&self, error: &OAuthError) -> String {
        self.redirect(&[
            ("error", error.error.as_str()),
            ("error_description", &error.error_description),
        ])
    }

    fn redirect(&self, parameters: &[(&str, &str)]) -> String {
        let mut url = self.redirect_uri.clone();
        let mut query = url.query_pairs_mut();
        query.extend_pairs(parameters);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        drop(query);
        url.into()
    }
}

impl CodeGrants {
    /// The person agreed: where to send the browser, with a code.
    pub fn approve(
        &self,
        authorization: &Authorization,
        subject: TokenSubject,
        now: Timestamp,
    ) -> Result<String, OAuthError> {
        let code = unguessable()?;
        let granted = Granted {
            subject,
            client_id: authorization.client_id.clone(),
            nonce: authorization.nonce.clone(),
        };
        let waiting = Waiting {
            begun: now,
            redirect_text: authorization.redirect_text.clone(),
            challenge: authorization.challenge.clone(),
            granted,
        };
        let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, waiting| !is_over(waiting.begun, now));
        if all.len() >= CODES_MAX {
            return Err(OAuthError::new(
                OAuthErrorCode::TemporarilyUnavailable,
                "too many people are signing in; try again in a minute",
            ));
        }
        all.insert(fingerprint(&code), waiting);
        Ok(authorization.redirect(&[("code", &code)]))
    }

    /// The program exchanges its code, once: after any attempt the code is gone.
    pub fn redeem(
        &self,
        client_id: &str,
        code: &Secret,
        redirect_uri: &str,
        code_verifier: &Secret,
        now: Timestamp,
    ) -> Result<Granted, OAuthError> {
        let mut all = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = all.remove(&fingerprint(code.expose())).filter(|waiting| {
            waiting.granted.client_id == client_id
                && waiting.redirect_text == redirect_uri
                && waiting.challenge.was_made_of(code_verifier)
                && !is_over(waiting.begun, now)
        });
        let wrong = "the code is wrong, used, too old or another program's";
        Ok(waiting.ok_or_else(|| OAuthError::new(OAuthErrorCode::InvalidGrant, wrong))?.granted)
    }
}

/// Whether its time is over, or, as the clock went back, not begun.
fn is_over(begun: Timestamp, now: Timestamp) -> bool {
    let age = now.as_second() - begun.as_second();
    !(-CODE_LIFE_SECONDS..CODE_LIFE_SECONDS).contains(&age)
}

impl std::fmt::Debug for CodeGrants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CodeGrants").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
