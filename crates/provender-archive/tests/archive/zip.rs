use std::io::{Cursor, Read, Seek};

use provender_archive::zip::{self, Facts};
use provender_archive::{ArchiveError, Flow, Kind, Limits, PathProblem};

use crate::zip_bytes::{
    Archive, DEFLATE, DESCRIPTOR, Member, STORED, UTF8, Zip64, deflate, extra, zip64,
};
use crate::{Seen, assert_refused};

/// Opens and reads everything.
pub(crate) fn read_with(bytes: &[u8], limits: &Limits) -> Result<(Vec<Seen>, Facts), ArchiveError> {
    let mut zip = zip::open(Cursor::new(bytes), limits)?;
    let mut seen = Vec::new();
    zip.visit(|entry, data| {
        let mut contents = Vec::new();
        data.read_to_end(&mut contents)?;
        seen.push(Seen { entry: entry.clone(), contents });
        Ok::<_, ArchiveError>(Flow::Continue)
    })?;
    zip.verify_all()?;
    Ok((seen, zip.facts().clone()))
}

fn read(members: impl IntoIterator<Item = Member>) -> Result<Vec<Seen>, ArchiveError> {
    read_archive(&Archive::of(members))
}

fn read_archive(archive: &Archive) -> Result<Vec<Seen>, ArchiveError> {
    read_with(&archive.bytes(), &Limits::default()).map(|(entries, _)| entries)
}

fn file() -> Member {
    Member::new("a", b"contents contents contents", DEFLATE)
}

#[test]
fn reads_what_common_tools_write() {
    let check = |member: Member, path: &str, kind: Kind, executable: bool| {
        let entries = read([Member::stored("before", b"1"), member, Member::stored("z", b"2")])
            .expect("a good archive");
        let Seen { entry, .. } = &entries[1];
        assert_eq!((entry.path.as_str(), &entry.kind, entry.executable), (path, &kind, executable));
    };
    check(file(), "a", Kind::File, false);
    check(Member::stored("a", b""), "a", Kind::File, false);
    check(Member::new("a", b"", DEFLATE), "a", Kind::File, false);
    check(file().mode(0o100_755), "a", Kind::File, true);
    check(file().mode(0), "a", Kind::File, false);
    check(Member::stored("dir/", b"").mode(0o040_755), "dir", Kind::Directory, false);
    check(Member::new("dir/", b"", DEFLATE).mode(0), "dir", Kind::Directory, false);
    check(Member::stored("d/é/ü", b"x"), "d/é/ü", Kind::File, false);
    let link = |target: &str| Kind::Symlink { target: target.into() };
    check(Member::symlink("d/l", "../a"), "d/l", link("../a"), false);
    for (signature, long) in [(true, false), (false, false), (true, true), (false, true)] {
        check(file().streamed(signature, long), "a", Kind::File, false);
    }
    // A zip64 field reserved before the size was known; sizes only there; all values at once.
    check(
        file().with(|m| {
            m.local.extra = zip64(&[m.local.size.into(), m.local.packed_size.into()]);
            (m.local.size, m.local.packed_size) = (u32::MAX, u32::MAX);
        }),
        "a",
        Kind::File,
        false,
    );
    check(
        file().both(|h| {
            h.extra = zip64(&[h.size.into(), h.packed_size.into()]);
            (h.size, h.packed_size) = (u32::MAX, u32::MAX);
        }),
        "a",
        Kind::File,
        false,
    );
    check(
        Member::stored("a", b"x").with(|m| {
            m.central.extra = zip64(&[1, 1, 37]);
            (m.central.size, m.central.packed_size) = (u32::MAX, u32::MAX);
        }),
        "a",
        Kind::File,
        false,
    );
    check(file().both(|h| h.extra = extra(0x5455, &[1, 2, 3, 4, 5])), "a", Kind::File, false);
    check(file().with(|m| m.local.extra = vec![0; 3]), "a", Kind::File, false);
}

#[test]
fn contents_come_out_as_they_went_in() {
    let big: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
    for method in [STORED, DEFLATE] {
        let entries = read([Member::new("big", &big, method)]).expect("a good archive");
        assert_eq!(entries[0].contents, big);
        assert_eq!(entries[0].entry.size, big.len() as u64);
    }
}

#[test]
fn reads_single_entries() {
    let archive = Archive::of([
        Member::stored("dir/one", b"first"),
        file(),
        Member::stored("dir-two", b"second"),
    ]);
    let mut zip = zip::open(Cursor::new(archive.bytes()), &Limits::default()).expect("good");
    assert_eq!(zip.entries().len(), 3);
    let mut check = |path: &str, expected: Option<&[u8]>| {
        let contents = zip.read_path(path, 1000).expect("readable");
        assert_eq!(contents.as_deref(), expected, "{path}");
    };
    check("dir-two", Some(b"second"));
    check("dir/one", Some(b"first"));
    check("a", Some(b"contents contents contents"));
    check("dir", None);
    check("DIR/ONE", None);
    assert_refused!(Limit, ArchiveError::TooLargeForMemory { .. }, zip.read_path("a", 25));
    assert!(zip.read_path("a", 26).expect("readable").is_some());
}

#[test]
fn reports_facts() {
    let check = |archive: Archive, expected: Facts| {
        let (_, facts) = read_with(&archive.bytes(), &Limits::default()).expect("readable");
        assert_eq!(facts, expected);
    };
    check(Archive::of([]), Facts::default());
    let prefixed = Archive { prefix: b"#!/bin/sh\n".to_vec(), ..Archive::of([file()]) };
    check(prefixed, Facts { prefix_bytes: 10, ..Facts::default() });
    let commented = Archive { comment: b"hello".to_vec(), ..Archive::of([file()]) };
    check(commented, Facts { comment_bytes: 5, ..Facts::default() });
    let unflagged = Member::stored("ü", b"").both(|h| h.flags &= !UTF8);
    check(Archive::of([unflagged]), Facts { names_without_utf8_flag: 1, ..Facts::default() });

    let cases = Archive::of([Member::stored("Read.me", b""), Member::stored("read.ME", b"")]);
    let (_, facts) = read_with(&cases.bytes(), &Limits::default()).expect("readable");
    let collision = facts.case_collision.expect("a collision");
    assert_eq!((collision.first.as_str(), collision.second.as_str()), ("Read.me", "read.ME"));
}

#[test]
fn refuses_what_is_no_whole_zip() {
    let read = |bytes: &[u8]| read_with(bytes, &Limits::default());
    let good = Archive::of([file()]).bytes();
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read(b""));
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read(b"<html>not found</html>"));
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read(&vec![0; 100_000]));
    assert_refused!(Damaged, ArchiveError::Truncated { .. }, read(&good[..good.len() - 22]));
    for length in 0..good.len() {
        assert_refused!(
            Damaged,
            ArchiveError::Truncated { .. } | ArchiveError::WrongFormat { .. },
            read(&good[..length])
        );
    }
    let trailing = [&good[..], b"x"].concat();
    assert_refused!(Hostile, ArchiveError::TrailingData { bytes: 1 }, read(&trailing));
    let joined = [&good[..], &good[..]].concat();
    assert_refused!(Hostile, ArchiveError::Ambiguous { .. }, read(&joined));
}

#[test]
fn refuses_disagreeing_ends() {
    let base = || Archive::of([file(), Member::stored("b", b"")]);
    // One archive that ends twice: a comment that is an end record of its own.
    let inner = Archive::default().bytes();
    let nested = Archive { comment: inner, ..base() };
    assert_refused!(Hostile, ArchiveError::Ambiguous { .. }, read_archive(&nested));
    let fewer = Archive { count: Some(1), ..base() };
    assert_refused!(Hostile, ArchiveError::Ambiguous { .. }, read_archive(&fewer));
    let more = Archive { count: Some(3), ..base() };
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, read_archive(&more));
    let tail = Archive { directory_tail: b"hidden".to_vec(), ..base() };
    assert_refused!(Hostile, ArchiveError::Ambiguous { .. }, read_archive(&tail));
    let split = Archive { disk: 1, ..base() };
    assert_refused!(Unsupported, ArchiveError::MultiDisk, read_archive(&split));
    assert_refused!(Unsupported, ArchiveError::MultiDisk, read([file().with(|m| m.disk = 1)]));
}

#[test]
fn zip64_may_not_lie() {
    let check = |zip64: Zip64| {
        read_archive(&Archive {
            zip64: Some(zip64),
            ..Archive::of([file(), Member::stored("b", b"")])
        })
    };
    assert_eq!(check(Zip64::default()).expect("readable").len(), 2);
    let elsewhere = Zip64 { elsewhere: true, ..Zip64::default() };
    assert_eq!(check(elsewhere.clone()).expect("readable").len(), 2);

    let lie = Zip64 { count: Some(1), ..Zip64::default() };
    assert_refused!(Hostile, ArchiveError::Ambiguous { .. }, check(lie));
    let lie = Zip64 { count: Some(1), ..elsewhere.clone() };
    assert_refused!(Hostile, ArchiveError::Ambiguous { .. }, check(lie));
    let lie = Zip64 { record_offset: 4, ..elsewhere.clone() };
    assert_refused!(Hostile, ArchiveError::Ambiguous { .. }, check(lie));
    let lie = Zip64 { disks: 1, ..elsewhere };
    assert_refused!(Unsupported, ArchiveError::MultiDisk, check(lie));

    let sizes = |central: Vec<u8>| {
        read([file().with(|m| {
            m.central.extra = central;
            m.central.size = u32::MAX;
        })])
    };
    assert!(sizes(zip64(&[26])).is_ok());
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, sizes(Vec::new()));
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, sizes(zip64(&[])));
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, sizes(zip64(&[26, 26])));
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, sizes(zip64(&[26, 99, 0])));
    let twice = [zip64(&[26]), zip64(&[27])].concat();
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, sizes(twice));
    assert_refused!(Limit, ArchiveError::EntryTooLarge { .. }, sizes(zip64(&[u64::MAX])));
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, sizes(vec![1, 0, 8, 0, 1]));
}

#[test]
fn refuses_unsafe_names() {
    let check = |name: &[u8], expected: PathProblem| {
        let refusal = read([Member::stored(name, b"")]).expect_err("unsafe");
        let ArchiveError::UnsafePath { problem, .. } = refusal else {
            panic!("{refusal:?}");
        };
        assert_eq!(problem, expected, "{}", name.escape_ascii());
    };
    check(b"", PathProblem::Empty);
    check(b"/", PathProblem::Absolute);
    check(b"/etc/passwd", PathProblem::Absolute);
    check(b"C:/x", PathProblem::DriveLetter);
    check(b"a\\b", PathProblem::Backslash);
    check(b"../a", PathProblem::ParentSegment);
    check(b"a/../../b", PathProblem::ParentSegment);
    check(b"../", PathProblem::ParentSegment);
    check(b"./a", PathProblem::EmptySegment);
    check(b"a//b", PathProblem::EmptySegment);
    check(b"a//", PathProblem::EmptySegment);
    check(b"a\0.txt", PathProblem::ControlCharacter);
    check(b"a\nb", PathProblem::ControlCharacter);
    check("a\u{202e}b".as_bytes(), PathProblem::ControlCharacter);
    check(b"\xff\xfe", PathProblem::NotUtf8);
    check(&[b'a'; 1025], PathProblem::TooLong { limit_bytes: 1024 });
    let deep = format!("{}a", "a/".repeat(64));
    check(deep.as_bytes(), PathProblem::TooDeep { limit: 64 });
}

#[test]
fn refuses_paths_that_collide() {
    let check = |names: [&str; 2]| read(names.map(|name| Member::stored(name, b"")));
    assert_refused!(Hostile, ArchiveError::DuplicateName { .. }, check(["a", "a"]));
    assert_refused!(Hostile, ArchiveError::DuplicateName { .. }, check(["a", "a/"]));
    assert_refused!(Hostile, ArchiveError::DuplicateName { .. }, check(["a/", "a/"]));
    assert_refused!(Hostile, ArchiveError::BelowFile { .. }, check(["a", "a/b"]));
    assert_refused!(Hostile, ArchiveError::BelowFile { .. }, check(["a/b/c", "a"]));
    assert!(check(["a", "a-b"]).is_ok());
    assert!(check(["a/", "a/b"]).is_ok());
    let through_link = [Member::symlink("a", "d"), Member::stored("a/b", b"")];
    assert_refused!(Hostile, ArchiveError::BelowFile { .. }, read(through_link));
    let between = ["a", "a-b", "a/c"].map(|name| Member::stored(name, b""));
    assert_refused!(Hostile, ArchiveError::BelowFile { .. }, read(between));
}

#[test]
fn refuses_kinds_that_do_not_belong() {
    let check =
        |name: &str, mode: u32, contents: &[u8]| read([Member::stored(name, contents).mode(mode)]);
    assert_refused!(Hostile, ArchiveError::SpecialFile { .. }, check("a", 0o010_644, b""));
    assert_refused!(Hostile, ArchiveError::SpecialFile { .. }, check("a", 0o020_644, b""));
    assert_refused!(Hostile, ArchiveError::SpecialFile { .. }, check("a", 0o060_644, b""));
    assert_refused!(Hostile, ArchiveError::SpecialFile { .. }, check("a", 0o140_644, b""));
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, check("a", 0o040_755, b""));
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, check("a/", 0o120_755, b"b"));
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, check("a/", 0o040_755, b"data"));
    assert_refused!(Hostile, ArchiveError::LinkEscapes { .. }, check("a", 0o120_777, b"/etc"));
    assert_refused!(Hostile, ArchiveError::LinkEscapes { .. }, check("a", 0o120_777, b"../x"));
    assert_refused!(Hostile, ArchiveError::UnsafeLink { .. }, check("a", 0o120_777, b""));
    assert_refused!(
        Limit,
        ArchiveError::TooLargeForMemory { .. },
        check("a", 0o120_777, &[b'a'; 1025])
    );
}

#[test]
fn refuses_what_is_not_read_here() {
    for flags in [1, 1 | 1 << 6, 1 << 13] {
        let encrypted = file().both(|h| h.flags |= flags);
        assert_refused!(Unsupported, ArchiveError::Encrypted { .. }, read([encrypted]));
    }
    let aes = file().both(|h| h.method = 99);
    assert_refused!(Unsupported, ArchiveError::Encrypted { .. }, read([aes]));
    for method in [1, 9, 12, 14, 93, 95, 1234] {
        let other = file().both(|h| h.method = method);
        assert_refused!(Unsupported, ArchiveError::UnsupportedMethod { .. }, read([other]));
    }
}

#[test]
fn both_headers_must_agree() {
    let check = |change: &dyn Fn(&mut Member), expected: &str| {
        let refusal = read([file().with(change), Member::stored("z", b"")]).expect_err(expected);
        let ArchiveError::Contradiction { field, .. } = refusal else {
            panic!("{expected}: {refusal:?}");
        };
        assert_eq!(field, expected);
    };
    check(&|m| m.local.name = b"b".to_vec(), "name");
    check(&|m| m.local.name = b"a/".to_vec(), "name");
    check(&|m| m.local.extra = extra(0x7075, b"\x01\0\0\0\0evil"), "name");
    check(&|m| m.central.extra = extra(0x7075, b"\x01\0\0\0\0evil"), "name");
    check(&|m| m.local.method = STORED, "compression method");
    check(&|m| m.local.flags = UTF8, "flags");
    check(&|m| m.local.flags = DESCRIPTOR, "flags");
    check(&|m| m.local.flags = 1, "flags");
    check(&|m| m.local.size += 1, "size");
    check(&|m| m.local.packed_size -= 1, "size");
    check(&|m| m.local.crc ^= 1, "checksum");
    check(&|m| m.local.extra = zip64(&[1, 1]), "size");
    check(&|m| m.central.size -= 1, "size");

    let streamed = |change: &dyn Fn(&mut Member)| read([file().streamed(true, false).with(change)]);
    let lie = streamed(&|m| m.after[8] ^= 1);
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, lie);
    let lie = streamed(&|m| m.after[0] ^= 1);
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, lie);
    let lie = streamed(&|m| m.local.size = 1);
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, lie);
    let none = streamed(&|m| m.after.clear());
    assert_refused!(Hostile, ArchiveError::HiddenData { .. }, none);
}

#[test]
fn entries_fill_the_archive_exactly() {
    let hidden = file().with(|m| m.after = b"PK\x03\x04 something".to_vec());
    assert_refused!(Hostile, ArchiveError::HiddenData { .. }, read([hidden.clone()]));
    assert_refused!(
        Hostile,
        ArchiveError::HiddenData { .. },
        read([hidden, Member::stored("z", b"")])
    );
    // Data behind the end of the deflate stream, within the packed size.
    let stuffed = file().with(|m| m.packed.extend(b"hidden")).both(|h| h.packed_size += 6);
    assert_refused!(Hostile, ArchiveError::HiddenData { bytes: 6, .. }, read([stuffed]));

    // The better bomb: many entries, one kernel of data.
    let shared = Member::stored("b", b"").with(|m| m.offset = Some(0));
    assert_refused!(Hostile, ArchiveError::Overlap { .. }, read([file(), shared]));
    let quoting = {
        let inner = Archive::of([Member::stored("inner", b"kernel")]).bytes();
        let inner_local = &inner[..30 + 5 + 6];
        let outer = Member::stored("outer", inner_local);
        let inside = Member::stored("inner", b"kernel").with(|m| m.offset = Some(35));
        let mut archive = Archive::of([outer]);
        archive.members.push(inside);
        archive
    };
    assert_refused!(Hostile, ArchiveError::Overlap { .. }, read_archive(&quoting));
    let beyond = file().with(|m| m.offset = Some(4_000_000_000));
    assert_refused!(Hostile, ArchiveError::Overlap { .. }, read([beyond]));
    let reaching =
        file().with(|m| m.local.extra = vec![0; 3]).with(|m| m.packed.truncate(m.packed.len() - 3));
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, read([reaching]));
    let shifted = Member::stored("a", b"0123456789").with(|m| m.offset = Some(1));
    assert_refused!(Hostile, ArchiveError::Overlap { .. }, read([shifted]));
}

#[test]
fn contents_must_be_what_was_declared() {
    let declared = |size: u32| read([file().both(|h| h.size = size)]);
    assert_refused!(Hostile, ArchiveError::TooLong { declared_bytes: 25, .. }, declared(25));
    assert_refused!(Hostile, ArchiveError::TooLong { declared_bytes: 0, .. }, declared(0));
    assert_refused!(Damaged, ArchiveError::TooShort { actual_bytes: 26, .. }, declared(27));
    let crc = file().both(|h| h.crc ^= 1);
    assert_refused!(Damaged, ArchiveError::ChecksumMismatch { .. }, read([crc]));
    let stored = Member::stored("a", b"abc").both(|h| h.size = 2);
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, read([stored]));
    let rubbish = file().with(|m| m.packed.fill(0xff));
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, read([rubbish]));
    let unended = deflate(&[7; 5000]);
    let cut = Member::new("a", &[7; 5000], DEFLATE)
        .with(|m| m.packed.truncate(unended.len() - 2))
        .both(|h| h.packed_size -= 2);
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, read([cut]));
}

#[test]
fn holds_every_limit() {
    let archive = Archive::of([
        Member::new("dir/a", &vec![0; 10_000], DEFLATE),
        Member::new("dir/b", &vec![0; 10_000], DEFLATE),
    ])
    .bytes();
    let check = |change: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        read_with(&archive, &limits)
    };
    assert!(check(&|_| {}).is_ok());
    assert!(check(&|l| (l.entries, l.names_bytes, l.unpacked_bytes) = (2, 10, 20_000)).is_ok());
    assert_refused!(Limit, ArchiveError::TooManyEntries { .. }, check(&|l| l.entries = 1));
    assert_refused!(Limit, ArchiveError::NamesTooLarge { .. }, check(&|l| l.names_bytes = 9));
    let directory = check(&|l| l.directory_bytes = 50);
    assert_refused!(Limit, ArchiveError::DirectoryTooLarge { .. }, directory);
    let unpacked = check(&|l| l.unpacked_bytes = 19_999);
    assert_refused!(Limit, ArchiveError::UnpackedTooLarge { .. }, unpacked);
    assert_refused!(Limit, ArchiveError::EntryTooLarge { .. }, check(&|l| l.entry_bytes = 9_999));
    let ratio = check(&|l| (l.ratio, l.ratio_floor_bytes) = (10, 1000));
    assert_refused!(Hostile, ArchiveError::RatioTooHigh { .. }, ratio);
    assert!(check(&|l| (l.ratio, l.ratio_floor_bytes) = (10, 20_000)).is_ok());
    assert_refused!(Limit, ArchiveError::UnsafePath { .. }, check(&|l| l.path_bytes = 4));
    assert_refused!(Limit, ArchiveError::UnsafePath { .. }, check(&|l| l.path_depth = 1));
}

/// Counts the bytes that are read from it.
struct Counted<R>(R, u64);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(into)?;
        self.1 += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn ten_million_entries_are_refused_by_their_count() {
    let archive = Archive {
        zip64: Some(Zip64 { count: Some(10_000_000), elsewhere: true, ..Zip64::default() }),
        ..Archive::of((0..1000).map(|n| Member::stored(format!("{n:0>200}"), &[0; 200])))
    };
    let mut reader = Counted(Cursor::new(archive.bytes()), 0);
    let refusal = zip::open(&mut reader, &Limits::default());
    assert_refused!(Limit, ArchiveError::TooManyEntries { limit: 100_000 }, refusal.map(drop));
    assert!(reader.1 < 70_000, "{} bytes were read", reader.1);
}

#[test]
fn a_visitor_can_not_hide_a_failure() {
    let bytes = Archive::of([file().both(|h| h.crc ^= 1)]).bytes();
    let open = || zip::open(Cursor::new(&bytes[..]), &Limits::default()).expect("it opens");
    let swallowing = open().visit(|_, data| {
        let _ = data.read_to_end(&mut Vec::new());
        let _ = data.fill_buf();
        Ok::<_, ArchiveError>(Flow::Continue)
    });
    assert_refused!(Damaged, ArchiveError::ChecksumMismatch { .. }, swallowing);
    let ignoring = open().visit(|_, _| Ok::<_, ArchiveError>(Flow::Continue));
    assert_refused!(Damaged, ArchiveError::ChecksumMismatch { .. }, ignoring);
    assert!(open().visit(|_, _| Ok::<_, ArchiveError>(Flow::Stop)).is_ok());
    assert_refused!(Damaged, ArchiveError::ChecksumMismatch { .. }, open().read_entry(0, 1000));
}

#[test]
fn a_visitor_stops_with_its_own_error() {
    #[derive(Debug)]
    enum Mine {
        Archive,
        Own,
    }
    impl From<ArchiveError> for Mine {
        fn from(_: ArchiveError) -> Self {
            Self::Archive
        }
    }
    let bytes = Archive::of([file()]).bytes();
    let mut zip = zip::open(Cursor::new(bytes), &Limits::default()).expect("it opens");
    assert!(matches!(zip.visit(|_, _| Err(Mine::Own)), Err(Mine::Own)));
    assert!(zip.verify_all().is_ok(), "it can be read again");
    let bytes = Archive::of([file().both(|h| h.crc ^= 1)]).bytes();
    let mut zip = zip::open(Cursor::new(bytes), &Limits::default()).expect("it opens");
    assert!(matches!(zip.visit(|_, _| Ok(Flow::Continue)), Err(Mine::Archive)));
}

/// Whatever one byte is changed to, nobody sees other names or contents.
#[test]
fn a_changed_byte_is_refused_or_changes_no_contents() {
    let good = Archive::of([
        file().streamed(true, false),
        Member::stored("dir/", b""),
        Member::stored("dir/b", b"second"),
    ])
    .bytes();
    let seen = |bytes: &[u8]| {
        let (entries, _) = read_with(bytes, &Limits::default()).ok()?;
        Some(entries.into_iter().map(|seen| (seen.entry.path, seen.contents)).collect::<Vec<_>>())
    };
    let expected = seen(&good).expect("a good archive");
    for at in 0..good.len() {
        for change in [0x01, 0x08, 0x20, 0x80, 0xff] {
            let mut changed = good.clone();
            changed[at] ^= change;
            if let Some(entries) = seen(&changed) {
                assert_eq!(entries, expected, "byte {at} changed by {change:#x}");
            }
        }
    }
}
