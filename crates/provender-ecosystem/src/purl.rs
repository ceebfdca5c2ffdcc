//! Package URLs, by the rule that holds for all types that have none of their own: the package's
//! name, with what stands before its last slash as the namespace.

use provender_domain::{EcosystemId, FileName, PackageName, Purl, Version};

use crate::Ecosystem;

/// What a package URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PurlSubject {
    /// The package.
    pub package: PackageName,
    /// One version of it.
    pub version: Option<Version>,
    /// One file of it.
    pub file: Option<FileName>,
}

pub(crate) fn write(
    ecosystem: EcosystemId,
    package: &PackageName,
    version: Option<&Version>,
    file: Option<&FileName>,
) -> Purl {
    let mut purl = Purl::new(ecosystem.as_str(), package.as_str());
    if let Some(version) = version {
        purl = purl.with_version(version.as_str());
    }
    match file {
        Some(file) => purl.with_file_name(file.as_str()),
        None => purl,
    }
}

pub(crate) fn read<E: Ecosystem + ?Sized>(ecosystem: &E, purl: &Purl) -> Option<PurlSubject> {
    if purl.kind != ecosystem.id().as_str() {
        return None;
    }
    let version = purl.version.as_deref().map(|version| ecosystem.version(version));
    let file = purl.file_name().map(FileName::new);
    Some(PurlSubject {
        package: ecosystem.package_name(&purl.full_name()).ok()?,
        version: version.transpose().ok()?,
        file: file.transpose().ok()?,
    })
}
