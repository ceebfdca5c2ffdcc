//! One member of a zip: its local header (APPNOTE 4.3.7), its data, its data descriptor (4.3.9).

use std::io::{self, BufRead, BufReader, Read, Seek};
use std::ops::Range;

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use super::extra::{Extra, Sizes};
use crate::bytes::{u16_at, u32_at, u64_at};
use crate::{ArchiveError, Entry, Kind, shown};

pub(crate) const LOCAL_SIGNATURE: [u8; 4] = *b"PK\x03\x04";
/// The fixed part of a local header.
pub(crate) const LOCAL_BYTES: usize = 30;

const DESCRIPTOR_SIGNATURE: [u8; 4] = *b"PK\x07\x08";
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// Flags in which both headers of an entry must agree, for they change what it means: encryption,
/// descriptor, strong encryption, UTF-8, masked headers.
const FLAGS_COMPARED: u16 = 1 | FLAG_DESCRIPTOR | 1 << 6 | 1 << 11 | 1 << 13;
const ELSEWHERE: u32 = u32::MAX;
const BUFFER_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Stored,
    Deflate,
}

impl Method {
    pub(crate) fn parse(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Stored),
            8 => Some(Self::Deflate),
            _ => None,
        }
    }
}

/// What the directory says of an entry beside what [`Entry`] holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Where its local header starts.
    pub(crate) offset: u64,
    /// Where the next entry, or the directory, starts.
    pub(crate) end: u64,
    pub(crate) crc: u32,
    pub(crate) flags: u16,
    pub(crate) method: Method,
}

/// The archive's bytes, and the buffers that every member uses in turn.
#[derive(Debug)]
pub(crate) struct Source<R> {
    input: BufReader<R>,
    inflate: Decompress,
    output: Box<[u8]>,
}

impl<R: Read + Seek> Source<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER_BYTES, reader),
            inflate: Decompress::new(false),
            output: vec![0; BUFFER_BYTES].into(),
        }
    }

    /// Checks the local header of `entry` against the directory and stands at its data.
    ///
    /// Some readers use one, some the other; here both must say the same. Header, data and
    /// descriptor must fill the space up to the next entry exactly, so nothing hides there.
    pub(crate) fn member<'a>(
        &'a mut self,
        entry: &'a Entry,
        member: &'a Member,
    ) -> Result<Data<'a, R>, ArchiveError> {
        self.go_to(member.offset)?;
        let mut fixed = [0; LOCAL_BYTES];
        self.fill(&mut fixed)?;
        if !fixed.starts_with(&LOCAL_SIGNATURE) {
            return Err(damaged(entry, "its local header is missing"));
        }
        let mut variable =
            vec![0; usize::from(u16_at(&fixed, 26)) + usize::from(u16_at(&fixed, 28))];
        self.fill(&mut variable)?;
        let (name, extra) = variable.split_at(usize::from(u16_at(&fixed, 26)));
        let is_zip64 = check_local(entry, member, &fixed, name, extra)?;

        let header_bytes = (LOCAL_BYTES + variable.len()) as u64;
        let room = (member.end - member.offset)
            .checked_sub(header_bytes)
            .and_then(|room| room.checked_sub(entry.packed_size));
        let Some(room) = room else {
            return Err(damaged(entry, "its data reaches into what follows it"));
        };
        let descriptor_bytes = check_room(entry, member, room, is_zip64)?;
        self.inflate.reset(false);
        Ok(Data {
            source: self,
            entry,
            member,
            packed_left: entry.packed_size,
            unpacked: 0,
            descriptor_bytes,
            ready: 0..0,
            crc: Hasher::new(),
            is_done: false,
            failure: None,
        })
    }

    fn go_to(&mut self, offset: u64) -> Result<(), ArchiveError> {
        // A relative seek keeps the buffer where the target is in it, as it is from one entry to
        // the next. The position is asked for each time, as a failed read leaves it anywhere.
        let position = self.input.stream_position()?;
        let distance = i64::try_from(i128::from(offset) - i128::from(position))
            .map_err(|_| ArchiveError::Truncated { inside: "its entries" })?;
        Ok(self.input.seek_relative(distance)?)
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), ArchiveError> {
        self.input.read_exact(into).map_err(cut_off)
    }
}

/// Compares the two headers of an entry; says whether the local one is zip64.
fn check_local(
    entry: &Entry,
    member: &Member,
    fixed: &[u8],
    name: &[u8],
    extra: &[u8],
) -> Result<bool, ArchiveError> {
    let contradiction =
        |field| Err(ArchiveError::Contradiction { name: shown(entry.path.as_str()), field });
    let expected_name = entry.path.as_str().as_bytes();
    let is_same_name = match entry.kind {
        Kind::Directory => name.split_last() == Some((&b'/', expected_name)),
        _ => name == expected_name,
    };
    if !is_same_name {
        return contradiction("name");
    }
    if (u16_at(fixed, 6) ^ member.flags) & FLAGS_COMPARED != 0 {
        return contradiction("flags");
    }
    if Method::parse(u16_at(fixed, 8)) != Some(member.method) {
        return contradiction("compression method");
    }
    let extra = Extra::parse(extra, name).map_err(|problem| problem.of(entry.path.as_str()))?;
    let local = local_sizes(fixed, &extra).map_err(|problem| problem.of(entry.path.as_str()))?;

    // With a descriptor the values follow the data, and the header has zeros or the same values.
    let has_descriptor = member.flags & FLAG_DESCRIPTOR != 0;
    let agrees = |local: u64, central: u64| local == central || (has_descriptor && local == 0);
    if !agrees(local.unpacked, entry.size) || !agrees(local.packed, entry.packed_size) {
        return contradiction("size");
    }
    if !agrees(u64::from(u32_at(fixed, 14)), u64::from(member.crc)) {
        return contradiction("checksum");
    }
    Ok(extra.zip64.is_some())
}

/// A local header's zip64 field, where there is one, holds both sizes (APPNOTE 4.5.3), whether the
/// header leaves room for them or not: some writers reserve it before they know.
fn local_sizes(fixed: &[u8], extra: &Extra<'_>) -> Result<Sizes, super::extra::Problem> {
    let (packed, unpacked) = (u32_at(fixed, 18), u32_at(fixed, 22));
    let sizes = Sizes { unpacked: unpacked.into(), packed: packed.into(), offset: 0 };
    match extra.zip64 {
        Some(field) if field.len() == 16 && (packed == ELSEWHERE) == (unpacked == ELSEWHERE) => {
            let long = Sizes { unpacked: u64_at(field, 0), packed: u64_at(field, 8), offset: 0 };
            let is_same = packed == ELSEWHERE
                || (long.unpacked == sizes.unpacked && long.packed == sizes.packed);
            if is_same { Ok(long) } else { Err(super::extra::Problem::Contradiction("size")) }
        }
        _ => sizes.resolve(extra),
    }
}

/// The bytes of the data descriptor, which must be all there is between the data and what follows.
fn check_room(
    entry: &Entry,
    member: &Member,
    room: u64,
    is_zip64: bool,
) -> Result<usize, ArchiveError> {
    let is_expected = if member.flags & FLAG_DESCRIPTOR == 0 {
        room == 0
    } else if is_zip64 {
        // Writers that reserve a zip64 field differ in which descriptor they write then.
        [12, 16, 20, 24].contains(&room)
    } else {
        // APPNOTE asks for the long form with a zip64 header only, some writers go by the size.
        [12, 16].contains(&room)
            || ([20, 24].contains(&room) && entry.size.max(entry.packed_size) >= ELSEWHERE.into())
    };
    match usize::try_from(room) {
        Ok(room) if is_expected => Ok(room),
        _ => Err(ArchiveError::HiddenData { name: shown(entry.path.as_str()), bytes: room }),
    }
}

/// The contents of one member, checked as they are read: no more and no fewer bytes than declared,
/// packed and unpacked, and the right checksum.
#[derive(Debug)]
pub(crate) struct Data<'a, R> {
    source: &'a mut Source<R>,
    entry: &'a Entry,
    member: &'a Member,
    packed_left: u64,
    unpacked: u64,
    descriptor_bytes: usize,
    /// The part of the output buffer not yet consumed.
    ready: Range<usize>,
    crc: Hasher,
    is_done: bool,
    /// The refusal behind the `io::Error` that the visitor saw, and may have swallowed.
    failure: Option<ArchiveError>,
}

impl<R: Read + Seek> Data<'_, R> {
    /// Reads what the visitor left, to the end. Fails if any read before failed.
    pub(crate) fn finish(mut self) -> Result<(), ArchiveError> {
        loop {
            if let Some(failure) = self.take_failure() {
                return Err(failure);
            }
            if self.is_done {
                return Ok(());
            }
            self.ready = 0..0;
            self.refill()?;
        }
    }

    pub(crate) fn take_failure(&mut self) -> Option<ArchiveError> {
        self.failure.take()
    }

    fn refill(&mut self) -> Result<(), ArchiveError> {
        while self.ready.is_empty() && !self.is_done {
            match self.member.method {
                Method::Stored => self.copy_some()?,
                Method::Deflate => self.inflate_some()?,
            }
        }
        Ok(())
    }

    fn copy_some(&mut self) -> Result<(), ArchiveError> {
        if self.packed_left == 0 {
            return self.end();
        }
        let room = clamp(self.packed_left, self.source.output.len());
        let count = self.source.input.read(&mut self.source.output[..room])?;
        if count == 0 {
            return Err(ArchiveError::Truncated { inside: "its entries" });
        }
        self.packed_left -= count as u64;
        self.produced(count)
    }

    fn inflate_some(&mut self) -> Result<(), ArchiveError> {
        let Source { input, inflate, output, .. } = &mut *self.source;
        let packed = input.fill_buf()?;
        if packed.is_empty() && self.packed_left > 0 {
            return Err(ArchiveError::Truncated { inside: "its entries" });
        }
        let packed = &packed[..clamp(self.packed_left, packed.len())];
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let status = inflate
            .decompress(packed, output, FlushDecompress::None)
            .map_err(|_| damaged(self.entry, "its compressed data is invalid"))?;
        let consumed = inflate.total_in() - before_in;
        let produced = clamp(inflate.total_out() - before_out, output.len());
        self.packed_left -= consumed;
        self.source.input.consume(clamp(consumed, BUFFER_BYTES));
        self.produced(produced)?;

        if status == Status::StreamEnd {
            if self.packed_left > 0 {
                return Err(ArchiveError::HiddenData {
                    name: shown(self.entry.path.as_str()),
                    bytes: self.packed_left,
                });
            }
            return self.end();
        }
        if consumed == 0 && produced == 0 {
            return Err(damaged(self.entry, "its compressed data ends early"));
        }
        Ok(())
    }

    fn produced(&mut self, count: usize) -> Result<(), ArchiveError> {
        self.unpacked += count as u64;
        if self.unpacked > self.entry.size {
            return Err(ArchiveError::TooLong {
                name: shown(self.entry.path.as_str()),
                declared_bytes: self.entry.size,
            });
        }
        self.crc.update(&self.source.output[..count]);
        self.ready = 0..count;
        Ok(())
    }

    fn end(&mut self) -> Result<(), ArchiveError> {
        let name = || shown(self.entry.path.as_str());
        if self.unpacked < self.entry.size {
            return Err(ArchiveError::TooShort {
                name: name(),
                declared_bytes: self.entry.size,
                actual_bytes: self.unpacked,
            });
        }
        if self.crc.clone().finalize() != self.member.crc {
            return Err(ArchiveError::ChecksumMismatch { name: name() });
        }
        self.check_descriptor()?;
        self.is_done = true;
        Ok(())
    }

    fn check_descriptor(&mut self) -> Result<(), ArchiveError> {
        let mut buffer = [0; 24];
        let descriptor = &mut buffer[..self.descriptor_bytes];
        self.source.fill(descriptor)?;
        let fields = match descriptor.len() {
            0 => return Ok(()),
            // The signature is optional, and the length tells whether it is there.
            16 | 24 => match descriptor.strip_prefix(&DESCRIPTOR_SIGNATURE) {
                Some(fields) => fields,
                None => return Err(damaged(self.entry, "its data descriptor is invalid")),
            },
            _ => descriptor,
        };
        let (packed, unpacked) = match fields.len() {
            12 => (u32_at(fields, 4).into(), u32_at(fields, 8).into()),
            _ => (u64_at(fields, 4), u64_at(fields, 12)),
        };
        let declared = (self.member.crc, self.entry.packed_size, self.entry.size);
        if (u32_at(fields, 0), packed, unpacked) != declared {
            return Err(ArchiveError::Contradiction {
                name: shown(self.entry.path.as_str()),
                field: "size",
            });
        }
        Ok(())
    }
}

impl<R: Read + Seek> BufRead for Data<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ready.is_empty() {
            if self.failure.is_none()
                && let Err(failure) = self.refill()
            {
                self.failure = Some(failure);
            }
            if let Some(failure) = &self.failure {
                self.ready = 0..0;
                return Err(io::Error::new(io::ErrorKind::InvalidData, failure.to_string()));
            }
        }
        Ok(&self.source.output[self.ready.clone()])
    }

    fn consume(&mut self, amount: usize) {
        self.ready.start = self.ready.end.min(self.ready.start + amount);
    }
}

impl<R: Read + Seek> Read for Data<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

fn damaged(entry: &Entry, what: &'static str) -> ArchiveError {
    ArchiveError::DamagedEntry { name: shown(entry.path.as_str()), what }
}

fn cut_off(error: io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ArchiveError::Truncated { inside: "its entries" },
        _ => error.into(),
    }
}

fn clamp(count: u64, max: usize) -> usize {
    usize::try_from(count).map_or(max, |count| count.min(max))
}
