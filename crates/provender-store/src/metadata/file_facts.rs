//! A kept file as one JSON text, made to be read ten thousand at a time.
//!
//! Short keys, moments as numbers, nothing that is absent or in a column of its own, and texts
//! borrowed from the row until they become names. An unknown key is ignored, so that a later version
//! may add some; earlier ones wrote the name, the blob and the state here too.

use std::borrow::Cow;

use provender_domain::{
    Attributes, BlobId, Companion, Digest, File, FileName, FileState, KeptFile, Origin, Timestamp,
    UpstreamName, Version, Yank,
};
use serde::{Deserialize, Serialize};

use super::codec::{corrupt, to_json};
use super::read::{Rule, state_name};
use crate::StoreError;

/// The file's facts, for the column.
pub(super) fn encode(file: &KeptFile) -> String {
    to_json(&FileFacts::from(file))
}

/// What is known of a file in columns of their own.
pub(super) struct FileColumns<'a> {
    pub(super) name: &'a str,
    /// In hexadecimal.
    pub(super) blob: &'a str,
    pub(super) state: &'a str,
}

/// The file that the columns speak of, this one and its neighbours.
pub(super) fn decode(columns: &FileColumns<'_>, text: &str) -> Result<KeptFile, StoreError> {
    let facts: FileFacts<'_> =
        serde_json::from_str(text).map_err(|error| corrupt("file", error))?;
    facts.into_file(columns)
}

#[derive(Serialize, Deserialize)]
struct FileFacts<'a> {
    #[serde(rename = "v", borrow, default, skip_serializing_if = "Option::is_none")]
    version: Option<Text<'a>>,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Nothing where it is the blob's alone.
    #[serde(rename = "d", borrow, default, skip_serializing_if = "Option::is_none")]
    digests: Option<Vec<Text<'a>>>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    uploaded_at: Option<i64>,
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    yank: Option<Cow<'a, Yank>>,
    #[serde(rename = "a", default, skip_serializing_if = "no_attributes")]
    attributes: Cow<'a, Attributes>,
    #[serde(rename = "c", borrow, default, skip_serializing_if = "Vec::is_empty")]
    companions: Vec<CompanionFacts<'a>>,
    /// The upstream; nothing for what was published here.
    #[serde(rename = "o", borrow, default, skip_serializing_if = "Option::is_none")]
    mirrored_from: Option<Text<'a>>,
    #[serde(rename = "r")]
    recorded_at: i64,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    publisher: Option<String>,
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    state_reason: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct CompanionFacts<'a> {
    #[serde(rename = "k")]
    kind: String,
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(rename = "d", borrow, default, skip_serializing_if = "Option::is_none")]
    digest: Option<Text<'a>>,
}

/// A text that is borrowed where it has no escapes, inside of other types too.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> From<&'a KeptFile> for FileFacts<'a> {
    fn from(kept: &'a KeptFile) -> Self {
        let file = &kept.file;
        Self {
            version: file.version.as_ref().map(|version| Text(version.as_str().into())),
            url: file.url.clone(),
            digests: (file.digests != [kept.blob.digest()]).then(|| {
                file.digests.iter().map(|digest| Text(digest.to_string().into())).collect()
            }),
            size_bytes: file.size_bytes,
            uploaded_at: file.uploaded_at.map(Timestamp::microseconds),
            yank: file.yank.as_ref().map(Cow::Borrowed),
            attributes: Cow::Borrowed(&file.attributes),
            companions: file.companions.iter().map(CompanionFacts::from).collect(),
            mirrored_from: match &kept.origin {
                Origin::Published => None,
                Origin::Mirrored { upstream } => Some(Text(upstream.as_str().into())),
            },
            recorded_at: kept.recorded_at.microseconds(),
            publisher: kept.publisher.clone(),
            state_reason: kept.state_reason.clone(),
        }
    }
}

impl<'a> From<&'a Companion> for CompanionFacts<'a> {
    fn from(companion: &'a Companion) -> Self {
        Self {
            kind: companion.kind.clone(),
            url: companion.url.clone(),
            digest: companion.digest.as_ref().map(|digest| Text(digest.to_string().into())),
        }
    }
}

impl FileFacts<'_> {
    fn into_file(self, columns: &FileColumns<'_>) -> Result<KeptFile, StoreError> {
        let blob = columns.blob.parse::<BlobId>().map_err(malformed)?;
        let version = self.version.map(|text| Version::new(&text.0));
        let file = File {
            name: FileName::new(columns.name).map_err(malformed)?,
            version: version.transpose().map_err(malformed)?,
            url: self.url,
            digests: match self.digests {
                Some(digests) => digests.iter().map(digest).collect::<Result<_, _>>()?,
                None => vec![blob.digest()],
            },
            size_bytes: self.size_bytes,
            uploaded_at: self.uploaded_at.map(Timestamp::from_microseconds),
            yank: self.yank.map(Cow::into_owned),
            attributes: self.attributes.into_owned(),
            companions: self
                .companions
                .into_iter()
                .map(CompanionFacts::into_companion)
                .collect::<Result<_, _>>()?,
        };
        let upstream = self.mirrored_from.map(|text| UpstreamName::new(&text.0));
        let origin = match upstream.transpose().map_err(malformed)? {
            None => Origin::Published,
            Some(upstream) => Origin::Mirrored { upstream },
        };
        Ok(KeptFile {
            file,
            blob,
            origin,
            recorded_at: Timestamp::from_microseconds(self.recorded_at),
            publisher: self.publisher,
            state: state_named(columns.state)?,
            state_reason: self.state_reason,
        })
    }
}

impl CompanionFacts<'_> {
    fn into_companion(self) -> Result<Companion, StoreError> {
        let digest = self.digest.as_ref().map(digest).transpose()?;
        Ok(Companion { kind: self.kind, url: self.url, digest })
    }
}

fn digest(text: &Text<'_>) -> Result<Digest, StoreError> {
    text.0.parse().map_err(malformed)
}

fn state_named(text: &str) -> Result<FileState, StoreError> {
    let states = [FileState::Present, FileState::Quarantined, FileState::Deleted];
    let found = states.into_iter().find(|state| state_name(*state) == text);
    found.ok_or_else(|| corrupt("file", Rule("its state is none")))
}

fn malformed(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    corrupt("file", error)
}

fn no_attributes(attributes: &Attributes) -> bool {
    attributes.0.is_empty()
}

#[cfg(test)]
mod tests;
