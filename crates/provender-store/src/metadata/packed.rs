//! Attestations as they are kept.

use provender_domain::{BlobId, EncodedText};
use sha2::{Digest as _, Sha256};

use super::codec::corrupt;
use super::packing;
use super::{Attestation, AttestationSource, Write};
use crate::StoreError;

/// Longest bundle that is read back, in bytes: none that is taken comes near.
const BUNDLE_LIMIT_BYTES: usize = 64 << 20;

/// How much of its digest tells a bundle of ours from all others, in bytes.
const ID_BYTES: usize = 16;

/// An attestation as it is written: packed by whoever commits it, so that the one writer, for whom
/// all wait, need not.
#[derive(Debug, Clone)]
pub struct PackedAttestation {
    /// The same for the same bundle about the same thing, whenever it came.
    pub(super) id: String,
    /// All but the bundle, which is empty here.
    pub(super) facts: Attestation,
    pub(super) bundle: PackedBundle,
}

/// Where an attestation's bundle is kept.
#[derive(Debug, Clone)]
pub(super) enum PackedBundle {
    /// With it.
    Here(Vec<u8>),
    /// As a small blob, for whoever asks for it by its digest.
    Blob(BlobId),
}

impl PackedAttestation {
    /// The same, but that the bundle is not kept twice where one of these writes keeps its bytes.
    /// They have to stand before it in the same commit.
    pub fn beside(attestation: &Attestation, writes: &[Write]) -> Self {
        Self::of(attestation, &attestation.bundle, writes)
    }

    /// The same of an attestation whose bundle is not with it, but this.
    pub fn of(attestation: &Attestation, bundle: &dyn EncodedText, writes: &[Write]) -> Self {
        let bundle = match kept_among(writes, bundle) {
            Some(kept) => PackedBundle::Blob(kept),
            None => PackedBundle::Here(packing::pack_apart(bundle)),
        };
        let facts = Attestation {
            blob: attestation.blob,
            file: attestation.file.clone(),
            source: attestation.source,
            predicate_type: attestation.predicate_type.clone(),
            bundle: String::new(),
            log_index: attestation.log_index,
            recorded_at: attestation.recorded_at,
        };
        let id = match attestation.source {
            AttestationSource::Ours => id_of_ours(&bundle),
            AttestationSource::Publisher | AttestationSource::Upstream => id(attestation),
        };
        Self { id, facts, bundle }
    }
}

impl From<&Attestation> for PackedAttestation {
    fn from(attestation: &Attestation) -> Self {
        Self::beside(attestation, &[])
    }
}

/// The small blob that is this text, if one of the writes keeps it.
fn kept_among(writes: &[Write], bundle: &dyn EncodedText) -> Option<BlobId> {
    let mut kept = writes
        .iter()
        .filter_map(|write| match write {
            Write::KeepBytes(blob) => Some(blob),
            _ => None,
        })
        .peekable();
    kept.peek()?;
    let text = bundle.to_text();
    kept.find(|blob| blob.bytes == text.as_bytes()).map(|blob| blob.id)
}

/// No two bundles of ours are the same, whatever they are about: each has its place in the log. So
/// this need not be long, and is not: it stands in an index, too.
fn id_of_ours(bundle: &PackedBundle) -> String {
    let digest: [u8; 32] = match bundle {
        PackedBundle::Here(packed) => Sha256::digest(packed).into(),
        PackedBundle::Blob(blob) => *blob.as_bytes(),
    };
    hex::encode(&digest[..ID_BYTES])
}

fn id(attestation: &Attestation) -> String {
    let file = attestation.file.as_ref().map(|file| (file.package.columns(), file.name.as_str()));
    let named = (attestation.blob.to_hex(), file, attestation.bundle.as_str());
    let named = serde_json::to_vec(&named).expect("texts have a form");
    hex::encode(Sha256::digest(named))
}

/// The bundle that was packed.
pub(super) fn unpack(packed: &[u8]) -> Result<String, StoreError> {
    let bundle = packing::unpack(packed, BUNDLE_LIMIT_BYTES)?;
    String::from_utf8(bundle).map_err(|error| corrupt("bundle", error))
}
