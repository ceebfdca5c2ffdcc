//! What a request asks for, whatever its ecosystem.

use std::borrow::Cow;

use provender_domain::{FileName, PackageName, Scope, Version};

/// An HTTP method, as far as package clients use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET; HEAD is decided exactly alike and only its body is left out, by the server.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

/// A request's header fields, by case-insensitive name; a field that is not text does not exist.
pub trait Headers {
    /// The field's first value.
    fn field(&self, name: &str) -> Option<&str>;
}

/// A request as an ecosystem sees it: what is behind `/<repository>/<ecosystem>/`, decoded once.
pub struct RequestHead<'a> {
    /// The method.
    pub method: Method,
    /// Path segments, percent-decoded exactly once; see [`crate::Path`].
    pub segments: &'a [Cow<'a, str>],
    /// Whether the path ended in a slash.
    pub trailing_slash: bool,
    /// The query, still encoded, without its `?`.
    pub query: Option<&'a str>,
    /// The header fields.
    pub headers: &'a dyn Headers,
}

/// Which of its renderings an ecosystem was asked for. Only the ecosystem knows what the number
/// means; everybody else keys caches with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rendition(pub u8);

/// What an index is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Every package of the repository.
    Catalogue,
    /// One package.
    Package(PackageName),
}

/// How a publication's body is laid out; the server reads it so, under limits, with the archive
/// going to staging while it is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// `multipart/form-data` (RFC 7578) with the archive in this field.
    Multipart {
        /// The archive's field.
        file_field: &'static str,
    },
}

/// Which files of a package are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of one version.
    Version(Version),
    /// One.
    File(FileName),
}

/// A change to what is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Hide from new choices, with a reason; who pinned it still gets it.
    Yank {
        /// Why.
        reason: Option<String>,
    },
    /// Take a yank back.
    Unyank,
    /// Remove the bytes, leave a tombstone.
    Delete {
        /// Why.
        reason: Option<String>,
    },
    /// Let out of quarantine.
    Release {
        /// Why.
        reason: Option<String>,
    },
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A rendered index.
    Index {
        /// Of what.
        subject: Subject,
        /// In which rendering.
        rendition: Rendition,
    },
    /// A file's bytes, or those of a companion.
    File {
        /// Of which package.
        package: PackageName,
        /// Which file.
        file: FileName,
        /// Which companion of it; `None` for the file itself.
        companion: Option<&'static str>,
    },
    /// A publication; package and file are known once its form is read.
    Publish {
        /// How its body is laid out.
        framing: Framing,
    },
    /// A change to files that are here.
    Change {
        /// Of which package.
        package: PackageName,
        /// Which files.
        selection: Selection,
        /// What becomes of them.
        change: Change,
    },
    /// The same thing under its one right name: a relative URL reference to send the client to.
    Redirect {
        /// Relative to the request's own URL; made of normalized names only.
        location: String,
    },
}

impl Operation {
    /// The scope that it takes.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Index { .. } | Self::File { .. } | Self::Redirect { .. } => Scope::Read,
            Self::Publish { .. } => Scope::Publish,
            Self::Change { change, .. } => match change {
                Change::Yank { .. } | Change::Unyank => Scope::Publish,
                Change::Delete { .. } | Change::Release { .. } => Scope::Admin,
            },
        }
    }

    /// The package it is about, where it is about one and that is known yet.
    pub fn package(&self) -> Option<&PackageName> {
        match self {
            Self::Index { subject: Subject::Package(package), .. }
            | Self::File { package, .. }
            | Self::Change { package, .. } => Some(package),
            Self::Index { subject: Subject::Catalogue, .. }
            | Self::Publish { .. }
            | Self::Redirect { .. } => None,
        }
    }
}
