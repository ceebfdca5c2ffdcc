//! Who publishes what others publish at this moment.

use std::hash::{BuildHasher as _, RandomState};

use provender_domain::FileName;
use provender_store::PackageKey;
use tokio::sync::{Mutex, MutexGuard};

/// How many who publish different files may be under way at once, at most.
const TURNS: usize = 256;

/// Whoever publishes what others publish at this moment waits for them, and finds it here then: it
/// is signed and told of once. For files whose name is their digest; of others a second one is refused
/// by its name.
pub(crate) struct SameFileTurns {
    turns: Vec<Mutex<()>>,
    hashing: RandomState,
}

impl SameFileTurns {
    pub(crate) fn new() -> Self {
        let turns = std::iter::repeat_with(Mutex::default).take(TURNS).collect();
        Self { turns, hashing: RandomState::new() }
    }

    pub(crate) async fn take(&self, key: &PackageKey, file: &FileName) -> MutexGuard<'_, ()> {
        let hash = self.hashing.hash_one((key, file));
        let place = hash % self.turns.len() as u64;
        self.turns[usize::try_from(place).expect("one of a few")].lock().await
    }
}
