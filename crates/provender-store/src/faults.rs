//! Injected faults: how tests show that a failure at any durable step loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What an injected fault does to the step it hits. In both cases the caller gets an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultMode {
    /// The step did not happen.
    BeforePersisted,
    /// The step happened.
    AfterPersisted,
}

/// Counts durable steps (create, write, fsync, rename, fsync of a directory, SQL commit) and makes
/// one of them fail. Clones count together, so one can be attached to both stores.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Plan>);

#[derive(Debug, Default)]
struct Plan {
    fault: Option<(u64, FaultMode)>,
    steps: AtomicU64,
    fired: AtomicBool,
}

impl Faults {
    /// Fails nothing, only counts.
    pub fn none() -> Self {
        Self::default()
    }

    /// Fails the `nth` step, counted from 0, and no other.
    pub fn at(nth: u64, mode: FaultMode) -> Self {
        Self(Arc::new(Plan { fault: Some((nth, mode)), ..Plan::default() }))
    }

    /// How many steps were begun so far.
    pub fn steps(&self) -> u64 {
        self.0.steps.load(Ordering::SeqCst)
    }

    /// Whether the fault has happened.
    pub fn fired(&self) -> bool {
        self.0.fired.load(Ordering::SeqCst)
    }

    /// Counts one step, and says whether it must fail.
    pub(crate) fn begin(&self) -> Option<FaultMode> {
        let step = self.0.steps.fetch_add(1, Ordering::SeqCst);
        let (_, mode) = self.0.fault.filter(|(nth, _)| *nth == step)?;
        self.0.fired.store(true, Ordering::SeqCst);
        Some(mode)
    }
}
