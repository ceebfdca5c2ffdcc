//! Tokens for upstreams that ask for them: the way of container registries ("token
//! authentication" of the distribution project), on top of RFC 6750.
//!
//! An upstream refuses with 401 and says in its challenge where tokens are to be had. That is
//! asked once however many want the same token, and the request is made again with it. Nothing is
//! asked for in advance.

use std::sync::Arc;
use std::time::SystemTime;

use provender_domain::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::body::Body;
use crate::challenge::{self, Challenge};
use crate::hops::{Arrived, Ask, Network, Showing};
use crate::token::{Name, Purpose, Token};
use crate::{FetchError, FlightError, PublicUrl, Remote, document};

/// The largest answer of a realm, in bytes.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;
/// Scopes that are asked for at once.
const SCOPES_MAX: usize = 16;

impl Network {
    /// Asks for `url`, with a token where the upstream wants one.
    ///
    /// At most three times: with what is at hand, with a token that is kept for what the
    /// challenge says, and with a fresh one. Who is refused with that is refused.
    pub(crate) async fn fetch(
        self: &Arc<Self>,
        mut ask: Ask<'_>,
        realm_key: Option<&str>,
        url: &Url,
    ) -> Result<Arrived, FetchError> {
        let name = realm_key.and_then(|key| Name::new(ask.remote.identity(), key));
        if let Some(token) = name.as_ref().and_then(|name| self.tokens.named(name)) {
            ask.showing = Showing::Token(token);
        }
        let mut arrived = self.follow(&ask, url).await?;
        let mut may_be_kept = true;
        while let Some(challenge) = self.refusal(&ask, &arrived) {
            // Its slot may be the only one, and the realm may be here.
            arrived.leave();
            let purpose = Purpose::new(ask.remote.identity(), &challenge);
            let kept = self.tokens.of(&purpose).filter(|_| may_be_kept);
            let is_fresh = kept.is_none();
            let token = match kept {
                Some(token) => token,
                None => self.fresh_token(&ask, purpose, challenge).await?,
            };
            ask.showing = Showing::Token(token);
            arrived = self.follow(&ask, url).await?;
            if is_fresh {
                break;
            }
            may_be_kept = false;
        }
        if let Showing::Token(token) = &ask.showing {
            match (is_refusal(&ask, &arrived), name) {
                (true, _) => self.tokens.forget(token),
                (false, Some(name)) => self.tokens.keep_name(name, token.clone()),
                (false, None) => {}
            }
        }
        Ok(arrived)
    }

    /// What the upstream asks for where it refused us, and we can give it. What was shown and
    /// refused is forgotten.
    fn refusal(&self, ask: &Ask<'_>, arrived: &Arrived) -> Option<Challenge> {
        if !is_refusal(ask, arrived) {
            return None;
        }
        if let Showing::Token(token) = &ask.showing {
            self.tokens.forget(token);
        }
        if !ask.remote.may_ask_for_tokens() {
            return None;
        }
        let fields = arrived.response.headers().get_all(WWW_AUTHENTICATE);
        // What cannot be followed leaves a refusal as it is: the caller learns of the 401.
        challenge::read(fields.iter().map(HeaderValue::as_bytes))
            .inspect_err(|fault| tracing::debug!(origin = %arrived.origin.name, %fault))
            .unwrap_or_default()
    }

    /// A token that nobody was refused with yet.
    async fn fresh_token(
        self: &Arc<Self>,
        ask: &Ask<'_>,
        purpose: Purpose,
        challenge: Challenge,
    ) -> Result<Token, FetchError> {
        let realm = PublicUrl::from(&challenge.realm);
        let (network, remote) = (Arc::clone(self), ask.remote.clone());
        let work = {
            let purpose = purpose.clone();
            move || async move { network.ask_realm(&remote, purpose, &challenge).await }
        };
        let began = Instant::now();
        let flight = self.token_flights.run(purpose, work);
        let outcome = match ask.deadline {
            Some(deadline) => timeout_at(deadline, flight).await.ok(),
            None => Some(flight.await),
        };
        match outcome {
            Some(Ok(token)) => Ok(token),
            Some(Err(FlightError::Failed(source))) => {
                Err(FetchError::Token { realm, upstream: ask.remote.base().into(), source })
            }
            Some(Err(FlightError::Lost)) => Err(FetchError::TokenLost { url: realm }),
            None => Err(FetchError::Stalled { url: realm, after: began.elapsed() }),
        }
    }

    /// Asks the realm, and keeps what it gives.
    async fn ask_realm(
        &self,
        remote: &Remote,
        purpose: Purpose,
        challenge: &Challenge,
    ) -> Result<Token, FetchError> {
        let (asked, timeouts) = (Instant::now(), remote.limits());
        let deadline = Some(asked + timeouts.document);
        let headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        ]);
        let showing = Showing::CredentialsForToken;
        let ask = Ask { showing, retry: true, deadline, ..Ask::new(remote, headers) };
        let arrived = self.follow(&ask, &question(challenge)).await?;
        if arrived.response.status() != StatusCode::OK {
            return Err(arrived.refused());
        }
        let url = PublicUrl::from(&arrived.url);
        let body = Body::new(arrived, timeouts, deadline, ANSWER_BYTES_MAX)?;
        let page = document::read(body, &[], ANSWER_BYTES_MAX).await?;
        let now = Timestamp::from_system(SystemTime::now());
        let token = Token::read(&page.body, asked, now).ok_or(FetchError::NoToken { url })?;
        self.tokens.keep(purpose, token.clone());
        Ok(token)
    }
}

/// Whether the upstream itself wants to know who we are. What others want is not our concern:
/// they are shown nothing.
fn is_refusal(ask: &Ask<'_>, arrived: &Arrived) -> bool {
    arrived.response.status() == StatusCode::UNAUTHORIZED && ask.remote.is_own_origin(&arrived.url)
}

/// The URL at which the token is to be had that a challenge wants.
fn question(challenge: &Challenge) -> Url {
    let mut url = challenge.realm.clone();
    let scopes = challenge.scope.iter().flat_map(|scope| scope.split_ascii_whitespace());
    let mut query: Vec<(&str, &str)> = Vec::new();
    query.extend(challenge.service.as_deref().map(|service| ("service", service)));
    query.extend(scopes.take(SCOPES_MAX).map(|scope| ("scope", scope)));
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

#[cfg(test)]
mod tests;
