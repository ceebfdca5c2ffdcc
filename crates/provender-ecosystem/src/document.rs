//! Views to render, and what rendering returns.

use provender_domain::{Attributes, File, PackageName};

/// What is to be rendered.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// The names of a repository's packages, sorted.
    Catalogue(&'a [PackageName]),
    /// One package.
    Package(&'a PackageView),
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
    pub content_type: &'static str,
    /// Its bytes.
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
}
