//! PEP 691's JSON, written by hand: a serializer of intermediate values costs a copy of each.

use std::collections::HashSet;
use std::io::Write as _;

use provender_domain::{Companion, File, PackageName};
use provender_ecosystem::PackageView;

use super::{API_VERSION, provenance_url, shown_digests, write_file_url};
use crate::attribute;

/// Room for one file, so that a long document is not moved about while it grows.
const FILE_BYTES_ESTIMATE: usize = 560;
/// Room for one name.
const NAME_BYTES_ESTIMATE: usize = 40;
/// What is said where an upstream gave no sizes: PEP 700 (1.1) makes them mandatory.
const API_VERSION_WITHOUT_SIZES: &str = "1.0";

pub(super) fn catalogue(names: &[PackageName]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + names.len() * NAME_BYTES_ESTIMATE);
    write_start(&mut out, API_VERSION);
    out.extend_from_slice(b",\"projects\":[");
    write_list(&mut out, names, |out, name| {
        out.extend_from_slice(b"{\"name\":");
        write_text(out, name.as_str());
        out.push(b'}');
    });
    out.extend_from_slice(b"]}");
    out
}

pub(super) fn package(view: &PackageView) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + view.files.len() * FILE_BYTES_ESTIMATE);
    let all_sizes_known = view.files.iter().all(|file| file.size_bytes.is_some());
    write_start(&mut out, if all_sizes_known { API_VERSION } else { API_VERSION_WITHOUT_SIZES });
    out.extend_from_slice(b",\"name\":");
    write_text(&mut out, view.package.as_str());
    write_status(&mut out, view);
    out.extend_from_slice(b",\"versions\":[");
    write_list(&mut out, versions(&view.files), write_text);
    out.extend_from_slice(b"],\"files\":[");
    write_list(&mut out, &view.files, |out, file| write_file(out, view, file));
    out.extend_from_slice(b"]}");
    out
}

/// Opens the document, with the version of the protocol in it.
fn write_start(out: &mut Vec<u8>, api_version: &str) {
    out.extend_from_slice(b"{\"meta\":{\"api-version\":");
    write_text(out, api_version);
    out.push(b'}');
}

fn write_status(out: &mut Vec<u8>, view: &PackageView) {
    let Some(status) = view.attributes.text(attribute::PROJECT_STATUS) else { return };
    out.extend_from_slice(b",\"project-status\":{\"status\":");
    write_text(out, status);
    if let Some(reason) = view.attributes.text(attribute::PROJECT_STATUS_REASON) {
        out.extend_from_slice(b",\"reason\":");
        write_text(out, reason);
    }
    out.push(b'}');
}

/// Each version once, in the order of the files.
fn versions(files: &[File]) -> Vec<&str> {
    let mut seen = HashSet::new();
    let versions = files.iter().filter_map(|file| file.version.as_ref());
    versions.map(AsRef::as_ref).filter(|version| seen.insert(*version)).collect()
}

fn write_file(out: &mut Vec<u8>, view: &PackageView, file: &File) {
    out.extend_from_slice(b"{\"filename\":");
    write_text(out, file.name.as_str());
    out.extend_from_slice(b",\"url\":\"");
    write_file_url(out, &view.package, file);
    out.extend_from_slice(b"\",\"hashes\":{");
    write_list(out, shown_digests(file), |out, digest| {
        let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
        write_to(out, format_args!("\"{algorithm}\":\"{hex}\""));
    });
    out.push(b'}');
    if let Some(size_bytes) = file.size_bytes {
        write_to(out, format_args!(",\"size\":{size_bytes}"));
    }
    if let Some(uploaded_at) = file.uploaded_at {
        write_to(out, format_args!(",\"upload-time\":\"{uploaded_at}\""));
    }
    if let Some(requires) = file.attributes.text(attribute::REQUIRES_PYTHON) {
        out.extend_from_slice(b",\"requires-python\":");
        write_text(out, requires);
    }
    write_yank(out, file);
    if let Some(metadata) = file.companion(attribute::METADATA_COMPANION) {
        write_metadata(out, metadata);
    }
    if file.companion(attribute::PROVENANCE_COMPANION).is_some() {
        out.extend_from_slice(b",\"provenance\":");
        write_text(out, &provenance_url(view, file));
    }
    out.push(b'}');
}

/// PEP 592; an empty reason counts as none, since it would be read as "not yanked".
fn write_yank(out: &mut Vec<u8>, file: &File) {
    out.extend_from_slice(b",\"yanked\":");
    match &file.yank {
        None => out.extend_from_slice(b"false"),
        Some(yank) => match yank.reason.as_deref() {
            None | Some("") => out.extend_from_slice(b"true"),
            Some(reason) => write_text(out, reason),
        },
    }
}

/// PEP 714: under the new name and the old.
fn write_metadata(out: &mut Vec<u8>, metadata: &Companion) {
    for key in ["core-metadata", "data-dist-info-metadata"] {
        match &metadata.digest {
            Some(digest) => {
                let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
                write_to(out, format_args!(",\"{key}\":{{\"{algorithm}\":\"{hex}\"}}"));
            }
            None => write_to(out, format_args!(",\"{key}\":true")),
        }
    }
}

fn write_list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write_item: impl FnMut(&mut Vec<u8>, T),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_item(out, item);
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("writing a text to a vector never fails");
}

fn write_to(out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing to a vector never fails");
}
