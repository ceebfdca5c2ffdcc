//! What gets by a rule as a signature: by what is in it, not by what it calls itself.
//!
//! Whoever verifies signatures themselves has to get them also where a rule is not met. Nobody is
//! asked to sign them, so nothing may be in them that anybody could run.

use std::collections::HashSet;

use bytes::Bytes;
use provender_attest::{Bundle, cosign_payload_digest};
use provender_domain::{FileName, KeptFile, Problem};
use provender_ecosystem::ReferenceRole;
use provender_store::PackageKey;
use serde_json::Value;

use super::tagged::{SIGNATURES_LIMIT, TEXT_LIMIT_BYTES};
use super::{BUNDLE_LIMIT_BYTES, is_about, is_evidence};
use crate::Registry;
use crate::error::store_problem;
use crate::resolve::Query;

/// Largest configuration of a signature, in bytes; most have `{}`.
const CONFIG_LIMIT_BYTES: usize = 64 << 10;
/// Most files that call themselves signatures and have a part in common that are looked at.
const SHARING_LIMIT: usize = 64;

/// What a file that calls itself a signature consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// One signature, or texts that were signed, and a configuration.
    Signature,
    /// Nothing else, as far as it is here.
    NotAllHere,
    SomethingElse,
}

impl Registry {
    /// Whether a file consists of signatures alone. Parts that are missing are brought in, at most
    /// once in a while.
    pub(super) async fn is_signature(
        &self,
        query: &Query,
        kept: &KeptFile,
    ) -> Result<bool, Problem> {
        if !is_evidence(kept) {
            return Ok(false);
        }
        let key = query.key();
        let mut content = self.content_of(&key, kept).await?;
        if content == Content::NotAllHere && self.may_ask_about(&key, &kept.file.name) {
            self.bring_in_all_parts(query, kept).await?;
            content = self.content_of(&key, kept).await?;
        }
        Ok(content == Content::Signature)
    }

    /// Whether a file that these refer to belongs to a signature, with which it comes.
    pub(super) async fn is_part_of_signature(
        &self,
        query: &Query,
        referring: &[KeptFile],
    ) -> Result<bool, Problem> {
        for kept in referring.iter().filter(|kept| is_evidence(kept)).take(SHARING_LIMIT) {
            if self.is_signature(query, kept).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn content_of(&self, key: &PackageKey, kept: &KeptFile) -> Result<Content, Problem> {
        let listed = self.signatures_in(key, &kept.file.name).await?;
        let texts: HashSet<FileName> = listed.into_iter().map(|signature| signature.text).collect();
        let is_one = texts.is_empty() && is_about(kept);
        let parts = self.all_parts_of(key, &kept.file.name).await?;
        let with_configuration = if is_one { 2 } else { texts.len() + 1 };
        if (texts.is_empty() && !is_one)
            || texts.len() > SIGNATURES_LIMIT
            || parts.len() > with_configuration
        {
            return Ok(Content::SomethingElse);
        }
        let (mut signatures, mut is_all_here) = (0, true);
        for part in &parts {
            let Some(bytes) = self.small_file(key, part, BUNDLE_LIMIT_BYTES).await? else {
                is_all_here = false;
                continue;
            };
            if texts.contains(part) && is_text(&bytes) || is_one && is_envelope(&bytes) {
                signatures += 1;
            } else if texts.contains(part) || !is_configuration(&bytes) {
                return Ok(Content::SomethingElse);
            }
        }
        Ok(match is_all_here {
            false => Content::NotAllHere,
            true if signatures == texts.len().max(1) => Content::Signature,
            true => Content::SomethingElse,
        })
    }

    /// The files that a statement consists of beside itself, however many.
    pub(super) async fn all_parts_of(
        &self,
        key: &PackageKey,
        statement: &FileName,
    ) -> Result<Vec<FileName>, Problem> {
        let references = self.inner.metadata.references_of(key, statement).await;
        let references = references.map_err(|error| store_problem(&error))?;
        let parts = references.into_iter().filter(|part| part.role != ReferenceRole::Subject);
        Ok(parts.map(|part| part.file).collect())
    }

    /// From where the statement itself came from.
    async fn bring_in_all_parts(&self, query: &Query, kept: &KeptFile) -> Result<(), Problem> {
        let Some(upstream) = query.upstream_of(&kept.origin) else { return Ok(()) };
        let parts = self.all_parts_of(&query.key(), &kept.file.name).await?;
        for part in parts.iter().take(SIGNATURES_LIMIT + 1) {
            self.bring_in_small(query, part, &upstream, BUNDLE_LIMIT_BYTES).await?;
        }
        Ok(())
    }
}

/// Whether this is a text that names what is signed.
fn is_text(bytes: &Bytes) -> bool {
    bytes.len() as u64 <= TEXT_LIMIT_BYTES && cosign_payload_digest(bytes).is_some()
}

fn is_configuration(bytes: &[u8]) -> bool {
    bytes.len() <= CONFIG_LIMIT_BYTES
        && matches!(serde_json::from_slice(bytes), Ok(Value::Object(_)))
}

/// Whether this is a signature with what it signs and who made it: a Sigstore bundle, or either
/// envelope of the Notary Project ("Signature Specification", "Signature Envelope").
fn is_envelope(bytes: &[u8]) -> bool {
    Bundle::parse(bytes).is_ok() || is_jws(bytes) || is_cose(bytes)
}

/// A signature in JSON in the flattened form (RFC 7515, 7.2.2).
fn is_jws(bytes: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else { return false };
    let is_base64url =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let is_encoded = |name: &&str| {
        let text = members.get(*name).and_then(Value::as_str);
        text.is_some_and(|text| !text.is_empty() && is_base64url(text))
    };
    let encoded = ["payload", "protected", "signature"];
    encoded.iter().all(is_encoded)
        && members.keys().all(|name| encoded.contains(&name.as_str()) || name == "header")
}

/// A signature by one in CBOR: tag 18 over an array of four, of which the first is a byte string
/// (RFC 9052, 4.2).
fn is_cose(bytes: &[u8]) -> bool {
    matches!(bytes, [0xd2, 0x84, 0x40..=0x5b, ..])
}

#[cfg(test)]
mod tests {
    use super::{is_configuration, is_envelope};

    #[test]
    fn signatures_are_told_by_their_form() {
        let check = |bytes: &[u8], expected: bool| {
            assert_eq!(is_envelope(bytes), expected, "{}", String::from_utf8_lossy(bytes));
        };
        check(
            br#"{"payload":"eyJ9","protected":"eyJ9","header":{"x5c":[]},"signature":"AA-_"}"#,
            true,
        );
        check(br#"{"payload":"eyJ9","protected":"eyJ9","signature":"AA"}"#, true);
        check(br#"{"payload":"eyJ9","protected":"eyJ9"}"#, false);
        check(br#"{"payload":"$(x)","protected":"eyJ9","signature":"AA"}"#, false);
        check(br#"{"payload":"","protected":"eyJ9","signature":"AA"}"#, false);
        check(br#"{"payload":"eyJ9","protected":"eyJ9","signature":"AA","more":1}"#, false);
        check(br#"[{"payload":"eyJ9","protected":"eyJ9","signature":"AA"}]"#, false);
        check(b"\xd2\x84\x58\x20\x00", true);
        check(b"\xd2\x84\xa0", false);
        check(b"\xd2\n#!/bin/sh", false);
        check(b"#!/bin/sh\necho", false);
        check(b"{}", false);
        check(b"", false);
    }

    #[test]
    fn a_configuration_is_a_small_object() {
        assert!(is_configuration(b"{}") && is_configuration(br#"{"os":""}"#));
        let large = format!("{{\"a\":\"{}\"}}", "x".repeat(64 << 10));
        for other in ["", "[]", "#!/bin/sh", "{} #", &large] {
            assert!(!is_configuration(other.as_bytes()), "{}", &other[..other.len().min(9)]);
        }
    }
}
