//! Bounded readers for archives that nobody has vouched for.
//!
//! Every archive that enters is read to the bottom before anyone may have it, and until then its
//! author is taken for an enemy. These readers check what unpackers leave unchecked: that each name
//! stays below the root, that all readers of the archive must see the same files, and that the work
//! and memory an archive asks for are in proportion to what was sent.
//!
//! | format | module | notes |
//! |---|---|---|
//! | zip, zip64 | [`zip`] | methods *stored* and *deflate*; strict layout: no gap, no overlap, no tail |
//! | tar: v7, ustar, pax, GNU | [`tar`] | one pass, streaming; no sparse files, no devices |
//! | gzip | [`gzip`] | several members, zero padding |
//!
//! A new format is a module (a folder, where it outgrows a file) beside these: a container such as
//! `ar` yields [`Entry`]s and paths as [`ArchivePath`]; a compression such as xz is a `BufRead` that
//! holds [`Limits::ratio`], as [`gzip::Reader`] does.
//!
//! # Promises
//! - No input makes it panic, recurse, or allocate more than [`Limits`] allow: memory is a fixed
//!   number of 64 KiB buffers, plus what is kept of each entry's name (see [`Limits::names_bytes`]).
//! - Work is linear in the bytes of the archive plus the bytes unpacked (n log n in the number of
//!   entries), and all three are bounded. A time limit belongs to the caller, whose reader may fail
//!   at any read to stop the work.
//! - This crate opens no files, keeps no state, and knows nothing of any ecosystem.
//!
//! Formats: [APPNOTE 6.3.10](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), POSIX.1
//! `pax` (ustar and pax interchange formats), RFC 1951 (deflate), RFC 1952 (gzip).

mod bytes;
mod entry;
mod error;
pub mod gzip;
mod limits;
mod link;
mod path;
pub mod tar;
mod tree;
pub mod zip;

pub use entry::{CaseCollision, Entry, Flow, Kind};
pub use error::{ArchiveError, Class, shown};
pub use limits::Limits;
pub use path::{ArchivePath, PathProblem};
