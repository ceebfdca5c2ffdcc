//! Response bodies.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body::{Frame, SizeHint};

/// What a stream of a response fails with: its sender gave up, so the connection is closed.
pub(crate) type StreamError = Box<dyn std::error::Error + Send + Sync>;

/// A response's body.
pub(crate) struct Body(Kind);

enum Kind {
    Empty,
    /// Sent as one frame, and so announced by `Content-Length`.
    Whole(Bytes),
    /// Length unknown: chunked.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, StreamError>> + Send>>),
    /// Length known: what a store hands out piece by piece.
    Sized(u64, Pin<Box<dyn Stream<Item = Result<Bytes, StreamError>> + Send>>),
}

impl Body {
    /// No bytes.
    pub(crate) fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Bytes as they come, until the stream ends; for what is followed live.
    pub(crate) fn stream(
        stream: impl Stream<Item = Result<Bytes, StreamError>> + Send + 'static,
    ) -> Self {
        Self(Kind::Stream(Box::pin(stream)))
    }

    /// Exactly `length_bytes` bytes as they come.
    pub(crate) fn sized(
        length_bytes: u64,
        stream: impl Stream<Item = Result<Bytes, StreamError>> + Send + 'static,
    ) -> Self {
        Self(Kind::Sized(length_bytes, Box::pin(stream)))
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::empty() } else { Self(Kind::Whole(bytes)) }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Stream(stream) | Kind::Sized(_, stream) => {
                stream.as_mut().poll_next(context).map(|next| next.map(|got| got.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(_) => SizeHint::default(),
            Kind::Sized(length_bytes, _) => SizeHint::with_exact(*length_bytes),
        }
    }
}
