//! Zip archives (APPNOTE 6.3, without zip64).

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END_OF_DIRECTORY: u32 = 0x0605_4b50;
const VERSION_NEEDED: u16 = 20;
/// Version 2.0, made on Unix: the external attributes hold a mode.
const VERSION_MADE_BY: u16 = 0x0314;
/// Names are UTF-8 (bit 11).
const FLAGS: u16 = 0x0800;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// 1980-01-01, the first day that the format knows.
const DOS_DATE: u16 = 0x0021;
const REGULAR_FILE_MODE: u32 = 0o100_644;
const SYMLINK_MODE: u32 = 0o120_777;

/// Writes a zip archive in memory.
///
/// ```
/// use provender_testing::archive::ZipBuilder;
///
/// let archive = ZipBuilder::new().file("a.txt", "hello").file("b/c.txt", "world").finish();
/// assert!(archive.starts_with(b"PK"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ZipBuilder {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    method: u16,
    mode: u32,
    crc: u32,
    packed: Vec<u8>,
    claimed_bytes: u64,
}

impl ZipBuilder {
    /// An archive without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a deflated file. The same name may be given twice.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.entry(name, DEFLATED, REGULAR_FILE_MODE, content, deflated(content))
    }

    /// Appends a file as it is, uncompressed.
    #[must_use]
    pub fn stored(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.entry(name, STORED, REGULAR_FILE_MODE, content, content.to_vec())
    }

    /// Appends a symbolic link to `target`.
    #[must_use]
    pub fn symlink(self, name: &str, target: &str) -> Self {
        let content = target.as_bytes();
        self.entry(name, STORED, SYMLINK_MODE, content, content.to_vec())
    }

    /// Appends a file of `unpacked_bytes` zero bytes, deflated about a thousandfold.
    #[must_use]
    pub fn bomb(mut self, name: &str, unpacked_bytes: u64) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        let mut crc = Crc::new();
        let zeros = vec![0; 64 * 1024];
        let mut left = unpacked_bytes;
        while left > 0 {
            let step = left.min(zeros.len() as u64);
            let piece = &zeros[..usize::try_from(step).expect("a chunk fits the memory")];
            encoder.write_all(piece).expect("memory takes every write");
            crc.update(piece);
            left -= step;
        }
        self.entries.push(Entry {
            name: name.to_owned(),
            method: DEFLATED,
            mode: REGULAR_FILE_MODE,
            crc: crc.sum(),
            packed: encoder.finish().expect("memory takes every write"),
            claimed_bytes: unpacked_bytes,
        });
        self
    }

    /// Makes the last entry claim this unpacked size, whatever it has.
    #[must_use]
    pub fn claiming(mut self, unpacked_bytes: u32) -> Self {
        self.last().claimed_bytes = unpacked_bytes.into();
        self
    }

    /// Makes the last entry's checksum wrong.
    #[must_use]
    pub fn with_wrong_crc(mut self) -> Self {
        let last = self.last();
        last.crc = !last.crc;
        self
    }

    /// The archive.
    pub fn finish(&self) -> Vec<u8> {
        let mut archive = Vec::new();
        let mut directory = Vec::new();
        for entry in &self.entries {
            let offset = narrow(archive.len());
            entry.write_local(&mut archive);
            entry.write_central(offset, &mut directory);
        }
        let directory_at = narrow(archive.len());
        let count = u16::try_from(self.entries.len()).expect("fewer entries than zip64 needs");
        archive.extend_from_slice(&directory);
        put_u32(&mut archive, END_OF_DIRECTORY);
        put_u32(&mut archive, 0);
        put_u16(&mut archive, count);
        put_u16(&mut archive, count);
        put_u32(&mut archive, narrow(directory.len()));
        put_u32(&mut archive, directory_at);
        put_u16(&mut archive, 0);
        archive
    }

    fn entry(
        mut self,
        name: &str,
        method: u16,
        mode: u32,
        content: &[u8],
        packed: Vec<u8>,
    ) -> Self {
        let mut crc = Crc::new();
        crc.update(content);
        self.entries.push(Entry {
            name: name.to_owned(),
            method,
            mode,
            crc: crc.sum(),
            packed,
            claimed_bytes: content.len() as u64,
        });
        self
    }

    fn last(&mut self) -> &mut Entry {
        self.entries.last_mut().expect("there is an entry to bend")
    }
}

impl Entry {
    fn write_local(&self, out: &mut Vec<u8>) {
        put_u32(out, LOCAL_HEADER);
        self.write_common(out);
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(&self.packed);
    }

    fn write_central(&self, offset: u32, out: &mut Vec<u8>) {
        put_u32(out, CENTRAL_HEADER);
        put_u16(out, VERSION_MADE_BY);
        self.write_common(out);
        // Comment length, disk number, internal attributes.
        for _ in 0..3 {
            put_u16(out, 0);
        }
        put_u32(out, self.mode << 16);
        put_u32(out, offset);
        out.extend_from_slice(self.name.as_bytes());
    }

    /// The fields that both headers share, from the needed version to the extra length.
    fn write_common(&self, out: &mut Vec<u8>) {
        put_u16(out, VERSION_NEEDED);
        put_u16(out, FLAGS);
        put_u16(out, self.method);
        put_u16(out, 0);
        put_u16(out, DOS_DATE);
        put_u32(out, self.crc);
        put_u32(out, narrow(self.packed.len()));
        put_u32(out, u32::try_from(self.claimed_bytes).expect("less than zip64 needs"));
        put_u16(out, u16::try_from(self.name.len()).expect("names are at most 65,535 bytes long"));
        put_u16(out, 0);
    }
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).expect("memory takes every write");
    encoder.finish().expect("memory takes every write")
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).expect("test archives stay under 4 GiB")
}

fn put_u16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}
