//! One 512-byte header: POSIX.1 `pax`, "ustar Interchange Format", with GNU's base-256 numbers.

use std::borrow::Cow;

use crate::{ArchiveError, shown};

/// Everything in a tar is a multiple of this.
pub(crate) const BLOCK_BYTES: usize = 512;

/// The feature of files with holes, of which tools have three encodings.
pub(crate) const SPARSE: &str = "a sparse file";

const NAME: std::ops::Range<usize> = 0..100;
const MODE: std::ops::Range<usize> = 100..108;
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;
const TYPE: usize = 156;
const TARGET: std::ops::Range<usize> = 157..257;
const MAGIC: std::ops::Range<usize> = 257..263;
const PREFIX: std::ops::Range<usize> = 345..500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    File,
    HardLink,
    Symlink,
    Directory,
    Extension(Extension),
    /// What must not be in a package.
    Special(&'static str),
    /// What is not read here.
    Unsupported(&'static str),
}

/// Headers that describe the entry after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extension {
    Pax,
    PaxGlobal,
    GnuLongName,
    GnuLongTarget,
}

#[derive(Debug)]
pub(crate) struct Header {
    block: Box<[u8; BLOCK_BYTES]>,
    pub(crate) kind: Type,
}

impl Header {
    /// `None` if the checksum is wrong.
    pub(crate) fn parse(block: Box<[u8; BLOCK_BYTES]>) -> Option<Self> {
        if !has_valid_checksum(&block) {
            return None;
        }
        let kind = match block[TYPE] {
            b'0' | b'7' | 0 => Type::File,
            b'1' => Type::HardLink,
            b'2' => Type::Symlink,
            b'3' | b'4' => Type::Special("device"),
            b'5' => Type::Directory,
            b'6' => Type::Special("pipe"),
            b'x' => Type::Extension(Extension::Pax),
            b'g' => Type::Extension(Extension::PaxGlobal),
            b'L' => Type::Extension(Extension::GnuLongName),
            b'K' => Type::Extension(Extension::GnuLongTarget),
            b'S' => Type::Unsupported(SPARSE),
            _ => Type::Unsupported("an unknown type of tar entry"),
        };
        Some(Self { block, kind })
    }

    pub(crate) fn name(&self) -> Cow<'_, [u8]> {
        let name = text(&self.block[NAME]);
        // GNU's headers have times where ustar's have the prefix.
        let prefix = if self.block[MAGIC] == *b"ustar\0" { text(&self.block[PREFIX]) } else { &[] };
        if prefix.is_empty() { name.into() } else { [prefix, name].join(&b'/').into() }
    }

    pub(crate) fn target(&self) -> &[u8] {
        text(&self.block[TARGET])
    }

    pub(crate) fn size(&self) -> Result<u64, ArchiveError> {
        number(&self.block[SIZE]).ok_or_else(|| ArchiveError::DamagedEntry {
            name: shown(self.name()),
            what: "its size is no number, negative or too large",
        })
    }

    pub(crate) fn is_executable(&self) -> bool {
        number(&self.block[MODE]).is_some_and(|mode| mode & 0o111 != 0)
    }
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|&byte| byte == 0).next().unwrap_or_default()
}

/// Octal digits between spaces and NULs (all of them may be missing: zero), or GNU's base-256: a
/// big-endian two's complement number with the top bit set. `None` if malformed, negative, or
/// above `i64::MAX`, which no file reaches.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        let (high, low) = field[1..].split_at((field.len() - 1).saturating_sub(8));
        if high.iter().any(|&byte| byte != 0) {
            return None;
        }
        let value = low.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        return i64::try_from(value).is_ok().then_some(value);
    }
    let digits = field.trim_ascii_start();
    let end = digits.iter().position(|byte| [0, b' '].contains(byte)).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if rest.iter().any(|byte| ![0, b' '].contains(byte)) {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &byte| match byte {
        // Twelve octal digits at most: no overflow.
        b'0'..=b'7' => Some(value << 3 | u64::from(byte - b'0')),
        _ => None,
    })
}

/// The sum of all bytes, its own field taken as spaces. Early tools added signed bytes.
fn has_valid_checksum(block: &[u8; BLOCK_BYTES]) -> bool {
    let bytes = || {
        block.iter().enumerate().map(|(at, &byte)| if CHECKSUM.contains(&at) { b' ' } else { byte })
    };
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    let Some(expected) = number(&block[CHECKSUM]).and_then(|sum| i64::try_from(sum).ok()) else {
        return false;
    };
    expected == unsigned || expected == signed
}
