//! Request bodies under limits of time, and requests to the server itself.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use provender_domain::{Problem, ProblemCode};
use tokio::time::{Instant, Sleep, sleep};

use crate::limits::{BODY_PAUSE, BODY_RATE_BYTES};

/// A request to `/-/api/v1/…` or to a page, its path decoded once.
pub(crate) struct ApiRequest {
    /// The method, HEAD already turned into GET: the server leaves the body out.
    pub(crate) method: Method,
    /// What is behind `/-/api/v1/` or `/`, decoded once, neither empty nor with dot segments.
    pub(crate) segments: Vec<String>,
    /// The query, still encoded, without its `?`.
    pub(crate) query: Option<String>,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// Scheme, host and port by which this client reaches the server, without a slash at the end:
    /// what the operator configured, or else what the client's own Host field says, checked.
    pub(crate) origin: String,
    /// Not yet read.
    pub(crate) body: RequestBody,
}

impl ApiRequest {
    /// Every pair of the query, decoded, in order.
    pub(crate) fn query_pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.query.as_deref().unwrap_or_default().as_bytes())
            .into_owned()
            .collect()
    }

    /// The path's segments, to be matched.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }
}

/// Why a request's body could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestBodyError {
    /// It paused or took longer than a limit allows.
    #[error("the request's body came too slowly")]
    TooSlow,
    /// The connection ended, or the body's framing is wrong.
    #[error("the request's body ended early")]
    Broken(#[source] hyper::Error),
}

impl RequestBodyError {
    /// The client's fault, whatever it is.
    pub(crate) fn problem(&self) -> Problem {
        let code = match self {
            Self::TooSlow => ProblemCode::RequestTimeout,
            Self::Broken(_) => ProblemCode::InvalidRequest,
        };
        Problem::new(code, self.to_string()).because(self)
    }
}

/// A request's body, which may neither pause nor last for too long.
///
/// A client that waits for `100 Continue` gets it when the body is first polled, so whoever is
/// refused before that is not asked to send anything.
pub(crate) struct RequestBody {
    incoming: Incoming,
    timeout: Duration,
    /// Bytes that earn a second more, where any do.
    rate_bytes: Option<u64>,
    received_bytes: u64,
    /// Made when the body is first waited for.
    clock: Option<Clock>,
}

struct Clock {
    began_at: Instant,
    /// When the last bytes came.
    moved_at: Instant,
    /// Not set anew with each frame: when it goes off, it is seen whether it should have.
    alarm: Pin<Box<Sleep>>,
}

impl RequestBody {
    /// A body that has to be there within `timeout` of its first byte being asked for.
    pub(crate) fn new(incoming: Incoming, timeout: Duration) -> Self {
        Self { incoming, timeout, rate_bytes: None, received_bytes: 0, clock: None }
    }

    /// A body of any length: to `timeout` comes a second for every [`BODY_RATE_BYTES`] of it.
    pub(crate) fn long(incoming: Incoming, timeout: Duration) -> Self {
        Self { rate_bytes: Some(BODY_RATE_BYTES), ..Self::new(incoming, timeout) }
    }

    /// Reads it whole, at most `limit_bytes` of it.
    pub(crate) async fn bytes(self, limit_bytes: usize) -> Result<Bytes, Problem> {
        match Limited::new(self, limit_bytes).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(Problem::new(
                ProblemCode::TooLarge,
                format!("the body of this request has at most {limit_bytes} bytes"),
            )),
            Err(error) => Err(match error.downcast::<RequestBodyError>() {
                Ok(error) => error.problem(),
                Err(error) => Problem::internal(&*error),
            }),
        }
    }

    /// Its next bytes; `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, RequestBodyError> {
        while let Some(frame) = self.frame().await {
            if let Ok(bytes) = frame?.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn poll_clock(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let earned = self.rate_bytes.map_or(0, |rate_bytes| self.received_bytes / rate_bytes);
        let timeout = self.timeout + Duration::from_secs(earned);
        let clock = self.clock.get_or_insert_with(|| Clock::start(timeout));
        loop {
            ready!(clock.alarm.as_mut().poll(context));
            let due_at = clock.due_at(timeout);
            if due_at <= Instant::now() {
                return Poll::Ready(());
            }
            clock.alarm.as_mut().reset(due_at);
        }
    }
}

impl Clock {
    fn start(timeout: Duration) -> Self {
        let now = Instant::now();
        let alarm = Box::pin(sleep(timeout.min(BODY_PAUSE)));
        Self { began_at: now, moved_at: now, alarm }
    }

    /// By when something has to happen.
    fn due_at(&self, timeout: Duration) -> Instant {
        (self.began_at + timeout).min(self.moved_at + BODY_PAUSE)
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                self.received_bytes += frame.data_ref().map_or(0, Bytes::len) as u64;
            }
            if let Some(clock) = &mut self.clock {
                clock.moved_at = Instant::now();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(RequestBodyError::Broken)));
        }
        ready!(self.poll_clock(context));
        Poll::Ready(Some(Err(RequestBodyError::TooSlow)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
