//! Request bodies that nobody reads.
//!
//! twine and uv send a whole archive before they look for an answer. Closing their connection
//! meanwhile makes the kernel reset it, and their user sees a broken pipe instead of the reason.
//! So a refused body goes on being read, and thrown away, while the answer is on its way.

use http::HeaderMap;
use http::header::EXPECT;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};

use crate::limits::{BODY_TIMEOUT, DRAIN_TIMEOUT, DRAINED_BYTES};
use crate::request::RequestBody;

/// A request's body until somebody takes it; if nobody does, it is read in the background, within
/// limits, and thrown away.
pub(crate) struct Unread {
    body: Option<Incoming>,
    /// The client asked whether it should send (RFC 9110 section 10.1.1): the refusal is the
    /// answer, and asking for the body by reading it would contradict it.
    waits: bool,
}

impl Unread {
    pub(crate) fn new(body: Incoming, headers: &HeaderMap) -> Self {
        let expectation = headers.get(EXPECT).map(http::HeaderValue::as_bytes);
        let waits = expectation.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        Self { body: Some(body), waits }
    }

    /// How many bytes it will have, if its head says so.
    pub(crate) fn declared_bytes(&self) -> Option<u64> {
        self.body.as_ref().and_then(|body| body.size_hint().exact())
    }

    /// The body, to be read.
    pub(crate) fn take(mut self) -> RequestBody {
        let body = self.body.take().expect("only `take` and `drop` take it, and each runs once");
        RequestBody::long(body, BODY_TIMEOUT)
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|_| !self.waits) {
            discard(RequestBody::new(body, DRAIN_TIMEOUT));
        }
    }
}

/// Reads and throws away what is left of a body whose request is refused, in the background.
pub(crate) fn discard(mut body: RequestBody) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(async move {
        let mut read_bytes = 0;
        let draining = async {
            while let Some(Ok(frame)) = body.frame().await {
                read_bytes += frame.data_ref().map_or(0, bytes::Bytes::len) as u64;
                if read_bytes > DRAINED_BYTES {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, draining).await;
    });
}
