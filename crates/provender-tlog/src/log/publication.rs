//! What of a log is published, as far as this server knows.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::Published;

/// How long what is known is used before the store is asked again.
const FRESH: Duration = Duration::from_millis(100);

/// The newest published checkpoint; it never goes backwards.
pub(crate) struct Publication {
    current: watch::Sender<Arc<Published>>,
    asked: Mutex<Option<Instant>>,
    ended: watch::Sender<bool>,
}

impl Publication {
    pub(crate) fn new() -> Self {
        let none = Published { size: 0, checkpoint: String::new() };
        Self {
            current: watch::Sender::new(Arc::new(none)),
            asked: Mutex::new(None),
            ended: watch::Sender::new(false),
        }
    }

    pub(crate) fn current(&self) -> Arc<Published> {
        Arc::clone(&self.current.borrow())
    }

    pub(crate) fn size(&self) -> u64 {
        self.current.borrow().size
    }

    /// Whether it was asked for, or became newer, a moment ago. Says so once: whoever is told
    /// otherwise asks the store.
    pub(crate) fn is_fresh(&self) -> bool {
        let mut asked = self.asked.lock().expect("nobody panics while it is held");
        let now = Instant::now();
        if asked.is_some_and(|asked| now.duration_since(asked) < FRESH) {
            return true;
        }
        *asked = Some(now);
        false
    }

    /// Takes note of a published checkpoint.
    pub(crate) fn advance(&self, published: Published) {
        self.current.send_if_modified(|current| {
            // A log without entries has a checkpoint too.
            let newer = published.size > current.size || current.checkpoint.is_empty();
            if newer {
                *current = Arc::new(published);
            }
            newer
        });
    }

    /// The first published checkpoint of at least this size; `None` where the log ends before.
    pub(crate) async fn reaching(&self, size: u64) -> Option<Arc<Published>> {
        let mut current = self.current.subscribe();
        let mut ended = self.ended.subscribe();
        tokio::select! {
            biased;
            found = current.wait_for(|current| current.size >= size) => {
                found.ok().map(|found| Arc::clone(&found))
            }
            _ = ended.wait_for(|ended| *ended) => None,
        }
    }

    /// Nothing more will be published by this server.
    pub(crate) fn end(&self) {
        self.ended.send_replace(true);
    }
}
