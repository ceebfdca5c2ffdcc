//! The bundle's JSON, written: on one line, in the order of protobuf's fields.
//!
//! By hand, since each publication is signed: to build the fields' own texts first, and then to look
//! in the whole for what in it is encoded, took longer than the signature.

use provender_domain::{EncodedText, TextPieces};

use super::json::media_type;
use super::{Bundle, BundleVersion, Content, InclusionProof, KeyMaterial, LogEntry};

impl EncodedText for Bundle {
    fn take_apart(&self, into: &mut dyn TextPieces) {
        into.text("{\"mediaType\":\"");
        into.text(media_type(self.version));
        into.text("\",\"verificationMaterial\":{");
        key(self, into);
        into.text(",\"tlogEntries\":[");
        separated(&self.log_entries, into, |entry, into| log_entry(entry, into));
        into.text("]");
        if !self.timestamps.is_empty() {
            into.text(",\"timestampVerificationData\":{\"rfc3161Timestamps\":[");
            separated(&self.timestamps, into, |timestamp, into| {
                into.text("{\"signedTimestamp\":\"");
                into.base64(timestamp);
                into.text("\"}");
            });
            into.text("]}");
        }
        into.text("},");
        content(&self.content, into);
        into.text("}");
    }
}

fn key(bundle: &Bundle, into: &mut dyn TextPieces) {
    match &bundle.key {
        KeyMaterial::Certificates(certificates) => match certificates.as_slice() {
            [only] if bundle.version == BundleVersion::V03 => {
                into.text("\"certificate\":");
                raw_bytes(only, into);
            }
            many => {
                into.text("\"x509CertificateChain\":{\"certificates\":[");
                separated(many, into, |certificate, into| raw_bytes(certificate, into));
                into.text("]}");
            }
        },
        KeyMaterial::PublicKeyHint(hint) => {
            into.text("\"publicKey\":{\"hint\":");
            quoted(hint, into);
            into.text("}");
        }
    }
}

fn raw_bytes(bytes: &[u8], into: &mut dyn TextPieces) {
    into.text("{\"rawBytes\":\"");
    into.base64(bytes);
    into.text("\"}");
}

fn content(content: &Content, into: &mut dyn TextPieces) {
    match content {
        Content::Message(message) => {
            into.text("\"messageSignature\":{");
            if let Some((algorithm, digest)) = &message.digest {
                into.text("\"messageDigest\":{\"algorithm\":");
                quoted(algorithm, into);
                into.text(",\"digest\":\"");
                into.base64(digest);
                into.text("\"},");
            }
            into.text("\"signature\":\"");
            into.base64(&message.signature);
            into.text("\"}");
        }
        Content::Envelope(envelope) => {
            into.text("\"dsseEnvelope\":{\"payload\":\"");
            into.base64(&envelope.payload);
            into.text("\",\"payloadType\":");
            quoted(&envelope.payload_type, into);
            into.text(",\"signatures\":[{\"sig\":\"");
            into.base64(&envelope.signature);
            into.text("\"}]}");
        }
    }
}

/// Rekor's `TransparencyLogEntry`.
fn log_entry(entry: &LogEntry, into: &mut dyn TextPieces) {
    into.text("{\"logIndex\":");
    number(entry.index, into);
    into.text(",\"logId\":{\"keyId\":\"");
    into.base64(&entry.log_id);
    into.text("\"},\"kindVersion\":{\"kind\":");
    quoted(&entry.kind, into);
    into.text(",\"version\":");
    quoted(&entry.kind_version, into);
    into.text("}");
    if let Some(time) = entry.integrated_time {
        into.text(&format!(",\"integratedTime\":\"{time}\""));
    }
    if let Some(promise) = &entry.inclusion_promise {
        into.text(",\"inclusionPromise\":{\"signedEntryTimestamp\":\"");
        into.base64(promise);
        into.text("\"}");
    }
    if let Some(proof) = &entry.inclusion_proof {
        inclusion_proof(proof, into);
    }
    into.text(",\"canonicalizedBody\":\"");
    into.base64(&entry.body);
    into.text("\"}");
}

fn inclusion_proof(proof: &InclusionProof, into: &mut dyn TextPieces) {
    into.text(",\"inclusionProof\":{\"logIndex\":");
    number(proof.index, into);
    into.text(",\"rootHash\":\"");
    into.base64(&proof.root);
    into.text("\",\"treeSize\":");
    number(proof.size, into);
    into.text(",\"hashes\":[");
    separated(&proof.hashes, into, |hash, into| {
        into.text("\"");
        into.base64(hash);
        into.text("\"");
    });
    into.text("],\"checkpoint\":{\"envelope\":");
    quoted(&proof.checkpoint, into);
    into.text("}}");
}

fn separated<T>(items: &[T], into: &mut dyn TextPieces, write: fn(&T, &mut dyn TextPieces)) {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            into.text(",");
        }
        write(item, into);
    }
}

/// A 64-bit number, which protobuf's JSON writes as text. Indexes and sizes of a tree that can exist
/// fit into a signed one, as which it is read.
fn number(number: u64, into: &mut dyn TextPieces) {
    into.text(&format!("\"{}\"", number.min(i64::MAX.unsigned_abs())));
}

fn quoted(text: &str, into: &mut dyn TextPieces) {
    into.text(&serde_json::to_string(text).expect("a text has a form"));
}
