use std::fs::File;

use bytes::Bytes;
use rustix::fs::OFlags;

use super::{
    BLOCK_BYTES, BUFFER_BYTES, Buffer, Direct, Pieces, SPARES_MAX, Spares, Uncached, WRITING_MAX,
    reopen,
};

fn pieces(bytes: &[u8], each: usize) -> Pieces {
    let mut pieces = Pieces::default();
    bytes.chunks(each).for_each(|chunk| pieces.push(Bytes::copy_from_slice(chunk)));
    pieces
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

/// An empty file.
fn file() -> (tempfile::TempDir, File) {
    let directory = tempfile::tempdir().unwrap();
    let file = File::create_new(directory.path().join("file")).unwrap();
    (directory, file)
}

/// Somebody writes to this as if it were past the cache.
fn direct(uncached: &Uncached, file: File) -> Direct {
    let room = std::sync::Arc::clone(&uncached.writing).try_acquire_owned().unwrap();
    Direct { file, _room: room }
}

/// What says "invalid" to whatever is written there, as a file system does that has no other way than
/// the cache.
pub(in super::super) fn refusing(uncached: &Uncached) -> Direct {
    direct(uncached, File::options().write(true).open("/proc/self/oom_score_adj").unwrap())
}

#[test]
fn what_is_opened_again_goes_past_the_cache() {
    let uncached = Uncached::new();
    let (_directory, file) = file();
    if let Some(direct) = uncached.writing(&file) {
        for (file, way) in [
            (direct.file, OFlags::WRONLY),
            (reopen(&file, OFlags::RDONLY).unwrap(), OFlags::RDONLY),
        ] {
            let flags = rustix::fs::fcntl_getfl(&file).unwrap();
            assert!(flags.contains(OFlags::DIRECT), "{flags:?}");
            assert_eq!(flags & OFlags::RWMODE, way);
        }
    }
}

#[test]
fn not_everybody_may() {
    let uncached = Uncached::new();
    let (_directory, file) = file();
    let Some(first) = uncached.writing(&file) else { return };
    let others: Vec<_> = std::iter::from_fn(|| uncached.writing(&file)).collect();
    assert_eq!(others.len(), WRITING_MAX - 1);
    drop(first);
    assert!(uncached.writing(&file).is_some());
}

#[test]
fn what_is_written_either_way_is_one_file() {
    let uncached = Uncached::new();
    for length in [
        0,
        1,
        BLOCK_BYTES - 1,
        BLOCK_BYTES,
        BLOCK_BYTES + 1,
        BUFFER_BYTES - 1,
        BUFFER_BYTES,
        BUFFER_BYTES + 1,
        3 * BUFFER_BYTES + 2 * BLOCK_BYTES + 7,
    ] {
        for each in [10_000, 300_000, length.max(1)] {
            let (directory, file) = file();
            let past_the_cache = uncached.writing(&file);
            // Where there is no such way, the same bytes have to get there.
            let direct =
                past_the_cache.unwrap_or_else(|| direct(&uncached, file.try_clone().unwrap()));
            let (bytes, behind) = (pattern(length), 2 * BLOCK_BYTES);
            let pieces = pieces(&bytes, each);
            assert!(uncached.write_all(&direct, &file, &pieces, behind as u64).unwrap());
            let written = std::fs::read(directory.path().join("file")).unwrap();
            let written = written.get(behind..).unwrap_or_default();
            assert!(written == bytes, "{length} in {each}");
        }
    }
}

#[test]
fn a_refusal_is_told_from_an_error() {
    let uncached = Uncached::new();
    let (directory, file) = file();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let full = direct(&uncached, full);
    let refusing = refusing(&uncached);
    for length in [BLOCK_BYTES, 2 * BUFFER_BYTES] {
        let pieces = pieces(&pattern(length), 300_000);
        assert!(!uncached.write_all(&refusing, &file, &pieces, 0).unwrap());
        let error = uncached.write_all(&full, &file, &pieces, 0).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    }
    assert_eq!(directory.path().join("file").metadata().unwrap().len(), 0);
}

#[test]
fn a_buffer_has_as_much_of_a_file_as_is_asked_for() {
    let spares = std::sync::Arc::<Spares>::default();
    let (directory, _) = file();
    let bytes = pattern(3 * BLOCK_BYTES + 5);
    std::fs::write(directory.path().join("file"), &bytes).unwrap();
    let file = File::open(directory.path().join("file")).unwrap();
    let read = |offset: usize, count: usize| {
        let mut buffer = Buffer::take(&spares);
        let outcome = buffer.read(&file, offset as u64, count);
        outcome.map(|()| buffer.filled().to_vec())
    };
    for (offset, count) in [(0, 0), (0, 7), (0, bytes.len()), (BLOCK_BYTES, 2 * BLOCK_BYTES + 5)] {
        assert!(read(offset, count).unwrap() == bytes[offset..offset + count]);
    }
    for (offset, count) in [(0, bytes.len() + 1), (bytes.len(), 1)] {
        assert_eq!(read(offset, count).unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    }
}

#[test]
fn some_memory_is_kept_and_none_of_what_was_in_it() {
    let spares = std::sync::Arc::<Spares>::default();
    let buffers = || std::iter::repeat_with(|| Buffer::take(&spares));
    for buffer in &mut buffers().take(SPARES_MAX + 2).collect::<Vec<_>>() {
        assert_eq!(buffer.fill(&pattern(BUFFER_BYTES + 1)), BUFFER_BYTES);
        assert!(buffer.is_full() && buffer.fill(b"more") == 0);
        assert_eq!(buffer.filled().as_ptr().align_offset(BLOCK_BYTES), 0);
    }
    assert_eq!(spares.lock().len(), SPARES_MAX);
    let mut again = Buffer::take(&spares);
    assert_eq!((again.filled(), spares.lock().len()), (&b""[..], SPARES_MAX - 1));
    again.fill(b"other");
    assert_eq!(again.filled(), b"other");
}
