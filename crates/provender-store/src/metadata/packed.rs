//! Attestations as they are kept: their bundles deflated. Those are texts of texts in base64, two
//! thirds of which is what bytes cost there; a row that takes one page instead of two is half of
//! what a publication writes for its attestation.

use std::cell::RefCell;
use std::io::Read as _;

use flate2::read::ZlibDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};
use sha2::{Digest as _, Sha256};

use super::Attestation;
use super::codec::{corrupt, to_json};
use super::read::Rule;
use crate::StoreError;

/// Letters of unequal length are what pays in texts in base64, and the fastest level has none.
const LEVEL: Compression = Compression::new(2);
/// Longest bundle that is read back, in bytes: none that is taken comes near.
const BUNDLE_LIMIT_BYTES: u64 = 64 << 20;
/// What is made room for at least, in bytes.
const ROOM_BYTES: usize = 256;

thread_local! {
    /// Making one costs more than deflating a bundle by it: it has a third of a megabyte.
    static COMPRESS: RefCell<Compress> = RefCell::new(Compress::new(LEVEL, true));
}

/// An attestation as it is written: packed by whoever commits it, so that the one writer, for whom
/// all wait, need not.
#[derive(Debug, Clone)]
pub struct PackedAttestation {
    /// The same for the same bundle about the same thing, whenever it came.
    pub(super) id: String,
    /// All but the bundle, which is empty here.
    pub(super) facts: Attestation,
    /// The bundle.
    pub(super) packed: Vec<u8>,
}

impl From<&Attestation> for PackedAttestation {
    fn from(attestation: &Attestation) -> Self {
        let Attestation { blob, file, source, predicate_type, bundle, log_index, recorded_at } =
            attestation;
        let facts = Attestation {
            blob: *blob,
            file: file.clone(),
            source: *source,
            predicate_type: predicate_type.clone(),
            bundle: String::new(),
            log_index: *log_index,
            recorded_at: *recorded_at,
        };
        Self { id: id(attestation), facts, packed: pack(bundle) }
    }
}

fn id(attestation: &Attestation) -> String {
    let file = attestation.file.as_ref().map(|file| (file.package.columns(), file.name.as_str()));
    let text = to_json(&(attestation.blob.to_hex(), file, attestation.bundle.as_str()));
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn pack(bundle: &str) -> Vec<u8> {
    COMPRESS.with_borrow_mut(|compress| {
        compress.reset();
        let mut packed = Vec::with_capacity(bundle.len() / 2 + ROOM_BYTES);
        loop {
            let read = usize::try_from(compress.total_in()).expect("no more than there is");
            let rest = &bundle.as_bytes()[read..];
            let status = compress.compress_vec(rest, &mut packed, FlushCompress::Finish);
            match status.expect("the stream was just begun") {
                Status::StreamEnd => return packed,
                Status::Ok | Status::BufError => packed.reserve(bundle.len() / 4 + ROOM_BYTES),
            }
        }
    })
}

pub(super) fn unpack(packed: &[u8]) -> Result<String, StoreError> {
    let mut bundle = String::new();
    let read = ZlibDecoder::new(packed).take(BUNDLE_LIMIT_BYTES + 1).read_to_string(&mut bundle);
    let length = read.map_err(|error| corrupt("bundle", error))? as u64;
    if length > BUNDLE_LIMIT_BYTES {
        return Err(corrupt("bundle", Rule("it is longer than any that is taken")));
    }
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use super::{pack, unpack};

    #[test]
    fn what_is_packed_is_read_back() {
        let check = |bundle: &str| assert_eq!(unpack(&pack(bundle)).unwrap(), bundle);
        check("");
        check("{\"text\":\"\\u0000é\"}");
        check(&"a".repeat(100_000));
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let mut packed = pack(&"text ".repeat(100));
        packed.truncate(packed.len() / 2);
        assert!(unpack(&packed).is_err());
        assert!(unpack(b"text").is_err());
    }
}
