//! Details of files, for people.

/// Something worth knowing of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// As whoever published the file wrote it, or as its ecosystem says it.
    Text(String),
    /// A size, in bytes.
    Bytes(u64),
}
