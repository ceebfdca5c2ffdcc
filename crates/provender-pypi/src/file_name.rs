//! File names of distributions: wheels (PEP 427, PEP 491) and source distributions (PEP 625, and
//! what came before it).

use provender_domain::{FileName, PackageName, Version};

use crate::{name, version};

/// What sort of archive a file is. Those that pip and uv no longer install, and those that cannot
/// be inspected here, have no name here; see the table in [`crate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `.whl`, a zip.
    Wheel,
    /// A source distribution, `.tar.gz` or `.tgz`.
    SdistTarGzip,
    /// A source distribution, `.zip`.
    SdistZip,
}

/// What the name of one file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Distribution {
    pub(crate) format: Format,
    pub(crate) version: Version,
}

/// Reads a file's name, if it is a distribution of this package.
///
/// Names in any spelling that normalizes to the package's are taken, as twenty years of files have
/// them; only ASCII that needs no escaping is.
pub(crate) fn parse(package: &PackageName, file: &FileName) -> Option<Distribution> {
    let file = file.as_str();
    if !file.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let (stem, format) = split_extension(file)?;
    let version = match format {
        Format::Wheel => wheel_version(package, stem)?,
        Format::SdistTarGzip | Format::SdistZip => sdist_version(package, stem)?,
    };
    Some(Distribution { format, version })
}

/// The packages that a file of this name can be a distribution of: where its name has several
/// dashes, some read it as several.
pub(crate) fn packages(file: &FileName) -> Vec<PackageName> {
    let dashes = file.as_str().match_indices('-');
    let candidates = dashes.filter_map(|(at, _)| name::normalize(&file.as_str()[..at]).ok());
    let mut packages: Vec<PackageName> =
        candidates.filter(|package| parse(package, file).is_some()).collect();
    packages.dedup();
    packages
}

/// The name that a publication of this version has to have, given the name that it has.
pub(crate) fn canonical(
    package: &PackageName,
    version: &Version,
    file: &FileName,
    format: Format,
) -> String {
    let stem = name::file_stem(package);
    match format {
        Format::SdistTarGzip | Format::SdistZip => format!("{stem}-{version}.tar.gz"),
        Format::Wheel => {
            let rest = file.as_str().splitn(3, '-').nth(2).unwrap_or_default();
            format!("{stem}-{version}-{rest}")
        }
    }
}

fn split_extension(file: &str) -> Option<(&str, Format)> {
    const EXTENSIONS: [(&str, Format); 4] = [
        (".whl", Format::Wheel),
        (".tar.gz", Format::SdistTarGzip),
        (".tgz", Format::SdistTarGzip),
        (".zip", Format::SdistZip),
    ];
    EXTENSIONS
        .into_iter()
        .find_map(|(extension, format)| Some((file.strip_suffix(extension)?, format)))
}

/// `name-version(-build)?-python-abi-platform`.
fn wheel_version(package: &PackageName, stem: &str) -> Option<Version> {
    let (name, rest) = stem.split_once('-')?;
    let (version, rest) = rest.split_once('-')?;
    let tags = match rest.split('-').count() {
        3 => rest,
        4 => {
            let (build, tags) = rest.split_once('-')?;
            let is_build =
                build.starts_with(|c: char| c.is_ascii_digit()) && build.bytes().all(is_tag_byte);
            is_build.then_some(tags)?
        }
        _ => return None,
    };
    let tags_are_right = tags.split('-').all(|tag| !tag.is_empty() && tag.bytes().all(is_tag_byte));
    if !tags_are_right || !name::spells(name, package) {
        return None;
    }
    version::from_file_name(version)
}

fn is_tag_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

/// `name-version`, where old names have dashes of their own: the package's name tells where the
/// version begins.
fn sdist_version(package: &PackageName, stem: &str) -> Option<Version> {
    stem.match_indices('-')
        .find(|(at, _)| name::spells(&stem[..*at], package))
        .and_then(|(at, _)| version::from_file_name(&stem[at + 1..]))
}

#[cfg(test)]
mod tests;
