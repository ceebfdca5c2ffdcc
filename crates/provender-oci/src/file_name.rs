//! How blobs and manifests are named as files: by what they are, and by their digest.
//!
//! `blob@sha256:<hex>` and `manifest@sha256:<hex>` (or `sha512`): a layer cannot be asked for as a
//! manifest, nor a manifest as a blob.

use provender_domain::{Algorithm, Digest, FileName};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A layer, a configuration, or anything else that is not looked into.
    Blob,
    /// A document that refers to others.
    Manifest,
}

impl Kind {
    /// The word before the `@`.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Manifest => "manifest",
        }
    }

    /// The segment under which it is served.
    pub(crate) const fn segment(self) -> &'static str {
        match self {
            Self::Blob => "blobs",
            Self::Manifest => "manifests",
        }
    }
}

/// The name of the file with this digest.
pub(crate) fn name(kind: Kind, digest: &Digest) -> FileName {
    FileName::new(&format!("{}@{digest}", kind.as_str())).expect("a digest is short and plain")
}

/// What a file's name says; `None` for what is no such name.
pub(crate) fn parse(file: &FileName) -> Option<(Kind, Digest)> {
    let (kind, digest) = file.as_str().split_once('@')?;
    let kind = [Kind::Blob, Kind::Manifest].into_iter().find(|known| known.as_str() == kind)?;
    Some((kind, digest_of(digest)?))
}

/// Reads a digest as the image specification spells it ("Digests"): SHA-256 or SHA-512, in lower
/// case. Other algorithms cannot be verified here, and another spelling would be a second name.
pub(crate) fn digest_of(text: &str) -> Option<Digest> {
    let digest: Digest = text.parse().ok()?;
    let is_known = matches!(digest.algorithm(), Algorithm::Sha256 | Algorithm::Sha512);
    (is_known && digest.to_string() == text).then_some(digest)
}

#[cfg(test)]
mod tests;
