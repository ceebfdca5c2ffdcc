//! Views to render, and what rendering returns.

use std::borrow::Cow;

use provender_domain::{Attributes, File, FileName, PackageName, RepositoryName, Tag};

use crate::SessionId;

/// What is to be rendered.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// The names of a repository's packages, sorted.
    Catalogue(&'a [PackageName]),
    /// One package.
    Package(&'a PackageView),
    /// A part of a package's tags.
    Tags(&'a TagsView),
    /// What says of itself that it is about one file.
    Referrers(&'a ReferrersView),
    /// A part of the packages of every repository that the caller may read.
    AllPackages(&'a AllPackagesView),
}

/// A part of a package's tags, sorted by [`Tag::compare`].
#[derive(Debug, Clone, PartialEq)]
pub struct TagsView {
    /// The repository.
    pub repository: RepositoryName,
    /// Which package.
    pub package: PackageName,
    /// This part of them.
    pub tags: Vec<Tag>,
    /// How many were asked for at once, where there are more behind the last.
    pub more: Option<u32>,
}

/// What says of itself that it is about one file, and may be served.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferrersView {
    /// Whose package it is.
    pub repository: RepositoryName,
    /// Of which package.
    pub package: PackageName,
    /// About which file.
    pub of: FileName,
    /// All of them in order of their names, of every kind; the ecosystem leaves out what was not
    /// asked for, and what is more than one page.
    pub files: Vec<File>,
    /// Only those of this kind are wanted.
    pub kind: Option<String>,
    /// Only those whose names come behind this one are wanted.
    pub after: Option<FileName>,
}

/// A part of the packages of every repository that the caller may read, sorted by repository, then
/// by name.
#[derive(Debug, Clone, PartialEq)]
pub struct AllPackagesView {
    /// This part of them.
    pub packages: Vec<(RepositoryName, PackageName)>,
    /// How many were asked for at once, where there are more behind the last.
    pub more: Option<u32>,
}

/// One package as its repository shows it: only what policy lets through, private or mirrored,
/// merged and without doubles.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageView {
    /// The absolute URL of `/<repository>/<ecosystem>/`, with the slash at its end, for the few
    /// links that a protocol wants absolute. All others are relative, and hold behind any proxy.
    pub root: String,
    /// Which package.
    pub package: PackageName,
    /// Its files, in the order in which they are to be listed. Companions are those that this
    /// server can answer for.
    pub files: Vec<File>,
    /// What only the ecosystem understands of the package.
    pub attributes: Attributes,
}

/// A rendered document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its media type.
    pub content_type: Cow<'static, str>,
    /// Further header fields, names in lower case.
    pub fields: Vec<(&'static str, String)>,
    /// Its bytes.
    pub body: Vec<u8>,
}

impl Document {
    /// A document without further header fields.
    pub fn new(content_type: impl Into<Cow<'static, str>>, body: impl Into<Vec<u8>>) -> Self {
        Self { content_type: content_type.into(), fields: Vec::new(), body: body.into() }
    }
}

/// How a file's bytes are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presentation {
    /// Its media type; never one that a browser would run.
    pub content_type: Cow<'static, str>,
    /// Further header fields, names in lower case.
    pub fields: Vec<(&'static str, String)>,
}

/// When a file that an upstream has reaches its first client, and from where all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// When it was verified, inspected and kept.
    AfterKept,
    /// While it is fetched: its name is its digest, and its clients hash what they get. Its last
    /// bytes are held back until the digest is right.
    WhileFetched,
    /// When it was kept; it is small and asked for often, so it is kept in memory too.
    FromMemory,
}

/// What came of a request that changed something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt<'a> {
    /// An upload is under way.
    Uploading {
        /// Of which package.
        package: &'a PackageName,
        /// Its name.
        session: &'a SessionId,
        /// How many of its bytes are here.
        received_bytes: u64,
        /// Whether the request only asked.
        is_status: bool,
    },
    /// An upload was forgotten.
    Cancelled,
    /// A file is here.
    Stored {
        /// Of which package.
        package: &'a PackageName,
        /// Which file.
        file: &'a FileName,
    },
    /// A publication is here.
    Published {
        /// Of which package.
        package: &'a PackageName,
        /// Which file.
        file: &'a FileName,
        /// The tag that points to it, where one was named.
        tag: Option<&'a Tag>,
        /// What it says of itself that it is about.
        subject: Option<&'a FileName>,
    },
    /// Files or tags were changed.
    Changed,
}

/// A receipt in the client's own terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Its status (RFC 9110 section 15).
    pub status: u16,
    /// Its header fields, names in lower case.
    pub fields: Vec<(&'static str, String)>,
    /// Its body; empty for most.
    pub body: Vec<u8>,
}

/// A rendered problem; the server adds status, `Retry-After` and `WWW-Authenticate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemDocument {
    /// What its client shows of it.
    pub document: Document,
    /// Whether the client shows its user nothing but the status line, so that the message must go
    /// into the reason phrase too.
    pub in_reason_phrase: bool,
    /// The status, where the protocol wants another than the server gives such a problem.
    pub status: Option<u16>,
}
