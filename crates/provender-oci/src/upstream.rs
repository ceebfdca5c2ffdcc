//! Upstream registries: what is asked, and what their answers say.
//!
//! The operator names `https://host`, or `https://host/prefix` where all images that are meant have
//! their names begin so. Manifests and blobs are asked for by tag and digest; nothing lists them.
//! Answers are hostile until parsed: names and digests are checked, links stay on the list that
//! they continue.

mod link;

use std::collections::{BTreeMap, HashSet};

use provender_domain::{Attributes, Digest, File, FileName, Listing, PackageName, Tag};
use provender_ecosystem::{UpstreamDocument, UpstreamFormatError, UpstreamRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::file_name::{self, Kind};
use crate::manifest::{ANNOTATIONS_LIMIT_BYTES, MANIFESTS_LIMIT};
use crate::media_type::{self, ManifestType};
use crate::{attribute, name, reply, version};

/// Entries asked for at once; many registries give fewer.
const PAGE_ENTRIES: &str = "1000";
/// Most tags of one page that are kept; registries that ignore `n` send all at once.
const TAGS_LIMIT: usize = 100_000;
/// Most names of one page of a catalogue.
const NAMES_LIMIT: usize = 100_000;
/// The field in which registries say a manifest's digest.
const DIGEST_FIELD: &str = "docker-content-digest";
const ACCEPT_JSON: &str = "application/json";
/// Longest part of a digest in a referrers tag ("Referrers Tag Schema").
const REFERRERS_TAG_HEX_CHARS: usize = 64;

/// The request for one image's tags.
pub(crate) fn index_request(base: &Url, package: &PackageName) -> UpstreamRequest {
    let mut url = below(base, package.as_str(), &["tags", "list"]);
    url.query_pairs_mut().append_pair("n", PAGE_ENTRIES);
    about(base, package, UpstreamRequest::new(url, ACCEPT_JSON))
}

/// The request for a manifest or blob.
pub(crate) fn file_request(
    base: &Url,
    package: &PackageName,
    file: &FileName,
) -> Option<UpstreamRequest> {
    let (kind, digest) = file_name::parse(file)?;
    let url = below(base, package.as_str(), &[kind.segment(), &digest.to_string()]);
    let accept = match kind {
        Kind::Blob => "*/*",
        Kind::Manifest => media_type::ACCEPT_MANIFESTS,
    };
    Some(about(base, package, UpstreamRequest::new(url, accept)))
}

/// The request for the manifest that a tag points to.
pub(crate) fn tag_request(base: &Url, package: &PackageName, tag: &str) -> UpstreamRequest {
    let url = below(base, package.as_str(), &[Kind::Manifest.segment(), tag]);
    let mut request = UpstreamRequest::new(url, media_type::ACCEPT_MANIFESTS);
    request.digest_field = Some(DIGEST_FIELD);
    about(base, package, request)
}

/// The requests for what refers to a manifest: the referrers API, then the tag that clients keep
/// where a registry has none.
pub(crate) fn referrers_requests(
    base: &Url,
    package: &PackageName,
    of: &FileName,
) -> Vec<UpstreamRequest> {
    let Some((Kind::Manifest, digest)) = file_name::parse(of) else { return Vec::new() };
    let url = below(base, package.as_str(), &["referrers", &digest.to_string()]);
    let api = about(base, package, UpstreamRequest::new(url, media_type::OCI_INDEX));
    let tag = tag_of_referrers(&digest);
    vec![api, UpstreamRequest { accept: media_type::OCI_INDEX, ..tag_request(base, package, &tag) }]
}

/// The tag that clients keep for a manifest where a registry has no referrers API.
pub(crate) fn referrers_tag(of: &FileName) -> Option<Tag> {
    let (Kind::Manifest, digest) = file_name::parse(of)? else { return None };
    version::tag(&tag_of_referrers(&digest)).ok()
}

/// The tag under which cosign keeps signatures over a manifest that are no bundles. What is named by
/// SHA-512 has none: it would be too long.
pub(crate) fn signatures_tag(of: &FileName) -> Option<Tag> {
    let (Kind::Manifest, digest) = file_name::parse(of)? else { return None };
    version::tag(&format!("{}-{}.sig", digest.algorithm().as_str(), digest.hex())).ok()
}

fn tag_of_referrers(digest: &Digest) -> String {
    let hex = &digest.hex()[..REFERRERS_TAG_HEX_CHARS.min(digest.hex().len())];
    format!("{}-{hex}", digest.algorithm().as_str())
}

/// The request for all names. A prefix has no list of its own.
pub(crate) fn catalogue_request(base: &Url) -> Option<UpstreamRequest> {
    if !prefix(base).is_empty() {
        return None;
    }
    let mut url = below(base, "", &["_catalog"]);
    url.query_pairs_mut().append_pair("n", PAGE_ENTRIES);
    Some(UpstreamRequest::new(url, ACCEPT_JSON))
}

/// The request for the next page of a list, by its `Link`.
pub(crate) fn next_request(document: &UpstreamDocument) -> Option<UpstreamRequest> {
    let url = link::next(&document.url, document.link.as_deref()?)?;
    let is_index = document.url.path().contains("/referrers/");
    let accept = if is_index { media_type::OCI_INDEX } else { ACCEPT_JSON };
    let mut request = UpstreamRequest::new(url, accept);
    request.access = image_in(&document.url);
    Some(request)
}

/// Parses a page of tags.
pub(crate) fn read_index(document: &UpstreamDocument) -> Result<Listing, UpstreamFormatError> {
    let page: TagsPage = json(document)?;
    let mut seen = HashSet::new();
    let tags = page.tags.unwrap_or_default();
    let tags = tags.iter().filter_map(|raw| version::tag(raw).ok()).take(TAGS_LIMIT);
    let tags: Vec<Tag> = tags.filter(|tag| seen.insert(tag.clone())).collect();
    Ok(Listing { tags, ..Listing::default() })
}

/// Parses an index of referrers, from the API or from under the tag.
pub(crate) fn read_referrers(
    document: &UpstreamDocument,
) -> Result<Vec<File>, UpstreamFormatError> {
    let index: ReferrersIndex = json(document)?;
    if index.schema_version != 2 {
        let version = index.schema_version.to_string();
        return Err(UpstreamFormatError::UnknownVersion { version });
    }
    let manifests = index.manifests.unwrap_or_default();
    if manifests.len() > MANIFESTS_LIMIT {
        return Err(malformed(format!("there are more than {MANIFESTS_LIMIT} referrers")));
    }
    let mut seen = HashSet::new();
    let files = manifests.into_iter().filter_map(Referrer::file);
    Ok(files.filter(|file| seen.insert(file.name.clone())).collect())
}

/// Parses a page of names.
pub(crate) fn read_catalogue(
    document: &UpstreamDocument,
) -> Result<Vec<PackageName>, UpstreamFormatError> {
    let page: CataloguePage = json(document)?;
    let names = page.repositories.unwrap_or_default();
    Ok(names.iter().filter_map(|raw| name::normalize(raw).ok()).take(NAMES_LIMIT).collect())
}

#[derive(Deserialize)]
struct TagsPage {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct CataloguePage {
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReferrersIndex {
    schema_version: u64,
    manifests: Option<Vec<Referrer>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Referrer {
    media_type: String,
    digest: String,
    size: u64,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Referrer {
    /// As a file, with what an index needs to know of it; `None` for what is no manifest.
    fn file(self) -> Option<File> {
        let kind = ManifestType::named(&self.media_type)?;
        let digest = file_name::digest_of(&self.digest)?;
        // Clients keep sizes in 64 bits with a sign.
        i64::try_from(self.size).ok()?;
        let mut attributes = Attributes::default();
        attributes.set_text(attribute::MEDIA_TYPE, kind.name);
        if let Some(artifact_type) = self.artifact_type.filter(|text| media_type::is_valid(text)) {
            attributes.set_text(attribute::ARTIFACT_TYPE, artifact_type);
        }
        let annotations = self.annotations.unwrap_or_default();
        let bytes: usize = annotations.iter().map(|(key, value)| key.len() + value.len()).sum();
        if !annotations.is_empty() && bytes <= ANNOTATIONS_LIMIT_BYTES {
            let annotations = annotations.into_iter().map(|(key, value)| (key, value.into()));
            let annotations: serde_json::Map<_, _> = annotations.collect();
            attributes.0.insert(attribute::ANNOTATIONS.to_owned(), annotations.into());
        }
        Some(File {
            name: file_name::name(Kind::Manifest, &digest),
            version: None,
            url: None,
            digests: vec![digest],
            size_bytes: Some(self.size),
            uploaded_at: None,
            yank: None,
            attributes,
            companions: Vec::new(),
        })
    }
}

/// A JSON document, whatever flavour its type is of; a page for people is none.
fn json<T: DeserializeOwned>(document: &UpstreamDocument) -> Result<T, UpstreamFormatError> {
    let essence = document.content_type.as_deref().map(media_type::essence);
    if let Some(essence) = essence.filter(|essence| essence.contains("html")) {
        return Err(UpstreamFormatError::WrongType { content_type: essence });
    }
    serde_json::from_slice(&document.body).map_err(|error| {
        malformed(format!("it is not the JSON of a registry, line {}", error.line()))
    })
}

fn malformed(reason: String) -> UpstreamFormatError {
    UpstreamFormatError::Malformed { reason }
}

/// The address of something of an image: `{origin}/v2/{prefix}/{image}/…`.
fn below(base: &Url, image: &str, rest: &[&str]) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    let prefix = prefix(base);
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.clear().push(reply::ROOT_SEGMENT);
        let parts = [prefix.as_str(), image];
        segments
            .extend(parts.iter().flat_map(|part| part.split('/')).filter(|part| !part.is_empty()));
        segments.extend(rest);
    }
    url
}

/// What stands before an image's name at the upstream. Who copied an address with the protocol's own
/// `/v2` in front means the same.
fn prefix(base: &Url) -> String {
    let path = base.path().trim_matches('/');
    let behind = path.strip_prefix(reply::ROOT_SEGMENT);
    let behind = behind.filter(|rest| rest.is_empty() || rest.starts_with('/'));
    behind.unwrap_or(path).trim_matches('/').to_owned()
}

/// With the name under which the upstream hands out tokens for this image.
fn about(base: &Url, package: &PackageName, mut request: UpstreamRequest) -> UpstreamRequest {
    let prefix = prefix(base);
    let image = if prefix.is_empty() { package.to_string() } else { format!("{prefix}/{package}") };
    request.access = Some(image);
    request
}

/// The image whose list this is; `None` for the list of all.
fn image_in(url: &Url) -> Option<String> {
    let path = url.path().trim_start_matches('/').strip_prefix(reply::ROOT_SEGMENT)?;
    let path = path.strip_prefix('/')?;
    let image =
        path.strip_suffix("/tags/list").or_else(|| Some(path.rsplit_once("/referrers/")?.0));
    image.map(str::to_owned)
}

#[cfg(test)]
mod tests;
