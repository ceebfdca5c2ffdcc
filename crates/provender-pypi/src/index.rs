//! The simple index, as served: HTML (PEP 503) and JSON (PEP 691), with yanks (PEP 592), metadata
//! files (PEP 658, PEP 714), sizes and upload times (PEP 700), provenance (PEP 740) and project
//! status (PEP 792).
//!
//! Links to files are relative to the page, so they hold under every host name and behind every
//! proxy; links to provenance are absolute, as PEP 740 asks. Pages are written straight into one
//! buffer.

mod html;
mod json;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use provender_domain::{Algorithm, Digest, File, PackageName};
use provender_ecosystem::{Document, PackageView, Rendition, View};

/// PEP 691 JSON.
pub(crate) const JSON: Rendition = Rendition(0);
/// PEP 503 HTML under PEP 691's media type.
pub(crate) const VERSIONED_HTML: Rendition = Rendition(1);
/// PEP 503 HTML as browsers and old clients know it.
pub(crate) const HTML: Rendition = Rendition(2);

/// Media type of [`JSON`].
pub(crate) const JSON_TYPE: &str = "application/vnd.pypi.simple.v1+json";
/// Media type of [`VERSIONED_HTML`].
pub(crate) const VERSIONED_HTML_TYPE: &str = "application/vnd.pypi.simple.v1+html";
/// Media type of [`HTML`]; all pages say their character set in themselves too.
const HTML_TYPE: &str = "text/html; charset=utf-8";

/// The newest version of the protocol whose rules these pages follow (PEP 792).
const API_VERSION: &str = "1.4";

/// What has a meaning of its own in a URL's path or in markup, and `+`, which some servers and
/// proxies take for a space.
const PATH_ESCAPES: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'\'')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Renders a catalogue or one package's index; an unknown rendition is the plain HTML one.
pub(crate) fn render(view: &View<'_>, rendition: Rendition) -> Document {
    let body = match (view, rendition) {
        (View::Catalogue(names), JSON) => json::catalogue(names),
        (View::Catalogue(names), _) => html::catalogue(names),
        (View::Package(package), JSON) => json::package(package),
        (View::Package(package), _) => html::package(package),
        // Nothing that this ecosystem's requests ask for.
        (View::Tags(_) | View::Referrers(_) | View::AllPackages(_), _) => Vec::new(),
    };
    let content_type = match rendition {
        JSON => JSON_TYPE,
        VERSIONED_HTML => VERSIONED_HTML_TYPE,
        _ => HTML_TYPE,
    };
    Document::new(content_type, body)
}

/// A file's URL, relative to its package's index at `simple/<name>/`.
fn write_file_url(out: &mut Vec<u8>, package: &PackageName, file: &File) {
    out.extend_from_slice(b"../../files/");
    write_path_segment(out, package.as_str());
    out.push(b'/');
    write_path_segment(out, file.name.as_str());
}

/// The absolute URL of a file's provenance.
fn provenance_url(view: &PackageView, file: &File) -> String {
    let mut url = view.root.clone().into_bytes();
    let (before, after): (&[u8], &[u8]) = match &file.version {
        Some(_) => (b"integrity/", b"/provenance"),
        None => (b"files/", b".provenance"),
    };
    url.extend_from_slice(before);
    write_path_segment(&mut url, view.package.as_str());
    if let Some(version) = &file.version {
        url.push(b'/');
        write_path_segment(&mut url, version.as_str());
    }
    url.push(b'/');
    write_path_segment(&mut url, file.name.as_str());
    url.extend_from_slice(after);
    String::from_utf8(url).expect("made of text and ASCII")
}

fn write_path_segment(out: &mut Vec<u8>, segment: &str) {
    for piece in utf8_percent_encode(segment, PATH_ESCAPES) {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// The digests that clients can read: `hashlib` has no `blake2b_256`.
fn shown_digests(file: &File) -> impl Iterator<Item = &Digest> {
    file.digests.iter().filter(|digest| digest.algorithm() != Algorithm::Blake2b256)
}

/// The one digest for a link: SHA-256, else the strongest there is.
fn link_digest(file: &File) -> Option<&Digest> {
    let strength = |digest: &&Digest| {
        let algorithm = digest.algorithm();
        (algorithm == Algorithm::Sha256, algorithm.is_collision_resistant(), algorithm)
    };
    shown_digests(file).max_by_key(strength)
}

#[cfg(test)]
mod tests;
