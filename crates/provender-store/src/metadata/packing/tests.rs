//! What is packed comes out again, and what is damaged does not.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use proptest::prelude::*;
use provender_domain::{EncodedText, TextPieces};

use super::{pack, pack_apart, pack_if_worth_it, unpack};

const LIMIT_BYTES: usize = 1 << 20;
/// 48 characters of base64, which are 36 bytes.
const LONG: &str = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq";
const HEX: &str = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0";

fn read(packed: &[u8]) -> Option<Vec<u8>> {
    unpack(packed, LIMIT_BYTES).ok()
}

#[test]
fn what_is_packed_is_read_back() {
    let check = |text: &str, packed_bytes_max: usize| {
        let packed = pack(text.as_bytes());
        assert_eq!(read(&packed).unwrap(), text.as_bytes(), "{text}");
        assert!(packed.len() <= packed_bytes_max, "{}: {text}", packed.len());
    };
    check("", 1);
    check("{\"text\":\"\\u0000é\"}", 24);
    check(LONG, 40);
    check(&format!("é\"{LONG}\"{LONG}"), 52);
    check(&format!("{LONG}=="), 60);
    check(&format!("{}Q=\"", &LONG[..46]), 60);
    check(&format!("{}g=\"", &LONG[..46]), 42);
    check(&format!("{}Q==\"", &LONG[..45]), 41);
    // Not in the one right way: bits that nothing stands for, too little, too much.
    check(&format!("{}B==", &LONG[..45]), 60);
    check(&LONG[..33], 40);
    check(&format!("{}=", &LONG[..46]), 60);
    check(&"a".repeat(100_000), 75_100);
    check(&"ab ".repeat(100_000), 20);
    check(HEX, 37);
    check(&HEX[1..], 75);
    check(&HEX.to_uppercase(), 75);
    check(&format!("sha256:{HEX}, sha256-{HEX}.json"), 80);
    // A text in base64, in which stands another.
    let inner = format!("{{\"digest\":\"{HEX}\",\"proof\":\"{LONG}\"}}");
    let outer = format!("{{\"body\":\"{}\",\"proof\":\"{LONG}\"}}", STANDARD.encode(&inner));
    check(&outer, 160);
    let outermost = format!("{{\"body\":\"{}\"}}", STANDARD.encode(&outer));
    check(&outermost, 200);
    check(&format!("{{\"body\":\"{}\"}}", STANDARD.encode(&outermost)), 400);
}

/// A text whose odd pieces are bytes in base64.
#[derive(Debug)]
struct InPieces(Vec<Vec<u8>>);

impl EncodedText for InPieces {
    fn take_apart(&self, into: &mut dyn TextPieces) {
        for pair in self.0.chunks(2) {
            into.text(str::from_utf8(&pair[0]).unwrap());
            if let Some(bytes) = pair.get(1) {
                into.base64(bytes);
            }
        }
    }
}

#[test]
fn what_is_packed_apart_is_read_back() {
    let check = |pieces: &[&str], packed_bytes_max: usize| {
        let text = InPieces(pieces.iter().map(|piece| piece.as_bytes().to_vec()).collect());
        let packed = pack_apart(&text);
        assert_eq!(read(&packed).unwrap(), text.to_text().as_bytes(), "{text:?}");
        assert!(packed.len() <= packed_bytes_max, "{}: {text:?}", packed.len());
    };
    check(&[], 1);
    check(&[""], 1);
    check(&["", ""], 4);
    check(&["", "a"], 5);
    check(&["é", "a", "", "b", "", ""], 20);
    // What looks encoded in its text is, also where the text comes in parts.
    check(&[LONG, "a", HEX, "", HEX, "b"], 100);
    let inner = format!("{{\"digest\":\"{HEX}\",\"proof\":\"{LONG}\"}}");
    check(&["{\"body\":\"", &inner, "\",\"proof\":\"", "abc", "\"}"], 125);
}

#[test]
fn it_is_packed_where_that_is_worth_it() {
    let check = |text: &[u8], expected: bool| {
        assert_eq!(pack_if_worth_it(text).is_some(), expected, "{text:?}");
    };
    check(b"", false);
    check(b"{}", false);
    check(HEX.as_bytes(), true);
    check(&[0xff; 4000], true);
    check(b"no word of it stands there again", false);
}

proptest! {
    #[test]
    fn any_text_is_read_back(text in "([A-Za-z0-9+/]{28,40}={0,3}|[a-f0-9]{60,70}|[\"{}é ]{0,9}){0,8}") {
        prop_assert_eq!(read(&pack(text.as_bytes())).unwrap(), text.as_bytes());
        let inner = STANDARD.encode(format!("{{{text}"));
        prop_assert_eq!(read(&pack(inner.as_bytes())).unwrap(), inner.as_bytes());
    }

    #[test]
    fn any_pieces_are_read_back(
        pieces in prop::collection::vec("[A-Za-z0-9+/=]{0,40}|[a-f0-9]{60,70}|\\{[\"a-z]{0,9}", 0..9),
    ) {
        let text = InPieces(pieces.into_iter().map(String::into_bytes).collect());
        let expected = text.to_text();
        prop_assert_eq!(read(&pack_apart(&text)).unwrap(), expected.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_back(bytes in prop::collection::vec(0_u8..8, 0..2000)) {
        prop_assert_eq!(read(&pack(&bytes)).unwrap(), bytes);
    }

    #[test]
    fn damage_does_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200), form in 0_u8..3) {
        let packed = [&[form], &bytes[..]].concat();
        prop_assert!(read(&packed).is_none_or(|text| text.len() <= LIMIT_BYTES));
    }
}

#[test]
fn what_earlier_versions_packed_is_read_back() {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(2));
    encoder.write_all("text ".repeat(100).as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    assert_eq!(read(&packed).unwrap(), "text ".repeat(100).as_bytes());
    assert_eq!(unpack(&packed, 500).unwrap().len(), 500);
    assert!(unpack(&packed, 499).is_err());
    assert!(read(&packed[..packed.len() / 2]).is_none());
    let bytes = STANDARD.decode(LONG).unwrap();
    let packed = [b"\0\x02{\"\x24", &bytes[..], b"\x01}\0"].concat();
    assert_eq!(read(&packed).unwrap(), format!("{{\"{LONG}}}").as_bytes());
}

#[test]
fn what_is_damaged_is_refused() {
    let packed = pack("text ".repeat(100).as_bytes());
    assert_eq!(unpack(&packed, 500).unwrap().len(), 500);
    assert!(unpack(&packed, 499).is_err());
    for damaged in [
        b"text".as_slice(),
        b"",
        b"\0\x01",
        b"\0\x01a",
        b"\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x01\x02a",
        b"\x01\x01\0\0",
        b"\x01\0\0\0",
        b"\x01\0\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01",
    ] {
        assert!(read(damaged).is_none(), "{damaged:?}");
    }
}
