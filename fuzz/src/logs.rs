//! The transparency log: paths, tiles, notes, checkpoints, batches and Rekor's requests.

use bytes::Bytes;
use provender_tlog::checkpoint::Checkpoint;
use provender_tlog::merkle::{verify_consistency, verify_inclusion};
use provender_tlog::note::NoteVerifier;
use provender_tlog::rekor::{self, HashedRekord, Request};
use provender_tlog::tile::{self, TilePath};
use provender_tlog::{Batch, Hash};

pub(crate) fn tile(data: &[u8]) {
    if let Ok(text) = str::from_utf8(data)
        && let Ok(path) = text.parse::<TilePath>()
    {
        assert_eq!(path.to_string(), text, "a tile has one path");
    }
    let Some((width, bundle)) = data.split_first() else { return };
    let bundle = Bytes::copy_from_slice(bundle);
    if let Ok(entries) = tile::decode_entries(&bundle, u16::from(*width)) {
        let bytes: usize = entries.iter().map(|entry| entry.len() + 2).sum();
        assert_eq!(bytes, bundle.len(), "every byte of a bundle is in an entry");
    }
}

pub(crate) fn note(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert!(text.starts_with(&checkpoint.text()), "a checkpoint has one spelling");
    }
    if let Ok(key) = NoteVerifier::parse(text) {
        assert_eq!(NoteVerifier::parse(&key.to_string()), Ok(key), "a key comes back");
    }
    let key = NoteVerifier::new("log.example", [1; 32]).expect("this is a name");
    assert!(key.verify(text).is_err(), "nobody has that key");
}

pub(crate) fn proof(data: &[u8]) {
    let Some((numbers, hashes)) = data.split_first_chunk::<16>() else { return };
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let (index, size) = (number(&numbers[..8]), number(&numbers[8..]));
    let hashes: Vec<Hash> = hashes.chunks_exact(Hash::BYTES).filter_map(Hash::from_slice).collect();
    let (leaf, root) = (Hash::leaf(b"leaf"), Hash::leaf(b"root"));
    assert!(verify_inclusion(leaf, index, size, &hashes, root).is_err(), "nothing leads there");
    assert!(verify_consistency(index, leaf, size, root, &hashes).is_err(), "nothing leads there");
}

pub(crate) fn batch(data: &[u8]) {
    if let Ok(batch) = Batch::from_bytes(Bytes::copy_from_slice(data)) {
        assert_eq!(batch.to_bytes(), data, "a batch has one spelling");
    }
}

pub(crate) fn rekor(data: &[u8]) {
    if let Ok(verified) = Request::parse(data).and_then(Request::verify) {
        let again = HashedRekord::from_body(verified.body());
        assert_eq!(again.as_ref(), Ok(verified.entry()), "what goes in can be read");
    }
    if let Ok(entry) = HashedRekord::from_body(data) {
        assert_eq!(entry.to_body(), data, "a body has one spelling");
        assert!(!rekor::keys(data).is_empty(), "an entry can be found");
    }
}
