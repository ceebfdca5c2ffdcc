//! Whether there is room to write.

use tokio::sync::watch;

/// Where a write that found no space is told. Clones are one: both stores of a server and its logs
/// tell the same.
#[derive(Debug, Clone)]
pub struct Space(watch::Sender<()>);

impl Default for Space {
    fn default() -> Self {
        Self(watch::Sender::new(()))
    }
}

impl Space {
    /// Changes with each write that found no space.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.0.subscribe()
    }

    pub(crate) fn ran_out(&self) {
        self.0.send_replace(());
    }
}
