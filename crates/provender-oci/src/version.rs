//! Versions, of which there are none: an image is known by its digest, and pointed to by tags.

use provender_domain::{NameError, TAG_LIMIT_BYTES, Tag, Version};

const TAG_RULE: &str = "ASCII letters, digits, '_', '.' and '-', beginning with a letter, a digit \
                        or '_', at most 128 of them";

/// Refuses every version.
pub(crate) fn normalize(_raw: &str) -> Result<Version, NameError> {
    let rule = "images have no versions: name a tag, or a digest such as sha256:…";
    Err(NameError::Malformed { what: "version", rule })
}

/// Checks a tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (distribution specification 1.1, "Pulling
/// manifests").
pub(crate) fn tag(raw: &str) -> Result<Tag, NameError> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_well = raw.bytes().next().is_some_and(is_word);
    let all_allowed = raw.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    if !begins_well || !all_allowed || raw.len() > TAG_LIMIT_BYTES {
        return Err(NameError::Malformed { what: "tag", rule: TAG_RULE });
    }
    Tag::new(raw)
}

#[cfg(test)]
mod tests;
