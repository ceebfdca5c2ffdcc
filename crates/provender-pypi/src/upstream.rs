//! Upstream indexes: what is asked, and what their answers say, JSON (PEP 691) or HTML (PEP 503).
//!
//! Answers are hostile until parsed. Nothing of them survives but what [`Entries`] lets through:
//! known formats of this package's own files, `http` and `https` URLs without credentials, digests
//! of the right length, texts of bounded length.

mod html;
mod json;

use std::collections::HashSet;

use provender_domain::{
    Algorithm, Attributes, Companion, Digest, File, FileName, Listing, PackageName, Timestamp, Yank,
};
use provender_ecosystem::{UpstreamDocument, UpstreamFormatError, UpstreamRequest};
use url::Url;

use crate::{attribute, file_name};

/// What is asked for, after PEP 691: JSON, else HTML in either guise.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, \
                      application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";
/// Most files of one package; the largest public ones have some ten thousand.
pub(crate) const FILES_LIMIT: usize = 100_000;
/// Most names in a catalogue; the largest public one has under a million.
pub(crate) const NAMES_LIMIT: usize = 5_000_000;
/// Longest URL that is followed, in bytes; signed ones reach two thousand.
const URL_LIMIT_BYTES: usize = 8192;

/// The request for one package's index at the simple index `base`.
pub(crate) fn index_request(base: &Url, package: &PackageName) -> UpstreamRequest {
    UpstreamRequest::new(below(base, &[package.as_str(), ""]), ACCEPT)
}

/// The request for the list of all names.
pub(crate) fn catalogue_request(base: &Url) -> UpstreamRequest {
    UpstreamRequest::new(below(base, &[""]), ACCEPT)
}

/// Parses one package's index.
pub(crate) fn read_index(
    package: &PackageName,
    document: &UpstreamDocument,
) -> Result<Listing, UpstreamFormatError> {
    let mut entries = Entries::new(package, &document.url);
    match dialect(document)? {
        Dialect::Json => json::read_index(&document.body, &mut entries)?,
        Dialect::Html => html::read_index(&document.body, &mut entries)?,
    }
    Ok(entries.listing)
}

/// Parses the list of all names.
pub(crate) fn read_catalogue(
    document: &UpstreamDocument,
) -> Result<Vec<PackageName>, UpstreamFormatError> {
    match dialect(document)? {
        Dialect::Json => json::read_catalogue(&document.body),
        Dialect::Html => html::read_catalogue(&document.body, &document.url),
    }
}

/// `base` with these segments behind it, whether or not it ended in a slash. A base that cannot
/// have a path is returned as it is; the operator's settings do not allow one.
fn below(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    url.set_fragment(None);
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Json,
    Html,
}

/// The media type decides; only without one does the first byte.
fn dialect(document: &UpstreamDocument) -> Result<Dialect, UpstreamFormatError> {
    let declared = document.content_type.as_deref().unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/vnd.pypi.simple.v1+json" | "application/json" => Ok(Dialect::Json),
        "application/vnd.pypi.simple.v1+html" | "text/html" | "application/xhtml+xml" => {
            Ok(Dialect::Html)
        }
        "" => sniffed(&document.body),
        _ => Err(match essence.strip_prefix("application/vnd.pypi.simple.") {
            Some(version) => UpstreamFormatError::UnknownVersion { version: shown(version) },
            None => UpstreamFormatError::WrongType { content_type: shown(&essence) },
        }),
    }
}

fn sniffed(body: &[u8]) -> Result<Dialect, UpstreamFormatError> {
    match body.trim_ascii_start().first() {
        Some(b'{') => Ok(Dialect::Json),
        Some(b'<') => Ok(Dialect::Html),
        _ => Err(UpstreamFormatError::WrongType { content_type: String::new() }),
    }
}

/// PEP 629: the same major version, or none said.
fn check_version(version: &str) -> Result<(), UpstreamFormatError> {
    if version.split('.').next() == Some("1") {
        return Ok(());
    }
    Err(UpstreamFormatError::UnknownVersion { version: shown(version) })
}

/// Upstream text, shortened for a message.
fn shown(text: &str) -> String {
    /// Characters of it that are shown.
    const SHOWN_CHARS: usize = 60;
    text.chars().take(SHOWN_CHARS).collect()
}

/// One file as a document has it, nothing checked.
#[derive(Debug, Default)]
struct RawFile<'a> {
    name: &'a str,
    /// As written: relative or absolute.
    url: &'a str,
    /// Algorithms and hexadecimal digits.
    hashes: Vec<(&'a str, &'a str)>,
    size_bytes: Option<u64>,
    upload_time: Option<&'a str>,
    requires_python: Option<&'a str>,
    yank: Option<Yank>,
    metadata: RawMetadata<'a>,
    provenance: Option<&'a str>,
}

/// What a document says of a file's metadata file (PEP 714).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum RawMetadata<'a> {
    #[default]
    Absent,
    /// There is one; of what digest is not said.
    Present,
    /// There is one, with this SHA-256.
    Sha256(&'a str),
}

/// Files on their way into a listing.
struct Entries<'a> {
    package: &'a PackageName,
    /// What relative links are relative to; never with credentials, which links would inherit.
    base: Url,
    listing: Listing,
    seen: HashSet<FileName>,
}

impl<'a> Entries<'a> {
    fn new(package: &'a PackageName, url: &Url) -> Self {
        let base = without_credentials(url.clone());
        Self { package, base, listing: Listing::default(), seen: HashSet::new() }
    }

    /// The document's own base (HTML's `<base>`), if it is a usable one.
    fn rebase(&mut self, href: &str) {
        if let Some(base) = link(&self.base, href) {
            self.base = base;
        }
    }

    /// Adds a file if it is one of this package in a known format, under a safe URL and with
    /// digests that can be checked; of two of one name the first stays.
    fn add(&mut self, raw: &RawFile<'_>) -> Result<(), UpstreamFormatError> {
        let Some(file) = self.read(raw) else { return Ok(()) };
        if !self.seen.insert(file.name.clone()) {
            return Ok(());
        }
        if self.listing.files.len() == FILES_LIMIT {
            let reason = format!("it lists more than {FILES_LIMIT} files");
            return Err(UpstreamFormatError::Malformed { reason });
        }
        self.listing.files.push(file);
        Ok(())
    }

    fn read(&self, raw: &RawFile<'_>) -> Option<File> {
        let name = FileName::new(raw.name).ok()?;
        let distribution = file_name::parse(self.package, &name)?;
        let url = link(&self.base, raw.url)?;
        let digests = digests(&raw.hashes)?;
        let mut attributes = Attributes::default();
        set_text(&mut attributes, attribute::REQUIRES_PYTHON, raw.requires_python);
        Some(File {
            name,
            version: Some(distribution.version),
            digests,
            size_bytes: raw.size_bytes,
            uploaded_at: raw.upload_time.and_then(|text| text.parse::<Timestamp>().ok()),
            yank: raw.yank.clone(),
            attributes,
            companions: self.companions(raw, &url),
            url: Some(url.into()),
        })
    }

    fn companions(&self, raw: &RawFile<'_>, url: &Url) -> Vec<Companion> {
        let metadata = match raw.metadata {
            RawMetadata::Absent => None,
            RawMetadata::Present => Some(None),
            RawMetadata::Sha256(hex) => Digest::new(Algorithm::Sha256, hex).ok().map(Some),
        };
        let metadata = metadata.map(|digest| Companion {
            kind: attribute::METADATA_COMPANION.to_owned(),
            url: Some(metadata_url(url)),
            digest,
        });
        let provenance = raw.provenance.and_then(|href| link(&self.base, href));
        let provenance = provenance.map(|url| Companion {
            kind: attribute::PROVENANCE_COMPANION.to_owned(),
            url: Some(url.into()),
            digest: None,
        });
        metadata.into_iter().chain(provenance).collect()
    }

    /// PEP 792; unknown statuses are left out.
    fn set_status(&mut self, status: Option<&str>, reason: Option<&str>) {
        let status = status.filter(|status| attribute::PROJECT_STATUSES.contains(status));
        if status.is_none() {
            return;
        }
        set_text(&mut self.listing.attributes, attribute::PROJECT_STATUS, status);
        set_text(&mut self.listing.attributes, attribute::PROJECT_STATUS_REASON, reason);
    }
}

fn set_text(attributes: &mut Attributes, key: &str, value: Option<&str>) {
    let short = |value: &&str| !value.is_empty() && value.len() <= attribute::TEXT_LIMIT_BYTES;
    if let Some(value) = value.filter(short) {
        attributes.set_text(key, value);
    }
}

/// A reason for a yank; an empty one is none.
fn yank(reason: &str) -> Yank {
    let short = !reason.is_empty() && reason.len() <= attribute::TEXT_LIMIT_BYTES;
    Yank { reason: short.then(|| reason.to_owned()) }
}

/// The link as an absolute URL without a fragment; `None` for other schemes than `http` and
/// `https`, and for credentials of its own, which would be the upstream's to misuse.
fn link(base: &Url, href: &str) -> Option<Url> {
    if href.len() > URL_LIMIT_BYTES {
        return None;
    }
    let mut url = base.join(href).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    if !is_web || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_fragment(None);
    Some(url)
}

fn without_credentials(mut url: Url) -> Url {
    // Fails for URLs that cannot have credentials, which is as good.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

/// PEP 658: at the file's URL with `.metadata` behind its path.
fn metadata_url(file: &Url) -> String {
    if file.query().is_none() {
        return format!("{file}.metadata");
    }
    let mut url = file.clone();
    url.set_path(&format!("{}.metadata", file.path()));
    url.into()
}

/// Digests of known algorithms, each once; `None` if one of them has the wrong length, since such
/// a file could never be verified.
fn digests(hashes: &[(&str, &str)]) -> Option<Vec<Digest>> {
    let mut digests: Vec<Digest> = Vec::with_capacity(hashes.len().min(1));
    for (algorithm, hex) in hashes {
        let Ok(algorithm) = algorithm.parse::<Algorithm>() else { continue };
        let digest = Digest::new(algorithm, hex).ok()?;
        if digests.iter().all(|known| known.algorithm() != algorithm) {
            digests.push(digest);
        }
    }
    Some(digests)
}

#[cfg(test)]
mod tests;
