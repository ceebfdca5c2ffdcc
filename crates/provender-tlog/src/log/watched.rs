//! What the sequencer's task waits for.

use std::time::Duration;

use super::Shared;
use crate::Settlement;

/// How often the task looks what became of batches that nobody waits for: their tiles may be begun.
const LOOKING_INTERVAL: Duration = Duration::from_millis(10);

/// What the task waits for, beside requests.
pub(super) enum Watched {
    Nothing,
    /// This one, for which somebody waits.
    Settlement(Settlement),
    /// Nobody waits.
    Clock,
}

impl Watched {
    /// Returns when it is time to look.
    pub(super) async fn wait(self, shared: &Shared) {
        match self {
            Self::Nothing => shared.flown.notified().await,
            Self::Settlement(settlement) => drop(settlement.outcome().await),
            Self::Clock => tokio::time::sleep(LOOKING_INTERVAL).await,
        }
    }
}
