//! What whoever answers a connection's requests and its transport tell each other.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use provender_registry::Truth;
use tokio::time::Instant;

use crate::limits::HEAD_TIMEOUT;
use crate::transport::Announced;

/// One connection's exchange of requests and answers, as far as both sides have to know of it.
pub(crate) struct Exchange {
    /// The files that are about to be sent.
    pub(crate) announced: Announced,
    opened_at: Instant,
    /// Since when the client has been silent, or on its request's head, in milliseconds from
    /// `opened_at` on; [`ANSWERING`] while a request is answered.
    waiting_since_ms: AtomicU64,
    /// The answer has been given to hyper whole, and hyper may still be sending it.
    is_given: AtomicBool,
    has_body: AtomicBool,
    repeatable: Mutex<Option<Repeatable>>,
}

/// An answer that others who ask the same may get as well.
pub(crate) struct Repeatable {
    /// The bytes that follow its head.
    pub(crate) body: Bytes,
    /// For how long.
    pub(crate) truth: Truth,
}

/// Lives as long as an answer's body, which hyper drops when it needs no more of it.
pub(crate) struct Giving(Arc<Exchange>);

/// How a request that has been answered leaves its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Whether a body came with it, of which a part may still be on its way.
    pub(crate) had_body: bool,
}

const ANSWERING: u64 = u64::MAX;

impl Default for Exchange {
    fn default() -> Self {
        Self {
            announced: Announced::default(),
            opened_at: Instant::now(),
            waiting_since_ms: AtomicU64::new(0),
            is_given: AtomicBool::new(false),
            has_body: AtomicBool::new(false),
            repeatable: Mutex::default(),
        }
    }
}

impl Exchange {
    /// A request's head has come.
    pub(crate) fn begin(&self, has_body: bool) {
        self.waiting_since_ms.store(ANSWERING, Ordering::Relaxed);
        self.has_body.store(has_body, Ordering::Relaxed);
        *self.lock() = None;
    }

    /// The answer under way is everybody's, for as long as it is true.
    pub(crate) fn may_repeat(&self, repeatable: Repeatable) {
        if !self.has_body.load(Ordering::Relaxed) {
            *self.lock() = Some(repeatable);
        }
    }

    /// What may be repeated of the answer under way, once.
    pub(crate) fn take_repeatable(&self) -> Option<Repeatable> {
        self.lock().take()
    }

    /// To be kept in the body of the answer.
    pub(crate) fn giving(self: &Arc<Self>) -> Giving {
        Giving(Arc::clone(self))
    }

    /// All that hyper had to send has been sent: was that the end of an answer?
    pub(crate) fn flushed(&self) -> Option<Answered> {
        if !self.is_given.load(Ordering::Acquire) {
            return None;
        }
        self.is_given.store(false, Ordering::Relaxed);
        // An idle connection keeps no bytes alive.
        drop(self.take_repeatable());
        self.wait();
        Some(Answered { had_body: self.has_body.load(Ordering::Relaxed) })
    }

    /// From now on the client is waited for.
    pub(crate) fn wait(&self) {
        let since = u64::try_from(self.opened_at.elapsed().as_millis()).unwrap_or(ANSWERING - 1);
        self.waiting_since_ms.store(since, Ordering::Relaxed);
    }

    /// When the client has been waited for long enough; `None` while it is waiting itself.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let since = self.waiting_since_ms.load(Ordering::Relaxed);
        let since = (since != ANSWERING).then(|| Duration::from_millis(since))?;
        Some(self.opened_at + since + HEAD_TIMEOUT)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Repeatable>> {
        self.repeatable.lock().expect("nothing panics while it holds this lock")
    }
}

impl Drop for Giving {
    fn drop(&mut self) {
        self.0.is_given.store(true, Ordering::Release);
    }
}
