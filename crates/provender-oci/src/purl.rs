//! Package URLs of type `oci`: the name is the image's last component, the version is the manifest's
//! digest, and `repository_url` is where the image is (purl specification, type definition `oci`).
//!
//! What is written here names the image alone, with a slash in front, since the same package URL
//! holds under every address of this server. What is read may have host and repository in front.

use provender_domain::{FileName, PackageName, Purl};
use provender_ecosystem::PurlSubject;

use crate::file_name::{self, Kind};
use crate::name;

/// The purl type.
pub(crate) const TYPE: &str = "oci";
const REPOSITORY_URL: &str = "repository_url";

/// The package URL of an image, or of one of its files.
pub(crate) fn write(package: &PackageName, file: Option<&FileName>) -> Purl {
    let last = package.as_str().rsplit('/').next().unwrap_or(package.as_str());
    let mut purl = Purl::new(TYPE, last);
    if last != package.as_str() {
        purl.qualifiers.insert(REPOSITORY_URL.to_owned(), format!("/{package}"));
    }
    match file.map(|file| (file, file_name::parse(file))) {
        None => purl,
        Some((_, Some((Kind::Manifest, digest)))) => purl.with_version(&digest.to_string()),
        Some((file, _)) => purl.with_file_name(file.as_str()),
    }
}

/// What a package URL names; `None` for another type, and for what this server cannot have.
pub(crate) fn read(purl: &Purl) -> Option<PurlSubject> {
    if purl.kind != TYPE || purl.namespace.is_some() {
        return None;
    }
    let image = match purl.qualifiers.get(REPOSITORY_URL) {
        Some(url) => image_of(url),
        None => purl.name.clone(),
    };
    let package = name::normalize(&image).ok()?;
    if package.as_str().rsplit('/').next() != Some(purl.name.as_str()) {
        return None;
    }
    let manifest = match &purl.version {
        Some(version) => {
            let digest = file_name::digest_of(version)?;
            Some(file_name::name(Kind::Manifest, &digest))
        }
        None => None,
    };
    let named = purl.file_name().map(FileName::new).transpose().ok()?;
    Some(PurlSubject { package, version: None, file: named.or(manifest) })
}

/// The image in what somebody wrote. As written here it begins with a slash; anything else names a
/// repository before the image, and may name a host before that.
fn image_of(url: &str) -> String {
    if let Some(image) = url.strip_prefix('/') {
        return image.to_owned();
    }
    let path = url.split_once("://").map_or(url, |(_, rest)| rest).trim_end_matches('/');
    let behind = |path: &str| path.split_once('/').map(|(_, rest)| rest.to_owned());
    let first = path.split('/').next().unwrap_or_default();
    let is_host = first.contains(['.', ':']) || first == "localhost";
    let reference = if is_host { behind(path) } else { None }.unwrap_or_else(|| path.to_owned());
    behind(&reference).unwrap_or(reference)
}

#[cfg(test)]
mod tests;
