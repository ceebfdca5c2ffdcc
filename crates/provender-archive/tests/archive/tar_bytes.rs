//! Writes tars, right or wrong in any field.

use std::io::Read;

use flate2::Compression;
use flate2::read::GzEncoder;

/// One header and its data.
#[derive(Clone)]
pub(crate) struct Block {
    pub(crate) header: [u8; 512],
    pub(crate) data: Vec<u8>,
    /// Added to the true checksum.
    pub(crate) checksum_error: u32,
}

impl Block {
    pub(crate) fn new(kind: u8, name: impl AsRef<[u8]>, data: &[u8]) -> Self {
        let mut header = [0; 512];
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[156] = kind;
        let block = Self { header, data: data.to_vec(), checksum_error: 0 };
        block.field(0, name).field(100, "0000644\0").size(data.len() as u64)
    }

    pub(crate) fn file(name: impl AsRef<[u8]>, data: &[u8]) -> Self {
        Self::new(b'0', name, data)
    }

    pub(crate) fn dir(name: impl AsRef<[u8]>) -> Self {
        Self::new(b'5', name, b"")
    }

    pub(crate) fn symlink(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self::new(b'2', name, b"").field(157, target)
    }

    pub(crate) fn hard_link(name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        Self::new(b'1', name, b"").field(157, target)
    }

    pub(crate) fn pax(records: &[(&str, &str)]) -> Self {
        Self::new(b'x', "PaxHeader", &pax(records))
    }

    pub(crate) fn field(mut self, at: usize, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        self.header[at..at + value.len()].copy_from_slice(value);
        self
    }

    pub(crate) fn size(self, size: u64) -> Self {
        self.field(124, format!("{size:011o}\0"))
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut header = self.header;
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
        let sum = format!("{:06o}\0 ", sum + self.checksum_error);
        header[148..156].copy_from_slice(sum.as_bytes());
        out.extend(header);
        out.extend(&self.data);
        out.resize(out.len().next_multiple_of(512), 0);
    }
}

/// The blocks without an end.
pub(crate) fn open_ended<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Vec<u8> {
    let mut out = Vec::new();
    blocks.into_iter().for_each(|block| block.write(&mut out));
    out
}

pub(crate) fn tar<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Vec<u8> {
    let mut out = open_ended(blocks);
    out.resize(out.len() + 1024, 0);
    out
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::best())
        .read_to_end(&mut packed)
        .expect("memory is readable");
    packed
}

pub(crate) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        // The length counts its own digits.
        let length = (rest..rest + 9).find(|length| rest + length.to_string().len() == *length);
        out.extend(format!("{} {key}={value}\n", length.expect("one fits")).into_bytes());
    }
    out
}
