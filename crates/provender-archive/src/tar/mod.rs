//! Tar archives, read in one pass: v7, ustar, pax and GNU's long names.
//!
//! Sparse files, devices, volume labels and other relics are refused: no package needs them, and
//! tools disagree on how to skip them. A leading `./` is dropped from names, and the entry `./`
//! itself is not shown, since common tools write both.

mod extension;
mod header;
mod stream;

use std::io::{BufRead, BufReader, Read};

use self::extension::Extensions;
use self::header::{Header, Type};
use self::stream::Stream;
use crate::limits::Ledger;
use crate::link::check_symlink;
use crate::tree::{self, Node, Repeats};
use crate::{ArchiveError, ArchivePath, CaseCollision, Entry, Flow, Kind, Limits, gzip, shown};

const BUFFER_BYTES: usize = 64 * 1024;

/// What a walk saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Entries shown to the visitor.
    pub entries: u64,
    /// Bytes of the uncompressed stream.
    pub unpacked_bytes: u64,
    /// The first pair of paths that differ only in case.
    pub case_collision: Option<CaseCollision>,
}

/// Reads an uncompressed tar to its end, and shows each entry and its contents to `visitor`.
///
/// The visitor reads as much as it wants; the rest is checked after it returns. Whether names are
/// unique, nothing lies below a file, and hard links have targets is known only at the end: what
/// the visitor saw counts only if this returns `Ok`. If reading fails, that failure is returned
/// whatever the visitor made of it. With [`Flow::Stop`] none of what follows is checked.
pub fn walk<R: Read, E: From<ArchiveError>>(
    reader: R,
    limits: &Limits,
    visitor: impl FnMut(&Entry, &mut dyn BufRead) -> Result<Flow, E>,
) -> Result<Summary, E> {
    walk_stream(BufReader::with_capacity(BUFFER_BYTES, reader), limits, visitor)
}

/// As [`walk`], for a tar compressed with gzip. The compressed stream is read to its end too, and
/// [`Limits::ratio`] holds.
pub fn walk_gzip<R: Read, E: From<ArchiveError>>(
    reader: R,
    limits: &Limits,
    visitor: impl FnMut(&Entry, &mut dyn BufRead) -> Result<Flow, E>,
) -> Result<Summary, E> {
    walk_stream(gzip::Reader::new(reader, limits), limits, visitor)
}

fn walk_stream<R: BufRead, E: From<ArchiveError>>(
    reader: R,
    limits: &Limits,
    mut visitor: impl FnMut(&Entry, &mut dyn BufRead) -> Result<Flow, E>,
) -> Result<Summary, E> {
    let mut walk =
        Walk { stream: Stream::new(reader, Ledger::new(limits)), limits, seen: Vec::new() };
    while let Some(entry) = walk.next_entry()? {
        let mut data = walk.stream.data(entry.size);
        let flow = visitor(&entry, &mut data);
        if let Some(failure) = data.take_failure() {
            return Err(failure.into());
        }
        if flow? == Flow::Stop {
            return Ok(walk.summary(None));
        }
        data.finish()?;
        walk.seen.push(Seen { path: entry.path, kind: entry.kind });
    }
    walk.stream.finish()?;
    let case_collision = walk.check_tree()?;
    Ok(walk.summary(case_collision))
}

struct Walk<'a, R> {
    stream: Stream<R>,
    limits: &'a Limits,
    seen: Vec<Seen>,
}

/// What is kept of an entry until the end.
struct Seen {
    path: ArchivePath,
    kind: Kind,
}

impl<R: BufRead> Walk<'_, R> {
    fn next_entry(&mut self) -> Result<Option<Entry>, ArchiveError> {
        loop {
            let Some((header, extensions)) = self.next_header()? else { return Ok(None) };
            let size = extensions.size(&header)?;
            if size > self.limits.entry_bytes {
                return Err(ArchiveError::EntryTooLarge {
                    name: shown(extensions.name(&header)),
                    limit_bytes: self.limits.entry_bytes,
                });
            }
            if let Some(entry) = self.entry(&header, &extensions, size)? {
                return Ok(Some(entry));
            }
        }
    }

    /// The next header that is no extension, with the extensions before it.
    fn next_header(&mut self) -> Result<Option<(Header, Extensions)>, ArchiveError> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.stream.header()? else {
                return if extensions.is_empty() {
                    Ok(None)
                } else {
                    Err(ArchiveError::Damaged { what: "its last extension header has no entry" })
                };
            };
            self.stream.ledger.spend_entry()?;
            let Type::Extension(extension) = header.kind else {
                return Ok(Some((header, extensions)));
            };
            let size = header.size()?;
            if size > self.limits.extension_bytes {
                return Err(ArchiveError::ExtensionTooLarge {
                    limit_bytes: self.limits.extension_bytes,
                });
            }
            let contents = self.stream.contents(size)?;
            extensions.add(extension, contents)?;
        }
    }

    /// The checked entry; `None` for the root itself.
    fn entry(
        &mut self,
        header: &Header,
        extensions: &Extensions,
        size: u64,
    ) -> Result<Option<Entry>, ArchiveError> {
        let name = extensions.name(header);
        let (relative, has_slash) = trim(&name);
        let is_directory =
            header.kind == Type::Directory || (header.kind == Type::File && has_slash);
        if is_directory && relative.is_empty() && size == 0 && !name.is_empty() {
            return Ok(None);
        }
        let path = ArchivePath::parse(relative, self.limits)?;
        self.stream.ledger.spend_name(path.as_str())?;
        let kind = match header.kind {
            Type::File if !has_slash => Kind::File,
            Type::File | Type::Directory => Kind::Directory,
            Type::Symlink => {
                let target = check_symlink(&path, &extensions.target(header), self.limits)?;
                self.stream.ledger.spend_name(&target)?;
                Kind::Symlink { target }
            }
            Type::HardLink => {
                let target = self.hard_link(&path, &extensions.target(header))?;
                self.stream.ledger.spend_name(target.as_str())?;
                Kind::HardLink { target }
            }
            Type::Special(what) => {
                return Err(ArchiveError::SpecialFile { name: shown(path.as_str()), what });
            }
            Type::Unsupported(feature) => {
                return Err(ArchiveError::UnsupportedFeature {
                    name: shown(path.as_str()),
                    feature,
                });
            }
            Type::Extension(_) => unreachable!("next_header returns no extension"),
        };
        // Some tools skip such data and some take it for the next header.
        if kind != Kind::File && size != 0 {
            return Err(ArchiveError::Contradiction { name: shown(path.as_str()), field: "size" });
        }
        let executable = kind == Kind::File && header.is_executable();
        Ok(Some(Entry { path, kind, size, packed_size: size, executable }))
    }

    fn hard_link(&self, path: &ArchivePath, target: &[u8]) -> Result<ArchivePath, ArchiveError> {
        ArchivePath::parse(trim(target).0, self.limits).map_err(|error| match error {
            ArchiveError::UnsafePath { problem, .. } => ArchiveError::UnsafeLink {
                name: shown(path.as_str()),
                target: shown(target),
                problem,
            },
            other => other,
        })
    }

    fn check_tree(&self) -> Result<Option<CaseCollision>, ArchiveError> {
        let nodes: Vec<Node<'_>> = self
            .seen
            .iter()
            .map(|seen| Node { path: &seen.path, directory: seen.kind == Kind::Directory })
            .collect();
        let order = tree::sorted(&nodes, Repeats::OfDirectories)?;
        for (index, seen) in self.seen.iter().enumerate() {
            let Kind::HardLink { target } = &seen.kind else { continue };
            let found = tree::find(&order, target.as_str(), |at| nodes[at].path.as_str());
            if !found.is_some_and(|found| found < index && !nodes[found].directory) {
                return Err(ArchiveError::LinkDangles {
                    name: shown(seen.path.as_str()),
                    target: shown(target.as_str()),
                });
            }
        }
        Ok(tree::case_collision(&nodes))
    }

    fn summary(&self, case_collision: Option<CaseCollision>) -> Summary {
        Summary {
            entries: self.seen.len() as u64,
            unpacked_bytes: self.stream.ledger.unpacked_bytes(),
            case_collision,
        }
    }
}

/// A name without `./` before and `/` behind, and whether it had the latter.
fn trim(name: &[u8]) -> (&[u8], bool) {
    let name = if name == b"." { b"./" } else { name };
    let name = name.strip_prefix(b"./").unwrap_or(name);
    match name {
        [] => (name, true),
        // `/` alone stays, to be refused as absolute.
        [name @ .., b'/'] if !name.is_empty() => (name, true),
        _ => (name, false),
    }
}
