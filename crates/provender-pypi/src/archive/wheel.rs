//! Wheels (PEP 427, PEP 491).

use std::path::Path;

use provender_archive::{Entry, Flow, Kind, shown, zip};
use provender_domain::Attributes;
use provender_ecosystem::{Archive, CompanionBytes, Depth, Inspection};

use super::metadata::Fields;
use super::record::{RECORD_LIMIT_BYTES, Record};
use super::{METADATA_LIMIT_BYTES, Subject, WHEEL_LIMIT_BYTES, limits};
use crate::error::ArchiveFault;
use crate::{attribute, name, version};

pub(super) fn inspect(
    subject: &Subject<'_>,
    archive: &mut dyn Archive,
) -> Result<Inspection, ArchiveFault> {
    let mut wheel = zip::open(archive, &limits())?;
    if wheel.facts().prefix_bytes > 0 {
        return Err(ArchiveFault::Prefixed { bytes: wheel.facts().prefix_bytes });
    }
    let folder = dist_info(subject, wheel.entries())?;
    let path = format!("{folder}/METADATA");
    let bytes = required(&mut wheel, &path, METADATA_LIMIT_BYTES)?;
    let metadata = Fields::parse(&path, &bytes, subject.depth)?;
    metadata.check_identity(subject)?;
    if subject.depth == Depth::Full {
        metadata.check_publication()?;
        check_wheel_file(&mut wheel, &folder)?;
        check_record(&mut wheel, &folder)?;
    }
    let mut attributes = metadata.attributes();
    set_pth_files(&mut attributes, wheel.entries());
    let companion = CompanionBytes { kind: attribute::METADATA_COMPANION, bytes };
    Ok(Inspection {
        version: Some(subject.version.clone()),
        attributes,
        companions: vec![companion],
        ..Inspection::default()
    })
}

/// The one `*.dist-info` folder at the top, whose name has to agree with the file's.
fn dist_info(subject: &Subject<'_>, entries: &[Entry]) -> Result<String, ArchiveFault> {
    const SUFFIX: &str = ".dist-info";
    let mut found: Option<&str> = None;
    for entry in entries {
        let is_below = entry.path.parent().is_some() || entry.kind == Kind::Directory;
        let top = entry.path.segments().next().unwrap_or_default();
        if !is_below || !top.ends_with(SUFFIX) {
            continue;
        }
        match found {
            None => found = Some(top),
            Some(first) if first == top => {}
            Some(first) => {
                let (first, second) = (shown(first), shown(top));
                return Err(ArchiveFault::SeveralDistInfo { first, second });
            }
        }
    }
    let expected = format!("{}{SUFFIX}", subject.folder());
    let Some(found) = found else { return Err(ArchiveFault::NoDistInfo { expected }) };
    let stem = found.strip_suffix(SUFFIX).unwrap_or(found);
    if is_folder_of(subject, stem) {
        return Ok(found.to_owned());
    }
    Err(ArchiveFault::DistInfoDisagrees { found: shown(found), expected })
}

/// `name-version` in any spelling, with the name's own dashes escaped or not.
fn is_folder_of(subject: &Subject<'_>, stem: &str) -> bool {
    stem.match_indices('-').any(|(at, _)| {
        name::spells(&stem[..at], subject.package)
            && version::from_file_name(&stem[at + 1..])
                .is_some_and(|found| version::are_equal(&found, subject.version))
    })
}

/// A zip over whatever reader the caller brought.
type Wheel<'a> = zip::Zip<&'a mut dyn Archive>;

fn required(wheel: &mut Wheel<'_>, path: &str, limit_bytes: u64) -> Result<Vec<u8>, ArchiveFault> {
    let missing = || ArchiveFault::Missing { path: path.to_owned() };
    let index = wheel.find(path).ok_or_else(missing)?;
    if wheel.entries()[index].kind != Kind::File {
        return Err(missing());
    }
    Ok(wheel.read_entry(index, limit_bytes)?)
}

fn check_wheel_file(wheel: &mut Wheel<'_>, folder: &str) -> Result<(), ArchiveFault> {
    let path = format!("{folder}/WHEEL");
    let bytes = required(wheel, &path, WHEEL_LIMIT_BYTES)?;
    let fields = Fields::parse(&path, &bytes, Depth::Full)?;
    let wheel_version = fields.one("Wheel-Version")?;
    if wheel_version.split('.').next() != Some("1") {
        return Err(fields.invalid("Wheel-Version", wheel_version, "1.x"));
    }
    let purelib = fields.one("Root-Is-Purelib")?;
    if !purelib.eq_ignore_ascii_case("true") && !purelib.eq_ignore_ascii_case("false") {
        return Err(fields.invalid("Root-Is-Purelib", purelib, "true or false"));
    }
    match fields.first("Tag") {
        Some(_) => Ok(()),
        None => Err(ArchiveFault::FieldMissing { path, field: "Tag" }),
    }
}

/// Reads every byte of the archive, and holds each file against RECORD.
fn check_record(wheel: &mut Wheel<'_>, folder: &str) -> Result<(), ArchiveFault> {
    let path = format!("{folder}/RECORD");
    let bytes = required(wheel, &path, RECORD_LIMIT_BYTES)?;
    let mut record = Record::parse(&path, &bytes)?;
    wheel.visit(|entry, contents| {
        match entry.kind {
            Kind::File => record.check(entry.path.as_str(), contents)?,
            Kind::Directory => {}
            Kind::Symlink { .. } | Kind::HardLink { .. } => {
                return Err(ArchiveFault::LinkInWheel { path: shown(entry.path.as_str()) });
            }
        }
        Ok(Flow::Continue)
    })?;
    record.finish()
}

/// Files that end up directly in `site-packages`, where Python runs them whenever it starts.
fn set_pth_files(attributes: &mut Attributes, entries: &[Entry]) {
    let paths: Vec<serde_json::Value> = entries
        .iter()
        .map(|entry| entry.path.as_str())
        .filter(|path| is_startup_file(path))
        .take(attribute::PTH_FILES_LIMIT)
        .map(Into::into)
        .collect();
    if !paths.is_empty() {
        attributes.0.insert(attribute::PTH_FILES.to_owned(), paths.into());
    }
}

/// In any case of letters: Python's is not the only file system.
fn is_startup_file(path: &str) -> bool {
    let is_pth = Path::new(path).extension().is_some_and(|it| it.eq_ignore_ascii_case("pth"));
    let mut segments = path.split('/');
    match (segments.next(), segments.next(), segments.next(), segments.next()) {
        (Some(_), None, None, None) => is_pth,
        (Some(data), Some("purelib" | "platlib"), Some(_), None) => {
            is_pth && data.strip_suffix(".data").is_some()
        }
        _ => false,
    }
}
