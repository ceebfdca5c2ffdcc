//! Why an archive is refused.

use std::io;

use crate::PathProblem;

/// Why an archive is refused. The messages are written for the person who made or uploads the
/// package, and are shown to them as they are; names in them are escaped and shortened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The reader failed; nothing is known about the archive.
    #[error("the archive could not be read")]
    Io(#[source] io::Error),

    /// The bytes are no archive of the expected format.
    #[error(
        "this is not a {format} archive; check that the right file was uploaded, under the right name"
    )]
    WrongFormat {
        /// What was expected.
        format: &'static str,
    },
    /// The archive ends before it should.
    #[error("the archive ends in the middle of {inside}; it was probably cut off, upload it again")]
    Truncated {
        /// Where it ends.
        inside: &'static str,
    },
    /// Bytes follow the end of the archive.
    #[error(
        "{bytes} or more bytes follow the end of the archive; something was appended to it, or it \
         was damaged on the way"
    )]
    TrailingData {
        /// How many, as far as they were looked at.
        bytes: u64,
    },
    /// A structure that breaks the format's rules.
    #[error("the archive is damaged: {what}; rebuild or upload it again")]
    Damaged {
        /// What is broken.
        what: &'static str,
    },
    /// A structure of one entry that breaks the format's rules.
    #[error("the archive is damaged at {name}: {what}; rebuild or upload it again")]
    DamagedEntry {
        /// The entry.
        name: String,
        /// What is broken.
        what: &'static str,
    },
    /// The contents do not have the checksum that the archive gives.
    #[error("the contents of {name} do not match their checksum; upload the archive again")]
    ChecksumMismatch {
        /// The entry, or the stream.
        name: String,
    },
    /// The contents end before their declared size.
    #[error(
        "{name} holds {actual_bytes} bytes and should hold {declared_bytes}; rebuild the archive"
    )]
    TooShort {
        /// The entry.
        name: String,
        /// What the headers say.
        declared_bytes: u64,
        /// What there was.
        actual_bytes: u64,
    },
    /// The contents go on after their declared size, as in a decompression bomb.
    #[error("{name} unpacks to more than the {declared_bytes} bytes it declares")]
    TooLong {
        /// The entry.
        name: String,
        /// What the headers say.
        declared_bytes: u64,
    },
    /// A tar header whose checksum is wrong.
    #[error("the tar header at byte {offset} has a wrong checksum; upload the archive again")]
    HeaderChecksum {
        /// Where the header starts in the uncompressed stream.
        offset: u64,
    },

    /// A path that is unsafe to create.
    #[error("the name {name} {problem}")]
    UnsafePath {
        /// The path.
        name: String,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// A link target that is no clean path.
    #[error("the target {target} of the link {name} {problem}")]
    UnsafeLink {
        /// The link.
        name: String,
        /// Its target.
        target: String,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// A link out of the archive.
    #[error(
        "the link {name} points to {target}, which is or may be outside of the archive; links must \
         be relative, with `..` only at their start"
    )]
    LinkEscapes {
        /// The link.
        name: String,
        /// Its target.
        target: String,
    },
    /// A hard link to something that is not an earlier file of the archive.
    #[error("the hard link {name} points to {target}, which is no earlier file of the archive")]
    LinkDangles {
        /// The link.
        name: String,
        /// Its target.
        target: String,
    },
    /// A device, a pipe or a socket.
    #[error("{name} is a {what}; a package can hold files, directories and links only")]
    SpecialFile {
        /// The entry.
        name: String,
        /// What it is.
        what: &'static str,
    },
    /// Two entries with one path.
    #[error("{name} is in the archive twice; tools differ in which one they use, remove one")]
    DuplicateName {
        /// The path.
        name: String,
    },
    /// An entry below a file or a link.
    #[error("{name} lies below {file}, which is not a directory")]
    BelowFile {
        /// The entry.
        name: String,
        /// What it is below.
        file: String,
    },
    /// Two places in the archive that describe an entry differently, so that two tools would see
    /// two different packages.
    #[error(
        "the archive gives two different values for the {field} of {name}; tools would disagree on \
         its contents, rebuild it"
    )]
    Contradiction {
        /// The entry.
        name: String,
        /// Which of its properties.
        field: &'static str,
    },
    /// As [`Self::Contradiction`], for the archive as a whole.
    #[error(
        "the archive is ambiguous: {what}; tools would disagree on its contents, rebuild it with a \
         common tool"
    )]
    Ambiguous {
        /// In which way.
        what: &'static str,
    },
    /// Two entries that share bytes: a bomb.
    #[error("{second} overlaps {first} in the archive, as in a decompression bomb")]
    Overlap {
        /// The entry that starts first.
        first: String,
        /// The entry that starts within it.
        second: String,
    },
    /// Bytes that belong to no entry.
    #[error(
        "{bytes} bytes after {name} belong to no entry; some tools would see a file there, rebuild \
         the archive"
    )]
    HiddenData {
        /// The entry before them.
        name: String,
        /// How many.
        bytes: u64,
    },

    /// Encrypted contents.
    #[error("{name} is encrypted; publish it without a password")]
    Encrypted {
        /// The entry, or the directory.
        name: String,
    },
    /// A compression method other than *stored* and *deflate*.
    #[error("{name} is compressed with {method}; use deflate, which every tool can read")]
    UnsupportedMethod {
        /// The entry.
        name: String,
        /// The method's number and, where known, its name.
        method: String,
    },
    /// An archive split over several files.
    #[error("the archive is one part of several; publish it as a single file")]
    MultiDisk,
    /// A feature of the format that packages have no use for.
    #[error("{name} uses {feature}, which is not supported here; rebuild the archive without it")]
    UnsupportedFeature {
        /// The entry.
        name: String,
        /// The feature.
        feature: &'static str,
    },

    /// More than [`crate::Limits::entries`].
    #[error("the archive has more than {limit} entries, the limit here")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// More than [`crate::Limits::names_bytes`].
    #[error("the names in the archive take more than {limit_bytes} bytes, the limit here")]
    NamesTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// More than [`crate::Limits::directory_bytes`].
    #[error("the archive's directory takes more than {limit_bytes} bytes, the limit here")]
    DirectoryTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// More than [`crate::Limits::unpacked_bytes`].
    #[error("the archive unpacks to more than {limit_bytes} bytes, the limit here")]
    UnpackedTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// More than [`crate::Limits::entry_bytes`].
    #[error("{name} unpacks to more than {limit_bytes} bytes, the limit for one file here")]
    EntryTooLarge {
        /// The entry.
        name: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// More than [`crate::Limits::ratio`].
    #[error("the archive unpacks to more than {limit} times its size, as decompression bombs do")]
    RatioTooHigh {
        /// The limit.
        limit: u64,
    },
    /// More than the caller, or [`crate::Limits::memory_bytes`], allows to read into memory.
    #[error("{name} is larger than {limit_bytes} bytes, the limit for a file of its kind")]
    TooLargeForMemory {
        /// The entry.
        name: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// More than [`crate::Limits::extension_bytes`].
    #[error("a tar extension header takes more than {limit_bytes} bytes, the limit here")]
    ExtensionTooLarge {
        /// The limit.
        limit_bytes: u64,
    },
}

/// What a refusal says about the one who made the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// No packaging tool makes this: unpacking would write elsewhere, or two tools would see two
    /// different packages, or the archive is a bomb. Somebody should know.
    Hostile,
    /// Probably an accident on the way.
    Damaged,
    /// Well-formed as far as it was read, but larger than allowed here.
    Limit,
    /// Well-formed, but of a kind that is not accepted here.
    Unsupported,
    /// Nothing is known about the archive: reading it failed.
    Io,
}

impl ArchiveError {
    /// What this says about the archive.
    pub fn class(&self) -> Class {
        match self {
            Self::Io(_) => Class::Io,
            Self::WrongFormat { .. }
            | Self::Truncated { .. }
            | Self::Damaged { .. }
            | Self::DamagedEntry { .. }
            | Self::ChecksumMismatch { .. }
            | Self::TooShort { .. }
            | Self::HeaderChecksum { .. } => Class::Damaged,
            Self::UnsafePath { problem, .. } | Self::UnsafeLink { problem, .. } => problem.class(),
            Self::TrailingData { .. }
            | Self::TooLong { .. }
            | Self::LinkEscapes { .. }
            | Self::LinkDangles { .. }
            | Self::SpecialFile { .. }
            | Self::DuplicateName { .. }
            | Self::BelowFile { .. }
            | Self::Contradiction { .. }
            | Self::Ambiguous { .. }
            | Self::Overlap { .. }
            | Self::HiddenData { .. }
            | Self::RatioTooHigh { .. } => Class::Hostile,
            Self::Encrypted { .. }
            | Self::UnsupportedMethod { .. }
            | Self::MultiDisk
            | Self::UnsupportedFeature { .. } => Class::Unsupported,
            Self::TooManyEntries { .. }
            | Self::NamesTooLarge { .. }
            | Self::DirectoryTooLarge { .. }
            | Self::UnpackedTooLarge { .. }
            | Self::EntryTooLarge { .. }
            | Self::TooLargeForMemory { .. }
            | Self::ExtensionTooLarge { .. } => Class::Limit,
        }
    }
}

impl PathProblem {
    fn class(self) -> Class {
        match self {
            Self::NotUtf8 => Class::Unsupported,
            Self::TooLong { .. } | Self::TooDeep { .. } => Class::Limit,
            _ => Class::Hostile,
        }
    }
}

/// A decompressor under a reader reports its refusals through [`io::Error`]; they come out again.
impl From<io::Error> for ArchiveError {
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}

impl From<ArchiveError> for io::Error {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Io(source) => source,
            refusal => Self::new(io::ErrorKind::InvalidData, refusal),
        }
    }
}

/// A name from an archive, quoted, escaped and shortened so that it may be shown in a message,
/// a header or a log.
pub fn shown(name: impl AsRef<[u8]>) -> String {
    /// Characters of a name that are shown.
    const SHOWN_CHARS: usize = 100;

    let name = name.as_ref();
    // Four bytes hold at least one character: no need to decode 64 KiB to show a line.
    let start = &name[..name.len().min(SHOWN_CHARS * 4)];
    let text = String::from_utf8_lossy(start);
    let kept: String = text.chars().take(SHOWN_CHARS).flat_map(char::escape_debug).collect();
    let cut = text.chars().nth(SHOWN_CHARS).is_some();
    format!("`{kept}{}`", if cut { "…" } else { "" })
}
