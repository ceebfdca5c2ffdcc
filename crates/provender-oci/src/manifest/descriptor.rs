//! Descriptors: how one document names another (image specification 1.1, "Content Descriptors").

use provender_domain::{Digest, FileName};
use provender_ecosystem::{Depth, ReferenceRole};
use serde_json::{Map, Value};

use crate::error::ManifestFault;
use crate::file_name::{self, Kind};
use crate::json;
use crate::media_type::{self, ManifestType};

/// Longest word of a platform that is kept, in bytes.
const PLATFORM_WORD_LIMIT_BYTES: usize = 64;

/// One, as far as it is understood here.
pub(crate) struct Descriptor {
    /// Empty where it says none that is one, which only mirrored manifests may.
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size_bytes: u64,
    has_urls: bool,
    /// `linux/arm64/v8`, where it says for which platform it is.
    pub(crate) platform: Option<String>,
}

impl Descriptor {
    /// Reads one; `field` is where it stands.
    pub(crate) fn new(
        value: &Value,
        field: impl Into<String>,
        depth: Depth,
    ) -> Result<Self, ManifestFault> {
        let field = field.into();
        let inside = |name: &str| format!("{field}.{name}");
        let object = value.as_object();
        let object =
            object.ok_or_else(|| ManifestFault::malformed(field.clone(), "a descriptor"))?;
        let [media_type, digest, size, urls, platform] =
            json::fields(object, ["mediaType", "digest", "size", "urls", "platform"])?;
        let media_type =
            media_type.and_then(Value::as_str).filter(|text| media_type::is_valid(text));
        if depth == Depth::Full && media_type.is_none() {
            return Err(ManifestFault::malformed(inside("mediaType"), "a media type (RFC 6838)"));
        }
        let digest = digest.and_then(Value::as_str).and_then(file_name::digest_of);
        let digest = digest.ok_or_else(|| {
            let wanted = "a digest, sha256: or sha512: and lower-case hexadecimal";
            ManifestFault::malformed(inside("digest"), wanted)
        })?;
        // Clients keep sizes in 64 bits with a sign.
        let size_bytes = size.and_then(Value::as_u64).filter(|size| i64::try_from(*size).is_ok());
        let size_bytes = size_bytes
            .ok_or_else(|| ManifestFault::malformed(inside("size"), "a number of bytes"))?;
        Ok(Self {
            media_type: media_type.unwrap_or_default().to_owned(),
            digest,
            size_bytes,
            has_urls: urls.and_then(Value::as_array).is_some_and(|urls| !urls.is_empty()),
            platform: platform.and_then(Value::as_object).and_then(platform_text),
        })
    }

    /// Whether it names a manifest, and no blob.
    pub(crate) fn is_manifest(&self) -> bool {
        ManifestType::named(&self.media_type).is_some()
    }

    /// The file that it names.
    pub(crate) fn file(&self) -> FileName {
        // Build caches list layers in their indexes.
        let kind = if self.is_manifest() { Kind::Manifest } else { Kind::Blob };
        file_name::name(kind, &self.digest)
    }

    /// What a manifest of this depth has to do with it.
    pub(crate) fn role(&self, depth: Depth) -> ReferenceRole {
        let may_be_elsewhere = self.has_urls || media_type::is_not_distributable(&self.media_type);
        match depth {
            Depth::Full if !may_be_elsewhere => ReferenceRole::Required,
            Depth::Full | Depth::Structure => ReferenceRole::Optional,
        }
    }
}

/// `linux/arm64/v8`; `None` where it says nothing that could be shown.
fn platform_text(platform: &Map<String, Value>) -> Option<String> {
    let word = |key: &str| platform.get(key).and_then(Value::as_str).filter(|word| is_word(word));
    let text = format!("{}/{}", word("os")?, word("architecture")?);
    Some(word("variant").map_or(text.clone(), |variant| format!("{text}/{variant}")))
}

fn is_word(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !text.is_empty() && text.len() <= PLATFORM_WORD_LIMIT_BYTES && text.bytes().all(is_allowed)
}
