//! The end of a zip, where readers begin: APPNOTE 4.3.14 to 4.3.16.

use std::io::{Read, Seek, SeekFrom};

use crate::ArchiveError;
use crate::bytes::{u16_at, u32_at, u64_at};

const END_SIGNATURE: [u8; 4] = *b"PK\x05\x06";
const END_BYTES: usize = 22;
const LOCATOR_SIGNATURE: [u8; 4] = *b"PK\x06\x07";
const LOCATOR_BYTES: usize = 20;
const ZIP64_SIGNATURE: [u8; 4] = *b"PK\x06\x06";
const ZIP64_BYTES: usize = 56;
/// The end record, and the longest comment its 16-bit length can give.
const TAIL_BYTES_MAX: u64 = END_BYTES as u64 + u16::MAX as u64;
/// The value that stands for "see the zip64 record".
const ELSEWHERE: u64 = u32::MAX as u64;

/// What the end of the archive says of its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) entries: u64,
    pub(crate) directory_offset: u64,
    pub(crate) directory_bytes: u64,
    pub(crate) comment_bytes: u16,
    pub(crate) archive_bytes: u64,
}

/// Finds the end record, and proves that there is one reading of it: it ends with the archive, no
/// other record does, the directory ends where the records begin, and zip64 records agree with it.
pub(crate) fn read<R: Read + Seek>(reader: &mut R) -> Result<End, ArchiveError> {
    let archive_bytes = reader.seek(SeekFrom::End(0))?;
    let (end_offset, record) = find(reader, archive_bytes)?;
    let mut end = End {
        entries: u64::from(u16_at(&record, 10)),
        directory_bytes: u64::from(u32_at(&record, 12)),
        directory_offset: u64::from(u32_at(&record, 16)),
        comment_bytes: u16_at(&record, 20),
        archive_bytes,
    };
    // Disk numbers of zip64 archives may be 0xffff here, and are checked there.
    let disks = [u16_at(&record, 4), u16_at(&record, 6)];
    let mut directory_end = end_offset;
    if let Some((zip64, zip64_offset)) = read_zip64(reader, end_offset)? {
        end = merge(end, zip64)?;
        directory_end = zip64_offset;
        if disks.iter().any(|disk| ![0, u16::MAX].contains(disk)) {
            return Err(ArchiveError::MultiDisk);
        }
    } else if disks != [0, 0] || u16_at(&record, 8) != u16_at(&record, 10) {
        return Err(ArchiveError::MultiDisk);
    }
    if end.directory_offset.checked_add(end.directory_bytes) != Some(directory_end) {
        return Err(ArchiveError::Ambiguous {
            what: "its directory is not where its end record says, as after joining two files",
        });
    }
    Ok(end)
}

fn find<R: Read + Seek>(
    reader: &mut R,
    archive_bytes: u64,
) -> Result<(u64, [u8; END_BYTES]), ArchiveError> {
    let tail_offset = archive_bytes.saturating_sub(TAIL_BYTES_MAX);
    reader.seek(SeekFrom::Start(tail_offset))?;
    let mut tail = Vec::new();
    reader.by_ref().take(TAIL_BYTES_MAX).read_to_end(&mut tail)?;

    let comment_end = |at: usize| at + END_BYTES + usize::from(u16_at(&tail, at + END_BYTES - 2));
    let candidates: Vec<usize> = (0..(tail.len() + 1).saturating_sub(END_BYTES))
        .filter(|&at| tail[at..].starts_with(&END_SIGNATURE))
        .collect();
    let Some(&last) = candidates.last() else {
        return Err(no_end(reader)?);
    };
    if comment_end(last) > tail.len() {
        return Err(ArchiveError::Truncated { inside: "its comment" });
    }
    if comment_end(last) < tail.len() {
        return Err(ArchiveError::TrailingData { bytes: (tail.len() - comment_end(last)) as u64 });
    }
    // Some readers search from the front, some from the back.
    if candidates.iter().any(|&at| at != last && comment_end(at) == tail.len()) {
        return Err(ArchiveError::Ambiguous { what: "it has two end records" });
    }
    let record = tail[last..last + END_BYTES].try_into().expect("a slice of that length");
    Ok((tail_offset + last as u64, record))
}

/// There is no end record: whether because the end is missing or because this is no zip.
fn no_end<R: Read + Seek>(reader: &mut R) -> Result<ArchiveError, ArchiveError> {
    reader.seek(SeekFrom::Start(0))?;
    let mut start = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut start)?;
    Ok(if start == super::member::LOCAL_SIGNATURE {
        ArchiveError::Truncated { inside: "its entries" }
    } else {
        ArchiveError::WrongFormat { format: "zip" }
    })
}

/// The zip64 record and where it starts, if a locator precedes the end record. Some readers follow
/// a locator always and some only when a field says so; [`merge`] makes sure that it is all the same.
fn read_zip64<R: Read + Seek>(
    reader: &mut R,
    end_offset: u64,
) -> Result<Option<(End, u64)>, ArchiveError> {
    let Some(locator_offset) = end_offset.checked_sub(LOCATOR_BYTES as u64) else {
        return Ok(None);
    };
    reader.seek(SeekFrom::Start(locator_offset))?;
    let mut locator = [0; LOCATOR_BYTES];
    reader.read_exact(&mut locator)?;
    if !locator.starts_with(&LOCATOR_SIGNATURE) {
        return Ok(None);
    }
    // A disk count of zero is written by some tools; there is one disk all the same.
    if u32_at(&locator, 4) != 0 || u32_at(&locator, 16) > 1 {
        return Err(ArchiveError::MultiDisk);
    }
    let zip64_offset = u64_at(&locator, 8);
    if zip64_offset.checked_add(ZIP64_BYTES as u64) != Some(locator_offset) {
        return Err(ArchiveError::Ambiguous { what: "its zip64 record is not where it should be" });
    }
    reader.seek(SeekFrom::Start(zip64_offset))?;
    let mut record = [0; ZIP64_BYTES];
    reader.read_exact(&mut record)?;
    if !record.starts_with(&ZIP64_SIGNATURE) || u64_at(&record, 4) != ZIP64_BYTES as u64 - 12 {
        return Err(ArchiveError::Damaged { what: "its zip64 record is invalid" });
    }
    if u32_at(&record, 16) != 0 || u32_at(&record, 20) != 0 {
        return Err(ArchiveError::MultiDisk);
    }
    if u64_at(&record, 24) != u64_at(&record, 32) {
        return Err(ArchiveError::MultiDisk);
    }
    let end = End {
        entries: u64_at(&record, 32),
        directory_bytes: u64_at(&record, 40),
        directory_offset: u64_at(&record, 48),
        comment_bytes: 0,
        archive_bytes: 0,
    };
    Ok(Some((end, zip64_offset)))
}

fn merge(end: End, zip64: End) -> Result<End, ArchiveError> {
    let agrees = |short: u64, long: u64, elsewhere: u64| short == elsewhere || short == long;
    if agrees(end.entries, zip64.entries, u64::from(u16::MAX))
        && agrees(end.directory_bytes, zip64.directory_bytes, ELSEWHERE)
        && agrees(end.directory_offset, zip64.directory_offset, ELSEWHERE)
    {
        return Ok(End {
            comment_bytes: end.comment_bytes,
            archive_bytes: end.archive_bytes,
            ..zip64
        });
    }
    Err(ArchiveError::Ambiguous { what: "its end record and its zip64 record differ" })
}
