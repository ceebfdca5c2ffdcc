//! Answers that are sent again, byte for byte, to whoever asks for them byte for byte.
//!
//! Jobs of one kind ask for an index with the same request line and the same fields, down to the
//! last byte. What such a request was answered, when nobody had shown a credential and the answer
//! lay in memory, is its answer for as long as the registry says so ([`Truth`]): nothing of it has
//! to be parsed, resolved or framed once more. Only the `Date` is new.
//!
//! A request head is kept only after it was seen a second time, so that heads which never repeat
//! cost nothing but a look.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::StatusCode;
use memchr::{memchr_iter, memmem};
use provender_registry::Truth;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use rustix::fs::MemfdFlags;

use crate::limits::{
    REPLAY_BODY_BYTES, REPLAY_FILE_BYTES, REPLAY_FILE_FROM_BYTES, REPLAY_HEAD_BYTES, REPLAYS_BYTES,
    REPLAYS_EXPECTED, REPLAYS_SEEN,
};

/// What was answered, by the request's whole head.
pub(crate) struct Replays {
    kept: Cache<Box<[u8]>, Arc<Replay>, ByBytes>,
    /// Hashes of heads that were seen, each in a place that others share.
    seen: Box<[AtomicU64]>,
    hasher: RandomState,
}

/// A whole answer.
pub(crate) struct Replay {
    /// Status line and fields, with the blank line behind them.
    head: Box<[u8]>,
    /// Where in the head the date stands.
    date: Range<usize>,
    /// What the status line says.
    pub(crate) status: StatusCode,
    /// What follows.
    pub(crate) content: Content,
    /// How long it is the answer.
    pub(crate) truth: Truth,
}

/// The bytes of a kept answer behind its head.
pub(crate) enum Content {
    /// Few or none.
    Memory(Bytes),
    /// In a file that only the kernel holds: sent from there they are copied neither by us nor, on
    /// the way to many clients, into as many packets.
    File {
        /// That file.
        file: File,
        /// Its size.
        size_bytes: usize,
    },
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<Box<[u8]>, Arc<Replay>> for ByBytes {
    fn weight(&self, asked: &Box<[u8]>, replay: &Arc<Replay>) -> u64 {
        let content = match &replay.content {
            // Counted although the index that they belong to is mostly still kept.
            Content::Memory(bytes) => bytes.len(),
            Content::File { size_bytes, .. } => *size_bytes + REPLAY_FILE_BYTES,
        };
        (asked.len() + replay.head.len() + content) as u64
    }
}

impl Default for Replays {
    fn default() -> Self {
        Self {
            kept: Cache::with_weighter(REPLAYS_EXPECTED, REPLAYS_BYTES, ByBytes),
            seen: (0..REPLAYS_SEEN).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Replays {
    /// What a head was answered, whether or not that is still true.
    pub(crate) fn find(&self, asked: &[u8]) -> Option<Arc<Replay>> {
        self.kept.get(asked)
    }

    /// Whether a head was seen before, and its answer might be kept; sees it.
    pub(crate) fn is_familiar(&self, asked: &[u8]) -> bool {
        if asked.len() > REPLAY_HEAD_BYTES || !asked.starts_with(b"GET ") {
            return false;
        }
        let hash = self.hasher.hash_one(asked);
        let place = usize::try_from(hash % REPLAYS_SEEN as u64).expect("less than REPLAYS_SEEN");
        self.seen[place].swap(hash, Ordering::Relaxed) == hash
    }

    /// Keeps what was answered; nothing if it was framed in another way than answers from memory.
    pub(crate) fn keep(&self, asked: Box<[u8]>, head: &[u8], body: Bytes, truth: Truth) {
        if let Some(replay) = Replay::new(head, body, truth) {
            self.kept.insert(asked, Arc::new(replay));
        }
    }
}

impl Replay {
    /// An answer whose connection goes on after it, under a status that can be repeated.
    fn new(head: &[u8], body: Bytes, truth: Truth) -> Option<Self> {
        const DATE: &[u8] = b"\r\ndate: ";
        let is_whole = is_one_head(head) && body.len() <= REPLAY_BODY_BYTES;
        if !is_whole || memmem::find(head, b"\r\nconnection: ").is_some() {
            return None;
        }
        let status = StatusCode::from_bytes(head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?;
        if !matches!(status, StatusCode::OK | StatusCode::NOT_MODIFIED) {
            return None;
        }
        let begin = memmem::find(head, DATE)? + DATE.len();
        let end = begin + DATE_BYTES;
        if head.get(end..end + 2)? != b"\r\n" {
            return None;
        }
        let content = Content::new(body);
        Some(Self { head: head.into(), date: begin..end, status, content, truth })
    }

    /// Puts its head, with another date, in place of what is in `buffer`.
    pub(crate) fn head_at(&self, date: &[u8; DATE_BYTES], buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&self.head);
        buffer[self.date.clone()].copy_from_slice(date);
    }
}

impl Content {
    fn new(bytes: Bytes) -> Self {
        if bytes.len() < REPLAY_FILE_FROM_BYTES {
            return Self::Memory(bytes);
        }
        match in_memory_file(&bytes) {
            Ok(file) => Self::File { file, size_bytes: bytes.len() },
            // The process may have no more files.
            Err(_) => Self::Memory(bytes),
        }
    }

    /// How many.
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File { size_bytes, .. } => *size_bytes,
        }
    }
}

fn in_memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("answer", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}

/// Whether bytes are exactly one message's head: its blank line, by whichever line ends, is the
/// last thing in them.
pub(crate) fn is_one_head(bytes: &[u8]) -> bool {
    let blank_line_end = memchr_iter(b'\n', bytes).find_map(|end| match bytes[end + 1..] {
        [b'\n', ..] => Some(end + 2),
        [b'\r', b'\n', ..] => Some(end + 3),
        _ => None,
    });
    bytes.first().is_some_and(u8::is_ascii_uppercase) && blank_line_end == Some(bytes.len())
}

/// Bytes of a date as RFC 9110 section 5.6.7 prefers it.
pub(crate) const DATE_BYTES: usize = 29;

/// The date, written once a second.
pub(crate) struct Date {
    second: u64,
    text: [u8; DATE_BYTES],
}

impl Default for Date {
    fn default() -> Self {
        Self { second: u64::MAX, text: [b' '; DATE_BYTES] }
    }
}

impl Date {
    /// As it is now.
    pub(crate) fn now(&mut self) -> &[u8; DATE_BYTES] {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if second != self.second {
            let text = httpdate::fmt_http_date(now);
            if let Ok(text) = text.as_bytes().try_into() {
                (self.second, self.text) = (second, text);
            }
        }
        &self.text
    }
}

#[cfg(test)]
mod tests;
