//! Reading manifests under limits. Blobs are never opened: what is in them is between those who
//! push and pull, and their digest is in the name.

use std::io::Read as _;

use provender_ecosystem::{Archive, Depth, Expected, InspectError, Inspection};

use crate::attribute;
use crate::error::ManifestFault;
use crate::file_name::{self, Kind};
use crate::manifest;

/// Largest manifest, in bytes: what the distribution specification 1.1 wants to be taken at least
/// ("Pushing Manifests").
pub(crate) const MANIFEST_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a manifest and holds it against the type that it was sent as.
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
) -> Result<Inspection, ManifestFault> {
    let file = expected.file.as_str();
    let (kind, _) = file_name::parse(expected.file)
        .ok_or_else(|| ManifestFault::ForeignName { file: provender_archive::shown(file) })?;
    if let Some(version) = expected.version {
        let version = provender_archive::shown(version.as_str());
        return Err(ManifestFault::Version { version });
    }
    if kind == Kind::Blob {
        return Ok(Inspection::default());
    }
    let mut bytes = Vec::new();
    archive
        .take(MANIFEST_LIMIT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(ManifestFault::Unreadable)?;
    if bytes.len() as u64 > MANIFEST_LIMIT_BYTES {
        return Err(ManifestFault::TooLong { limit_bytes: MANIFEST_LIMIT_BYTES });
    }
    let sent_as = expected.attributes.and_then(|sent| sent.text(attribute::MEDIA_TYPE));
    manifest::read(&bytes, sent_as, depth)
}

#[cfg(test)]
mod tests;
