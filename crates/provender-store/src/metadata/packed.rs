//! Bundles as they are kept: deflated. They are texts of texts in base64, two thirds of which is what
//! bytes cost there; a row that takes one page instead of two is half of what a publication writes
//! for its attestation.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::codec::corrupt;
use super::read::Rule;
use crate::StoreError;

/// Longest bundle that is read back, in bytes: none that is taken comes near.
const BUNDLE_LIMIT_BYTES: u64 = 64 << 20;

pub(super) fn pack(bundle: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bundle.len()), Compression::fast());
    let packed = encoder.write_all(bundle.as_bytes()).and_then(|()| encoder.finish());
    packed.expect("writing to memory does not fail")
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
