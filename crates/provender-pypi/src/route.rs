//! Requests: the simple repository API and the legacy upload API, behind `/<repository>/pypi/`.
//!
//! | request | operation |
//! |---|---|
//! | `GET simple/` | the catalogue |
//! | `GET simple/<name>/` | one package's index |
//! | `GET files/<package>/<file>` | a file |
//! | `GET files/<package>/<file>.metadata` | its core metadata (PEP 658) |
//! | `GET integrity/<package>/<version>/<file>/provenance` | its provenance (PEP 740) |
//! | `GET files/<package>/<file>.provenance` | the same, as older indexes of this server link it |
//! | `POST ` (the root), `POST legacy/` | a publication |
//!
//! A missing slash or another spelling of a name is redirected to the one right URL.

mod accept;

use provender_domain::{FileName, Problem, ProblemCode};
use provender_ecosystem::{Form, Framing, Method, Operation, RequestHead, Subject};

use crate::{attribute, file_name, index, name, version};

/// The form's field that holds the archive, as twine and uv name it.
const FILE_FIELD: &str = "content";

/// Reads a request.
pub(crate) fn route(request: &RequestHead<'_>) -> Result<Operation, Problem> {
    match request.segments {
        [] => root(request),
        [one] if one == "legacy" => publication(request),
        [one] if one == "simple" => catalogue(request),
        [one, package] if one == "simple" => package_index(request, package),
        [one, package, file] if one == "files" => file_bytes(request, package, file),
        [one, package, version, file, last] if one == "integrity" && last == "provenance" => {
            provenance(request, package, version, file)
        }
        _ => Err(not_found()),
    }
}

fn root(request: &RequestHead<'_>) -> Result<Operation, Problem> {
    match request.method {
        Method::Post => publication(request),
        Method::Get => {
            let location = if request.trailing_slash { "simple/" } else { "pypi/simple/" };
            Ok(Operation::Redirect { location: location.to_owned() })
        }
        _ => Err(method_not_allowed("GET and POST")),
    }
}

fn publication(request: &RequestHead<'_>) -> Result<Operation, Problem> {
    if request.method != Method::Post {
        return Err(method_not_allowed("POST, which is for uploads"));
    }
    let framing = Framing::Multipart { file_field: FILE_FIELD };
    Ok(Operation::Publish { framing, package: None, form: Form::default() })
}

fn catalogue(request: &RequestHead<'_>) -> Result<Operation, Problem> {
    only_get(request)?;
    let choice = accept::choose(request)?;
    if !request.trailing_slash {
        return Ok(redirect("simple/", choice));
    }
    Ok(Operation::Index { subject: Subject::Catalogue, rendition: choice.rendition() })
}

fn package_index(request: &RequestHead<'_>, raw: &str) -> Result<Operation, Problem> {
    let package = name::normalize(raw).map_err(|_| not_found())?;
    only_get(request)?;
    let choice = accept::choose(request)?;
    if package.as_str() == raw && request.trailing_slash {
        let subject = Subject::Package(package);
        return Ok(Operation::Index { subject, rendition: choice.rendition() });
    }
    let location =
        if request.trailing_slash { format!("../{package}/") } else { format!("{package}/") };
    Ok(redirect(&location, choice))
}

/// Only the right spelling is served: nobody types these, clients take them from an index.
fn file_bytes(request: &RequestHead<'_>, raw: &str, file: &str) -> Result<Operation, Problem> {
    let package = name::normalize(raw).map_err(|_| not_found())?;
    if package.as_str() != raw || request.trailing_slash {
        return Err(not_found());
    }
    let (file, companion) = split_companion(file);
    let file = FileName::new(file).map_err(|_| not_found())?;
    only_get(request)?;
    Ok(Operation::File { package, file, companion })
}

/// The integrity API: people type these URLs, so any spelling of name and version is as good.
fn provenance(
    request: &RequestHead<'_>,
    package: &str,
    version: &str,
    file: &str,
) -> Result<Operation, Problem> {
    let package = name::normalize(package).map_err(|_| not_found())?;
    let version = version::normalize(version).map_err(|_| not_found())?;
    let file = FileName::new(file).map_err(|_| not_found())?;
    let of_version = file_name::parse(&package, &file)
        .is_some_and(|found| version::are_equal(&found.version, &version));
    if !of_version || request.trailing_slash {
        return Err(not_found());
    }
    only_get(request)?;
    Ok(Operation::File { package, file, companion: Some(attribute::PROVENANCE_COMPANION) })
}

fn split_companion(file: &str) -> (&str, Option<&'static str>) {
    const SUFFIXES: [(&str, &str); 2] = [
        (".metadata", attribute::METADATA_COMPANION),
        (".provenance", attribute::PROVENANCE_COMPANION),
    ];
    SUFFIXES
        .into_iter()
        .find_map(|(suffix, kind)| Some((file.strip_suffix(suffix)?, Some(kind))))
        .unwrap_or((file, None))
}

/// Who asked for a format in the query asks for it again where it is sent.
fn redirect(location: &str, choice: accept::Choice) -> Operation {
    let query = match choice {
        accept::Choice::Negotiated(_) => "",
        accept::Choice::Demanded(index::JSON) => "?format=json",
        accept::Choice::Demanded(_) => "?format=html",
    };
    Operation::Redirect { location: format!("{location}{query}") }
}

fn only_get(request: &RequestHead<'_>) -> Result<(), Problem> {
    if request.method == Method::Get {
        return Ok(());
    }
    Err(method_not_allowed("GET; publish with POST to legacy/"))
}

fn method_not_allowed(allowed: &str) -> Problem {
    let message = format!("this URL takes {allowed}");
    Problem::new(ProblemCode::MethodNotAllowed, message)
}

fn not_found() -> Problem {
    Problem::not_found("there is no such page; a Python index begins at simple/")
}

#[cfg(test)]
mod tests;
