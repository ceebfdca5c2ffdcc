//! What is wrong with an archive, in words for who made it.

use provender_archive::{ArchiveError, Class};
use provender_ecosystem::{InspectError, InspectErrorClass};

/// Why an archive is refused. Each message names the file and field, what was found and what should
/// be there; texts from the archive arrive here quoted and shortened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveFault {
    /// The reader refused it.
    #[error(transparent)]
    Archive(#[from] ArchiveError),

    /// The file's name is none that this ecosystem knows, or another package's.
    #[error("{file} is no file name of a wheel or source distribution of {package}")]
    ForeignName { file: String, package: String },
    /// The file's name tells another version than was claimed.
    #[error("the file name {file} says version {found}, but it is to be version {expected}")]
    FileNameVersion { file: String, found: String, expected: String },

    /// Bytes before the first entry of a zip: a second file could hide there.
    #[error("{bytes} bytes precede the archive's first entry; build the archive again")]
    Prefixed { bytes: u64 },
    /// A file that has to be there is not.
    #[error("{path} is missing from the archive; build it with a current build tool")]
    Missing { path: String },
    /// A wheel without `*.dist-info/`.
    #[error("the wheel has no folder {expected} at its top; build it with a current build tool")]
    NoDistInfo { expected: String },
    /// A wheel with more than one: installers would differ in which they take.
    #[error("the wheel has both {first} and {second}; exactly one .dist-info folder is allowed")]
    SeveralDistInfo { first: String, second: String },
    /// The folder's name is another package's or version's.
    #[error("the wheel's folder is {found}, but by its file name it must be {expected}")]
    DistInfoDisagrees { found: String, expected: String },
    /// A link where the format knows none: installers would differ in what they make of it.
    #[error("{path} is a link; a wheel can hold files only")]
    LinkInWheel { path: String },
    /// A source distribution with something beside its one folder.
    #[error("{path} lies outside of {expected}, the one folder that the archive should hold")]
    OutsideTopFolder { path: String, expected: String },

    /// A field that has to be there is not.
    #[error("{path}: field {field} is missing or empty; build the archive again")]
    FieldMissing { path: String, field: &'static str },
    /// A field that may be there once is there twice: readers differ in which they take.
    #[error("{path}: field {field} is there more than once; it must be there once")]
    FieldRepeated { path: String, field: &'static str },
    /// A field whose value is not of its grammar.
    #[error("{path}: field {field} is {found}; it must be {expected}")]
    FieldInvalid { path: String, field: &'static str, found: String, expected: &'static str },
    /// A field that says something else than the file's name does.
    #[error("{path}: field {field} is {found}, but by the file name it must be {expected}")]
    FieldDisagrees { path: String, field: &'static str, found: String, expected: String },
    /// A line that is no header field.
    #[error("{path}: line {line} is not of the form \"Field: value\"")]
    HeaderMalformed { path: String, line: usize },
    /// Bytes that are no UTF-8.
    #[error("{path} is not UTF-8; write it anew in that encoding")]
    NotUtf8 { path: String },
    /// More header fields than anybody needs.
    #[error("{path} has more than {limit} fields, the limit here")]
    TooManyFields { path: String, limit: usize },

    /// A line of RECORD that is not `path,hash,size`.
    #[error("{path}: line {line} is not of the form path,sha256=…,size")]
    RecordMalformed { path: String, line: usize },
    /// RECORD lists a file twice.
    #[error("{path} lists {entry} more than once")]
    RecordRepeated { path: String, entry: String },
    /// RECORD has no hash, or a broken one, for a file.
    #[error("{path} gives no SHA-256 (or longer) for {entry}; build the wheel again")]
    RecordWithoutHash { path: String, entry: String },
    /// The archive holds a file that RECORD does not list.
    #[error("{path} does not list {entry}, which is in the wheel; build the wheel again")]
    RecordIncomplete { path: String, entry: String },
    /// RECORD lists a file that is not there.
    #[error("{path} lists {entry}, which is not in the wheel; build the wheel again")]
    RecordPhantom { path: String, entry: String },
    /// RECORD and the file disagree.
    #[error("{entry} does not have the {property} that {path} gives; build the wheel again")]
    RecordDisagrees { path: String, entry: String, property: &'static str },
}

impl ArchiveFault {
    fn class(&self) -> InspectErrorClass {
        match self {
            Self::Archive(error) => match error.class() {
                Class::Hostile => InspectErrorClass::Hostile,
                Class::Damaged | Class::Unsupported => InspectErrorClass::Damaged,
                Class::Limit => InspectErrorClass::Limit,
                Class::Io => InspectErrorClass::Unreadable,
            },
            Self::Prefixed { .. } => InspectErrorClass::Hostile,
            Self::TooManyFields { .. } => InspectErrorClass::Limit,
            Self::ForeignName { .. }
            | Self::FileNameVersion { .. }
            | Self::SeveralDistInfo { .. }
            | Self::DistInfoDisagrees { .. }
            | Self::FieldRepeated { .. }
            | Self::FieldDisagrees { .. }
            | Self::RecordRepeated { .. }
            | Self::RecordIncomplete { .. }
            | Self::RecordPhantom { .. }
            | Self::RecordDisagrees { .. } => InspectErrorClass::Contradiction,
            Self::Missing { .. }
            | Self::NoDistInfo { .. }
            | Self::LinkInWheel { .. }
            | Self::OutsideTopFolder { .. }
            | Self::FieldMissing { .. }
            | Self::FieldInvalid { .. }
            | Self::HeaderMalformed { .. }
            | Self::NotUtf8 { .. }
            | Self::RecordMalformed { .. }
            | Self::RecordWithoutHash { .. } => InspectErrorClass::Damaged,
        }
    }
}

impl From<ArchiveFault> for InspectError {
    fn from(fault: ArchiveFault) -> Self {
        Self { class: fault.class(), message: fault.to_string(), source: Some(Box::new(fault)) }
    }
}
