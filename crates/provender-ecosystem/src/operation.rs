//! What a request asks for, whatever its ecosystem.

use std::borrow::Cow;

use provender_domain::{FileName, PackageName, Scope, Tag, Version};

use crate::Form;

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

/// Which part of a long list is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Page {
    /// Begin behind this entry, whether it is there or not; `None`: at the beginning.
    pub after: Option<String>,
    /// At most so many entries; `None`: as many as the server gives at once.
    pub limit: Option<u32>,
}

/// What an index is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Every package of the repository.
    Catalogue,
    /// One package.
    Package(PackageName),
    /// The tags of one package, sorted.
    Tags {
        /// Which package.
        package: PackageName,
        /// Which part of them.
        page: Page,
    },
    /// The files of one package that say of themselves that they are about another.
    Referrers {
        /// Which package.
        package: PackageName,
        /// The file that they are about; it need not be here.
        of: FileName,
        /// Only those of this type, as the ecosystem tells types apart.
        kind: Option<String>,
        /// Only those behind this one, in order of their names.
        after: Option<FileName>,
    },
}

impl Subject {
    /// The package it is about, if it is about one.
    pub fn package(&self) -> Option<&PackageName> {
        match self {
            Self::Catalogue => None,
            Self::Package(package)
            | Self::Tags { package, .. }
            | Self::Referrers { package, .. } => Some(package),
        }
    }
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
    /// The archive is the whole body; all that a form would say stood in the request's head.
    Whole {
        /// Largest body, in bytes.
        limit_bytes: u64,
    },
}

/// The name of an upload under way: 32 lower-case hexadecimal digits, not to be guessed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

impl SessionId {
    /// From 16 bytes that nobody can guess.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(32);
        for byte in bytes {
            write!(text, "{byte:02x}").expect("writing to memory does not fail");
        }
        Self(text)
    }

    /// Reads one; `None` for what never was one.
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Its 32 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bytes that it was made from.
    pub fn to_bytes(&self) -> [u8; 16] {
        std::array::from_fn(|at| {
            let digits = &self.0[2 * at..2 * at + 2];
            u8::from_str_radix(digits, 16).expect("its digits are hexadecimal")
        })
    }
}

/// One request of an upload that takes several. The bytes arrive in order; a file is recorded when
/// the last of them is here and all are what the file's name promises
/// ([`crate::Ecosystem::digest_of_file`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadStep {
    /// Begin one.
    Begin,
    /// Begin and finish one: the body is the whole file.
    Whole {
        /// Under which name.
        file: FileName,
    },
    /// The body goes behind what is there.
    Append {
        /// Which upload.
        session: SessionId,
        /// Where the body begins, in bytes, if the client says so.
        offset_bytes: Option<u64>,
    },
    /// The body, which may be empty, goes behind what is there and is the last of it.
    Finish {
        /// Which upload.
        session: SessionId,
        /// Where the body begins, in bytes, if the client says so.
        offset_bytes: Option<u64>,
        /// Under which name.
        file: FileName,
    },
    /// How much of it is here.
    Status {
        /// Which upload.
        session: SessionId,
    },
    /// Forget it.
    Cancel {
        /// Which upload.
        session: SessionId,
    },
    /// No bytes: the same file of another package, or of wherever the caller may read it. Where
    /// there is none an upload begins.
    Mount {
        /// Which file.
        file: FileName,
        /// Where it is; `None`: wherever the server finds it.
        from: Option<MountSource>,
    },
}

/// Where a file is that is to be mounted, as the client writes it: `<repository>/<package>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSource {
    /// The repository's name.
    pub repository: String,
    /// The package.
    pub package: PackageName,
}

/// Which files of a package are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of one version.
    Version(Version),
    /// One.
    File(FileName),
    /// A tag, not the file that it points to.
    Tag(Tag),
    /// The file that a tag points to.
    Tagged(Tag),
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
    Unyank {
        /// Why.
        reason: Option<String>,
    },
    /// Remove the bytes, leave a tombstone.
    Delete {
        /// Why.
        reason: Option<String>,
    },
    /// Take away what may be put back, because its name is a tag or a digest: whoever may publish
    /// may do so, where the repository lets tags move.
    Remove,
    /// Stop serving, keep as it is.
    Quarantine {
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
    /// The file that a tag points to, whole.
    Tagged {
        /// Of which package.
        package: PackageName,
        /// Which tag.
        tag: Tag,
    },
    /// A step of an upload in several requests.
    Upload {
        /// Of which package.
        package: PackageName,
        /// Which step.
        step: UploadStep,
    },
    /// A publication; package and file are known once its form is read, or stand in the request's
    /// head.
    Publish {
        /// How its body is laid out.
        framing: Framing,
        /// The package, where the request's head names it.
        package: Option<PackageName>,
        /// What the request's head says; fields in the body come behind these.
        form: Form,
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
            Self::Index { .. }
            | Self::File { .. }
            | Self::Tagged { .. }
            | Self::Redirect { .. } => Scope::Read,
            Self::Publish { .. } | Self::Upload { .. } => Scope::Publish,
            Self::Change { change, .. } => match change {
                Change::Yank { .. } | Change::Unyank { .. } | Change::Remove => Scope::Publish,
                Change::Delete { .. } | Change::Quarantine { .. } | Change::Release { .. } => {
                    Scope::Admin
                }
            },
        }
    }

    /// The package it is about, where it is about one and that is known yet.
    pub fn package(&self) -> Option<&PackageName> {
        match self {
            Self::Index { subject, .. } => subject.package(),
            Self::File { package, .. }
            | Self::Tagged { package, .. }
            | Self::Upload { package, .. }
            | Self::Change { package, .. } => Some(package),
            Self::Publish { package, .. } => package.as_ref(),
            Self::Redirect { .. } => None,
        }
    }
}
