//! The pages of the index.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Formats, PythonFile};
use crate::sha256_hex;

/// The complete list of projects.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a String>, json: bool) -> String {
    if json {
        let projects: Vec<_> = names.map(|name| json!({ "name": name })).collect();
        return json!({ "meta": { "api-version": "1.1" }, "projects": projects }).to_string();
    }
    names.fold("<!DOCTYPE html><html><body>\n".to_owned(), |mut page, name| {
        let _ = writeln!(page, "<a href=\"/simple/{name}/\">{name}</a><br/>");
        page
    }) + "</body></html>\n"
}

/// One project's page.
pub(super) fn project(
    name: &str,
    files: &[PythonFile],
    formats: Formats,
    json: bool,
    host: &str,
) -> String {
    if json {
        return project_json(name, files, formats, host).to_string();
    }
    let head = "<!DOCTYPE html><html><head><meta name=\"pypi:repository-version\" \
                content=\"1.1\"></head><body>\n";
    files.iter().fold(head.to_owned(), |page, file| page + &anchor(file, formats, host))
        + "</body></html>\n"
}

fn project_json(name: &str, files: &[PythonFile], formats: Formats, host: &str) -> Value {
    let mut versions: Vec<_> = files.iter().filter_map(version).collect();
    versions.sort_unstable();
    versions.dedup();
    let files: Vec<_> = files.iter().map(|file| file_json(file, formats, host)).collect();
    let mut page = json!({ "meta": { "api-version": "1.1" }, "name": name, "files": files });
    if formats.details {
        page["versions"] = json!(versions);
    }
    page
}

fn file_json(file: &PythonFile, formats: Formats, host: &str) -> Value {
    let hashes = if formats.hashes { json!({ "sha256": file.sha256_hex }) } else { json!({}) };
    let mut entry = json!({
        "filename": file.file_name,
        "url": url(file, formats, host),
        "hashes": hashes,
        "yanked": file.yanked.as_ref().map_or(json!(false), |reason| json!(reason)),
    });
    if let Some(specifier) = &file.requires_python {
        entry["requires-python"] = json!(specifier);
    }
    if formats.details {
        entry["size"] = json!(file.size_bytes);
        if let Some(time) = &file.upload_time {
            entry["upload-time"] = json!(time);
        }
    }
    if let Some(text) = file.metadata.as_ref().filter(|_| formats.metadata_files) {
        let hash = json!({ "sha256": sha256_hex(text.as_bytes()) });
        // The second is the key that PEP 658's first servers wrote (PEP 714).
        entry["core-metadata"] = hash.clone();
        entry["data-dist-info-metadata"] = hash;
    }
    entry
}

fn anchor(file: &PythonFile, formats: Formats, host: &str) -> String {
    let mut href = url(file, formats, host);
    if formats.hashes {
        let _ = write!(href, "#sha256={}", file.sha256_hex);
    }
    let mut attributes = String::new();
    let mut attribute = |name: &str, value: &str| {
        let _ = write!(attributes, " {name}=\"{}\"", escaped(value));
    };
    if let Some(specifier) = &file.requires_python {
        attribute("data-requires-python", specifier);
    }
    if let Some(reason) = &file.yanked {
        attribute("data-yanked", reason);
    }
    if let Some(text) = file.metadata.as_ref().filter(|_| formats.metadata_files) {
        let hash = format!("sha256={}", sha256_hex(text.as_bytes()));
        attribute("data-core-metadata", &hash);
        attribute("data-dist-info-metadata", &hash);
    }
    let name = escaped(&file.file_name);
    format!("<a href=\"{}\"{attributes}>{name}</a><br/>\n", escaped(&href))
}

fn url(file: &PythonFile, formats: Formats, host: &str) -> String {
    let name = &file.file_name;
    match &file.url {
        Some(url) => url.clone(),
        None if formats.relative_links => format!("../../files/{name}"),
        None => format!("http://{host}/files/{name}"),
    }
}

/// The version as the file name spells it.
fn version(file: &PythonFile) -> Option<String> {
    let name = &file.file_name;
    if let Some(stem) = name.strip_suffix(".tar.gz") {
        return Some(stem.rsplit_once('-')?.1.to_owned());
    }
    Some(name.strip_suffix(".whl")?.split('-').nth(1)?.to_owned())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;")
}
