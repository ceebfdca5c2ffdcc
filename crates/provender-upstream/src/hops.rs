//! From a URL to an answer: redirects by hand, each hop checked.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::error::is_failing_status;
use crate::origins::{Origin, Origins};
use crate::remote::strip;
use crate::token::{Purpose, Token, Tokens};
use crate::transport::Transport;
use crate::{FetchError, Pass, Remote, SingleFlight, guard};

/// How many redirects are followed.
const REDIRECTS_MAX: usize = 5;
/// How long to wait before the one retry of a refused or reset connection.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// One thing to be fetched.
pub(crate) struct Ask<'a> {
    pub(crate) remote: &'a Remote,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) showing: Showing,
    /// Whether a connection that broke before any answer is worth another try.
    pub(crate) retry: bool,
    /// When the whole must be done.
    pub(crate) deadline: Option<Instant>,
}

/// Who we say that we are, and so where we may go.
pub(crate) enum Showing {
    /// What the operator gave us for the upstream, if anything: at its own origin.
    Credentials,
    /// A token that the upstream asked for: at its own origin.
    Token(Token),
    /// The operator's credentials, to be given a token: at the upstream's own origin, and at the
    /// one that the operator named for that.
    CredentialsForToken,
}

/// An answer that is not a redirect and not a failure of the upstream. Its body is still to come.
pub(crate) struct Arrived {
    pub(crate) response: Response,
    /// What was asked for, before redirects.
    pub(crate) asked: Url,
    pub(crate) url: Url,
    pub(crate) origin: Arc<Origin>,
    pub(crate) pass: Pass,
    pub(crate) slot: OwnedSemaphorePermit,
}

impl Arrived {
    /// The answer was one, and nobody reads its body.
    pub(crate) fn leave(self) {
        self.pass.succeed();
    }

    /// The answer was none that can be used.
    pub(crate) fn refused(self) -> FetchError {
        let (url, status) = ((&self.url).into(), self.response.status().as_u16());
        self.leave();
        FetchError::Status { url, status, retry_after: None }
    }
}

/// What asking needs: connections, what is known of origins, and tokens.
pub(crate) struct Network {
    pub(crate) transport: Transport,
    pub(crate) origins: Origins,
    pub(crate) tokens: Tokens,
    pub(crate) token_flights: SingleFlight<Purpose, Token, FetchError>,
}

impl Network {
    pub(crate) fn new(transport: Transport, origins: Origins) -> Self {
        Self { transport, origins, tokens: Tokens::default(), token_flights: SingleFlight::new() }
    }

    /// Asks for `url` and follows redirects.
    pub(crate) async fn follow(&self, ask: &Ask<'_>, url: &Url) -> Result<Arrived, FetchError> {
        let mut url = url.clone();
        strip(&mut url);
        let asked = url.clone();
        let mut secure = ask.remote.base().scheme() == "https";
        let mut seen: Vec<Url> = Vec::new();
        loop {
            check(ask, &url, secure)?;
            secure = url.scheme() == "https";
            let arrived = self.hop(ask, &asked, &url).await?;
            if !is_redirect(arrived.response.status()) {
                return Ok(arrived);
            }
            let next = target(&arrived);
            arrived.pass.succeed();
            if seen.len() == REDIRECTS_MAX {
                let limit = REDIRECTS_MAX;
                return Err(FetchError::TooManyRedirects { url: url.into(), limit });
            }
            seen.push(url);
            url = next?;
            if seen.contains(&url) {
                return Err(FetchError::RedirectLoop { url: url.into() });
            }
        }
    }

    /// One request and the head of its answer; statuses of failure are errors.
    async fn hop(&self, ask: &Ask<'_>, asked: &Url, url: &Url) -> Result<Arrived, FetchError> {
        let origin = self.origins.of(url);
        let mut pass = origin.breaker.enter().map_err(|retry_after| FetchError::Suspended {
            origin: origin.name.clone(),
            retry_after,
        })?;
        let slot = origin.slot(ask.patience()).await?;
        let response = match self.answer(ask, url, &origin).await {
            Ok(response) => response,
            Err(error) => {
                if error.is_failure() {
                    origin.report_failure(pass, &error, None);
                } else if matches!(error, FetchError::PrivateAddress { .. }) {
                    origin.refused();
                }
                return Err(error);
            }
        };
        let status = response.status().as_u16();
        if is_failing_status(status) {
            let retry_after = retry_after(response.headers());
            let error = FetchError::Status { url: url.into(), status, retry_after };
            origin.report_failure(pass, &error, retry_after);
            return Err(error);
        }
        pass.begin();
        let (asked, url) = (asked.clone(), url.clone());
        Ok(Arrived { response, asked, url, origin, pass, slot })
    }

    /// Sends the request, once more where that is right.
    async fn answer(
        &self,
        ask: &Ask<'_>,
        url: &Url,
        origin: &Origin,
    ) -> Result<Response, FetchError> {
        // Only https has a choice of protocol to be learnt from the first connection.
        let turn = if url.scheme() == "https" { origin.opening().await } else { None };
        let first = self.send(ask, url, origin).await;
        let answer = match first {
            Err(error) if ask.retry && error.is_worth_a_retry() => {
                tokio::time::sleep(RETRY_DELAY).await;
                self.send(ask, url, origin).await
            }
            first => first,
        };
        if answer.is_ok() {
            origin.answered();
        }
        drop(turn);
        answer
    }

    async fn send(
        &self,
        ask: &Ask<'_>,
        url: &Url,
        origin: &Origin,
    ) -> Result<Response, FetchError> {
        let client = self.transport.client(ask.may_be_private(url))?;
        let mut request = client.request(ask.method.clone(), url.clone());
        request = request.headers(ask.headers.clone());
        if let Some(authorization) = ask.authorization(url) {
            request = request.header(AUTHORIZATION, authorization);
        }
        let after = ask.patience();
        match timeout(after, request.send()).await {
            Ok(answer) => answer.map_err(|error| FetchError::from_send(error, &origin.name)),
            Err(_) => Err(FetchError::Stalled { url: url.into(), after }),
        }
    }
}

impl<'a> Ask<'a> {
    /// A GET without haste.
    pub(crate) fn new(remote: &'a Remote, headers: HeaderMap) -> Self {
        let showing = Showing::Credentials;
        Self { remote, method: Method::GET, headers, showing, retry: false, deadline: None }
    }

    /// The `Authorization` for a request to `url`, on whatever way we came there.
    fn authorization(&self, url: &Url) -> Option<HeaderValue> {
        match &self.showing {
            Showing::Credentials => self.remote.authorization(url),
            Showing::Token(token) => self.remote.is_own_origin(url).then(|| token.header()),
            Showing::CredentialsForToken => self.remote.realm_authorization(url),
        }
    }

    fn may_be_private(&self, url: &Url) -> bool {
        match self.showing {
            Showing::Credentials | Showing::Token(_) => self.remote.may_be_private(url),
            Showing::CredentialsForToken => self.remote.realm_may_be_private(url),
        }
    }

    /// How long the next answer may take.
    fn patience(&self) -> Duration {
        let response = self.remote.limits().response;
        self.deadline.map_or(response, |deadline| {
            response.min(deadline.saturating_duration_since(Instant::now()))
        })
    }
}

/// Whether we may go to `url`, coming from a secure place or not.
fn check(ask: &Ask<'_>, url: &Url, from_https: bool) -> Result<(), FetchError> {
    match url.scheme() {
        "http" if from_https => return Err(FetchError::Downgrade { url: url.into() }),
        "https" | "http" => {}
        _ => return Err(FetchError::Scheme { url: url.into() }),
    }
    if ask.may_be_private(url) {
        return Ok(());
    }
    guard::check_literal(url)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Where a redirect leads.
fn target(arrived: &Arrived) -> Result<Url, FetchError> {
    let location = arrived.response.headers().get(LOCATION);
    let text = location.and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    let mut next = text
        .and_then(|text| arrived.url.join(text).ok())
        .ok_or_else(|| FetchError::RedirectNowhere { url: (&arrived.url).into() })?;
    strip(&mut next);
    Ok(next)
}

/// `Retry-After` in either of its forms (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_in_both_forms() {
        let check = |value: &str, expected: Option<u64>| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().expect("a value"))]);
            assert_eq!(retry_after(&headers).map(|wait| wait.as_secs()), expected, "{value}");
        };
        check("7", Some(7));
        check(" 7 ", Some(7));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(0));
        check("-1", None);
        check("soon", None);
        let future = SystemTime::now() + Duration::from_secs(100);
        let headers = httpdate::fmt_http_date(future).parse().expect("a value");
        let wait = retry_after(&HeaderMap::from_iter([(RETRY_AFTER, headers)]));
        assert!((90..=100).contains(&wait.expect("a wait").as_secs()));
    }
}
