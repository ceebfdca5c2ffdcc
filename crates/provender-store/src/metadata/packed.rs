//! Attestations as they are kept. Their bundles are texts of texts in base64, of which a quarter is
//! what bytes cost there: so what is base64 in the text is kept as the bytes that it stands for, and
//! the rest as it is. That takes microseconds; deflating, as earlier versions did, saves a third more
//! and took longer than the signature.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use sha2::{Digest as _, Sha256};

use super::Attestation;
use super::codec::corrupt;
use super::read::Rule;
use crate::StoreError;

/// What stands before a text with its base64 taken out. What is deflated (RFC 1950) never begins so.
const WITHOUT_BASE64: u8 = 0;
/// Shortest base64 that is taken out, in characters: less is not worth two lengths.
const BASE64_MIN: usize = 32;
/// Which bytes stand for six bits in base64 (RFC 4648 section 4).
const IS_LETTER: [bool; 256] = {
    let mut is_letter = [false; 256];
    let mut byte = 0_u8;
    loop {
        is_letter[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        if byte == u8::MAX {
            break is_letter;
        }
        byte += 1;
    }
};
/// Longest bundle that is read back, in bytes: none that is taken comes near.
const BUNDLE_LIMIT_BYTES: u64 = 64 << 20;

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
    let named = (attestation.blob.to_hex(), file, attestation.bundle.as_str());
    let mut hash = Sha256::new();
    serde_json::to_writer(&mut hash, &named).expect("texts have a form, and a hash takes them all");
    hex::encode(hash.finalize())
}

/// Text and bytes in turn, each behind its length: the bytes stand for their base64.
fn pack(bundle: &str) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bundle.len());
    packed.push(WITHOUT_BASE64);
    let mut rest = bundle;
    while !rest.is_empty() {
        let (text, bytes) = next_base64(rest).unwrap_or_else(|| (rest, Vec::new()));
        push(&mut packed, text.as_bytes());
        push(&mut packed, &bytes);
        rest = &rest[text.len() + base64::encoded_len(bytes.len(), true).unwrap_or_default()..];
    }
    packed
}

/// The text before the next base64 that is worth it, and what that stands for. Only what is written
/// in the one right way is taken, so that writing it again gives the same.
fn next_base64(text: &str) -> Option<(&str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let mut begin = 0;
    while begin < bytes.len() {
        let rest = &bytes[begin..];
        let letters = rest.iter().position(|byte| !IS_LETTER[usize::from(*byte)]);
        let letters = letters.unwrap_or(rest.len());
        let end = begin + letters;
        let padding = bytes[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        if letters >= BASE64_MIN
            && let Ok(decoded) = STANDARD.decode(&bytes[begin..end + padding])
        {
            return Some((&text[..begin], decoded));
        }
        begin = end + 1;
    }
    None
}

/// Behind its length, in seven bits a byte, the lowest first.
fn push(packed: &mut Vec<u8>, piece: &[u8]) {
    let mut length = piece.len();
    while length >= 0x80 {
        packed.push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
        length >>= 7;
    }
    packed.push(u8::try_from(length).expect("seven bits"));
    packed.extend_from_slice(piece);
}

pub(super) fn unpack(packed: &[u8]) -> Result<String, StoreError> {
    match packed.split_first() {
        Some((&WITHOUT_BASE64, pieces)) => {
            join(pieces).ok_or_else(|| corrupt("bundle", Rule("its pieces do not fit")))
        }
        _ => inflate(packed),
    }
}

fn join(mut pieces: &[u8]) -> Option<String> {
    let mut bundle = Vec::with_capacity(pieces.len() * 4 / 3);
    while !pieces.is_empty() {
        bundle.extend_from_slice(pop(&mut pieces)?);
        bundle.extend_from_slice(STANDARD.encode(pop(&mut pieces)?).as_bytes());
    }
    String::from_utf8(bundle).ok()
}

fn pop<'a>(pieces: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    for shift in (0..usize::BITS - 7).step_by(7) {
        let byte = pieces.split_off_first()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return pieces.split_off(..length);
        }
    }
    None
}

fn inflate(packed: &[u8]) -> Result<String, StoreError> {
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
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use proptest::prelude::*;

    use super::{pack, unpack};

    #[test]
    fn what_is_packed_is_read_back() {
        let check = |bundle: &str, expected: Option<usize>| {
            let packed = pack(bundle);
            assert_eq!(unpack(&packed).unwrap(), bundle);
            assert!(expected.is_none_or(|size| packed.len() == size), "{}: {bundle}", packed.len());
        };
        check("", Some(1));
        check("{\"text\":\"\\u0000é\"}", Some(1 + 1 + 19 + 1));
        // 48 characters of base64 are 36 bytes, in front, in the middle, at the end.
        let long = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq";
        check(long, Some(1 + 1 + 1 + 36));
        check(&format!("é\"{long}\"{long}"), Some(1 + (1 + 3 + 1 + 36) + (1 + 1 + 1 + 36)));
        check(&format!("{long}=="), None);
        check(&format!("{}=\"", &long[..47]), None);
        check(&format!("{}==\"", &long[..46]), None);
        // Not in the one right way: bits that nothing stands for, too little, too much.
        check(&format!("{}B==", &long[..45]), None);
        check(&long[..33], Some(1 + 1 + 33 + 1));
        check(&format!("{}=", &long[..46]), None);
        check(&"a".repeat(100_000), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in "([A-Za-z0-9+/]{28,40}={0,3}|[\"{}é ]{0,3}){0,6}") {
            prop_assert_eq!(unpack(&pack(&text)).unwrap(), text);
        }
    }

    #[test]
    fn what_earlier_versions_packed_is_read_back() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(2));
        encoder.write_all("text ".repeat(100).as_bytes()).unwrap();
        let packed = encoder.finish().unwrap();
        assert_eq!(unpack(&packed).unwrap(), "text ".repeat(100));
        assert!(unpack(&packed[..packed.len() / 2]).is_err());
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let packed = pack(&"text ".repeat(100));
        assert!(unpack(&packed[..packed.len() / 2]).is_err());
        for damaged in [
            b"text".as_slice(),
            b"",
            b"\0\x01",
            b"\0\x01a",
            b"\0\x01\xff\0",
            b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            assert!(unpack(damaged).is_err(), "{damaged:?}");
        }
    }
}
