//! The central directory: APPNOTE 4.3.12.

use std::io::{BufReader, Read, Seek, SeekFrom};

use super::end::End;
use super::extra::{Extra, Sizes};
use super::member::{Member, Method};
use crate::bytes::{u16_at, u32_at};
use crate::limits::{Ledger, check_ratio};
use crate::{ArchiveError, ArchivePath, Entry, Kind, Limits, shown};

const SIGNATURE: [u8; 4] = *b"PK\x01\x02";
const RECORD_BYTES: usize = 46;
const BUFFER_BYTES: usize = 64 * 1024;

const FLAG_ENCRYPTED: u16 = 1;
const FLAG_STRONG_ENCRYPTION: u16 = 1 << 6;
const FLAG_UTF8: u16 = 1 << 11;
const FLAG_MASKED_HEADERS: u16 = 1 << 13;

const MODE_TYPE: u32 = 0o170_000;
const MODE_EXECUTE: u32 = 0o111;

/// What the directory says, in its order.
pub(crate) struct Directory {
    pub(crate) entries: Vec<Entry>,
    pub(crate) members: Vec<Member>,
    pub(crate) names_without_utf8_flag: u64,
}

/// Reads the directory record by record, so that a limit stops it before memory grows.
/// Symbolic links have an empty target still.
pub(crate) fn read<R: Read + Seek>(
    reader: &mut R,
    end: &End,
    limits: &Limits,
    ledger: &mut Ledger,
) -> Result<Directory, ArchiveError> {
    check_promises(end, limits)?;
    reader.seek(SeekFrom::Start(end.directory_offset))?;
    let mut records = Records {
        inner: BufReader::with_capacity(BUFFER_BYTES, reader.take(end.directory_bytes)),
        variable: Vec::new(),
    };
    let mut directory =
        Directory { entries: Vec::new(), members: Vec::new(), names_without_utf8_flag: 0 };
    for _ in 0..end.entries {
        ledger.spend_entry()?;
        let record = records.next()?;
        let (entry, member) = record.parse(limits)?;
        ledger.spend_name(entry.path.as_str())?;
        ledger.spend_unpacked(entry.size)?;
        check_ratio(limits, end.archive_bytes, ledger.unpacked_bytes())?;
        if record.flags & FLAG_UTF8 == 0 && !record.name.is_ascii() {
            directory.names_without_utf8_flag += 1;
        }
        directory.entries.push(entry);
        directory.members.push(member);
    }
    if records.inner.read(&mut [0])? != 0 {
        return Err(ArchiveError::Ambiguous {
            what: "its directory has more records than it counts",
        });
    }
    Ok(directory)
}

/// Refuses by what the end record promises, before anything is read.
fn check_promises(end: &End, limits: &Limits) -> Result<(), ArchiveError> {
    if end.entries > limits.entries {
        return Err(ArchiveError::TooManyEntries { limit: limits.entries });
    }
    if end.directory_bytes > limits.directory_bytes {
        return Err(ArchiveError::DirectoryTooLarge { limit_bytes: limits.directory_bytes });
    }
    Ok(())
}

struct Records<R> {
    inner: BufReader<R>,
    /// Name, extra field and comment of the current record, at most 3 × 64 KiB.
    variable: Vec<u8>,
}

impl<R: Read> Records<R> {
    fn next(&mut self) -> Result<Record<'_>, ArchiveError> {
        let mut fixed = [0; RECORD_BYTES];
        self.fill(&mut fixed)?;
        if !fixed.starts_with(&SIGNATURE) {
            return Err(ArchiveError::Damaged { what: "its directory holds something else" });
        }
        let lengths = [28, 30, 32].map(|at| usize::from(u16_at(&fixed, at)));
        let mut variable = std::mem::take(&mut self.variable);
        variable.resize(lengths.iter().sum(), 0);
        self.fill(&mut variable)?;
        self.variable = variable;

        let (name, rest) = self.variable.split_at(lengths[0]);
        Ok(Record { flags: u16_at(&fixed, 8), name, extra: &rest[..lengths[1]], fixed })
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), ArchiveError> {
        self.inner.read_exact(into).map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                ArchiveError::Damaged { what: "its directory has fewer records than it counts" }
            }
            _ => error.into(),
        })
    }
}

struct Record<'a> {
    fixed: [u8; RECORD_BYTES],
    flags: u16,
    name: &'a [u8],
    extra: &'a [u8],
}

impl Record<'_> {
    fn parse(&self, limits: &Limits) -> Result<(Entry, Member), ArchiveError> {
        let (name, has_slash) = match self.name {
            [name @ .., b'/'] if !name.is_empty() => (name, true),
            name => (name, false),
        };
        let path = ArchivePath::parse(name, limits)?;
        let method = self.method(&path)?;
        let extra =
            Extra::parse(self.extra, self.name).map_err(|problem| problem.of(path.as_str()))?;
        let sizes = self.sizes().resolve(&extra).map_err(|problem| problem.of(path.as_str()))?;
        if ![0, u16::MAX].contains(&u16_at(&self.fixed, 34)) {
            return Err(ArchiveError::MultiDisk);
        }
        if sizes.unpacked > limits.entry_bytes {
            return Err(ArchiveError::EntryTooLarge {
                name: shown(path.as_str()),
                limit_bytes: limits.entry_bytes,
            });
        }
        let kind = self.kind(&path, has_slash, sizes.unpacked)?;
        if method == Method::Stored && sizes.packed != sizes.unpacked {
            return Err(ArchiveError::Contradiction { name: shown(path.as_str()), field: "size" });
        }
        let member = Member {
            offset: sizes.offset,
            end: sizes.offset,
            crc: u32_at(&self.fixed, 16),
            flags: self.flags,
            method,
        };
        let entry = Entry {
            path,
            executable: kind == Kind::File && self.mode() & MODE_EXECUTE != 0,
            kind,
            size: sizes.unpacked,
            packed_size: sizes.packed,
        };
        Ok((entry, member))
    }

    fn sizes(&self) -> Sizes {
        Sizes {
            unpacked: u64::from(u32_at(&self.fixed, 24)),
            packed: u64::from(u32_at(&self.fixed, 20)),
            offset: u64::from(u32_at(&self.fixed, 42)),
        }
    }

    fn method(&self, path: &ArchivePath) -> Result<Method, ArchiveError> {
        const AES: u16 = 99;

        let number = u16_at(&self.fixed, 10);
        let encrypted = FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED_HEADERS;
        if self.flags & encrypted != 0 || number == AES {
            return Err(ArchiveError::Encrypted { name: shown(path.as_str()) });
        }
        Method::parse(number).ok_or_else(|| ArchiveError::UnsupportedMethod {
            name: shown(path.as_str()),
            method: method_name(number),
        })
    }

    /// Unix permissions and type. Taken whatever system the entry says it was made on, as the
    /// unpackers in common use do: one that ignores them sees a plain file, which harms nobody.
    fn mode(&self) -> u32 {
        u32_at(&self.fixed, 38) >> 16
    }

    fn kind(&self, path: &ArchivePath, has_slash: bool, size: u64) -> Result<Kind, ArchiveError> {
        let name = || shown(path.as_str());
        let special = |what| Err(ArchiveError::SpecialFile { name: name(), what });
        let kind = match self.mode() & MODE_TYPE {
            0o120_000 => Kind::Symlink { target: "".into() },
            0o010_000 => return special("pipe"),
            0o020_000 | 0o060_000 => return special("device"),
            0o140_000 => return special("socket"),
            0o040_000 => Kind::Directory,
            // Some writers give directories the type of a file; the slash says it all the same.
            _ if has_slash => Kind::Directory,
            _ => Kind::File,
        };
        let is_directory = kind == Kind::Directory;
        if is_directory != has_slash || (is_directory && size != 0) {
            return Err(ArchiveError::Contradiction { name: name(), field: "kind" });
        }
        Ok(kind)
    }
}

fn method_name(number: u16) -> String {
    let known = match number {
        1 => "shrink",
        6 => "implode",
        9 => "deflate64",
        12 => "bzip2",
        14 => "LZMA",
        20 | 93 => "zstd",
        95 => "xz",
        98 => "PPMd",
        _ => return format!("method {number}"),
    };
    format!("{known} (method {number})")
}
