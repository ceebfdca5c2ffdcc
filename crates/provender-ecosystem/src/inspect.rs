//! Reading archives.

use std::io::{Read, Seek};

use provender_domain::{Attributes, FileName, PackageName, Reference, Version};

/// An archive's bytes, wherever they are.
pub trait Archive: Read + Seek + Send {}

impl<T: Read + Seek + Send> Archive for T {}

/// How much of an archive is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Its structure and its own description: what a mirrored file gets, whose bytes are already
    /// held against the upstream's digest.
    Structure,
    /// To the bottom, every byte of every entry: what a publication gets.
    Full,
}

/// What the archive should turn out to be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Of this package.
    pub package: &'a PackageName,
    /// Of this version, where one is claimed beside the file's name.
    pub version: Option<&'a Version>,
    /// Under this name.
    pub file: &'a FileName,
    /// What its publication's form says that only the ecosystem understands; `None` for a file of
    /// an upstream.
    pub attributes: Option<&'a Attributes>,
}

/// A small file to keep beside the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanionBytes {
    /// The ecosystem's word for it.
    pub kind: &'static str,
    /// Its bytes, as they stand in the archive.
    pub bytes: Vec<u8>,
}

/// A file that is a statement about another: a signature, an attestation. No statement is made
/// about such a file in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// What it is about, where it says so.
    pub about: Option<FileName>,
    /// The file, of the same package, that holds a Sigstore bundle, where it is of that form and
    /// can be verified.
    pub bundle: Option<FileName>,
}

/// What reading an archive found out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inspection {
    /// The version that the archive says it is.
    pub version: Option<Version>,
    /// What an index needs to know of it.
    pub attributes: Attributes,
    /// What to keep beside it.
    pub companions: Vec<CompanionBytes>,
    /// What it names of its own package; no file twice in one role.
    pub references: Vec<Reference>,
    /// Set where it is a statement about another file.
    pub evidence: Option<Evidence>,
}

/// What sort of fault an archive has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InspectErrorClass {
    /// Made to harm whoever unpacks it: a bomb, a path that escapes, overlapping entries.
    Hostile,
    /// Says that it is something else than its name, form or index says.
    Contradiction,
    /// Truncated, corrupted or not of its format.
    Damaged,
    /// Beyond a limit.
    Limit,
    /// The bytes could not be read, through no fault of theirs.
    Unreadable,
}

impl InspectErrorClass {
    /// A stable word for events: `hostile`, `contradiction`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hostile => "hostile",
            Self::Contradiction => "contradiction",
            Self::Damaged => "damaged",
            Self::Limit => "limit",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why an archive was refused. The message is shown to its publisher as it stands.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct InspectError {
    /// What sort of fault.
    pub class: InspectErrorClass,
    /// One sentence that says what is wrong and what would be right.
    pub message: String,
    /// The reader's own error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
