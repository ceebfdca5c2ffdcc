//! What is refused here though the library lets it pass.

use std::collections::HashMap;

use sigstore_types as library;
use sigstore_verify::crypto::Keyring;

use super::error::{Cause, VerifyError};
use crate::bundle::{Bundle, BundleVersion, Content, InclusionProof, LogEntry};
use crate::envelope::IN_TOTO_PAYLOAD_TYPE;

/// The one version of an entry that logs of tiles know.
const TILE_LOG_VERSION: (&str, &str) = ("hashedrekord", "0.0.2");

/// Checks what needs no cryptography, before any is done.
pub(super) fn check(bundle: &Bundle, logs: &HashMap<Vec<u8>, String>) -> Result<(), VerifyError> {
    if let Content::Envelope(envelope) = &bundle.content
        && envelope.payload_type != IN_TOTO_PAYLOAD_TYPE
    {
        let why = format!("the envelope's payload is `{}`", envelope.payload_type);
        return Err(VerifyError::Unsupported(Cause::new(why)));
    }
    bundle.log_entries.iter().try_for_each(|entry| check_entry(bundle.version, entry, logs))
}

fn check_entry(
    version: BundleVersion,
    entry: &LogEntry,
    logs: &HashMap<Vec<u8>, String>,
) -> Result<(), VerifyError> {
    if !logs.contains_key(&entry.log_id) {
        return Err(VerifyError::UnknownLog { log_id: hex::encode(&entry.log_id) });
    }
    let from_tile_log = (entry.kind.as_str(), entry.kind_version.as_str()) == TILE_LOG_VERSION;
    let Some(proof) = &entry.inclusion_proof else {
        let promise_is_enough = version == BundleVersion::V01 && entry.inclusion_promise.is_some();
        if promise_is_enough && !from_tile_log {
            return Ok(());
        }
        return Err(VerifyError::InclusionProof(Cause::new("an entry has no proof")));
    };
    if !from_tile_log {
        return Ok(());
    }
    if entry.integrated_time.is_some() || entry.inclusion_promise.is_some() {
        let why =
            "the entry of a log of tiles claims a time or a promise, which such a log never signs";
        return Err(VerifyError::Malformed(Cause::new(why)));
    }
    check_copies(entry, proof)
}

/// The index, the size and the root stand in the bundle twice. Only one of each is signed; the
/// other must not say something else.
fn check_copies(entry: &LogEntry, proof: &InclusionProof) -> Result<(), VerifyError> {
    if proof.index != entry.index {
        let why = "the entry and its proof name different indexes";
        return Err(VerifyError::InclusionProof(Cause::new(why)));
    }
    let checkpoint = library::Checkpoint::from_text(&proof.checkpoint)
        .map_err(|error| VerifyError::Checkpoint(Cause::new(error.to_string())))?;
    let same_size = proof.size == checkpoint.tree_size();
    let same_root = proof.root == checkpoint.root_hash().as_slice();
    if same_size && same_root {
        return Ok(());
    }
    let why = "the proof and the checkpoint speak of different trees";
    Err(VerifyError::Checkpoint(Cause::new(why)))
}

/// The library takes a checkpoint that any trusted log signed; the entry names one of them.
pub(super) fn check_signers_of_checkpoints(
    bundle: &library::Bundle,
    keys: &Keyring,
) -> Result<(), VerifyError> {
    // With one log there is nothing to confuse.
    if keys.len() < 2 {
        return Ok(());
    }
    for entry in &bundle.verification_material.tlog_entries {
        let Some(proof) = &entry.inclusion_proof else { continue };
        let id = library::Sha256Hash::try_from(entry.log_id.key_id.as_bytes());
        let key = id.ok().and_then(|id| Some((id, keys.key(&id)?)));
        let (Some((id, key)), Some(checkpoint)) = (key, proof.checkpoint.checkpoint()) else {
            let log_id = hex::encode(entry.log_id.key_id.as_bytes());
            return Err(VerifyError::UnknownLog { log_id });
        };
        let is_signed = checkpoint.signatures().iter().any(|signature| {
            signature.key_id.as_slice() == &id.as_bytes()[..4]
                && key.verify(checkpoint.signed_data(), &signature.signature).is_ok()
        });
        if !is_signed {
            let why = "it is signed by another log than the one that the entry names";
            return Err(VerifyError::Checkpoint(Cause::new(why)));
        }
    }
    Ok(())
}
