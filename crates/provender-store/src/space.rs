//! Whether there is room to write.

use tokio::sync::watch;

/// Where a write that found no space is told. Clones are one: both stores of a server and its logs
/// tell the same.
#[derive(Debug, Clone)]
pub struct Space(watch::Sender<u64>);

impl Default for Space {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Space {
    /// How many writes found no space since the start; changes with each.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }

    pub(crate) fn ran_out(&self) {
        self.0.send_modify(|times| *times += 1);
    }
}
