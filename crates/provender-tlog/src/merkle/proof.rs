//! Proofs that an entry is in a tree, and that a tree contains another.

use super::{Node, fold};
use crate::Hash;

/// Leaves `start..end` whose common root is a part of a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    start: u64,
    end: u64,
}

impl Segment {
    /// The perfect subtrees it is made of, the largest first.
    pub fn nodes(self) -> impl DoubleEndedIterator<Item = Node> {
        let length = self.end - self.start;
        (0_u8..64).rev().filter(move |level| length >> level & 1 == 1).map(move |level| {
            let larger = if level == 63 { 0 } else { length >> (level + 1) << (level + 1) };
            Node { level, index: (self.start + larger) >> level }
        })
    }

    /// Its root, given the roots of its subtrees.
    pub fn root(self, mut node: impl FnMut(Node) -> Hash) -> Hash {
        let nodes: Vec<Hash> = self.nodes().map(&mut node).collect();
        fold(nodes.into_iter()).expect("a segment has a leaf at least")
    }
}

/// The parts of the proof that leaf `index` is in a tree of `size` (RFC 6962 section 2.1.1).
pub(crate) fn inclusion(index: u64, size: u64) -> Vec<Segment> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(Segment { start: middle, end });
            end = middle;
        } else {
            path.push(Segment { start, end: middle });
            start = middle;
        }
    }
    path.reverse();
    path
}

/// The parts of the proof that a tree of `size` begins with one of `from` (RFC 6962 section
/// 2.1.2). `from` is neither 0 nor greater than `size`.
pub(crate) fn consistency(from: u64, size: u64) -> Vec<Segment> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while from < end {
        let middle = start + split(end - start);
        if from <= middle {
            path.push(Segment { start: middle, end });
            end = middle;
        } else {
            path.push(Segment { start, end: middle });
            start = middle;
        }
    }
    if start != 0 {
        path.push(Segment { start, end });
    }
    path.reverse();
    path
}

/// The largest power of two below `length`, which is at least 2.
fn split(length: u64) -> u64 {
    1 << (length - 1).ilog2()
}

/// A proof that proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such entry in a tree of that size, or no such tree in the other.
    #[error("the proof is about {index}, which is not within a tree of {size}")]
    OutOfRange {
        /// The index, or the size of the smaller tree.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// It has too few or too many hashes.
    #[error("the proof has the wrong length for a tree of that size")]
    Length,
    /// It leads to another root.
    #[error("the proof leads to another root than the checkpoint's")]
    Root,
}

/// Checks that a leaf is at `index` in the tree of `size` with that root (RFC 9162 section
/// 2.1.3.2).
///
/// # Errors
/// Where that is not proved.
pub fn verify_inclusion(
    leaf: Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::OutOfRange { index, size });
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            hash = Hash::node(*sibling, hash);
            climb(&mut node, &mut last);
        } else {
            hash = Hash::node(hash, *sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match last {
        0 if hash == root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Checks that the tree of `size` with `root` begins with the one of `from` with `from_root`
/// (RFC 9162 section 2.1.4.2).
///
/// # Errors
/// Where that is not proved.
pub fn verify_consistency(
    from: u64,
    from_root: Hash,
    size: u64,
    root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if from > size {
        return Err(ProofError::OutOfRange { index: from, size });
    }
    if from == 0 || from == size {
        let same = if from == 0 { Hash::empty_root() } else { root };
        return match proof {
            [] if from_root == same => Ok(()),
            [] => Err(ProofError::Root),
            _ => Err(ProofError::Length),
        };
    }
    let (mut node, mut last) = (from - 1, size - 1);
    let shared = node.trailing_ones();
    (node, last) = (node >> shared, last >> shared);
    let (first, rest) = match proof.split_first() {
        _ if from.is_power_of_two() => (from_root, proof),
        Some((first, rest)) => (*first, rest),
        None => return Err(ProofError::Length),
    };
    let (mut old, mut new) = (first, first);
    for sibling in rest {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if node & 1 == 1 || node == last {
            old = Hash::node(*sibling, old);
            new = Hash::node(*sibling, new);
            climb(&mut node, &mut last);
        } else {
            new = Hash::node(new, *sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    match last {
        0 if old == from_root && new == root => Ok(()),
        0 => Err(ProofError::Root),
        _ => Err(ProofError::Length),
    }
}

/// Skips the levels at which the last node has no sibling.
fn climb(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        (*node, *last) = (*node >> 1, *last >> 1);
    }
}
