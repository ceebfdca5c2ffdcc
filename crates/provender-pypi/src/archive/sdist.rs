//! Source distributions (PEP 625, and what came before it).

use std::io::{BufRead, Read as _};

use provender_archive::{ArchiveError, ArchivePath, Entry, Flow, Kind, shown, tar, zip};
use provender_ecosystem::{Archive, Depth, Inspection};

use super::metadata::Fields;
use super::{METADATA_LIMIT_BYTES, Subject, limits};
use crate::attribute;
use crate::error::ArchiveFault;

pub(super) fn inspect_tar_gzip(
    subject: &Subject<'_>,
    archive: &mut dyn Archive,
) -> Result<Inspection, ArchiveFault> {
    let mut contents = Contents::default();
    archive.rewind().map_err(ArchiveError::from)?;
    tar::walk_gzip(archive, &limits(), |entry, bytes| contents.take(subject, entry, bytes))?;
    contents.conclude(subject)
}

pub(super) fn inspect_zip(
    subject: &Subject<'_>,
    archive: &mut dyn Archive,
) -> Result<Inspection, ArchiveFault> {
    let mut zip = zip::open(archive, &limits())?;
    if zip.facts().prefix_bytes > 0 {
        return Err(ArchiveFault::Prefixed { bytes: zip.facts().prefix_bytes });
    }
    let mut contents = Contents::default();
    zip.visit(|entry, bytes| contents.take(subject, entry, bytes))?;
    contents.conclude(subject)
}

/// What matters of an archive's files.
#[derive(Debug, Default)]
struct Contents {
    /// The first segment of the first path.
    top: Option<String>,
    /// A path with another first segment, or a file without one.
    outside: Option<String>,
    /// `PKG-INFO` directly below `top`.
    pkg_info: Option<Vec<u8>>,
    has_setup_script: bool,
    has_pyproject: bool,
}

impl Contents {
    fn take(
        &mut self,
        subject: &Subject<'_>,
        entry: &Entry,
        bytes: &mut dyn BufRead,
    ) -> Result<Flow, ArchiveFault> {
        let first = entry.path.segments().next().unwrap_or_default();
        let top = self.top.get_or_insert_with(|| first.to_owned());
        let is_loose = entry.path.parent().is_none() && entry.kind != Kind::Directory;
        if top != first || is_loose {
            self.stray(subject, &entry.path)?;
            return Ok(Flow::Continue);
        }
        if entry.kind != Kind::File || entry.path.parent() != Some(first) {
            return Ok(Flow::Continue);
        }
        match entry.path.file_name() {
            "PKG-INFO" => self.pkg_info = Some(read_bounded(&entry.path, bytes)?),
            "setup.py" => self.has_setup_script = true,
            "pyproject.toml" => self.has_pyproject = true,
            _ => {}
        }
        Ok(Flow::Continue)
    }

    /// Old archives have all sorts of layouts, which installers cope with; publications have one.
    fn stray(&mut self, subject: &Subject<'_>, path: &ArchivePath) -> Result<(), ArchiveFault> {
        if subject.depth == Depth::Full {
            let (path, expected) = (shown(path.as_str()), subject.folder());
            return Err(ArchiveFault::OutsideTopFolder { path, expected });
        }
        self.outside.get_or_insert_with(|| path.as_str().to_owned());
        Ok(())
    }

    fn conclude(self, subject: &Subject<'_>) -> Result<Inspection, ArchiveFault> {
        let folder = subject.folder();
        let top = self.top.unwrap_or_default();
        if subject.depth == Depth::Full && top != folder {
            let (path, expected) = (shown(&top), folder);
            return Err(ArchiveFault::OutsideTopFolder { path, expected });
        }
        let path = format!("{top}/PKG-INFO");
        // Of an archive without one folder nobody can say where its PKG-INFO is.
        let pkg_info = self.pkg_info.filter(|_| self.outside.is_none());
        let mut inspection =
            Inspection { version: Some(subject.version.clone()), ..Inspection::default() };
        match (pkg_info, subject.depth) {
            (None, Depth::Full) => return Err(ArchiveFault::Missing { path }),
            (None, Depth::Structure) => {}
            (Some(bytes), depth) => {
                let fields = Fields::parse(&path, &bytes, depth)?;
                if depth == Depth::Full {
                    fields.check_identity(subject)?;
                    fields.check_publication()?;
                } else {
                    fields.check_identity_leniently(subject)?;
                }
                inspection.attributes = fields.attributes();
            }
        }
        if self.has_setup_script && !self.has_pyproject {
            let key = attribute::LEGACY_SETUP_SCRIPT.to_owned();
            inspection.attributes.0.insert(key, true.into());
        }
        Ok(inspection)
    }
}

fn read_bounded(path: &ArchivePath, bytes: &mut dyn BufRead) -> Result<Vec<u8>, ArchiveFault> {
    let mut contents = Vec::new();
    let limit_bytes = METADATA_LIMIT_BYTES;
    bytes.take(limit_bytes + 1).read_to_end(&mut contents).map_err(ArchiveError::from)?;
    if contents.len() as u64 > limit_bytes {
        let name = shown(path.as_str());
        return Err(ArchiveError::TooLargeForMemory { name, limit_bytes }.into());
    }
    Ok(contents)
}
