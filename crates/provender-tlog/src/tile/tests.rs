use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::{
    TileError, TileKind, TilePath, cut_entries, decode_entries, decode_hashes, encode_hashes,
    put_entry,
};
use crate::Hash;

#[test]
fn paths_come_back() {
    let check = |path: &str, kind: TileKind, index: u64, width: u16| {
        let tile = TilePath::new(kind, index, width).unwrap();
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
    };
    check("tile/0/000", TileKind::Hashes(0), 0, 256);
    check("tile/0/999.p/1", TileKind::Hashes(0), 999, 1);
    check("tile/3/x001/000.p/255", TileKind::Hashes(3), 1000, 255);
    check("tile/5/x001/x234/067", TileKind::Hashes(5), 1_234_067, 256);
    check("tile/entries/x001/x234/067.p/16", TileKind::Entries, 1_234_067, 16);
    check("tile/entries/x018/x446/x744/x073/x709/x551/615", TileKind::Entries, u64::MAX, 256);
}

#[test]
fn other_paths_are_refused() {
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/00/000",
        "tile/6/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/data/000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000.p/1/2",
        "tile/0/+01",
        "tile/0/..",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "tile/0/٠٠٠",
        "tile/Entries/000",
    ] {
        assert!(path.parse::<TilePath>().is_err(), "{path}");
    }
}

#[test]
fn a_tree_has_tiles_of_certain_widths() {
    let check = |path: &str, size: u64, expected: Option<&str>| {
        let found = path.parse::<TilePath>().unwrap().in_tree(size);
        assert_eq!(found.map(|tile| tile.to_string()).as_deref(), expected, "{path} in {size}");
    };
    check("tile/0/000", 0, None);
    check("tile/0/000", 1, Some("tile/0/000.p/1"));
    check("tile/0/000.p/9", 300, Some("tile/0/000"));
    check("tile/0/001", 256, None);
    check("tile/entries/001", 300, Some("tile/entries/001.p/44"));
    check("tile/1/000", 255, None);
    check("tile/1/000", 70_000, Some("tile/1/000"));
    check("tile/1/001", 70_000, Some("tile/1/001.p/17"));
    check("tile/2/000", 70_000, Some("tile/2/000.p/1"));
    check("tile/0/x018/x446/x744/x073/x709/x551/615", u64::MAX, None);
}

#[test]
fn contents_come_back() {
    let hashes: Vec<Hash> = [b"a", b"b", b"c"].map(|leaf| Hash::leaf(leaf)).to_vec();
    assert_eq!(decode_hashes(&encode_hashes(&hashes), 3), Ok(hashes.clone()));
    let wrong = decode_hashes(&encode_hashes(&hashes), 2);
    assert_eq!(wrong, Err(TileError::Length { expected: 64, actual: 96 }));

    let longest = vec![7; super::ENTRY_MAX_BYTES];
    let entries: [&[u8]; 3] = [b"one", b"", &longest];
    let mut bundle = BytesMut::new();
    for entry in entries {
        put_entry(&mut bundle, entry);
    }
    let bundle = bundle.freeze();
    assert_eq!(decode_entries(&bundle, 3).unwrap(), entries);
    assert_eq!(&cut_entries(&bundle, 2).unwrap()[..], b"\0\x03one\0\0");
    assert_eq!(decode_entries(&bundle, 4), Err(TileError::Truncated));
    assert_eq!(decode_entries(&bundle, 1), Err(TileError::Trailing(65_539)));
    assert_eq!(decode_entries(&bundle.slice(..9), 3), Err(TileError::Truncated));
}

proptest! {
    #[test]
    fn a_path_that_is_read_is_written_the_same(path in "tile/([0-6]|entries)/(x?[0-9]{3}/?){1,4}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = path.parse::<TilePath>() {
            prop_assert_eq!(tile.to_string(), path);
        }
    }

    #[test]
    fn a_bundle_that_is_read_is_written_the_same(
        bytes in proptest::collection::vec(0_u8..4, 0..300), width in 0_u16..20
    ) {
        let bundle = Bytes::from(bytes);
        if let Ok(entries) = decode_entries(&bundle, width) {
            let mut again = BytesMut::new();
            for entry in &entries {
                put_entry(&mut again, entry);
            }
            prop_assert_eq!(again, bundle);
        }
    }
}
