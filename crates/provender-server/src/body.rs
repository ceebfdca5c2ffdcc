//! Response bodies.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use http_body::{Frame, SizeHint};
use provender_registry::{CutOff, FileStream};
use tokio::runtime::Handle;

use crate::exchange::Giving;

/// A response's body: one frame of bytes in memory or, by way of a mapping, in a file; or the bytes
/// of a file as they come, in as many frames.
#[derive(Default)]
pub(crate) struct Body(Content, Option<Giving>);

enum Content {
    Whole(Bytes),
    /// Apart, so that the bodies of all other responses stay small.
    Streamed(Box<Streamed>),
}

/// A body did not come to its end. hyper then closes the connection before the promised length, or
/// before the last chunk, so that no client takes what it has for the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a file was cut off")]
pub(crate) struct BodyCutOff;

impl Body {
    /// No bytes.
    pub(crate) fn empty() -> Self {
        Self::default()
    }

    /// The bytes of a file that is still being fetched; waited for as if on `home`, to which they
    /// belong.
    pub(crate) fn fetched(file: FileStream, home: Handle) -> Self {
        let size_bytes = file.size_bytes;
        let chunks = unfold(file, async |mut file| Some((file.next().await?, file)));
        Self::streamed(chunks, size_bytes, home)
    }

    /// The same of what comes otherwise, so many bytes where that is known.
    pub(crate) fn streamed(
        chunks: impl Stream<Item = Result<Bytes, CutOff>> + Send + 'static,
        size_bytes: Option<u64>,
        home: Handle,
    ) -> Self {
        let streamed = Streamed { chunks: Box::pin(chunks), left_bytes: size_bytes, home };
        Self(Content::Streamed(Box::new(streamed)), None)
    }

    /// Its bytes, if they are all in memory.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Whole(bytes) => Some(bytes),
            Content::Streamed(_) => None,
        }
    }

    /// Has hyper's end with it noticed.
    pub(crate) fn give(&mut self, giving: Giving) {
        self.1 = Some(giving);
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self(Content::Whole(bytes.into()), None)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyCutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyCutOff>>> {
        match &mut self.0 {
            Content::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Content::Streamed(streamed) => streamed.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Content::Streamed(streamed) => {
                streamed.left_bytes.map_or_else(SizeHint::default, SizeHint::with_exact)
            }
        }
    }
}

struct Streamed {
    chunks: Pin<Box<dyn Stream<Item = Result<Bytes, CutOff>> + Send>>,
    /// What is still to come, where that is known.
    left_bytes: Option<u64>,
    home: Handle,
}

impl Streamed {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyCutOff>>> {
        let _home = self.home.enter();
        match ready!(self.chunks.as_mut().poll_next(context)) {
            Some(Ok(bytes)) => {
                if let Some(left_bytes) = &mut self.left_bytes {
                    *left_bytes = left_bytes.saturating_sub(bytes.len() as u64);
                }
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Err(CutOff)) => Poll::Ready(Some(Err(BodyCutOff))),
            None => Poll::Ready(None),
        }
    }
}

#[cfg(test)]
mod tests;
