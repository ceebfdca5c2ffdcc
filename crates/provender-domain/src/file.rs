//! Files: what an index lists, and what is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BlobId, Digest, FileName, Tag, Timestamp, UpstreamName, Version};

/// Facts about a file or package that only its ecosystem understands (for Python:
/// `requires-python`, project status, …). Kept and passed on unread by everybody else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(pub BTreeMap<String, serde_json::Value>);

impl Attributes {
    /// A text attribute, if it is there and a text.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    /// Sets a text attribute.
    pub fn set_text(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_owned(), serde_json::Value::String(value.into()));
    }
}

/// A version or file that should not be chosen anew, though it is still there for who pinned it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yank {
    /// Why, in the words of who yanked it.
    pub reason: Option<String>,
}

/// A small file that belongs to another: an archive's metadata, a signature, a provenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Companion {
    /// The ecosystem's word for it, also its blob's role: `metadata`, `provenance`, …
    pub kind: String,
    /// Where an upstream offers it. `None`: it is kept here, under the SHA-256 in `digest`; without
    /// that either, it is made here of what this server attests, when somebody first asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What its bytes must hash to. `None` only for a companion that carries its own proof (a
    /// signature over a statement); an ecosystem lists no other companion without a digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// One named file of a package, as an index speaks of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Its name, unique in its package.
    pub name: FileName,
    /// The version it belongs to, where the name or the index tells.
    pub version: Option<Version>,
    /// Absolute URL at the upstream; `None` for what was published here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What its bytes must hash to; may be empty for an upstream that offers none.
    pub digests: Vec<Digest>,
    /// Its size in bytes, where known.
    pub size_bytes: Option<u64>,
    /// When it was uploaded: our own clock for what was published here, the upstream's unsigned
    /// claim for what it listed.
    pub uploaded_at: Option<Timestamp>,
    /// Whether it is yanked, where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yank: Option<Yank>,
    /// What only the ecosystem understands.
    #[serde(default)]
    pub attributes: Attributes,
    /// Small files that belong to it.
    #[serde(default)]
    pub companions: Vec<Companion>,
}

impl File {
    /// The companion of this kind, if there is one.
    pub fn companion(&self, kind: &str) -> Option<&Companion> {
        self.companions.iter().find(|companion| companion.kind == kind)
    }
}

/// What one upstream said of one package.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// The files it lists, in its order, no name twice.
    pub files: Vec<File>,
    /// The tags it lists, in its order, none twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// What only the ecosystem understands of the package itself.
    #[serde(default)]
    pub attributes: Attributes,
}

/// Where a file came from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Origin {
    /// Published in this repository.
    Published,
    /// Fetched from an upstream and kept.
    Mirrored {
        /// Which upstream of the repository.
        upstream: UpstreamName,
    },
}

/// Whether a kept file may be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileState {
    /// Served.
    Present,
    /// Kept as evidence, never served until an administrator releases it.
    Quarantined,
    /// Gone; the row stays as a tombstone, so that the name is never reused for other bytes.
    Deleted,
}

/// A file whose bytes are (or, for a tombstone, were) kept here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptFile {
    /// What an index says of it.
    #[serde(flatten)]
    pub file: File,
    /// Its bytes.
    pub blob: BlobId,
    /// Where it came from.
    pub origin: Origin,
    /// When it was recorded here, by our own clock.
    pub recorded_at: Timestamp,
    /// Who published it, for what was published here.
    pub publisher: Option<String>,
    /// Whether it may be served.
    pub state: FileState,
    /// Why it is quarantined or was deleted.
    pub state_reason: Option<String>,
}

/// The attribute of a file that was deleted while it was in quarantine. No ecosystem's attributes
/// begin with a colon.
const CLOSED: &str = ":closed";
/// The attribute of a file that was closed or deleted with its whole version.
const VERSION_CLOSED: &str = ":version-closed";
/// The attribute of a file that was yanked with its whole version; `false` where that was taken back
/// for this file alone.
const VERSION_YANKED: &str = ":version-yanked";
/// The attribute of a file that was closed before it was fetched.
const UNSEEN: &str = ":unseen";

impl File {
    /// Whether it was in quarantine when it was deleted.
    pub fn was_closed(&self) -> bool {
        self.attributes.0.contains_key(CLOSED)
    }

    /// Whether a yank of its version was taken back for this file alone.
    pub fn was_unyanked(&self) -> bool {
        self.attributes.0.get(VERSION_YANKED) == Some(&false.into())
    }
}

impl KeptFile {
    /// Whether only an administrator opens its name again: it is in quarantine, or was when it was
    /// deleted.
    pub fn is_closed(&self) -> bool {
        self.state == FileState::Quarantined || self.file.was_closed()
    }

    /// Remembers of a deleted file that it was in quarantine.
    pub fn close(&mut self) {
        self.file.attributes.0.insert(CLOSED.to_owned(), true.into());
    }

    /// Lets the same bytes in again.
    pub fn open(&mut self) {
        self.file.attributes.0.remove(CLOSED);
    }

    /// Whether it was closed or deleted with all of its version: what else comes of that is closed
    /// too, for as long as one of its files says so.
    pub fn closes_version(&self) -> bool {
        self.state != FileState::Present && self.file.attributes.0.contains_key(VERSION_CLOSED)
    }

    /// Whether it was closed before anybody asked for it, so that nothing of it was ever here.
    pub fn is_unseen(&self) -> bool {
        self.file.attributes.0.contains_key(UNSEEN)
    }

    /// Remembers that nothing of it was ever here.
    pub fn set_unseen(&mut self) {
        self.set(UNSEEN, Some(true));
    }

    /// Whether it was yanked with all of its version.
    pub fn yanks_version(&self) -> bool {
        let attribute = self.file.attributes.0.get(VERSION_YANKED);
        self.file.yank.is_some() && attribute == Some(&true.into())
    }

    /// Remembers that it was closed or deleted with its version, or nothing of that any more.
    pub fn close_version(&mut self, is_closed: bool) {
        self.set(VERSION_CLOSED, is_closed.then_some(true));
    }

    /// Remembers that it was yanked with its version, that it alone was not, or (`None`) nothing of
    /// that.
    pub fn yank_version(&mut self, is_yanked: Option<bool>) {
        self.set(VERSION_YANKED, is_yanked);
    }

    fn set(&mut self, attribute: &str, value: Option<bool>) {
        let attributes = &mut self.file.attributes.0;
        match value {
            Some(value) => attributes.insert(attribute.to_owned(), value.into()),
            None => attributes.remove(attribute),
        };
    }
}
