//! PEP 503's HTML.

use std::io::Write as _;

use provender_domain::{Companion, File, PackageName};
use provender_ecosystem::PackageView;

use super::{API_VERSION, link_digest, provenance_url, write_file_url};
use crate::attribute;

/// Room for one file's line, so that a long page is not moved about while it grows.
const FILE_BYTES_ESTIMATE: usize = 480;
/// Room for one name's line.
const NAME_BYTES_ESTIMATE: usize = 64;

pub(super) fn catalogue(names: &[PackageName]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + names.len() * NAME_BYTES_ESTIMATE);
    write_head(&mut out, "Simple index", |_| {});
    for name in names {
        out.extend_from_slice(b"<a href=\"");
        write_escaped(&mut out, name.as_str());
        out.extend_from_slice(b"/\">");
        write_escaped(&mut out, name.as_str());
        out.extend_from_slice(b"</a><br>\n");
    }
    write_foot(&mut out);
    out
}

pub(super) fn package(view: &PackageView) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + view.files.len() * FILE_BYTES_ESTIMATE);
    let title = format!("Links for {}", view.package);
    write_head(&mut out, &title, |out| {
        write_meta(out, "project-status", view.attributes.text(attribute::PROJECT_STATUS));
        let reason = view.attributes.text(attribute::PROJECT_STATUS_REASON);
        write_meta(out, "project-status-reason", reason);
    });
    for file in &view.files {
        write_anchor(&mut out, view, file);
    }
    write_foot(&mut out);
    out
}

fn write_head(out: &mut Vec<u8>, title: &str, metas: impl FnOnce(&mut Vec<u8>)) {
    out.extend_from_slice(b"<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n");
    write_meta(out, "repository-version", Some(API_VERSION));
    metas(out);
    out.extend_from_slice(b"<title>");
    write_escaped(out, title);
    out.extend_from_slice(b"</title>\n</head>\n<body>\n<h1>");
    write_escaped(out, title);
    out.extend_from_slice(b"</h1>\n");
}

fn write_meta(out: &mut Vec<u8>, name: &str, content: Option<&str>) {
    let Some(content) = content else { return };
    out.extend_from_slice(b"<meta name=\"pypi:");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\" content=\"");
    write_escaped(out, content);
    out.extend_from_slice(b"\">\n");
}

fn write_foot(out: &mut Vec<u8>) {
    out.extend_from_slice(b"</body>\n</html>\n");
}

fn write_anchor(out: &mut Vec<u8>, view: &PackageView, file: &File) {
    out.extend_from_slice(b"<a href=\"");
    write_file_url(out, &view.package, file);
    if let Some(digest) = link_digest(file) {
        write_to(out, format_args!("#{}={}", digest.algorithm().as_str(), digest.hex()));
    }
    out.push(b'"');
    if let Some(requires) = file.attributes.text(attribute::REQUIRES_PYTHON) {
        write_attribute(out, "data-requires-python", requires);
    }
    if let Some(yank) = &file.yank {
        write_attribute(out, "data-yanked", yank.reason.as_deref().unwrap_or_default());
    }
    if let Some(metadata) = file.companion(attribute::METADATA_COMPANION) {
        write_metadata(out, metadata);
    }
    if file.companion(attribute::PROVENANCE_COMPANION).is_some() {
        write_attribute(out, "data-provenance", &provenance_url(view, file));
    }
    out.push(b'>');
    write_escaped(out, file.name.as_str());
    out.extend_from_slice(b"</a><br>\n");
}

/// PEP 714: under the new name and the old.
fn write_metadata(out: &mut Vec<u8>, metadata: &Companion) {
    for name in ["data-core-metadata", "data-dist-info-metadata"] {
        match &metadata.digest {
            Some(digest) => {
                let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
                write_to(out, format_args!(" {name}=\"{algorithm}={hex}\""));
            }
            None => write_attribute(out, name, "true"),
        }
    }
}

fn write_attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    write_escaped(out, value);
    out.push(b'"');
}

fn write_to(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing to a vector never fails");
}

/// Escapes for text and for quoted attribute values alike.
fn write_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'"' => b"&quot;",
            b'\'' => b"&#39;",
            _ => continue,
        };
        out.extend_from_slice(&bytes[start..at]);
        out.extend_from_slice(escape);
        start = at + 1;
    }
    out.extend_from_slice(&bytes[start..]);
}
