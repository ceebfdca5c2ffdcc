//! The entries that came last, known again by their hashes.

use std::collections::{HashMap, VecDeque};

use crate::Hash;

/// A bounded window of entries.
pub(crate) struct Recent {
    max: usize,
    order: VecDeque<Hash>,
    indexes: HashMap<Hash, u64>,
}

impl Recent {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, order: VecDeque::new(), indexes: HashMap::new() }
    }

    /// Where the entry with this hash is, if it is among the recent ones.
    pub(crate) fn find(&self, leaf: &Hash) -> Option<u64> {
        self.indexes.get(leaf).copied()
    }

    /// Takes note of an entry. The first place of an entry counts.
    pub(crate) fn insert(&mut self, leaf: Hash, index: u64) {
        if self.max == 0 || self.indexes.contains_key(&leaf) {
            return;
        }
        if self.order.len() == self.max {
            let oldest = self.order.pop_front().expect("a full window is not empty");
            self.indexes.remove(&oldest);
        }
        self.order.push_back(leaf);
        self.indexes.insert(leaf, index);
    }
}
