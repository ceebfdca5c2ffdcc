//! Stores in memory that fail on demand, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Batch, Haste, LogState, Published, Settlement, Settler, StateStore, StorageError, TileStore,
};

/// Both stores of one log, in memory.
#[derive(Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<String, Bytes>,
    states: BTreeMap<String, LogState>,
    /// Batches as their bytes, by origin and first index.
    batches: BTreeMap<(String, u64), Bytes>,
    faults: Faults,
    writes: u64,
    /// Swaps that were begun and are not made yet, where they are held.
    held: Option<Vec<Swap>>,
}

struct Swap {
    origin: String,
    expected: Option<LogState>,
    next: LogState,
    batch: Option<Batch>,
    settler: Settler,
}

#[derive(Default)]
struct Faults {
    /// Which write from now on fails, and how.
    next: Option<(u64, Fault)>,
    /// Whether objects cannot be written at all.
    frozen: bool,
    /// How many writes there are before none is possible any more.
    left: Option<u64>,
}

/// How a write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is written.
    Unpersisted,
    /// It is written, and an error is returned nevertheless.
    Persisted,
}

impl MemoryStore {
    /// A store without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the write after `after` further ones fail, once.
    pub fn fail_write(&self, after: u64, fault: Fault) {
        self.inner().faults.next = Some((after, fault));
    }

    /// Whether the fault that was asked for has not happened yet.
    pub fn is_fault_pending(&self) -> bool {
        self.inner().faults.next.is_some()
    }

    /// Lets every write of an object find no space from now on, or no longer.
    pub fn freeze_objects(&self, frozen: bool) {
        self.inner().faults.frozen = frozen;
    }

    /// Makes no swap that is begun from now on, until they are let go: then all are, in their order.
    pub fn hold_swaps(&self, held: bool) {
        let mut inner = self.inner();
        if held {
            inner.held.get_or_insert_default();
            return;
        }
        for swap in inner.held.take().unwrap_or_default() {
            inner.settle(swap);
        }
    }

    /// Turns the order around in which those that are held will be made.
    pub fn reverse_held_swaps(&self) {
        if let Some(held) = &mut self.inner().held {
            held.reverse();
        }
    }

    /// How many are held.
    pub fn held_swaps(&self) -> usize {
        self.inner().held.as_ref().map_or(0, Vec::len)
    }

    /// Lets nothing be written after `after` further writes, as if the server had died; `None`
    /// ends that.
    pub fn stop_writes(&self, after: Option<u64>) {
        self.inner().faults.left = after;
    }

    /// How many writes there were, of objects and of states.
    pub fn writes(&self) -> u64 {
        self.inner().writes
    }

    /// The paths of all objects.
    pub fn paths(&self) -> Vec<String> {
        self.inner().objects.keys().cloned().collect()
    }

    /// Loses an object; gives what it was.
    pub fn lose(&self, path: &str) -> Option<Bytes> {
        self.inner().objects.remove(path)
    }

    /// Puts other bytes in an object's place.
    pub fn replace(&self, path: &str, bytes: Bytes) {
        self.inner().objects.insert(path.to_owned(), bytes);
    }

    /// After this, each use of the store panics.
    ///
    /// # Panics
    /// Always.
    pub fn panic_while_it_is_held(&self) {
        let _held = self.inner();
        panic!("as it was asked to");
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("nobody panics while it is held")
    }
}

impl Inner {
    fn settle(&mut self, swap: Swap) {
        let Swap { origin, expected, next, batch, settler } = swap;
        let written = self.write(|inner| {
            let current = inner.states.get(&origin);
            let same = match (current, &expected) {
                (None, None) => true,
                (Some(current), Some(expected)) => current.is_same_tree(expected),
                _ => false,
            };
            if !same {
                return false;
            }
            let published = current.and_then(|current| current.published.clone());
            if let Some(batch) = batch {
                let key = (origin.clone(), batch.first_index);
                inner.batches.insert(key, batch.to_bytes());
            }
            inner.states.insert(origin, LogState { published, ..next });
            true
        });
        settler.settle(written);
    }

    /// Does a write, or fails as it was asked to.
    fn write<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> Result<T, StorageError> {
        match &mut self.faults.left {
            Some(0) => return Err(StorageError::message("nothing is written any more")),
            Some(left) => *left -= 1,
            None => {}
        }
        self.writes += 1;
        let fault = match &mut self.faults.next {
            Some((0, fault)) => Some(*fault),
            Some((after, _)) => {
                *after -= 1;
                None
            }
            None => None,
        };
        if fault.is_some() {
            self.faults.next = None;
        }
        match fault {
            None => Ok(write(self)),
            Some(Fault::Persisted) => {
                write(self);
                Err(StorageError::message("a fault after the write"))
            }
            Some(Fault::Unpersisted) => Err(StorageError::message("a fault before the write")),
        }
    }
}

#[async_trait]
impl TileStore for MemoryStore {
    async fn put(&self, path: &str, bytes: Bytes) -> Result<(), StorageError> {
        // Others come between, as with a real store.
        tokio::task::yield_now().await;
        let mut inner = self.inner();
        if inner.faults.frozen {
            let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(StorageError::new("objects are frozen", full));
        }
        let former = inner.objects.get(path);
        assert!(former.is_none_or(|former| *former == bytes), "{path} is written once");
        inner.write(|inner| drop(inner.objects.insert(path.to_owned(), bytes)))
    }

    async fn read(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        Ok(self.inner().objects.get(path).cloned())
    }

    async fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.inner().write(|inner| drop(inner.objects.remove(path)))
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    async fn load(&self, origin: &str) -> Result<Option<LogState>, StorageError> {
        Ok(self.inner().states.get(origin).cloned())
    }

    async fn begin_swap(
        &self,
        origin: &str,
        expected: Option<&LogState>,
        next: &LogState,
        batch: Option<&Batch>,
        haste: Haste,
    ) -> Settlement {
        // Who wants a place hands in without waiting. For others a real store takes its time.
        if haste == Haste::AtOnce {
            tokio::task::yield_now().await;
        }
        let (settler, settlement) = Settlement::pair();
        let (origin, expected) = (origin.to_owned(), expected.cloned());
        let swap = Swap { origin, expected, next: next.clone(), batch: batch.cloned(), settler };
        let mut inner = self.inner();
        match &mut inner.held {
            Some(held) => held.push(swap),
            None => inner.settle(swap),
        }
        settlement
    }

    async fn batches(&self, origin: &str, from: u64) -> Result<Vec<Batch>, StorageError> {
        let range = (origin.to_owned(), from)..=(origin.to_owned(), u64::MAX);
        let kept: Vec<Bytes> =
            self.inner().batches.range(range).map(|(_, bytes)| bytes.clone()).collect();
        kept.into_iter()
            .map(|bytes| {
                Batch::from_bytes(bytes).map_err(|error| StorageError::new("reading", error))
            })
            .collect()
    }

    async fn publish(&self, origin: &str, size: u64, checkpoint: &str) -> Result<(), StorageError> {
        tokio::task::yield_now().await;
        self.inner().write(|inner| {
            let Some(state) = inner.states.get_mut(origin) else { return };
            if state.published.as_ref().is_none_or(|published| published.size < size) {
                let checkpoint = checkpoint.to_owned();
                state.published = Some(Published { size, checkpoint });
            }
            inner.batches.retain(|(other, first), bytes| {
                let end = Batch::from_bytes(bytes.clone()).map_or(u64::MAX, |batch| batch.end());
                other != origin || end > size.max(*first)
            });
        })
    }
}
