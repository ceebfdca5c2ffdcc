//! Scripted answers, honest and otherwise.

use std::io::Write as _;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Request;

/// How much of a generated body is written at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// One answer of a [`FakeUpstream`](super::FakeUpstream).
///
/// Made by one of the constructors and bent by the methods after it. Without bending it is an
/// honest HTTP/1.1 answer with a right `Content-Length` on a connection that stays open.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) framing: Framing,
    pub(super) before_headers: Pause,
    /// After how many bytes of the body something happens, and what.
    pub(super) interruption: Option<(u64, Interruption)>,
    pub(super) drip: Option<Drip>,
}

#[derive(Clone, Debug)]
pub(super) enum Body {
    Bytes(Bytes),
    /// This many zero bytes, made while they are sent.
    Zeros(u64),
    /// Not an answer at all: these bytes are written on the socket, which is then closed.
    Raw(Bytes),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Framing {
    TrueLength,
    ClaimedLength(u64),
    Chunked,
    UntilClose,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Pause {
    None,
    For(Duration),
    Forever,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Interruption {
    Close,
    Reset,
    Stall,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Drip {
    pub(super) step_bytes: usize,
    pub(super) every: Duration,
}

impl Answer {
    /// 200 with this body and no content type.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::of(200, Body::Bytes(body.into()))
    }

    /// An empty answer of this status.
    pub fn status(status: u16) -> Self {
        Self::of(status, Body::Bytes(Bytes::new()))
    }

    /// 200 with `application/json`.
    pub fn json(value: &serde_json::Value) -> Self {
        Self::ok(value.to_string()).header("Content-Type", "application/json")
    }

    /// 200 with `text/html`.
    pub fn html(text: impl Into<Bytes>) -> Self {
        Self::ok(text).header("Content-Type", "text/html; charset=utf-8")
    }

    /// 302 to `location`, written as it is.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self::status(302).header("Location", location)
    }

    /// 200 with `total_bytes` zero bytes, made while they are sent: ten gigabytes cost no memory.
    pub fn zeros(total_bytes: u64) -> Self {
        Self::of(200, Body::Zeros(total_bytes))
    }

    /// 200 with a gzip-encoded body that decodes to `decoded_bytes` zero bytes.
    pub fn gzip_bomb(decoded_bytes: u64) -> Self {
        Self::ok(gzip(decoded_bytes)).header("Content-Encoding", "gzip")
    }

    /// These bytes are written on the socket, which is then closed: for lies about the protocol.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::of(0, Body::Raw(bytes.into()))
    }

    fn of(status: u16, body: Body) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            framing: Framing::TrueLength,
            before_headers: Pause::None,
            interruption: None,
            drip: None,
        }
    }

    /// Adds a header; the same name may be added more than once.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds an `ETag`, written as it is, so with its quotes.
    #[must_use]
    pub fn etag(self, value: impl Into<String>) -> Self {
        self.header("ETag", value)
    }

    /// Changes the status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Compresses the body and says so.
    #[must_use]
    pub fn gzipped(mut self) -> Self {
        let Body::Bytes(plain) = &self.body else { panic!("only a given body can be compressed") };
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(plain).expect("memory takes every write");
        self.body = Body::Bytes(encoder.finish().expect("memory takes every write").into());
        self.header("Content-Encoding", "gzip")
    }

    /// Sends the body in chunks, without a `Content-Length`.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends neither length nor chunks: the body ends where the connection does.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self
    }

    /// Claims this `Content-Length`, sends the whole body, and closes.
    #[must_use]
    pub fn claiming_length(mut self, bytes: u64) -> Self {
        self.framing = Framing::ClaimedLength(bytes);
        self
    }

    /// Waits before the first byte of the answer.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.before_headers = Pause::For(delay);
        self
    }

    /// Never answers, and keeps the connection open.
    #[must_use]
    pub fn stalling(mut self) -> Self {
        self.before_headers = Pause::Forever;
        self
    }

    /// Falls silent after `sent_bytes` of the body, and keeps the connection open.
    #[must_use]
    pub fn stalling_after(mut self, sent_bytes: u64) -> Self {
        self.interruption = Some((sent_bytes, Interruption::Stall));
        self
    }

    /// Closes the connection after `sent_bytes` of the body.
    #[must_use]
    pub fn truncated_after(mut self, sent_bytes: u64) -> Self {
        self.interruption = Some((sent_bytes, Interruption::Close));
        self
    }

    /// Resets the connection (RST) after `sent_bytes` of the body.
    #[must_use]
    pub fn reset_after(mut self, sent_bytes: u64) -> Self {
        self.interruption = Some((sent_bytes, Interruption::Reset));
        self
    }

    /// Resets the connection (RST) without a byte of an answer.
    #[must_use]
    pub fn reset(self) -> Self {
        let mut answer = Self::raw(Bytes::new());
        answer.before_headers = self.before_headers;
        answer.interruption = Some((0, Interruption::Reset));
        answer
    }

    /// Sends the body `step_bytes` at a time, with a pause of `every` after each step.
    #[must_use]
    pub fn dripping(mut self, step_bytes: usize, every: Duration) -> Self {
        assert!(step_bytes > 0, "a drip has a size");
        self.drip = Some(Drip { step_bytes, every });
        self
    }

    /// What becomes of this answer for a conditional request.
    pub(super) fn honouring_validators(self, request: &Request) -> Self {
        let matches = |condition, validator| {
            let own = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(validator));
            own.is_some_and(|(_, own)| request.header(condition) == Some(own.as_str()))
        };
        let unchanged = matches("If-None-Match", "ETag")
            || (request.header("If-None-Match").is_none()
                && matches("If-Modified-Since", "Last-Modified"));
        if self.status != 200 || !unchanged {
            return self;
        }
        Self { status: 304, body: Body::Bytes(Bytes::new()), ..self }
    }
}

impl Body {
    /// How many bytes there are in all.
    pub(super) fn len_bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) | Self::Raw(bytes) => bytes.len() as u64,
            Self::Zeros(total) => *total,
        }
    }

    /// The bytes at `offset`, at most `max_bytes` of them.
    pub(super) fn piece(&self, offset: u64, max_bytes: u64) -> Bytes {
        static ZEROS: [u8; CHUNK_BYTES] = [0; CHUNK_BYTES];
        let left = self.len_bytes().saturating_sub(offset).min(max_bytes).min(CHUNK_BYTES as u64);
        let left = usize::try_from(left).expect("a chunk fits the memory");
        match self {
            Self::Bytes(bytes) | Self::Raw(bytes) => {
                let start = usize::try_from(offset).expect("an offset within given bytes");
                bytes.slice(start..start + left)
            }
            Self::Zeros(_) => Bytes::from_static(&ZEROS[..left]),
        }
    }
}

fn gzip(decoded_bytes: u64) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let mut zeros = std::io::Read::take(std::io::repeat(0), decoded_bytes);
    std::io::copy(&mut zeros, &mut encoder).expect("memory takes every write");
    encoder.finish().expect("memory takes every write")
}
