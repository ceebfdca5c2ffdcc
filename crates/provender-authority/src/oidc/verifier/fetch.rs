//! The keys of another issuer: fetched, kept for a while, fetched again.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::{Mutex, OwnedMutexGuard};
use url::Url;

use super::super::issuer_url::{is_loopback, is_secure};
use super::super::jwk::KEYS_MAX;
use super::super::{IssuerUrl, JwkSet};

/// How long keys are believed before they are fetched again.
const KEYS_LIFE_SECONDS: i64 = 60 * 60;
/// How long they are believed at most where the issuer does not answer.
const KEYS_STALE_SECONDS_MAX: i64 = 6 * 60 * 60;
/// How long to wait before an issuer is asked again, because of a token whose key is unknown or because
/// the last attempt failed. Else strangers with made-up tokens could make us flood it.
const REFETCH_LEAST_SECONDS: i64 = 30;
/// The longest document that is read.
pub const DOCUMENT_LIMIT_BYTES: usize = 256 * 1024;

/// Fetches the documents that issuers publish.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// The document at this URL, whole; `issuer` is the URL of the issuer whose it is.
    ///
    /// The caller has checked that the URL is `https`, or of this machine as the issuer's own is. The
    /// implementation bounds time and size ([`DOCUMENT_LIMIT_BYTES`]), sends no credentials, and keeps
    /// away from addresses that the operator's rules on outgoing requests forbid. The operator named the
    /// issuer, and nothing else: private addresses are for the issuer's own origin at most, for the
    /// issuer's documents may send us anywhere.
    async fn document(&self, issuer: &str, url: &str) -> Result<Bytes, KeySourceError>;
}

/// Why an issuer's keys cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeySourceError {
    /// The request failed.
    #[error("the request failed")]
    Request(#[source] Box<dyn Error + Send + Sync>),
    /// The answer is longer than [`DOCUMENT_LIMIT_BYTES`], or has more keys than any honest issuer.
    #[error("the issuer's document is too large")]
    TooLarge,
    /// The answer is not the JSON that it should be.
    #[error("the issuer's document is not the JSON that it should be")]
    Json(#[source] serde_json::Error),
    /// The discovery document is another issuer's.
    #[error("the discovery document says that its issuer is {found:?}")]
    OtherIssuer {
        /// Whose it is.
        found: String,
    },
    /// The keys are to be fetched from where anybody could answer.
    #[error("the issuer's keys are not at an https:// address")]
    Insecure,
    /// The last attempt failed a moment ago.
    #[error("the last attempt failed less than {REFETCH_LEAST_SECONDS} seconds ago")]
    Waiting,
}

impl KeySourceError {
    /// A request that failed, for whatever reason.
    pub fn request(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Request(Box::new(error))
    }
}

/// The keys of one issuer, as they were at some time.
pub(super) struct Kept {
    pub(super) set: JwkSet,
    fetched: Timestamp,
}

/// The keys of one issuer. Fetched by one task at a time, while others go on with the keys they have.
///
/// That task is nobody's: who asked first may leave, and the others have the keys all the same.
#[derive(Default)]
pub(super) struct FetchedKeys {
    kept: RwLock<Option<Arc<Kept>>>,
    /// When an attempt was made last.
    attempt: Arc<Mutex<Option<Timestamp>>>,
}

impl FetchedKeys {
    /// Keys that are young enough, fetched if need be.
    pub(super) async fn current(
        self: &Arc<Self>,
        issuer: &IssuerUrl,
        source: &Arc<dyn KeySource>,
        now: Timestamp,
    ) -> Result<Arc<Kept>, KeySourceError> {
        if let Some(kept) = self.kept().filter(|kept| age(kept, now) < KEYS_LIFE_SECONDS) {
            return Ok(kept);
        }
        let attempt = Arc::clone(&self.attempt).lock_owned().await;
        let kept = self.kept();
        if let Some(kept) = kept.as_ref().filter(|kept| age(kept, now) < KEYS_LIFE_SECONDS) {
            return Ok(Arc::clone(kept));
        }
        let fetched = self.fetch(attempt, issuer, source, now).await;
        match (fetched, kept) {
            (Err(error), Some(kept)) if age(&kept, now) < KEYS_STALE_SECONDS_MAX => {
                tracing::warn!(%issuer, error = &error as &dyn Error, "going on with older keys");
                Ok(kept)
            }
            (fetched, _) => fetched,
        }
    }

    /// Keys that were fetched after those; `None` where it is too early to ask again.
    pub(super) async fn newer_than(
        self: &Arc<Self>,
        known: &Arc<Kept>,
        issuer: &IssuerUrl,
        source: &Arc<dyn KeySource>,
        now: Timestamp,
    ) -> Result<Option<Arc<Kept>>, KeySourceError> {
        let attempt = Arc::clone(&self.attempt).lock_owned().await;
        if let Some(kept) = self.kept().filter(|kept| !Arc::ptr_eq(kept, known)) {
            return Ok(Some(kept));
        }
        match self.fetch(attempt, issuer, source, now).await {
            Ok(kept) => Ok(Some(kept)),
            Err(KeySourceError::Waiting) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn fetch(
        self: &Arc<Self>,
        mut attempt: OwnedMutexGuard<Option<Timestamp>>,
        issuer: &IssuerUrl,
        source: &Arc<dyn KeySource>,
        now: Timestamp,
    ) -> Result<Arc<Kept>, KeySourceError> {
        // A clock that went back does not stop attempts: the distance counts, not the sign.
        if attempt
            .is_some_and(|last| (now.as_second() - last.as_second()).abs() < REFETCH_LEAST_SECONDS)
        {
            return Err(KeySourceError::Waiting);
        }
        *attempt = Some(now);
        let (keys, issuer, source) = (Arc::clone(self), issuer.clone(), Arc::clone(source));
        let fetching = tokio::spawn(async move {
            let set = fetch(&issuer, &*source).await?;
            let kept = Arc::new(Kept { set, fetched: now });
            *keys.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&kept));
            drop(attempt); // held until here: others wait for these keys
            Ok(kept)
        });
        fetching.await.unwrap_or_else(|error| Err(KeySourceError::request(error)))
    }

    fn kept(&self) -> Option<Arc<Kept>> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn age(kept: &Kept, now: Timestamp) -> i64 {
    (now.as_second() - kept.fetched.as_second()).abs()
}

#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

/// OIDC Discovery, section 4.3: the document's issuer must be the one that was asked for.
async fn fetch(issuer: &IssuerUrl, source: &dyn KeySource) -> Result<JwkSet, KeySourceError> {
    let discovered: Discovered = read(source, issuer, &issuer.discovery()).await?;
    if discovered.issuer != issuer.as_str() {
        let found = discovered.issuer.chars().take(ISSUER_SHOWN_CHARS).collect();
        return Err(KeySourceError::OtherIssuer { found });
    }
    if !Url::parse(&discovered.jwks_uri).is_ok_and(|url| may_send_to(issuer, &url)) {
        return Err(KeySourceError::Insecure);
    }
    let keys: JwkSet = read(source, issuer, &discovered.jwks_uri).await?;
    match keys.keys.len() <= KEYS_MAX {
        true => Ok(keys),
        false => Err(KeySourceError::TooLarge),
    }
}

/// Only who is on this machine may send us to it without TLS.
fn may_send_to(issuer: &IssuerUrl, url: &Url) -> bool {
    let is_here = || Url::parse(issuer.as_str()).is_ok_and(|issuer| is_loopback(&issuer));
    is_secure(url) && (url.scheme() == "https" || is_here())
}

/// How much of a foreign issuer's name an error shows.
const ISSUER_SHOWN_CHARS: usize = 200;

async fn read<T: for<'de> Deserialize<'de>>(
    source: &dyn KeySource,
    issuer: &IssuerUrl,
    url: &str,
) -> Result<T, KeySourceError> {
    let document = source.document(issuer.as_str(), url).await?;
    if document.len() > DOCUMENT_LIMIT_BYTES {
        return Err(KeySourceError::TooLarge);
    }
    serde_json::from_slice(&document).map_err(KeySourceError::Json)
}

impl fmt::Debug for FetchedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedKeys").finish_non_exhaustive()
    }
}
