//! Archives, and what is read out of them.

use std::io::{Cursor, Read as _};

use provender_archive::{ArchiveError, ArchivePath, Flow, Limits, gzip, tar, zip};
use provender_domain::{FileName, PackageName, Version};
use provender_ecosystem::{Depth, Ecosystem as _, Expected, Inspection};
use provender_pypi::Pypi;
use provender_testing::archive::ZipBuilder;
use provender_testing::python::WheelBuilder;

/// Limits so low that reaching them takes no time.
const LIMITS: Limits = Limits {
    entries: 1000,
    names_bytes: 64 * 1024,
    directory_bytes: 256 * 1024,
    unpacked_bytes: 4 * 1024 * 1024,
    entry_bytes: 2 * 1024 * 1024,
    ratio: 100,
    ratio_floor_bytes: 1024 * 1024,
    path_bytes: 512,
    path_depth: 16,
    memory_bytes: 1024 * 1024,
    extension_bytes: 16 * 1024,
};

/// A path that is let through stays below the root.
pub(crate) fn path(data: &[u8]) {
    if let Ok(path) = ArchivePath::parse(data, &LIMITS) {
        assert_below_root(path.as_str());
    }
}

pub(crate) fn zip(data: &[u8]) {
    let Ok(mut archive) = zip::open(Cursor::new(data), &LIMITS) else { return };
    let mut sizes = Vec::new();
    for entry in archive.entries() {
        assert_below_root(entry.path.as_str());
        sizes.push(entry.size);
    }
    let whole = archive.verify_all().is_ok();
    for (index, size) in sizes.into_iter().enumerate() {
        let contents = archive.read_entry(index, LIMITS.memory_bytes);
        if let Ok(contents) = &contents {
            assert_eq!(contents.len() as u64, size, "an entry is as long as it says");
        }
        assert!(!whole || contents.is_ok() || size > LIMITS.memory_bytes, "{contents:?}");
    }
}

pub(crate) fn tar(data: &[u8]) {
    let mut seen_bytes = 0;
    let walked = tar::walk(data, &LIMITS, |entry, contents| {
        assert_below_root(entry.path.as_str());
        seen_bytes += std::io::copy(contents, &mut std::io::sink())?;
        Ok::<_, ArchiveError>(Flow::Continue)
    });
    if let Ok(summary) = walked {
        assert!(seen_bytes <= summary.unpacked_bytes, "no more is shown than there is");
        assert!(summary.unpacked_bytes <= LIMITS.unpacked_bytes, "the limit holds");
    }
}

pub(crate) fn tar_gzip(data: &[u8]) {
    let walked = tar::walk_gzip(data, &LIMITS, |entry, _| {
        assert_below_root(entry.path.as_str());
        Ok::<_, ArchiveError>(Flow::Continue)
    });
    if let Ok(summary) = walked {
        assert!(summary.unpacked_bytes <= LIMITS.unpacked_bytes, "the limit holds");
    }
}

pub(crate) fn gzip(data: &[u8]) {
    let mut unpacked = Vec::new();
    let read = gzip::Reader::new(data, &LIMITS).read_to_end(&mut unpacked);
    assert!(unpacked.len() as u64 <= LIMITS.unpacked_bytes, "the limit holds");
    assert!(read.is_err() || read.is_ok_and(|length| length == unpacked.len()));
}

pub(crate) fn wheel(data: &[u8]) {
    inspect("demo-1.0-py3-none-any.whl", data, Depth::Full);
}

pub(crate) fn sdist(data: &[u8]) {
    inspect("demo-1.0.tar.gz", data, Depth::Full);
}

/// Core metadata, in a wheel that is otherwise right.
pub(crate) fn wheel_metadata(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let wheel = WheelBuilder::new("demo", "1.0").metadata(text).build();
    if let Some(inspection) = inspect(&wheel.file_name, &wheel.bytes, Depth::Full) {
        let kept = inspection.companions.iter().any(|companion| companion.bytes == data);
        assert!(kept, "what is served as metadata is what the archive holds");
    }
}

/// A wheel's own list of files.
pub(crate) fn wheel_record(data: &[u8]) {
    let metadata = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n";
    let tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    let archive = ZipBuilder::new()
        .stored("demo/__init__.py", "")
        .stored("demo-1.0.dist-info/METADATA", metadata)
        .stored("demo-1.0.dist-info/WHEEL", tags)
        .stored("demo-1.0.dist-info/RECORD", data)
        .finish();
    wheel(&archive);
}

/// Reads an archive of the package `demo`; one that is let through says what was expected.
fn inspect(file: &str, bytes: &[u8], depth: Depth) -> Option<Inspection> {
    let package = PackageName::new("demo").expect("a plain word is a package's name");
    let version = Version::new("1.0").expect("this is a version");
    let file = FileName::new(file).expect("this is a file's name");
    let expected =
        Expected { package: &package, version: Some(&version), file: &file, attributes: None };
    let inspection = Pypi.inspect(&expected, &mut Cursor::new(bytes), depth).ok()?;
    assert!(inspection.version.as_ref().is_none_or(|found| *found == version));
    Some(inspection)
}

fn assert_below_root(path: &str) {
    let segments_are_plain = path.split('/').all(|segment| !matches!(segment, "" | "." | ".."));
    assert!(segments_are_plain && !path.contains(['\0', '\\']), "{path:?} leaves the root");
}
