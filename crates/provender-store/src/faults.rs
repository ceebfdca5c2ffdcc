//! Injected faults: how tests show that a failure at any durable step loses nothing.

/// What an injected fault does to the step it hits. In both cases the caller gets an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultMode {
    /// The step did not happen.
    BeforePersisted,
    /// The step happened.
    AfterPersisted,
}

/// Counts durable steps (create, write, fsync, rename, fsync of a directory, SQL commit) and makes
/// one of them fail. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Faults;

impl Faults {
    /// Fails nothing, only counts.
    pub fn none() -> Self {
        Self
    }

    /// Fails the `nth` step, counted from 0, and no other.
    pub fn at(_nth: u64, _mode: FaultMode) -> Self {
        Self
    }

    /// How many steps were begun so far.
    pub fn steps(&self) -> u64 {
        unimplemented!()
    }

    /// Whether the fault has happened.
    pub fn fired(&self) -> bool {
        unimplemented!()
    }
}
