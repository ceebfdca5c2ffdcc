//! What came of a request: statuses and fields of the distribution specification's "Endpoints".

use provender_domain::{Digest, File, FileName, PackageName};
use provender_ecosystem::{Endpoint, Presentation, Receipt, Reply, SessionId};

use crate::attribute;
use crate::file_name::{self, Kind};
use crate::media_type::{self, ManifestType};

/// The segment that all paths begin with.
pub(crate) const ROOT_SEGMENT: &str = "v2";

/// By which clients know that this is a registry ("Legacy Docker support HTTP headers").
const API_VERSION_FIELD: &str = "docker-distribution-api-version";
const CONTENT_DIGEST_FIELD: &str = "docker-content-digest";

/// The field by which clients know that this is a registry.
pub(crate) fn api_version() -> (&'static str, String) {
    (API_VERSION_FIELD, "registry/2.0".to_owned())
}

/// The answer to a request that changed something, or asked how far an upload is.
pub(crate) fn render(endpoint: &Endpoint<'_>, receipt: &Receipt<'_>) -> Reply {
    let (status, fields) = match *receipt {
        Receipt::Uploading { package, session, received_bytes, is_status } => {
            let status = if is_status { 204 } else { 202 };
            (status, uploading(endpoint, package, session, received_bytes))
        }
        Receipt::Cancelled => (204, Vec::new()),
        Receipt::Stored { package, file } => (201, stored(endpoint, package, file)),
        Receipt::Published { package, file, tag, subject } => {
            let mut fields = stored(endpoint, package, file);
            let subject = subject.and_then(file_name::parse);
            fields.extend(subject.map(|(_, digest)| ("oci-subject", digest.to_string())));
            fields.extend(tag.map(|tag| ("oci-tag", tag.to_string())));
            (201, fields)
        }
        Receipt::Changed => (202, Vec::new()),
    };
    Reply { status, fields: with_api_version(fields), body: Vec::new() }
}

fn uploading(
    endpoint: &Endpoint<'_>,
    package: &PackageName,
    session: &SessionId,
    received_bytes: u64,
) -> Vec<(&'static str, String)> {
    let location = path(endpoint, package, &format!("blobs/uploads/{}", session.as_str()));
    // Both ends count, so that nothing cannot be told from one byte; clients begin at the start.
    let last = received_bytes.saturating_sub(1);
    vec![
        ("location", location),
        ("range", format!("0-{last}")),
        ("docker-upload-uuid", session.as_str().to_owned()),
    ]
}

fn stored(
    endpoint: &Endpoint<'_>,
    package: &PackageName,
    file: &FileName,
) -> Vec<(&'static str, String)> {
    let Some((kind, digest)) = file_name::parse(file) else { return Vec::new() };
    let location = path(endpoint, package, &format!("{}/{digest}", kind.segment()));
    vec![("location", location), content_digest(&digest)]
}

/// How a file is sent. A type from a stranger goes into a header only if it is one of those that
/// are understood here, none of which a browser runs.
pub(crate) fn presentation(file: &File) -> Presentation {
    let Some((kind, digest)) = file_name::parse(&file.name) else {
        let fields = with_api_version(Vec::new());
        return Presentation { content_type: media_type::OCTET_STREAM.into(), fields };
    };
    let known = file.attributes.text(attribute::MEDIA_TYPE).and_then(ManifestType::named);
    let content_type = match kind {
        Kind::Blob => media_type::OCTET_STREAM,
        Kind::Manifest => known.map_or(media_type::OCTET_STREAM, |known| known.name),
    };
    let fields = with_api_version(vec![content_digest(&digest)]);
    Presentation { content_type: content_type.into(), fields }
}

/// A path of this server, which clients resolve against the address they asked.
pub(crate) fn path(endpoint: &Endpoint<'_>, package: &PackageName, rest: &str) -> String {
    format!("/{ROOT_SEGMENT}/{}/{package}/{rest}", endpoint.repository)
}

fn content_digest(digest: &Digest) -> (&'static str, String) {
    (CONTENT_DIGEST_FIELD, digest.to_string())
}

fn with_api_version(mut fields: Vec<(&'static str, String)>) -> Vec<(&'static str, String)> {
    fields.push(api_version());
    fields
}

#[cfg(test)]
mod tests;
