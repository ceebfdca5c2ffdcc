//! Archives.

use std::collections::HashSet;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::{ArchiveSample, Samples, mutations};
use crate::{Archive, Depth, Ecosystem, Expected, InspectError, InspectErrorClass, Inspection};

/// Changed archives tried of each sample.
const MUTATIONS: usize = 300;

pub(super) fn check(ecosystem: &dyn Ecosystem, samples: &Samples) {
    for sample in &samples.archives {
        right(ecosystem, sample);
        contradicted(ecosystem, sample);
        broken(ecosystem, sample);
    }
    for (sample, class) in &samples.wrong_archives {
        match inspect(ecosystem, sample, &mut Cursor::new(&sample.bytes), Depth::Full) {
            Ok(found) => panic!("{} was let in as {found:?}", sample.file),
            Err(error) => {
                assert_eq!(error.class, *class, "{}: {error}", sample.file);
                message_is_one_line(&error);
            }
        }
    }
}

fn inspect(
    ecosystem: &dyn Ecosystem,
    sample: &ArchiveSample,
    archive: &mut dyn Archive,
    depth: Depth,
) -> Result<Inspection, InspectError> {
    let expected = Expected {
        package: &sample.package,
        version: sample.version.as_ref(),
        file: &sample.file,
        attributes: None,
    };
    ecosystem.inspect(&expected, archive, depth)
}

fn right(ecosystem: &dyn Ecosystem, sample: &ArchiveSample) {
    let read = |depth| {
        let read = inspect(ecosystem, sample, &mut Cursor::new(&sample.bytes), depth);
        read.unwrap_or_else(|error| panic!("{} at {depth:?}: {error}", sample.file))
    };
    let packages = ecosystem.packages_of_file(&sample.file);
    let is_told = packages.is_empty() || packages.contains(&sample.package);
    assert!(is_told, "{} tells other packages than its own: {packages:?}", sample.file);
    let full = read(Depth::Full);
    assert_eq!(full, read(Depth::Full), "{} reads differently each time", sample.file);
    let mirrored = read(Depth::Structure);
    references(ecosystem, sample, &full, &mirrored);
    let mirrored = Inspection { references: full.references.clone(), ..mirrored };
    assert_eq!(full, mirrored, "{} has other facts when mirrored", sample.file);
    assert!(
        full.version.is_none() || full.version == sample.version,
        "{} says it is {:?}",
        sample.file,
        full.version
    );
}

/// What is mirrored refers to the same files, of which fewer may be required. No file twice in one
/// role, and what is said about a file is said about one that its kind names.
fn references(
    ecosystem: &dyn Ecosystem,
    sample: &ArchiveSample,
    full: &Inspection,
    mirrored: &Inspection,
) {
    let files = |inspection: &Inspection| {
        let files: HashSet<_> =
            inspection.references.iter().map(|reference| reference.file.clone()).collect();
        files
    };
    assert_eq!(files(full), files(mirrored), "{} refers elsewhere when mirrored", sample.file);
    for inspection in [full, mirrored] {
        let roles: HashSet<_> = inspection
            .references
            .iter()
            .map(|reference| (reference.file.clone(), reference.role))
            .collect();
        assert_eq!(roles.len(), inspection.references.len(), "{} refers twice", sample.file);
        for reference in &inspection.references {
            let is_named = ecosystem.digest_of_file(&reference.file).is_some();
            assert!(is_named, "{} refers to {}, no name", sample.file, reference.file);
            assert_ne!(reference.file, sample.file, "{} refers to itself", sample.file);
        }
    }
    if let Some(evidence) = &full.evidence {
        let named = files(full);
        for file in evidence.about.iter().chain(&evidence.bundle) {
            assert!(named.contains(file), "{} is evidence with {file}, unnamed", sample.file);
        }
    }
}

/// The same bytes under another version's claim.
fn contradicted(ecosystem: &dyn Ecosystem, sample: &ArchiveSample) {
    let other = provender_domain::Version::new("987.654.321").expect("a version");
    let changed = ArchiveSample { version: Some(other), ..sample.clone() };
    for depth in [Depth::Structure, Depth::Full] {
        let read = inspect(ecosystem, &changed, &mut Cursor::new(&sample.bytes), depth);
        let class = read.map_err(|error| error.class);
        assert_eq!(class.err(), Some(InspectErrorClass::Contradiction), "{}", sample.file);
    }
}

/// Bytes that were changed, and a disk that fails.
fn broken(ecosystem: &dyn Ecosystem, sample: &ArchiveSample) {
    for depth in [Depth::Structure, Depth::Full] {
        for bytes in mutations(&sample.bytes, MUTATIONS) {
            let cut = bytes.len() < sample.bytes.len() && sample.bytes.starts_with(&bytes);
            match inspect(ecosystem, sample, &mut Cursor::new(&bytes), depth) {
                Ok(_) => assert!(!cut, "{} cut to {} bytes passes", sample.file, bytes.len()),
                Err(error) => message_is_one_line(&error),
            }
        }
        let read = inspect(ecosystem, sample, &mut FailingDisk, depth);
        let class = read.map_err(|error| error.class);
        assert_eq!(class.err(), Some(InspectErrorClass::Unreadable), "a disk that fails");
    }
}

fn message_is_one_line(error: &InspectError) {
    assert!(!error.message.is_empty(), "a refusal says nothing");
    let is_line = !error.message.chars().any(char::is_control);
    assert!(is_line, "{:?} is more than a line", error.message);
}

struct FailingDisk;

impl Read for FailingDisk {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the disk fails"))
    }
}

impl Seek for FailingDisk {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Ok(1000)
    }
}
