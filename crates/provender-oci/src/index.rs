//! Rendered lists: tags, referrers, images.

use provender_domain::{File, PackageName};
use provender_ecosystem::{AllPackagesView, Document, PackageView, ReferrersView, TagsView, View};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::file_name::{self, Kind};
use crate::reply::{self, ROOT_SEGMENT};
use crate::{attribute, media_type};

/// Most bytes of one page's descriptors: clients take an index of 4 MiB, all in all.
const PAGE_LIMIT_BYTES: usize = (4 << 20) - (1 << 10);

/// Renders a view.
pub(crate) fn render(view: &View<'_>) -> Document {
    let mut document = match view {
        View::Catalogue(names) => catalogue(names),
        View::Package(view) => package(view),
        View::Tags(view) => tags(view),
        View::Referrers(view) => referrers(view),
        View::AllPackages(view) => all_packages(view),
    };
    document.fields.push(reply::api_version());
    document
}

fn catalogue(names: &[PackageName]) -> Document {
    let names: Vec<&str> = names.iter().map(PackageName::as_str).collect();
    document(&json!({ "repositories": names }))
}

/// The manifests of an image, which no client asks for: a list in the form that clients know.
fn package(view: &PackageView) -> Document {
    let manifests: Vec<Value> = view.files.iter().filter_map(descriptor).collect();
    index(&manifests)
}

fn tags(view: &TagsView) -> Document {
    let name = format!("{}/{}", view.repository, view.package);
    let mut document = document(&json!({ "name": name, "tags": view.tags }));
    if let (Some(limit), Some(last)) = (view.more, view.tags.last()) {
        let path = format!("/{ROOT_SEGMENT}/{name}/tags/list");
        document.fields.push(next(&path, last.as_str(), limit));
    }
    document
}

fn referrers(view: &ReferrersView) -> Document {
    let is_wanted = |file: &&File| {
        view.after.as_ref().is_none_or(|after| file.name > *after)
            && (view.kind.is_none()
                || file.attributes.text(attribute::ARTIFACT_TYPE) == view.kind.as_deref())
    };
    let mut wanted = view.files.iter().filter(is_wanted).filter_map(descriptor).peekable();
    let (mut page, mut page_bytes) = (Vec::new(), 0);
    while let Some(next) = wanted.peek() {
        let bytes = next.to_string().len() + ",".len();
        if !page.is_empty() && page_bytes + bytes > PAGE_LIMIT_BYTES {
            break;
        }
        page_bytes += bytes;
        page.extend(wanted.next());
    }
    let mut document = index(&page);
    if let (Some(_), Some(last)) = (wanted.peek(), page.last()) {
        document.fields.push(next_referrers(view, last));
    }
    if view.kind.is_some() {
        document.fields.push(("oci-filters-applied", "artifactType".to_owned()));
    }
    document
}

/// The link to the page behind this descriptor.
fn next_referrers(view: &ReferrersView, last: &Value) -> (&'static str, String) {
    let of = file_name::parse(&view.of).map(|(_, digest)| digest.to_string()).unwrap_or_default();
    let path = format!("/{ROOT_SEGMENT}/{}/{}/referrers/{of}", view.repository, view.package);
    let mut query = form_urlencoded::Serializer::new(String::new());
    if let Some(kind) = &view.kind {
        query.append_pair("artifactType", kind);
    }
    query.append_pair("last", last["digest"].as_str().unwrap_or_default());
    link(&path, &query.finish())
}

fn all_packages(view: &AllPackagesView) -> Document {
    let names = view.packages.iter().map(|(repository, package)| format!("{repository}/{package}"));
    let names: Vec<String> = names.collect();
    let mut document = document(&json!({ "repositories": names }));
    if let (Some(limit), Some(last)) = (view.more, names.last()) {
        document.fields.push(next(&format!("/{ROOT_SEGMENT}/_catalog"), last, limit));
    }
    document
}

/// The descriptor of a manifest; blobs have none here.
fn descriptor(file: &File) -> Option<Value> {
    let (Kind::Manifest, digest) = file_name::parse(&file.name)? else { return None };
    let mut descriptor = Map::new();
    let media_type = file.attributes.text(attribute::MEDIA_TYPE);
    descriptor.insert("mediaType".into(), media_type.unwrap_or(media_type::OCI_MANIFEST).into());
    descriptor.insert("digest".into(), digest.to_string().into());
    descriptor.insert("size".into(), file.size_bytes.unwrap_or_default().into());
    if let Some(artifact_type) = file.attributes.text(attribute::ARTIFACT_TYPE) {
        descriptor.insert("artifactType".into(), artifact_type.into());
    }
    if let Some(annotations) = file.attributes.0.get(attribute::ANNOTATIONS) {
        descriptor.insert("annotations".into(), annotations.clone());
    }
    Some(descriptor.into())
}

fn index(manifests: &[Value]) -> Document {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_INDEX,
        "manifests": manifests,
    });
    Document::new(media_type::OCI_INDEX, index.to_string())
}

fn document(value: &Value) -> Document {
    Document::new("application/json", value.to_string())
}

/// The link to the next page of names.
fn next(path: &str, last: &str, limit: u32) -> (&'static str, String) {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("last", last).append_pair("n", &limit.to_string());
    link(path, &query.finish())
}

/// The link to the next page (RFC 8288).
fn link(path: &str, query: &str) -> (&'static str, String) {
    ("link", format!("<{path}?{query}>; rel=\"next\""))
}

#[cfg(test)]
mod tests;
