//! Reading wheels and source distributions under limits.
//!
//! [`Depth::Full`] is for publications: every byte is read and every rule of the formats held.
//! [`Depth::Structure`] is for what an upstream has had for up to twenty years: strict on hostile
//! structure and on contradictions of name and version, lenient on style (unknown fields, specifiers
//! that nobody could parse, Latin-1, no `RECORD`).

mod metadata;
mod record;
mod requirement;
mod sdist;
mod wheel;

use provender_archive::{Limits, shown};
use provender_domain::Version;
use provender_ecosystem::{Archive, Depth, Expected, InspectError, Inspection};

use crate::error::ArchiveFault;
use crate::file_name::{self, Format};
use crate::version;

/// Most bytes of `METADATA` or `PKG-INFO`, which hold a README; the largest seen are near one MiB.
const METADATA_LIMIT_BYTES: u64 = 4 * 1024 * 1024;
/// Most bytes of `WHEEL`.
const WHEEL_LIMIT_BYTES: u64 = 64 * 1024;

/// Reads the archive and holds it against its name, and against the version claimed for it.
pub(crate) fn inspect(
    expected: &Expected<'_>,
    archive: &mut dyn Archive,
    depth: Depth,
) -> Result<Inspection, InspectError> {
    Ok(read(expected, archive, depth)?)
}

fn read(
    expected: &Expected<'_>,
    archive: &mut dyn Archive,
    depth: Depth,
) -> Result<Inspection, ArchiveFault> {
    let file = expected.file.as_str();
    let distribution = file_name::parse(expected.package, expected.file).ok_or_else(|| {
        ArchiveFault::ForeignName { file: shown(file), package: expected.package.to_string() }
    })?;
    if let Some(claimed) = expected.version
        && !version::are_equal(claimed, &distribution.version)
    {
        return Err(ArchiveFault::FileNameVersion {
            file: shown(file),
            found: distribution.version.to_string(),
            expected: claimed.to_string(),
        });
    }
    let subject = Subject { package: expected.package, version: &distribution.version, depth };
    match distribution.format {
        Format::Wheel => wheel::inspect(&subject, archive),
        Format::SdistTarGzip => sdist::inspect_tar_gzip(&subject, archive),
        Format::SdistZip => sdist::inspect_zip(&subject, archive),
    }
}

/// What an archive has to be, by its name, and how closely it is looked at.
#[derive(Debug, Clone, Copy)]
struct Subject<'a> {
    package: &'a provender_domain::PackageName,
    version: &'a Version,
    depth: Depth,
}

impl Subject<'_> {
    /// The name that the archive's own folder has to have: `de_mo-1.0`.
    fn folder(&self) -> String {
        format!("{}-{}", crate::name::file_stem(self.package), self.version)
    }
}

fn limits() -> Limits {
    Limits::default()
}

#[cfg(test)]
mod tests;
