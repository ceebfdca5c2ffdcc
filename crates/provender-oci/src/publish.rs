//! Publications: manifests, all of whose form stood in the request's head.

use provender_domain::{Algorithm, Attributes, Digest, PackageName, Problem, Tag};
use provender_ecosystem::{Form, Publication};

use crate::file_name::{self, Kind};
use crate::media_type::{self, ManifestType};
use crate::problem::{DIGEST_INVALID, MANIFEST_INVALID, NAME_INVALID, invalid};
use crate::{attribute, name, version};

/// The image.
pub(crate) const PACKAGE: &str = "package";
/// The tag or digest in the path.
pub(crate) const REFERENCE: &str = "reference";
/// The request's field.
pub(crate) const CONTENT_TYPE: &str = "content-type";
/// The tag in the query, beside a digest in the path.
pub(crate) const TAG: &str = "tag";

/// Reads a publication's form.
pub(crate) fn read(form: &Form) -> Result<Publication, Problem> {
    let attributes = sent_type(form)?;
    let reference = required(form, REFERENCE)?;
    let (digest, tag, digests) = if reference.contains(':') {
        let digest = file_name::digest_of(reference);
        let digest = digest.ok_or_else(|| {
            invalid(DIGEST_INVALID, "the manifest's digest is not SHA-256 or SHA-512")
        })?;
        let tag = form.field(TAG).map(checked_tag).transpose()?;
        (digest.clone(), tag, vec![digest])
    } else {
        let sha256 = required(form, Form::SHA256)?;
        let digest = Digest::new(Algorithm::Sha256, sha256)
            .map_err(|error| invalid(DIGEST_INVALID, error.to_string()))?;
        (digest, Some(checked_tag(reference)?), Vec::new())
    };
    Ok(Publication {
        package: package(form)?,
        version: None,
        file: file_name::name(Kind::Manifest, &digest),
        tag,
        digests,
        attestations: Vec::new(),
        attributes,
    })
}

fn package(form: &Form) -> Result<PackageName, Problem> {
    let name = name::normalize(required(form, PACKAGE)?);
    name.map_err(|error| invalid(NAME_INVALID, error.to_string()))
}

fn checked_tag(text: &str) -> Result<Tag, Problem> {
    version::tag(text).map_err(|error| invalid(MANIFEST_INVALID, error.to_string()))
}

/// The type that the manifest was sent as, which its own `mediaType` has to agree with. Only types
/// that are understood here: what is kept goes into headers later.
fn sent_type(form: &Form) -> Result<Attributes, Problem> {
    let mut attributes = Attributes::default();
    let Some(content_type) = form.field(CONTENT_TYPE) else { return Ok(attributes) };
    let essence = media_type::essence(content_type);
    match ManifestType::named(&essence) {
        Some(known) => attributes.set_text(attribute::MEDIA_TYPE, known.name),
        None if media_type::is_docker_schema_1(&essence) => {
            let message = "Docker image manifests of schema 1 are not taken: build the image with \
                           a current tool, or convert it to an OCI image manifest";
            return Err(invalid(MANIFEST_INVALID, message));
        }
        None => {
            let found = provender_archive::shown(&essence);
            let message = format!(
                "Content-Type {found} is none of a manifest that is taken here: OCI image \
                 manifests and indexes are, and Docker's of schema 2"
            );
            return Err(invalid(MANIFEST_INVALID, message));
        }
    }
    Ok(attributes)
}

fn required<'a>(form: &'a Form, field: &str) -> Result<&'a str, Problem> {
    let value = form.field(field).filter(|value| !value.is_empty());
    value.ok_or_else(|| invalid(MANIFEST_INVALID, format!("the publication has no {field}")))
}

#[cfg(test)]
mod tests;
