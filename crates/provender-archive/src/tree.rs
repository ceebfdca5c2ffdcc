//! What must hold between the paths of one archive.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::{ArchiveError, ArchivePath, CaseCollision, shown};

/// A path and whether other paths may lie below it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a> {
    pub(crate) path: &'a ArchivePath,
    pub(crate) directory: bool,
}

/// Whether a directory may be listed twice: tar tools do when they append, zip tools never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    Refused,
    OfDirectories,
}

/// The indexes of `nodes` in the order of [`compare`], for [`find`].
///
/// Refuses two entries with one path (tools differ in which of them wins) and an entry below one
/// that is no directory (unpacking would write through a link, or fail).
pub(crate) fn sorted(nodes: &[Node<'_>], repeats: Repeats) -> Result<Vec<u32>, ArchiveError> {
    let count = u32::try_from(nodes.len())
        .map_err(|_| ArchiveError::TooManyEntries { limit: u64::from(u32::MAX) })?;
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_by(|&a, &b| {
        compare(nodes[a as usize].path.as_str(), nodes[b as usize].path.as_str())
    });
    for pair in order.windows(2) {
        check_neighbours(nodes[pair[0] as usize], nodes[pair[1] as usize], repeats)?;
    }
    Ok(order)
}

/// The index of the node at `path`, by the order that [`sorted`] gave; of several equal ones any.
pub(crate) fn find<'a>(
    order: &[u32],
    path: &str,
    path_of: impl Fn(usize) -> &'a str,
) -> Option<usize> {
    let at = order.binary_search_by(|&index| compare(path_of(index as usize), path)).ok()?;
    Some(order[at] as usize)
}

fn check_neighbours(
    first: Node<'_>,
    second: Node<'_>,
    repeats: Repeats,
) -> Result<(), ArchiveError> {
    if first.path == second.path {
        let allowed = repeats == Repeats::OfDirectories && first.directory && second.directory;
        return if allowed {
            Ok(())
        } else {
            Err(ArchiveError::DuplicateName { name: shown(first.path.as_str()) })
        };
    }
    let below = second.path.as_str().strip_prefix(first.path.as_str());
    if !first.directory && below.is_some_and(|rest| rest.starts_with('/')) {
        return Err(ArchiveError::BelowFile {
            name: shown(second.path.as_str()),
            file: shown(first.path.as_str()),
        });
    }
    Ok(())
}

/// Orders paths so that whatever lies below a path follows it directly: `a`, `a/b`, `a-b`.
/// Bytes below `/` would come between otherwise.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let rank = |byte: u8| if byte == b'/' { 0 } else { byte };
    a.bytes().map(rank).cmp(b.bytes().map(rank))
}

/// The first entry whose path equals an earlier one but for case.
pub(crate) fn case_collision(nodes: &[Node<'_>]) -> Option<CaseCollision> {
    // Keyed at random, so that nobody can choose names whose hashes collide; equal hashes are
    // compared as text, and an accidental collision of two other names can at worst hide a report.
    let hasher = RandomState::new();
    let mut seen: HashMap<u64, &ArchivePath> = HashMap::with_capacity(nodes.len());
    for node in nodes {
        let folded = node.path.as_str().to_lowercase();
        match seen.insert(hasher.hash_one(&folded), node.path) {
            Some(earlier) if earlier != node.path && earlier.as_str().to_lowercase() == folded => {
                return Some(CaseCollision { first: earlier.clone(), second: node.path.clone() });
            }
            _ => {}
        }
    }
    None
}
