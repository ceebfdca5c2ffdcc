//! Writes zips, right or wrong in any field.

use std::io::Read;

use flate2::Compression;
use flate2::read::DeflateEncoder;

pub(crate) const STORED: u16 = 0;
pub(crate) const DEFLATE: u16 = 8;
pub(crate) const DESCRIPTOR: u16 = 1 << 3;
pub(crate) const UTF8: u16 = 1 << 11;

/// One of the two headers of a member.
#[derive(Clone)]
pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed_size: u32,
    pub(crate) size: u32,
    pub(crate) extra: Vec<u8>,
}

#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) local: Header,
    pub(crate) central: Header,
    pub(crate) packed: Vec<u8>,
    /// Written behind the data: a descriptor, or what does not belong there.
    pub(crate) after: Vec<u8>,
    pub(crate) attributes: u32,
    pub(crate) disk: u16,
    pub(crate) offset: Option<u32>,
}

impl Member {
    pub(crate) fn new(name: impl AsRef<[u8]>, contents: &[u8], method: u16) -> Self {
        let packed = if method == DEFLATE { deflate(contents) } else { contents.to_vec() };
        let header = Header {
            name: name.as_ref().to_vec(),
            flags: if name.as_ref().is_ascii() { 0 } else { UTF8 },
            method,
            crc: crc32fast::hash(contents),
            packed_size: short(packed.len()),
            size: short(contents.len()),
            extra: Vec::new(),
        };
        Self {
            local: header.clone(),
            central: header,
            packed,
            after: Vec::new(),
            attributes: 0o100_644 << 16,
            disk: 0,
            offset: None,
        }
    }

    pub(crate) fn stored(name: impl AsRef<[u8]>, contents: &[u8]) -> Self {
        Self::new(name, contents, STORED)
    }

    pub(crate) fn symlink(name: &str, target: &str) -> Self {
        Self::stored(name, target.as_bytes()).mode(0o120_777)
    }

    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.attributes = mode << 16;
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(crate) fn both(mut self, change: impl Fn(&mut Header)) -> Self {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    /// Sizes after the data, zeros before it, as writers to a pipe do.
    pub(crate) fn streamed(mut self, signature: bool, long: bool) -> Self {
        let Header { crc, packed_size, size, .. } = self.central;
        if signature {
            self.after.extend(b"PK\x07\x08");
        }
        self.after.extend(crc.to_le_bytes());
        for value in [packed_size, size] {
            let bytes = u64::from(value).to_le_bytes();
            self.after.extend(&bytes[..if long { 8 } else { 4 }]);
        }
        if long {
            self.local.extra = zip64(&[0, 0]);
        }
        (self.local.crc, self.local.packed_size, self.local.size) = (0, 0, 0);
        self.both(|header| header.flags |= DESCRIPTOR)
    }
}

/// The archive around the members.
#[derive(Clone, Default)]
pub(crate) struct Archive {
    pub(crate) prefix: Vec<u8>,
    pub(crate) members: Vec<Member>,
    /// Added to the size of the directory, and written behind its records.
    pub(crate) directory_tail: Vec<u8>,
    pub(crate) count: Option<u16>,
    pub(crate) disk: u16,
    pub(crate) zip64: Option<Zip64>,
    pub(crate) comment: Vec<u8>,
}

/// Differences between the zip64 record and the truth.
#[derive(Clone, Default)]
pub(crate) struct Zip64 {
    pub(crate) count: Option<u64>,
    pub(crate) record_offset: u64,
    pub(crate) disks: u32,
    /// Whether the plain record says "see zip64".
    pub(crate) elsewhere: bool,
}

impl Archive {
    pub(crate) fn of(members: impl IntoIterator<Item = Member>) -> Self {
        Self { members: members.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        for member in &self.members {
            let offset = member.offset.unwrap_or(short(out.len()));
            out.extend(b"PK\x03\x04\x14\0");
            write_header(&mut out, &member.local);
            out.extend(&member.local.name);
            out.extend(&member.local.extra);
            out.extend(&member.packed);
            out.extend(&member.after);
            write_record(&mut directory, member, offset);
        }
        directory.extend(&self.directory_tail);
        let offset = out.len();
        out.extend(&directory);
        self.write_end(&mut out, offset, directory.len());
        out
    }

    fn write_end(&self, out: &mut Vec<u8>, offset: usize, size: usize) {
        let count = self.members.len();
        let mut plain = (self.count.unwrap_or(tiny(count)), short(size), short(offset));
        if let Some(zip64) = &self.zip64 {
            let record_offset = out.len() as u64 + zip64.record_offset;
            let count = zip64.count.unwrap_or(count as u64);
            out.extend(b"PK\x06\x06");
            out.extend(44u64.to_le_bytes());
            out.extend([45, 0, 45, 0]);
            out.extend([0; 8]);
            for value in [count, count, size as u64, offset as u64] {
                out.extend(value.to_le_bytes());
            }
            out.extend(b"PK\x06\x07");
            out.extend([0; 4]);
            out.extend(record_offset.to_le_bytes());
            out.extend((1 + zip64.disks).to_le_bytes());
            if zip64.elsewhere {
                plain = (u16::MAX, u32::MAX, u32::MAX);
            }
        }
        out.extend(b"PK\x05\x06");
        out.extend(self.disk.to_le_bytes());
        out.extend([0, 0]);
        out.extend(plain.0.to_le_bytes());
        out.extend(plain.0.to_le_bytes());
        out.extend(plain.1.to_le_bytes());
        out.extend(plain.2.to_le_bytes());
        out.extend(tiny(self.comment.len()).to_le_bytes());
        out.extend(&self.comment);
    }
}

pub(crate) fn zip64(values: &[u64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    extra(1, &bytes)
}

pub(crate) fn extra(id: u16, field: &[u8]) -> Vec<u8> {
    let mut out = id.to_le_bytes().to_vec();
    out.extend(tiny(field.len()).to_le_bytes());
    out.extend(field);
    out
}

pub(crate) fn deflate(contents: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    DeflateEncoder::new(contents, Compression::best())
        .read_to_end(&mut packed)
        .expect("memory can be read");
    packed
}

fn write_record(out: &mut Vec<u8>, member: &Member, offset: u32) {
    out.extend(b"PK\x01\x02\x14\x03\x14\0");
    write_header(out, &member.central);
    out.extend([0, 0]);
    out.extend(member.disk.to_le_bytes());
    out.extend([0, 0]);
    out.extend(member.attributes.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(&member.central.name);
    out.extend(&member.central.extra);
}

/// The fields that both headers have, in the same order.
fn write_header(out: &mut Vec<u8>, header: &Header) {
    out.extend(header.flags.to_le_bytes());
    out.extend(header.method.to_le_bytes());
    out.extend([0, 0, 0x21, 0x50]);
    out.extend(header.crc.to_le_bytes());
    out.extend(header.packed_size.to_le_bytes());
    out.extend(header.size.to_le_bytes());
    out.extend(tiny(header.name.len()).to_le_bytes());
    out.extend(tiny(header.extra.len()).to_le_bytes());
}

fn short(value: usize) -> u32 {
    u32::try_from(value).expect("test archives are small")
}

fn tiny(value: usize) -> u16 {
    u16::try_from(value).expect("test archives are small")
}
