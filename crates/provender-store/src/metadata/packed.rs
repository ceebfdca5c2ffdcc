//! Attestations as they are kept.

use provender_domain::BlobId;
use sha2::{Digest as _, Sha256};

use super::codec::corrupt;
use super::packing;
use super::{Attestation, Write};
use crate::StoreError;

/// Longest bundle that is read back, in bytes: none that is taken comes near.
const BUNDLE_LIMIT_BYTES: usize = 64 << 20;

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
        let bytes = attestation.bundle.as_bytes();
        let kept = writes.iter().find_map(|write| match write {
            Write::KeepBytes(blob) if blob.bytes == bytes => Some(blob.id),
            _ => None,
        });
        let bundle =
            kept.map_or_else(|| PackedBundle::Here(packing::pack(bytes)), PackedBundle::Blob);
        let facts = Attestation {
            blob: attestation.blob,
            file: attestation.file.clone(),
            source: attestation.source,
            predicate_type: attestation.predicate_type.clone(),
            bundle: String::new(),
            log_index: attestation.log_index,
            recorded_at: attestation.recorded_at,
        };
        Self { id: id(attestation), facts, bundle }
    }
}

impl From<&Attestation> for PackedAttestation {
    fn from(attestation: &Attestation) -> Self {
        Self::beside(attestation, &[])
    }
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
