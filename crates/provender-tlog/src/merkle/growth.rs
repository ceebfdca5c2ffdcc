//! What a batch of leaves adds to a tree: new nodes, a new edge, and a proof for each leaf.

use super::proof::inclusion;
use super::{Frontier, Node};
use crate::Hash;

/// A tree that has just grown. Nothing but its former edge and the new leaves is needed, so the
/// cost is that of the batch, however large the tree is.
#[derive(Clone, Debug)]
pub struct Growth {
    before: u64,
    after: u64,
    /// From the leaves up.
    levels: Vec<Level>,
}

/// The known nodes of one level, which reach to its right end.
#[derive(Clone, Debug)]
struct Level {
    /// The index of the first of them, always even.
    first: u64,
    nodes: Vec<Hash>,
}

impl Growth {
    /// Adds leaves to the tree that has this edge.
    pub fn new(before: &Frontier, leaves: &[Hash]) -> Self {
        let after = before.size + leaves.len() as u64;
        let mut levels = Vec::new();
        let mut new = leaves.to_vec();
        for level in 0_u8.. {
            let edge = before.subtree(level);
            let count = before.size >> level;
            let first = count - u64::from(edge.is_some());
            let nodes: Vec<Hash> = edge.into_iter().chain(new).collect();
            new = nodes.chunks_exact(2).map(|pair| Hash::node(pair[0], pair[1])).collect();
            levels.push(Level { first, nodes });
            if after >> level <= 1 {
                break;
            }
        }
        Self { before: before.size, after, levels }
    }

    /// How many leaves there were before.
    pub fn before(&self) -> u64 {
        self.before
    }

    /// How many leaves there are now.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// The right edge of the tree now.
    pub fn frontier(&self) -> Frontier {
        let levels = (0_u8..64).rev().filter(|level| self.after >> level & 1 == 1);
        let subtrees = levels
            .map(|level| self.known(Node { level, index: (self.after >> level) - 1 }))
            .collect();
        Frontier { size: self.after, subtrees }
    }

    /// The proof that a new leaf is in the tree (RFC 6962 section 2.1.1).
    ///
    /// # Panics
    /// Where the index is not that of a new leaf.
    pub fn inclusion(&self, index: u64) -> Vec<Hash> {
        assert!((self.before..self.after).contains(&index), "only new leaves can be proved");
        inclusion(index, self.after)
            .into_iter()
            .map(|segment| segment.root(|node| self.known(node)))
            .collect()
    }

    /// The new perfect nodes of a level, and the index of the first of them.
    pub fn new_nodes(&self, level: u8) -> (u64, &[Hash]) {
        let first = self.before >> level;
        let Some(known) = self.levels.get(usize::from(level)) else { return (first, &[]) };
        let old = usize::try_from(first - known.first).expect("at most the edge is old");
        (first, &known.nodes[old..])
    }

    /// What is asked for is at the former edge, or new: all else is below a node at that edge.
    fn known(&self, node: Node) -> Hash {
        let level = &self.levels[usize::from(node.level)];
        let place = usize::try_from(node.index - level.first);
        level.nodes[place.expect("the nodes of a level are held in memory")]
    }
}
