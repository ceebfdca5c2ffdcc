use std::io::{self, BufRead, Read};

use provender_archive::tar::{self, Summary};
use provender_archive::{ArchiveError, Entry, Flow, Kind, Limits, PathProblem};

use crate::tar_bytes::{Block, gzip, open_ended, pax, tar};
use crate::{Seen, assert_refused};

/// Reads everything.
pub(crate) fn read_with(
    bytes: impl Read,
    limits: &Limits,
) -> Result<(Vec<Seen>, Summary), ArchiveError> {
    let mut seen = Vec::new();
    let summary = tar::walk(bytes, limits, collect(&mut seen))?;
    Ok((seen, summary))
}

pub(crate) fn collect(
    seen: &mut Vec<Seen>,
) -> impl FnMut(&Entry, &mut dyn BufRead) -> Result<Flow, ArchiveError> {
    |entry, data| {
        let mut contents = Vec::new();
        data.read_to_end(&mut contents)?;
        seen.push(Seen { entry: entry.clone(), contents });
        Ok(Flow::Continue)
    }
}

fn read_bytes(bytes: &[u8]) -> Result<Vec<Seen>, ArchiveError> {
    read_with(bytes, &Limits::default()).map(|(seen, _)| seen)
}

fn read<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Result<Vec<Seen>, ArchiveError> {
    read_bytes(&tar(blocks))
}

fn file() -> Block {
    Block::file("a", b"contents")
}

#[test]
fn reads_what_common_tools_write() {
    let check = |blocks: &[Block], path: &str, kind: Kind, contents: &[u8]| {
        let entries = read(blocks).expect("a good archive");
        let Seen { entry, contents: data } = entries.last().expect("an entry");
        assert_eq!((entry.path.as_str(), &entry.kind, &data[..]), (path, &kind, contents));
    };
    let long = "d/".repeat(60) + "name";
    let link = |target: &str| Kind::Symlink { target: target.into() };
    check(&[file()], "a", Kind::File, b"contents");
    check(&[Block::new(0, "a", b"v7").field(257, [0; 8])], "a", Kind::File, b"v7");
    check(&[Block::new(b'7', "a", b"contiguous")], "a", Kind::File, b"contiguous");
    check(&[Block::file("a", &[1; 512])], "a", Kind::File, &[1; 512]);
    check(&[Block::file("a", &vec![1; 200_000])], "a", Kind::File, &vec![1; 200_000]);
    check(&[Block::dir("d/")], "d", Kind::Directory, b"");
    check(&[Block::dir("d"), Block::dir("d")], "d", Kind::Directory, b"");
    check(&[Block::new(0, "d/", b"")], "d", Kind::Directory, b"");
    check(&[Block::dir("./"), Block::file("./a", b"x")], "a", Kind::File, b"x");
    check(&[Block::dir("."), Block::file("./d/a", b"x")], "d/a", Kind::File, b"x");
    check(&[Block::symlink("d/l", "../a")], "d/l", link("../a"), b"");
    check(&[Block::file("a", b"x").field(345, "d/e")], "d/e/a", Kind::File, b"x");
    // GNU's header has no prefix but times there.
    let gnu = Block::file("a", b"x").field(257, "ustar  \0").field(345, "15000000000");
    check(&[gnu], "a", Kind::File, b"x");
    let gnu_long = Block::new(b'L', "././@LongLink", format!("{long}\0").as_bytes());
    check(&[gnu_long, Block::file("cut", b"x")], &long, Kind::File, b"x");
    let gnu_target = Block::new(b'K', "././@LongLink", format!("{long}\0").as_bytes());
    check(&[gnu_target, Block::symlink("l", "cut")], "l", link(&long), b"");
    let pax_names = Block::pax(&[("mtime", "1.5"), ("path", &long), ("linkpath", "é")]);
    check(&[pax_names, Block::symlink("cut", "cut")], &long, link("é"), b"");
    let global = Block::new(b'g', "pax_global_header", &pax(&[("comment", "0123456")]));
    check(&[global, file()], "a", Kind::File, b"contents");
    check(&[Block::pax(&[("size", "8")]), file()], "a", Kind::File, b"contents");
    let binary = file().field(124, [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8]);
    check(&[binary], "a", Kind::File, b"contents");
    check(&[file().field(124, "         10 ")], "a", Kind::File, b"contents");

    let earlier = read(&[file()]).expect("readable")[0].entry.path.clone();
    let hard = [file(), Block::hard_link("b", "./a")];
    check(&hard, "b", Kind::HardLink { target: earlier }, b"");
}

#[test]
fn reads_the_execute_permission() {
    let check = |mode: &str, expected: bool| {
        let entries = read(&[file().field(100, mode)]).expect("readable");
        assert_eq!(entries[0].entry.executable, expected, "{mode}");
    };
    check("0000644\0", false);
    check("0000755\0", true);
    check("0000010\0", true);
    check("\0\0\0\0\0\0\0\0", false);
}

#[test]
fn summarizes() {
    let blocks = [Block::dir("d"), Block::file("d/Read", b"1"), Block::file("d/READ", b"2")];
    let (_, summary) = read_with(&tar(&blocks)[..], &Limits::default()).expect("readable");
    assert_eq!((summary.entries, summary.unpacked_bytes), (3, 3 * 512 + 2 * 512 + 1024));
    let collision = summary.case_collision.expect("a collision");
    assert_eq!((collision.first.as_str(), collision.second.as_str()), ("d/Read", "d/READ"));
}

#[test]
fn refuses_unsafe_names() {
    let check = |name: &[u8], expected: PathProblem| {
        for block in [Block::file(name, b""), Block::dir(name), Block::symlink(name, "x")] {
            let refusal = read(&[block]).expect_err("unsafe");
            let ArchiveError::UnsafePath { problem, .. } = refusal else { panic!("{refusal:?}") };
            assert_eq!(problem, expected, "{}", name.escape_ascii());
        }
    };
    check(b"", PathProblem::Empty);
    check(b"/", PathProblem::Absolute);
    check(b"/a", PathProblem::Absolute);
    check(b".//a", PathProblem::Absolute);
    check(b"..", PathProblem::ParentSegment);
    check(b"./../a", PathProblem::ParentSegment);
    check(b"a/../../b", PathProblem::ParentSegment);
    check(b"././a", PathProblem::EmptySegment);
    check(b"a//b", PathProblem::EmptySegment);
    check(b"a\\b", PathProblem::Backslash);
    check(b"c:\\b", PathProblem::Backslash);
    check(b"c:b", PathProblem::DriveLetter);
    check(b"a\x1b[31m", PathProblem::ControlCharacter);
    check(b"\xe9t\xe9", PathProblem::NotUtf8);
    let by_pax = |path: &str| read(&[Block::pax(&[("path", path)]), file()]);
    assert_refused!(Hostile, ArchiveError::UnsafePath { .. }, by_pax("../a"));
    assert_refused!(Hostile, ArchiveError::UnsafePath { .. }, by_pax("a\0b"));
    assert_refused!(Hostile, ArchiveError::UnsafePath { .. }, by_pax(""));
    assert_refused!(Limit, ArchiveError::UnsafePath { .. }, by_pax(&"a".repeat(1025)));
    let by_gnu = |path: &str| read(&[Block::new(b'L', "", path.as_bytes()), file()]);
    assert_refused!(Hostile, ArchiveError::UnsafePath { .. }, by_gnu("/etc\0"));
    assert_refused!(Hostile, ArchiveError::UnsafePath { .. }, by_gnu("a\0b\0"));
}

#[test]
fn refuses_paths_that_collide() {
    let link = |name: &str| Block::symlink(name, "x");
    let f = |name: &str| Block::file(name, b"");
    assert_refused!(Hostile, ArchiveError::DuplicateName { .. }, read(&[f("a"), f("a")]));
    assert_refused!(Hostile, ArchiveError::DuplicateName { .. }, read(&[f("a"), f("./a")]));
    assert_refused!(Hostile, ArchiveError::DuplicateName { .. }, read(&[Block::dir("a"), f("a")]));
    assert_refused!(Hostile, ArchiveError::DuplicateName { .. }, read(&[link("a"), f("a")]));
    assert_refused!(Hostile, ArchiveError::BelowFile { .. }, read(&[f("a"), f("a/b")]));
    assert_refused!(Hostile, ArchiveError::BelowFile { .. }, read(&[link("a"), f("a/b")]));
    assert_refused!(Hostile, ArchiveError::BelowFile { .. }, read(&[f("a/b"), link("a")]));
    assert!(read(&[f("a/b"), Block::dir("a"), f("a-b")]).is_ok());
}

#[test]
fn refuses_links_out_of_the_archive() {
    let hard = |target: &str| read(&[file(), Block::hard_link("d/b", target)]);
    assert!(hard("a").is_ok());
    assert_refused!(Hostile, ArchiveError::UnsafeLink { .. }, hard("/etc/passwd"));
    assert_refused!(Hostile, ArchiveError::UnsafeLink { .. }, hard("../a"));
    assert_refused!(Hostile, ArchiveError::UnsafeLink { .. }, hard(""));
    assert_refused!(Hostile, ArchiveError::LinkDangles { .. }, hard("elsewhere"));
    assert_refused!(Hostile, ArchiveError::LinkDangles { .. }, hard("d/b"));
    let later = [Block::hard_link("b", "a"), file()];
    assert_refused!(Hostile, ArchiveError::LinkDangles { .. }, read(&later));
    let directory = [Block::dir("a"), Block::hard_link("b", "a")];
    assert_refused!(Hostile, ArchiveError::LinkDangles { .. }, read(&directory));
    let soft = read(&[Block::symlink("d/l", "../../etc")]);
    assert_refused!(Hostile, ArchiveError::LinkEscapes { .. }, soft);
    let by_pax = read(&[Block::pax(&[("linkpath", "/etc")]), Block::symlink("l", "a")]);
    assert_refused!(Hostile, ArchiveError::LinkEscapes { .. }, by_pax);
}

#[test]
fn refuses_types_that_do_not_belong() {
    let check = |kind: u8| read(&[Block::new(kind, "a", b"")]);
    for kind in *b"346" {
        assert_refused!(Hostile, ArchiveError::SpecialFile { .. }, check(kind));
    }
    for kind in *b"SDMNVXA\xff" {
        assert_refused!(Unsupported, ArchiveError::UnsupportedFeature { .. }, check(kind));
    }
    let sparse = [Block::pax(&[("GNU.sparse.major", "1")]), file()];
    assert_refused!(Unsupported, ArchiveError::UnsupportedFeature { .. }, read(&sparse));
    // Data where some tools expect none, and would take it for a header.
    for kind in *b"125" {
        let block = Block::new(kind, "b", b"data").field(157, "a");
        let smuggling = [file(), block];
        assert_refused!(Hostile, ArchiveError::Contradiction { .. }, read(&smuggling));
    }
}

#[test]
fn refuses_bad_sizes() {
    let check = |field: &[u8]| read(&[file().field(124, field)]);
    let base256 = |first: u8, rest: u8| {
        let mut field = [rest; 12];
        field[0] = first;
        check(&field)
    };
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, base256(0xff, 0xff));
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, base256(0x80, 0xff));
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, base256(0x81, 0));
    assert_refused!(
        Damaged,
        ArchiveError::DamagedEntry { .. },
        check(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0])
    );
    assert_refused!(
        Limit,
        ArchiveError::EntryTooLarge { .. },
        check(&[0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    );
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, check(b"-0000000010\0"));
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, check(b"00000000019\0"));
    assert_refused!(Damaged, ArchiveError::DamagedEntry { .. }, check(b"0000 000010\0"));
    let by_pax = |size: &str| read(&[Block::pax(&[("size", size)]), file()]);
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, by_pax("0"));
    assert_refused!(Hostile, ArchiveError::Contradiction { .. }, by_pax("1024"));
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, by_pax("-8"));
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, by_pax("99999999999999999999"));
    assert_refused!(Limit, ArchiveError::EntryTooLarge { .. }, by_pax("9000000000"));
}

#[test]
fn refuses_bad_extension_headers() {
    let raw = |records: &[u8]| read(&[Block::new(b'x', "", records), file()]);
    for records in
        ["8 a=b\n", "6 a=b", "6 abc\n", "a=b\n", "6a=b\n\n", "0 a=b\n", "-6 a=b\n", "99 "]
    {
        assert_refused!(Damaged, ArchiveError::Damaged { .. }, raw(records.as_bytes()));
    }
    assert!(raw(b"6 a=b\n").is_ok());
    let ambiguous = |blocks: &[Block]| {
        assert_refused!(Hostile, ArchiveError::Ambiguous { .. }, read(blocks));
    };
    let long = |name: &str| Block::new(b'L', "", name.as_bytes());
    ambiguous(&[Block::pax(&[("path", "a"), ("path", "b")]), file()]);
    ambiguous(&[Block::pax(&[("path", "a")]), Block::pax(&[("path", "b")]), file()]);
    ambiguous(&[long("a"), long("b"), file()]);
    ambiguous(&[long("a"), Block::pax(&[("path", "b")]), file()]);
    ambiguous(&[Block::new(b'g', "", &pax(&[("path", "a")])), file()]);
    assert_refused!(Damaged, ArchiveError::Damaged { .. }, read(&[file(), long("b")]));
    let large = Block::pax(&[("comment", &"x".repeat(256 * 1024))]);
    assert_refused!(Limit, ArchiveError::ExtensionTooLarge { .. }, read(&[large, file()]));
    let huge = Block::new(b'L', "", b"").size(0o77_777_777_777);
    assert_refused!(Limit, ArchiveError::ExtensionTooLarge { .. }, read(&[huge]));
}

#[test]
fn refuses_what_is_no_whole_tar() {
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read_bytes(b""));
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read_bytes(b"<html>"));
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read_bytes(&[b'x'; 2000]));
    let bad = Block { checksum_error: 1, ..Block::file("b", b"") };
    let second = [file(), bad];
    assert_refused!(Damaged, ArchiveError::HeaderChecksum { offset: 1024 }, read(&second));

    let blocks = [file(), Block::pax(&[("path", "long")]), Block::file("b", &[7; 1000])];
    let whole = open_ended(&blocks);
    for length in 0..=whole.len() {
        assert_refused!(
            Damaged,
            ArchiveError::Truncated { .. } | ArchiveError::WrongFormat { .. },
            read_bytes(&whole[..length])
        );
    }
    let one_block = [&whole[..], &[0; 512]].concat();
    assert!(read_bytes(&one_block).is_ok());
    let padded = [&whole[..], &vec![0; 200_001][..]].concat();
    assert!(read_bytes(&padded).is_ok());
    let appended = [&tar(&blocks)[..], &tar(&[Block::file("hidden", b"")])[..]].concat();
    assert_refused!(Hostile, ArchiveError::TrailingData { .. }, read_bytes(&appended));
    let garbage = [&padded[..], b"x"].concat();
    assert_refused!(Hostile, ArchiveError::TrailingData { .. }, read_bytes(&garbage));
}

#[test]
fn reads_compressed() {
    let bytes = gzip(&tar(&[file(), Block::file("b", &vec![7; 100_000])]));
    let read = |bytes: &[u8], limits: &Limits| {
        let mut seen = Vec::new();
        tar::walk_gzip(bytes, limits, collect(&mut seen)).map(|_| seen)
    };
    let default = Limits::default();
    assert_eq!(read(&bytes, &default).expect("readable")[1].contents, vec![7; 100_000]);
    for length in 0..bytes.len() {
        assert_refused!(
            Damaged,
            ArchiveError::Truncated { .. } | ArchiveError::WrongFormat { .. },
            read(&bytes[..length], &default)
        );
    }
    let mut changed = bytes.clone();
    let crc = changed.len() - 8;
    changed[crc] ^= 1;
    assert_refused!(Damaged, ArchiveError::ChecksumMismatch { .. }, read(&changed, &default));
    let bomb = Limits { ratio: 20, ratio_floor_bytes: 50_000, ..default };
    assert_refused!(Hostile, ArchiveError::RatioTooHigh { .. }, read(&bytes, &bomb));
    let plain = tar(&[file()]);
    assert_refused!(Damaged, ArchiveError::WrongFormat { .. }, read(&plain, &default));
}

#[test]
fn holds_every_limit() {
    let archive = tar(&[Block::file("dir/a", &[1; 1000]), Block::symlink("dir/b", "a")]);
    let check = |change: &dyn Fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        read_with(&archive[..], &limits)
    };
    let exact = archive.len() as u64;
    assert!(check(&|l| (l.entries, l.names_bytes, l.unpacked_bytes) = (2, 11, exact)).is_ok());
    assert_refused!(Limit, ArchiveError::TooManyEntries { .. }, check(&|l| l.entries = 1));
    assert_refused!(Limit, ArchiveError::NamesTooLarge { .. }, check(&|l| l.names_bytes = 10));
    let unpacked = check(&|l| l.unpacked_bytes = exact - 1);
    assert_refused!(Limit, ArchiveError::UnpackedTooLarge { .. }, unpacked);
    assert_refused!(Limit, ArchiveError::EntryTooLarge { .. }, check(&|l| l.entry_bytes = 999));
    assert_refused!(Limit, ArchiveError::UnsafePath { .. }, check(&|l| l.path_bytes = 4));
    assert_refused!(Limit, ArchiveError::UnsafePath { .. }, check(&|l| l.path_depth = 1));
}

/// An archive without end, of what `block` gives for each number.
fn endless(block: impl Fn(u64) -> Block) -> impl Read {
    struct Endless<F>(F, u64, io::Cursor<Vec<u8>>);
    impl<F: Fn(u64) -> Block> Read for Endless<F> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.2.fill_buf()?.is_empty() {
                self.2 = io::Cursor::new(open_ended(&[self.0(self.1)]));
                self.1 += 1;
            }
            self.2.read(into)
        }
    }
    Endless(block, 0, io::Cursor::default())
}

#[test]
fn ends_what_has_no_end() {
    let check = |block: fn(u64) -> Block| {
        let limits = Limits { entries: 10_000, ..Limits::default() };
        tar::walk(endless(block), &limits, |_, _| Ok::<_, ArchiveError>(Flow::Continue))
    };
    let files = check(|n| Block::file(n.to_string(), b""));
    assert_refused!(Limit, ArchiveError::TooManyEntries { .. }, files);
    let globals = check(|_| Block::new(b'g', "", b"6 a=b\n"));
    assert_refused!(Limit, ArchiveError::TooManyEntries { .. }, globals);
    let roots = check(|_| Block::dir("./"));
    assert_refused!(Limit, ArchiveError::TooManyEntries { .. }, roots);

    let zeros = [&tar(&[file()])[..], &[0; 512]].concat();
    let padding = zeros.chain(io::repeat(0));
    let limits = Limits { unpacked_bytes: 10_000_000, ..Limits::default() };
    let endless_padding = read_with(padding, &limits);
    assert_refused!(Limit, ArchiveError::UnpackedTooLarge { .. }, endless_padding);
}

#[test]
fn a_visitor_can_not_hide_a_failure() {
    let bytes = open_ended(&[Block::file("a", &[7; 1000])]);
    let swallowing = tar::walk(&bytes[..800], &Limits::default(), |_, data| {
        let _ = data.read_to_end(&mut Vec::new());
        let _ = data.fill_buf();
        Ok::<_, ArchiveError>(Flow::Continue)
    });
    assert_refused!(Damaged, ArchiveError::Truncated { .. }, swallowing);
    let ignoring =
        tar::walk(&bytes[..800], &Limits::default(), |_, _| Ok::<_, ArchiveError>(Flow::Continue));
    assert_refused!(Damaged, ArchiveError::Truncated { .. }, ignoring);
    let stopping =
        tar::walk(&bytes[..800], &Limits::default(), |_, _| Ok::<_, ArchiveError>(Flow::Stop));
    assert!(stopping.is_ok());
}

#[test]
fn a_failing_reader_is_no_fault_of_the_archive() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let read = |bytes: &[u8]| {
        let reader = bytes.chain(Failing);
        tar::walk_gzip(reader, &Limits::default(), |_, _| Ok::<_, ArchiveError>(Flow::Continue))
    };
    let bytes = gzip(&tar(&[Block::file("a", &[7; 1000])]));
    for length in [0, 5, 20, bytes.len() - 4] {
        assert_refused!(Io, ArchiveError::Io(_), read(&bytes[..length]));
    }
}
