use std::io::Read;

use provender_archive::{ArchiveError, Limits, gzip};

use crate::assert_refused;
use crate::tar_bytes::gzip as compress;

fn read_with(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, ArchiveError> {
    let mut contents = Vec::new();
    gzip::Reader::new(bytes, limits).read_to_end(&mut contents)?;
    Ok(contents)
}

fn read(bytes: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    read_with(bytes, &Limits::default())
}

/// `bytes` with `flags` set and `fields` put behind the fixed header.
fn with_fields(bytes: &[u8], flags: u8, fields: &[u8]) -> Vec<u8> {
    let mut out = bytes[..10].to_vec();
    out[3] |= flags;
    [&out, fields, &bytes[10..]].concat()
}

#[test]
fn reads_members_and_padding() {
    let (one, two) = (compress(b"one "), compress(b"two"));
    assert_eq!(read(&one).expect("readable"), b"one ");
    assert_eq!(read(&[&one[..], &two[..]].concat()).expect("readable"), b"one two");
    assert_eq!(read(&[&one[..], &vec![0; 100_000][..]].concat()).expect("readable"), b"one ");
    assert_eq!(read(&compress(b"")).expect("readable"), b"");
    let big: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(read(&compress(&big)).expect("readable"), big);
}

#[test]
fn reads_header_fields() {
    let one = compress(b"one");
    let check = |flags: u8, fields: &[u8]| read(&with_fields(&one, flags, fields));
    assert_eq!(check(1 << 2, &[3, 0, 1, 2, 3]).expect("extra"), b"one");
    assert_eq!(check(1 << 3, b"name\0").expect("name"), b"one");
    assert_eq!(check(1 << 3 | 1 << 4, b"name\0comment\0").expect("both"), b"one");
    let mut head = one[..10].to_vec();
    head[3] = 1 << 1;
    let crc = crc32fast::hash(&head).to_le_bytes();
    assert_eq!(check(1 << 1, &crc[..2]).expect("checksum"), b"one");
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, check(1 << 1, &[crc[0] ^ 1, crc[1]]));
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, check(1 << 5, b""));
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, check(1 << 3, &vec![b'n'; 70_000]));
}

#[test]
fn refuses_what_is_no_whole_stream() {
    let good = compress(b"contents contents contents");
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read(b""));
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read(b"PK\x03\x04"));
    for length in 2..good.len() {
        assert_refused!(Damaged, ArchiveError::Truncated { .. }, read(&good[..length]));
    }
    let trailing = |tail: &[u8]| read(&[&good[..], tail].concat());
    assert_refused!(Hostile, ArchiveError::TrailingData { .. }, trailing(b"x"));
    assert_refused!(Hostile, ArchiveError::TrailingData { .. }, trailing(b"\0\0x"));
    assert_refused!(Damaged, ArchiveError::Truncated { .. }, trailing(&good[..12]));
    let changed = |at: usize| {
        let mut changed = good.clone();
        changed[at] ^= 0x10;
        read(&changed)
    };
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, changed(2));
    assert_refused!(Damaged, ArchiveError::ChecksumMismatch { .. }, changed(good.len() - 8));
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, changed(good.len() - 1));
}

#[test]
fn bombs_are_stopped_on_the_way() {
    let bomb = compress(&vec![0; 8_000_000]);
    let limits = |ratio: u64, floor: u64, unpacked: u64| Limits {
        ratio,
        ratio_floor_bytes: floor,
        unpacked_bytes: unpacked,
        ..Limits::default()
    };
    let check = |limits: Limits| read_with(&bomb, &limits).map(|contents| contents.len());
    assert_eq!(check(Limits::default()).expect("below the floor"), 8_000_000);
    assert_eq!(check(limits(2000, 0, 8_000_000)).expect("within"), 8_000_000);
    assert_refused!(
        Hostile,
        ArchiveError::RatioTooHigh { .. },
        check(limits(200, 1_000_000, 9_000_000))
    );
    assert_refused!(
        Limit,
        ArchiveError::UnpackedTooLarge { .. },
        check(limits(2000, 0, 7_999_999))
    );

    let mut seen = 0;
    let limits = limits(200, 1_000_000, 9_000_000);
    let mut reader = gzip::Reader::new(&bomb[..], &limits);
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        seen += count;
    }
    assert!(seen <= 1_000_000, "{seen} bytes came out");
}
