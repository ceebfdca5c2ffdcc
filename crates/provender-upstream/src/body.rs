//! The body of an answer, watched while it comes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::CONTENT_LENGTH;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};
use url::Url;

use crate::hops::Arrived;
use crate::origins::Origin;
use crate::{FetchError, Pass, Timeouts};

/// A body that must keep its promises: its length, a limit, a pace.
///
/// It keeps the origin's slot until it is dropped, and tells the breaker how it ended.
pub(crate) struct Body {
    response: Response,
    /// What was asked for, before redirects.
    asked: Url,
    url: Url,
    origin: Arc<Origin>,
    expected: Option<u64>,
    got: u64,
    limit_bytes: u64,
    timeouts: Timeouts,
    deadline: Option<Instant>,
    pace: Pace,
    /// Taken when the end is known, whatever it is.
    pass: Option<Pass>,
    end: End,
    _slot: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    NotYet,
    Complete,
    Failed,
}

/// What came while we waited for it. Time that the reader of the body takes does not count.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Body {
    /// # Errors
    /// [`FetchError::TooLarge`] where the announced length is over the limit.
    pub(crate) fn new(
        arrived: Arrived,
        timeouts: Timeouts,
        deadline: Option<Instant>,
        limit_bytes: u64,
    ) -> Result<Self, FetchError> {
        let Arrived { response, asked, url, origin, pass, slot } = arrived;
        let announced = response.headers().get(CONTENT_LENGTH);
        let expected = announced.and_then(|value| value.to_str().ok()?.parse().ok());
        if expected.is_some_and(|bytes| bytes > limit_bytes) {
            return Err(FetchError::TooLarge { url: url.into(), limit_bytes });
        }
        Ok(Self {
            response,
            asked,
            url,
            origin,
            expected,
            got: 0,
            limit_bytes,
            timeouts,
            deadline,
            pace: Pace::default(),
            pass: Some(pass),
            end: End::NotYet,
            _slot: slot,
        })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn response(&self) -> &Response {
        &self.response
    }

    pub(crate) fn expected(&self) -> Option<u64> {
        self.expected
    }

    /// The next piece; `None` at the end of a body that is whole.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        match self.end {
            End::NotYet => {}
            End::Complete => return Ok(None),
            // Whoever overlooked the error must not take the next answer for a clean end.
            End::Failed => return Err(self.truncated()),
        }
        let result = self.next().await;
        match &result {
            Ok(Some(_)) => {}
            Ok(None) => {
                self.end = End::Complete;
                if let Some(pass) = self.pass.take() {
                    pass.succeed();
                }
            }
            Err(error) => {
                self.end = End::Failed;
                if let Some(pass) = self.pass.take().filter(|_| error.is_failure()) {
                    self.origin.report_broken_body(pass, error, &self.asked);
                }
            }
        }
        result
    }

    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        let began = Instant::now();
        let patience = self.deadline.map_or(self.timeouts.stall, |deadline| {
            self.timeouts.stall.min(deadline.saturating_duration_since(began))
        });
        let Ok(chunk) = timeout(patience, self.response.chunk()).await else {
            return Err(FetchError::Stalled { url: (&self.url).into(), after: patience });
        };
        let Some(chunk) = chunk.map_err(|error| self.broken(error))? else {
            return match self.expected {
                Some(expected) if expected != self.got => Err(self.truncated()),
                _ => Ok(None),
            };
        };
        self.got += chunk.len() as u64;
        if self.got > self.limit_bytes {
            let limit_bytes = self.limit_bytes;
            return Err(FetchError::TooLarge { url: (&self.url).into(), limit_bytes });
        }
        self.keep_pace(began.elapsed(), chunk.len() as u64)?;
        Ok(Some(chunk))
    }

    fn keep_pace(&mut self, waited: Duration, bytes: u64) -> Result<(), FetchError> {
        self.pace.waited += waited;
        self.pace.bytes += bytes;
        if self.pace.waited < self.timeouts.rate_window {
            return Ok(());
        }
        let Pace { waited, bytes } = std::mem::take(&mut self.pace);
        let bytes_per_second_min = self.timeouts.rate_bytes_per_second_min;
        let needed_millis = u128::from(bytes_per_second_min) * waited.as_millis();
        if u128::from(bytes) * 1000 < needed_millis {
            return Err(FetchError::TooSlow { url: (&self.url).into(), bytes_per_second_min });
        }
        Ok(())
    }

    fn broken(&self, error: reqwest::Error) -> FetchError {
        let source = error.without_url();
        if crate::error::broke_off(&source) {
            return self.truncated();
        }
        FetchError::Broken { origin: self.origin.name.clone(), source }
    }

    fn truncated(&self) -> FetchError {
        let (expected, got) = (self.expected, self.got);
        FetchError::Truncated { url: (&self.url).into(), expected, got }
    }
}
