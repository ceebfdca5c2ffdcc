//! Zip archives, read so strictly that no two tools can see different contents.
//!
//! A zip describes each entry twice, in a local header before its data and in the directory at the
//! end, and tools differ in which they follow. Here both must agree, and local headers, data and
//! directory must fill the archive without gap or overlap from the first entry to the last byte.
//!
//! What precedes the first entry is reported ([`Facts::prefix_bytes`]) and not refused: an
//! executable jar starts with a shell script. An ecosystem where that is never legitimate refuses it.

mod directory;
mod end;
mod extra;
mod member;

use std::io::{BufRead, Read, Seek};

use self::directory::Directory;
use self::end::End;
use self::member::{LOCAL_BYTES, Member, Source};
use crate::limits::Ledger;
use crate::link::check_symlink;
use crate::tree::{self, Node, Repeats};
use crate::{ArchiveError, CaseCollision, Entry, Flow, Kind, Limits, shown};

/// An archive whose directory has been checked. Its entries' contents are checked as they are read.
#[derive(Debug)]
pub struct Zip<R> {
    source: Source<R>,
    limits: Limits,
    /// In the order of the directory.
    entries: Vec<Entry>,
    /// Beside `entries`, index by index.
    members: Vec<Member>,
    /// Indexes of `entries`.
    by_path: Vec<u32>,
    /// Indexes of `entries`.
    by_offset: Vec<u32>,
    facts: Facts,
}

/// What is unusual and may be legitimate: the caller decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Bytes before the first entry, as in a self-extracting archive.
    pub prefix_bytes: u64,
    /// Bytes of the archive's comment.
    pub comment_bytes: u16,
    /// Names that are UTF-8 and not ASCII, and do not say so: some tools will garble them.
    pub names_without_utf8_flag: u64,
    /// The first pair of paths that differ only in case.
    pub case_collision: Option<CaseCollision>,
}

/// Reads the directory and checks all that can be known from it: names, limits, layout, links.
///
/// Nothing of the contents is read but the targets of symbolic links. Call [`Zip::verify_all`] or
/// [`Zip::visit`] before trusting the rest.
pub fn open<R: Read + Seek>(mut reader: R, limits: &Limits) -> Result<Zip<R>, ArchiveError> {
    let end = end::read(&mut reader)?;
    let mut ledger = Ledger::new(limits);
    let directory = directory::read(&mut reader, &end, limits, &mut ledger)?;
    let Directory { entries, mut members, names_without_utf8_flag } = directory;
    let by_offset = lay_out(&entries, &mut members, &end)?;
    let nodes = nodes(&entries);
    let by_path = tree::sorted(&nodes, Repeats::Refused)?;
    let facts = Facts {
        prefix_bytes: by_offset
            .first()
            .map_or(end.directory_offset, |&first| members[first as usize].offset),
        comment_bytes: end.comment_bytes,
        names_without_utf8_flag,
        case_collision: tree::case_collision(&nodes),
    };
    let source = Source::new(reader);
    let mut zip = Zip { source, limits: *limits, entries, members, by_path, by_offset, facts };
    zip.read_links(&mut ledger)?;
    Ok(zip)
}

impl<R: Read + Seek> Zip<R> {
    /// All entries, in the order of the directory.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is unusual about it.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The index in [`Self::entries`] of the entry at exactly `path`.
    pub fn find(&self, path: &str) -> Option<usize> {
        tree::find(&self.by_path, path, |index| self.entries[index].path.as_str())
    }

    /// The whole contents of one entry, checked. At most `max_bytes`, and never more than
    /// [`Limits::memory_bytes`].
    ///
    /// # Panics
    /// When `index` is not one of [`Self::entries`], as slices do.
    pub fn read_entry(&mut self, index: usize, max_bytes: u64) -> Result<Vec<u8>, ArchiveError> {
        let entry = &self.entries[index];
        let limit_bytes = max_bytes.min(self.limits.memory_bytes);
        if entry.size > limit_bytes {
            return Err(ArchiveError::TooLargeForMemory {
                name: shown(entry.path.as_str()),
                limit_bytes,
            });
        }
        let mut data = self.source.member(entry, &self.members[index])?;
        // Grows with what is really there: a declared size costs nothing to write.
        let mut contents = Vec::new();
        let read = data.read_to_end(&mut contents);
        if let Some(failure) = data.take_failure() {
            return Err(failure);
        }
        read?;
        data.finish()?;
        Ok(contents)
    }

    /// As [`Self::read_entry`], by path; `None` where there is no such entry.
    pub fn read_path(
        &mut self,
        path: &str,
        max_bytes: u64,
    ) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.find(path).map(|index| self.read_entry(index, max_bytes)).transpose()
    }

    /// Reads everything to the bottom: each local header, each byte, each checksum.
    pub fn verify_all(&mut self) -> Result<(), ArchiveError> {
        self.visit(|_, _| Ok::<_, ArchiveError>(Flow::Continue))
    }

    /// Verifies everything as [`Self::verify_all`] does, and shows each entry and its contents to
    /// `visitor` on the way, in the order of the file.
    ///
    /// The visitor reads as much as it wants; the rest is checked after it returns. Contents are
    /// proved only when this returns `Ok` (and the visitor never said [`Flow::Stop`]). If reading
    /// an entry fails, that failure is returned whatever the visitor made of it.
    pub fn visit<E: From<ArchiveError>>(
        &mut self,
        mut visitor: impl FnMut(&Entry, &mut dyn BufRead) -> Result<Flow, E>,
    ) -> Result<(), E> {
        for &index in &self.by_offset {
            let entry = &self.entries[index as usize];
            let mut data = self.source.member(entry, &self.members[index as usize])?;
            let flow = visitor(entry, &mut data);
            if let Some(failure) = data.take_failure() {
                return Err(failure.into());
            }
            if flow? == Flow::Stop {
                return Ok(());
            }
            data.finish()?;
        }
        Ok(())
    }

    fn read_links(&mut self, ledger: &mut Ledger) -> Result<(), ArchiveError> {
        for index in 0..self.entries.len() {
            if !matches!(self.entries[index].kind, Kind::Symlink { .. }) {
                continue;
            }
            let target = self.read_entry(index, self.limits.path_bytes as u64)?;
            let target = check_symlink(&self.entries[index].path, &target, &self.limits)?;
            ledger.spend_name(&target)?;
            self.entries[index].kind = Kind::Symlink { target };
        }
        Ok(())
    }
}

fn nodes(entries: &[Entry]) -> Vec<Node<'_>> {
    entries
        .iter()
        .map(|entry| Node { path: &entry.path, directory: entry.kind == Kind::Directory })
        .collect()
}

/// Orders the entries as they lie in the file, and gives each its end: the start of the next.
///
/// Refuses entries that overlap by what the directory says of them. That their local headers leave
/// neither gap nor overlap is checked when each is read.
fn lay_out(entries: &[Entry], members: &mut [Member], end: &End) -> Result<Vec<u32>, ArchiveError> {
    let count = u32::try_from(entries.len())
        .map_err(|_| ArchiveError::TooManyEntries { limit: u64::from(u32::MAX) })?;
    let mut order: Vec<u32> = (0..count).collect();
    order.sort_by_key(|&index| members[index as usize].offset);
    for at in 0..order.len() {
        let index = order[at] as usize;
        let next = order.get(at + 1).map(|&next| next as usize);
        let limit = next.map_or(end.directory_offset, |next| members[next].offset);
        let entry = &entries[index];
        let least_bytes =
            ((LOCAL_BYTES + entry.path.as_str().len()) as u64).saturating_add(entry.packed_size);
        if members[index].offset.saturating_add(least_bytes) > limit {
            return Err(ArchiveError::Overlap {
                first: shown(entry.path.as_str()),
                second: next.map_or_else(
                    || "the directory".to_owned(),
                    |next| shown(entries[next].path.as_str()),
                ),
            });
        }
        members[index].end = limit;
    }
    Ok(order)
}
