//! The Merkle tree of RFC 6962 section 2.1: its right edge, and proofs about it.

use crate::Hash;

mod growth;
mod proof;

pub use growth::Growth;
pub use proof::{ProofError, Segment, verify_consistency, verify_inclusion};
pub(crate) use proof::{consistency, inclusion};

/// A perfect subtree: the node at `index` among those that have 2^`level` leaves each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Node {
    /// How many levels are below it; 0 is a leaf.
    pub level: u8,
    /// Its place among its level, from the left.
    pub index: u64,
}

/// The right edge of a tree: all that is needed to append to it. It holds at most 64 hashes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The edge of a tree without leaves.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The edge of a tree of `size` leaves whose perfect subtrees have these roots, the largest
    /// first; `None` where a tree of that size has another number of them.
    pub fn from_subtrees(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        (subtrees.len() == size.count_ones() as usize).then_some(Self { size, subtrees })
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the perfect subtrees, the largest first.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Adds a leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("there is a subtree for each bit of the size");
            hash = Hash::node(left, hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        fold(self.subtrees.iter().copied()).unwrap_or_else(Hash::empty_root)
    }

    /// The root of the perfect subtree with 2^`level` leaves at the edge, if there is one.
    fn subtree(&self, level: u8) -> Option<Hash> {
        if self.size >> level & 1 == 0 {
            return None;
        }
        let larger = (self.size >> level >> 1).count_ones() as usize;
        self.subtrees.get(larger).copied()
    }
}

impl Extend<Hash> for Frontier {
    fn extend<T: IntoIterator<Item = Hash>>(&mut self, leaves: T) {
        leaves.into_iter().for_each(|leaf| self.push(leaf));
    }
}

/// The root over perfect subtrees of falling size.
fn fold(subtrees: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    subtrees.rev().reduce(|right, left| Hash::node(left, right))
}

#[cfg(test)]
mod tests;
