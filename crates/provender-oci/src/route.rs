//! Requests: the distribution specification 1.1 ("Endpoints"), behind `/v2/<repository>/`.
//!
//! | request | operation |
//! |---|---|
//! | `GET <image>/manifests/<tag>` | the manifest that a tag points to |
//! | `GET <image>/manifests/<digest>`, `GET <image>/blobs/<digest>` | a file |
//! | `PUT <image>/manifests/<reference>` | a publication |
//! | `DELETE <image>/manifests/<reference>`, `DELETE <image>/blobs/<digest>` | a removal |
//! | `POST <image>/blobs/uploads/`, `?digest=`, `?mount=&from=` | an upload begins |
//! | `GET`, `PATCH`, `PUT ?digest=`, `DELETE <image>/blobs/uploads/<session>` | it goes on |
//! | `GET <image>/tags/list` | its tags |
//! | `GET <image>/referrers/<digest>` | what says of itself that it is about a manifest |
//!
//! The name of an image may have components like `blobs` and `manifests`, so paths are read from
//! their end.

mod upload;

use provender_domain::{Digest, FileName, PackageName, Problem, ProblemCode, Tag};
use provender_ecosystem::{
    Change, Form, Framing, Method, Operation, Rendition, RequestHead, Selection, Subject,
};

use crate::archive::MANIFEST_LIMIT_BYTES;
use crate::file_name::{self, Kind};
use crate::problem::{DIGEST_INVALID, MANIFEST_INVALID, NAME_INVALID, UNSUPPORTED, invalid};
use crate::{name, publish, query, version};

/// The one rendering that there is.
const ONLY: Rendition = Rendition(0);
/// Longest host of an upstream that a client may name, in bytes.
const HOST_LIMIT_BYTES: usize = 255;

/// Reads a request.
pub(crate) fn route(request: &RequestHead<'_>) -> Result<Operation, Problem> {
    let segments: Vec<&str> = request.segments.iter().map(AsRef::as_ref).collect();
    match segments.as_slice() {
        // The slash at the end is the specification's; some clients leave it out.
        [image @ .., "blobs", "uploads"]
            if !image.is_empty() && (request.trailing_slash || request.method == Method::Post) =>
        {
            upload::begin(request, package(image)?)
        }
        _ if request.trailing_slash => Err(not_found()),
        [image @ .., "tags", "list"] if !image.is_empty() => tags(request, package(image)?),
        [image @ .., "manifests", reference] if !image.is_empty() => {
            manifest(request, package(image)?, reference)
        }
        [image @ .., "blobs", digest] if !image.is_empty() => {
            blob(request, package(image)?, digest)
        }
        [image @ .., "referrers", digest] if !image.is_empty() => {
            referrers(request, package(image)?, digest)
        }
        [image @ .., "blobs", "uploads", session] if !image.is_empty() => {
            upload::go_on(request, package(image)?, session)
        }
        _ => Err(not_found()),
    }
}

/// The host that a client would have asked instead ("Registry Proxying"), as containerd says it.
pub(crate) fn wanted_host(request: &RequestHead<'_>) -> Option<String> {
    let host = query::value(request, "ns")?;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    let is_sound = !host.is_empty() && host.len() <= HOST_LIMIT_BYTES && host.bytes().all(is_host);
    is_sound.then(|| host.to_ascii_lowercase())
}

fn package(image: &[&str]) -> Result<PackageName, Problem> {
    name::normalize(&image.join("/")).map_err(|error| invalid(NAME_INVALID, error.to_string()))
}

fn tags(request: &RequestHead<'_>, package: PackageName) -> Result<Operation, Problem> {
    only(request, &[Method::Get])?;
    let subject = Subject::Tags { package, page: query::page(request)? };
    Ok(Operation::Index { subject, rendition: ONLY })
}

fn manifest(
    request: &RequestHead<'_>,
    package: PackageName,
    raw: &str,
) -> Result<Operation, Problem> {
    only(request, &[Method::Get, Method::Put, Method::Delete])?;
    let reference = Reference::parse(raw)?;
    Ok(match (request.method, reference) {
        (Method::Put, _) => {
            let framing = Framing::Whole { limit_bytes: MANIFEST_LIMIT_BYTES };
            let form = manifest_form(request, &package, raw)?;
            Operation::Publish { framing, package: Some(package), form }
        }
        (Method::Delete, Reference::Tag(tag)) => removal(package, Selection::Tag(tag)),
        (Method::Delete, Reference::Digest(digest)) => {
            removal(package, Selection::File(file_name::name(Kind::Manifest, &digest)))
        }
        (_, Reference::Tag(tag)) => Operation::Tagged { package, tag },
        (_, Reference::Digest(digest)) => file(package, Kind::Manifest, &digest),
    })
}

/// All that a publication's head says. With a digest in the path, a tag may stand in the query.
fn manifest_form(
    request: &RequestHead<'_>,
    package: &PackageName,
    reference: &str,
) -> Result<Form, Problem> {
    let mut form = Form::default();
    let mut say = |key: &str, value: &str| form.fields.push((key.to_owned(), value.to_owned()));
    say(publish::PACKAGE, package.as_str());
    say(publish::REFERENCE, reference);
    if let Some(content_type) = request.headers.field("content-type") {
        say(publish::CONTENT_TYPE, content_type);
    }
    if let Some(tag) = query::value(request, "tag") {
        let tag =
            version::tag(&tag).map_err(|error| invalid(MANIFEST_INVALID, error.to_string()))?;
        say(publish::TAG, tag.as_str());
    }
    Ok(form)
}

fn blob(request: &RequestHead<'_>, package: PackageName, raw: &str) -> Result<Operation, Problem> {
    only(request, &[Method::Get, Method::Delete])?;
    let digest = digest(raw)?;
    Ok(match request.method {
        Method::Delete => removal(package, Selection::File(file_name::name(Kind::Blob, &digest))),
        _ => file(package, Kind::Blob, &digest),
    })
}

fn referrers(
    request: &RequestHead<'_>,
    package: PackageName,
    raw: &str,
) -> Result<Operation, Problem> {
    only(request, &[Method::Get])?;
    let of = file_name::name(Kind::Manifest, &digest(raw)?);
    // A media type has a plus and no blank; clients forget to encode the one, which makes the other.
    let kind = query::value(request, "artifactType").filter(|kind| !kind.is_empty());
    let kind = kind.map(|kind| kind.replace(' ', "+"));
    let after = query::value(request, "last").filter(|last| !last.is_empty());
    let after = after.map(|last| digest(&last)).transpose()?;
    let after = after.map(|digest| file_name::name(Kind::Manifest, &digest));
    let subject = Subject::Referrers { package, of, kind, after };
    Ok(Operation::Index { subject, rendition: ONLY })
}

fn file(package: PackageName, kind: Kind, digest: &Digest) -> Operation {
    Operation::File { package, file: file_name::name(kind, digest), companion: None }
}

fn removal(package: PackageName, selection: Selection) -> Operation {
    Operation::Change { package, selection, change: Change::Remove }
}

/// What a manifest is asked for by.
enum Reference {
    Tag(Tag),
    Digest(Digest),
}

impl Reference {
    /// A colon is in every digest and in no tag.
    fn parse(raw: &str) -> Result<Self, Problem> {
        if raw.contains(':') {
            return digest(raw).map(Self::Digest);
        }
        let tag = version::tag(raw);
        tag.map(Self::Tag).map_err(|error| invalid(MANIFEST_INVALID, error.to_string()))
    }
}

fn digest(raw: &str) -> Result<Digest, Problem> {
    file_name::digest_of(raw).ok_or_else(|| {
        let wanted = "sha256: with 64 or sha512: with 128 digits of lower-case hexadecimal";
        invalid(DIGEST_INVALID, format!("a digest is written as {wanted}"))
    })
}

/// The file that a digest in the query names.
fn file_of_query(text: &str) -> Result<FileName, Problem> {
    digest(text).map(|digest| file_name::name(Kind::Blob, &digest))
}

fn only(request: &RequestHead<'_>, allowed: &[Method]) -> Result<(), Problem> {
    if allowed.contains(&request.method) {
        return Ok(());
    }
    let message = "this URL does not take this method; see the distribution specification 1.1";
    Err(Problem::new(ProblemCode::MethodNotAllowed, message).in_terms_of(UNSUPPORTED))
}

fn not_found() -> Problem {
    Problem::not_found(
        "there is no such page; behind /v2/<repository>/<image>/ are manifests, blobs, tags/list \
         and referrers",
    )
}

#[cfg(test)]
mod tests;
