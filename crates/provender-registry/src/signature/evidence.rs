//! What gets by a rule as a signature: by what is in it, not by what it calls itself.
//!
//! Whoever verifies signatures themselves has to get them also where a rule is not met. Nobody is
//! asked to sign them, so nothing may be in them that anybody could run.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use provender_attest::{Bundle, cosign_payload_digest};
use provender_domain::{Digest, FileName, KeptFile, Problem};
use provender_ecosystem::ReferenceRole;
use provender_store::PackageKey;
use serde::Deserialize;
use serde_json::Value;

use super::tagged::{SIGNATURES_LIMIT, TEXT_LIMIT_BYTES};
use super::{BUNDLE_LIMIT_BYTES, is_about, is_evidence};
use crate::Registry;
use crate::error::store_problem;
use crate::resolve::Query;

/// Largest configuration of a list of texts, in bytes.
const CONFIG_LIMIT_BYTES: usize = 64 << 10;
/// The configuration of whatever has none (OCI image specification, "Guidance for an empty descriptor").
const EMPTY_CONFIGURATION: &[u8] = b"{}";
/// Largest signature proper, in bytes: that of an RSA key of 8192 bits.
const SIGNATURE_LIMIT_BYTES: usize = 1024;
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
            } else if texts.contains(part)
                || is_one && &bytes[..] != EMPTY_CONFIGURATION
                || !is_one && !is_configuration(&bytes)
            {
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

/// What a list of texts has for a configuration: that of an image without layers, which has no other
/// members (OCI image specification, "Image Configuration").
fn is_configuration(bytes: &[u8]) -> bool {
    const MEMBERS: [&str; 8] =
        ["architecture", "author", "config", "created", "history", "os", "rootfs", "variant"];
    bytes.len() <= CONFIG_LIMIT_BYTES
        && matches!(serde_json::from_slice(bytes), Ok(Value::Object(members))
            if members.keys().all(|name| MEMBERS.contains(&name.as_str())))
}

/// Whether this is a signature with what it signs and who made it: a Sigstore bundle, or the Notary
/// Project's envelope in JSON ("Signature Specification", "JWS Signature Envelope"). That in CBOR cannot be
/// told from what merely begins so.
fn is_envelope(bytes: &[u8]) -> bool {
    Bundle::parse(bytes).is_ok() || is_jws(bytes)
}

/// A signature in JSON in the flattened form (RFC 7515, 7.2.2), of whose members each has a form in
/// which nothing else can be said.
fn is_jws(bytes: &[u8]) -> bool {
    let Ok(read) = serde_json::from_slice::<Jws>(bytes) else { return false };
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let is_base64 = |text: &String| STANDARD.decode(text).is_ok();
    let payload = decoded(&read.payload).and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let target = payload.map(|payload: Payload| payload.target.digest.parse::<Digest>().is_ok());
    let protected = decoded(&read.protected);
    let is_object = |bytes: &[u8]| matches!(serde_json::from_slice(bytes), Ok(Value::Object(_)));
    let header = read.header;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b" ./_-".contains(&byte);
    target == Some(true)
        && protected.is_some_and(|bytes| is_object(&bytes))
        && decoded(&read.signature).is_some_and(|bytes| bytes.len() <= SIGNATURE_LIMIT_BYTES)
        && header.certificates.iter().all(is_base64)
        && header.timestamp.iter().all(is_base64)
        && header.agent.iter().all(|agent| agent.bytes().all(is_name))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Jws {
    payload: String,
    protected: String,
    header: Header,
    signature: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(rename = "x5c")]
    certificates: Vec<String>,
    #[serde(rename = "io.cncf.notary.signingAgent")]
    agent: Option<String>,
    #[serde(rename = "io.cncf.notary.timestampSignature")]
    timestamp: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "targetArtifact")]
    target: Target,
}

#[derive(Deserialize)]
struct Target {
    digest: String,
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::{is_configuration, is_envelope};

    #[test]
    fn signatures_are_told_by_their_form() {
        let check = |text: &str, expected: bool| {
            assert_eq!(is_envelope(text.as_bytes()), expected, "{text}");
        };
        let target = format!(r#"{{"targetArtifact":{{"digest":"sha256:{}"}}}}"#, "ab".repeat(32));
        let (payload, protected) =
            (URL_SAFE_NO_PAD.encode(target), URL_SAFE_NO_PAD.encode(r#"{"alg":"PS256"}"#));
        let whole = format!(
            r#"{{"payload":"{payload}","protected":"{protected}","header":{{"x5c":["MAA="],"io.cncf.notary.signingAgent":"notation-go/1.3.0"}},"signature":"AA-_"}}"#
        );
        check(&whole, true);
        for (from, to) in [
            (payload.as_str(), "e30"),
            (payload.as_str(), "$(x)"),
            (protected.as_str(), "AAAA"),
            ("AA-_", "A+/="),
            ("MAA=", "$(echo)"),
            ("notation-go/1.3.0", "$(echo pwned)"),
            ("\"signature\"", "\"more\":1,\"signature\""),
            ("\"x5c\"", "\"x\":\"$(echo)\",\"x5c\""),
            ("{\"payload\"", "[{\"payload\""),
        ] {
            let other = whole.replacen(from, to, 1);
            assert_ne!(other, whole, "{from}");
            check(&other, false);
        }
        for other in ["\u{52}\u{4}@\necho", "#!/bin/sh\necho", "{}", ""] {
            check(other, false);
        }
    }

    #[test]
    fn a_configuration_is_that_of_an_image_without_layers() {
        let whole =
            br#"{"architecture":"","created":"","config":{},"history":[],"os":"","rootfs":{}}"#;
        assert!(is_configuration(b"{}") && is_configuration(whole));
        let large = format!("{{\"os\":\"{}\"}}", "x".repeat(64 << 10));
        let pod = r#"{"apiVersion":"v1","kind":"Pod"}"#;
        for other in ["", "[]", "#!/bin/sh", "{} #", pod, &large] {
            assert!(!is_configuration(other.as_bytes()), "{}", &other[..other.len().min(9)]);
        }
    }
}
