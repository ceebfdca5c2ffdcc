//! References: how people write a file down for an ecosystem's own clients.

use provender_domain::{FileName, PackageName, Tag};

/// A file, or the tag that points to one, in a repository of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// Host, and port where there is one, in small letters; `None` where the reference has none.
    pub host: Option<String>,
    /// The repository's name, as it is written.
    pub repository: String,
    /// The package, normalized.
    pub package: PackageName,
    /// What is meant of it.
    pub target: NamedTarget,
}

/// What a reference names of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedTarget {
    /// The file that this tag points to.
    Tag(Tag),
    /// This file.
    File(FileName),
}
