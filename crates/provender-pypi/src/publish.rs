//! Publications: the form of the legacy upload API, as twine and uv send it.
//!
//! Stricter than a mirror is: of a version's files each has one right name (PEP 427, PEP 625), so
//! that nobody can put a second one beside it that clients might take for the first. At least one
//! digest that nobody can forge (SHA-256 or `BLAKE2b`) has to come along: every client of the last ten
//! years sends one, and without it a publication damaged on its way would be kept for ever.

use provender_domain::{
    Algorithm, Attributes, Digest, FileName, PackageName, Problem, ProblemCode, Version,
};
use provender_ecosystem::{Form, Publication};

use crate::file_name::{self, Distribution, Format};
use crate::{attestation, name, version};

/// Reads a publication's form.
pub(crate) fn read(form: &Form) -> Result<Publication, Problem> {
    check_action(form)?;
    check_unsupported(form)?;
    let package = name::normalize(required(form, "name")?)
        .map_err(|error| invalid(format!("field name: {error}")))?;
    let version = version::normalize(required(form, "version")?)
        .map_err(|error| invalid(format!("field version: {error}")))?;
    let file = file_name(form, &package, &version)?;
    let digests = digests(form)?;
    let attestations = attestation::read(optional(form, "attestations")?)?;
    let attributes = Attributes::default();
    let version = Some(version);
    Ok(Publication { package, version, file, tag: None, digests, attestations, attributes })
}

fn check_action(form: &Form) -> Result<(), Problem> {
    let action = required(form, ":action")?;
    if action != "file_upload" {
        let action = shown(action);
        return Err(invalid(format!(
            "field :action is {action}; this index takes file_upload alone, which is what twine \
             upload and uv publish send"
        )));
    }
    match form.field("protocol_version") {
        None | Some("" | "1") => Ok(()),
        Some(other) => {
            Err(invalid(format!("field protocol_version is {}; it must be 1", shown(other))))
        }
    }
}

/// What would be dropped silently if it were taken.
fn check_unsupported(form: &Form) -> Result<(), Problem> {
    if form.field("gpg_signature").is_some() {
        return Err(invalid(
            "PGP signatures are not kept: publish without (twine upload without --sign)",
        ));
    }
    Ok(())
}

fn file_name(form: &Form, package: &PackageName, version: &Version) -> Result<FileName, Problem> {
    let Some(raw) = form.file_name.as_deref().filter(|name| !name.is_empty()) else {
        return Err(invalid("the field content has no file name; send the archive under its own"));
    };
    let file = FileName::new(raw).map_err(|error| invalid(format!("field content: {error}")))?;
    let Some(found) = file_name::parse(package, &file) else {
        let stem = name::file_stem(package);
        return Err(invalid(format!(
            "{} is no file name for {package} {version}: {stem}-{version}.tar.gz is, or \
             {stem}-{version}-<python>-<abi>-<platform>.whl",
            shown(raw)
        )));
    };
    if !version::are_equal(&found.version, version) {
        return Err(invalid(format!(
            "the file name {} says version {}, the form says {version}; build the archive again",
            shown(raw),
            found.version
        )));
    }
    check_canonical(package, version, &file, found.format)?;
    check_filetype(form, &found)?;
    Ok(file)
}

fn check_canonical(
    package: &PackageName,
    version: &Version,
    file: &FileName,
    format: Format,
) -> Result<(), Problem> {
    let canonical = file_name::canonical(package, version, file, format);
    if canonical == file.as_str() {
        return Ok(());
    }
    let advice = match format {
        Format::SdistZip => "build a .tar.gz with a current build tool",
        Format::Wheel | Format::SdistTarGzip => "rename it, or build it with a current build tool",
    };
    Err(invalid(format!(
        "the file name {} must be {canonical} (PEP 427, PEP 625): {advice}",
        shown(file.as_str())
    )))
}

fn check_filetype(form: &Form, found: &Distribution) -> Result<(), Problem> {
    let expected = match found.format {
        Format::Wheel => "bdist_wheel",
        Format::SdistTarGzip | Format::SdistZip => "sdist",
    };
    let filetype = required(form, "filetype")?;
    if filetype == expected {
        return Ok(());
    }
    Err(invalid(format!(
        "field filetype is {}, but by its name the file is of type {expected}",
        shown(filetype)
    )))
}

/// Every digest that the form has, and at least one that counts.
fn digests(form: &Form) -> Result<Vec<Digest>, Problem> {
    const FIELDS: [(&str, Algorithm); 3] = [
        ("sha256_digest", Algorithm::Sha256),
        ("blake2_256_digest", Algorithm::Blake2b256),
        ("md5_digest", Algorithm::Md5),
    ];
    let mut digests = Vec::new();
    for (field, algorithm) in FIELDS {
        for hex in form.values(field).filter(|hex| !hex.is_empty()) {
            let digest = Digest::new(algorithm, hex)
                .map_err(|error| invalid(format!("field {field}: {error}")))?;
            digests.push(digest);
        }
    }
    if digests.iter().any(|digest| digest.algorithm().is_collision_resistant()) {
        return Ok(digests);
    }
    Err(invalid(
        "field sha256_digest is missing (blake2_256_digest would do too): use a current twine or \
         uv, which send it",
    ))
}

/// The one value of a field that may not be missing, empty or ambiguous.
fn required<'a>(form: &'a Form, field: &'static str) -> Result<&'a str, Problem> {
    let mut values = form.fields.iter().filter(|(key, _)| key == field).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        (Some(_), Some(_)) => Err(invalid(format!("field {field} is there more than once"))),
        _ => Err(invalid(format!("field {field} is missing or empty"))),
    }
}

/// The one value of a field that may be missing but not ambiguous.
fn optional<'a>(form: &'a Form, field: &'static str) -> Result<&'a str, Problem> {
    match form.values(field).count() {
        0 | 1 => Ok(form.field(field).unwrap_or_default()),
        _ => Err(invalid(format!("field {field} is there more than once"))),
    }
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, message)
}

/// What the client sent, quoted so that it stays on one line of a message.
fn shown(text: &str) -> String {
    provender_archive::shown(text)
}

#[cfg(test)]
mod tests;
