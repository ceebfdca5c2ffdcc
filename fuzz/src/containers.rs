//! What the containers ecosystem reads: manifests, requests, what registries answer, settings.

use std::collections::HashSet;
use std::io::Cursor;

use provender_domain::{FileName, PackageName, Scope};
use provender_ecosystem::{
    Depth, Ecosystem as _, Endpoint, Expected, Form, Headers, Inspection, Method, Operation, Path,
    RequestHead, RootOperation, UpstreamDocument,
};
use provender_oci::Oci;

/// A manifest that is let through names files alone, each of them once, and the same ones whether
/// it is published or mirrored.
pub(crate) fn manifest(data: &[u8]) {
    for signature in Oci.read_signatures(data) {
        assert!(Oci.digest_of_file(&signature.text).is_some(), "a text is named by its digest");
    }
    let mirrored = inspect(data, Depth::Structure);
    let Some(full) = inspect(data, Depth::Full) else { return };
    let mirrored = mirrored.expect("what may be published may be mirrored");
    let files = |inspection: &Inspection| {
        let files: HashSet<FileName> =
            inspection.references.iter().map(|reference| reference.file.clone()).collect();
        files
    };
    assert_eq!(files(&full), files(&mirrored));
    assert!(files(&full).iter().all(|file| Oci.digest_of_file(file).is_some()));
    // What is read otherwise by a reader that takes the last of two keys is not let through.
    let again: serde_json::Value = serde_json::from_slice(data).expect("it is JSON to others too");
    let (image, index) = (again.get("layers").is_some(), again.get("manifests").is_some());
    assert!(!(image && index), "an image to some, an index to others");
}

fn inspect(data: &[u8], depth: Depth) -> Option<Inspection> {
    let package = PackageName::new("demo").expect("a plain word is a package's name");
    let file = FileName::new(&format!("manifest@sha256:{}", "a".repeat(64)));
    let file = file.expect("this is a file's name");
    let expected = Expected { package: &package, version: None, file: &file, attributes: None };
    Oci.inspect(&expected, &mut Cursor::new(data), depth).ok()
}

/// A request in lines: method, target, and header fields that all have the third line's value. What
/// is said back to clients is a header field each.
pub(crate) fn route(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(3, '\n');
    let method = match lines.next() {
        Some("POST") => Method::Post,
        Some("PUT") => Method::Put,
        Some("PATCH") => Method::Patch,
        Some("DELETE") => Method::Delete,
        _ => Method::Get,
    };
    let target = lines.next().unwrap_or_default();
    let headers = SameValue(lines.next().unwrap_or_default());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let Ok(path) = Path::parse(path) else { return };
    let (segments, trailing_slash) = (&path.segments[..], path.trailing_slash);
    let request = RequestHead { method, segments, trailing_slash, query, headers: &headers };
    if let Some(host) = Oci.wanted_host(&request) {
        assert!(is_field(&host), "{host:?}");
    }
    if let Some(Ok(RootOperation::Token(request))) = Oci.route_root(&request) {
        for scope in request.scopes {
            assert!(Oci.package_name(&scope.package).is_ok(), "{scope:?}");
        }
    }
    let Ok(operation) = Oci.route(&request) else { return };
    let endpoint = Endpoint { origin: "http://localhost:8080", repository: "main" };
    for needs in [None, Some(Scope::Publish)] {
        let challenge = Oci.challenge(&endpoint, Some(&operation), needs).unwrap_or_default();
        assert!(is_field(&challenge) && challenge.matches('"').count() == 6, "{challenge:?}");
    }
    let package = operation.package().expect("every request is about an image");
    assert_eq!(Oci.package_name(package.as_str()).as_ref(), Ok(package));
    if let Operation::Publish { form, .. } = operation {
        let _ = Oci.read_publication(&form);
    }
}

/// A `Link` field in the first line, a document behind it. What is kept of it was checked, and what
/// is asked next is asked of the same server.
pub(crate) fn upstream(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (link, body) = data.split_at(end);
    let url = "https://upstream.example/v2/demo/tags/list?n=1000";
    let document = UpstreamDocument {
        url: url.parse().expect("this is an address"),
        content_type: None,
        body: body.to_vec(),
        link: Some(String::from_utf8_lossy(link).into_owned()),
    };
    if let Some(next) = Oci.upstream_next(&document) {
        assert_eq!(next.url.origin(), document.url.origin());
        assert_eq!(next.url.path(), document.url.path());
    }
    let package = PackageName::new("demo").expect("a plain word is a package's name");
    for tag in Oci.read_upstream_index(&package, &document).unwrap_or_default().tags {
        assert_eq!(Oci.tag(tag.as_str()), Ok(tag));
    }
    for name in Oci.read_upstream_catalogue(&document).unwrap_or_default() {
        assert_eq!(Oci.package_name(name.as_str()), Ok(name));
    }
    for file in Oci.read_upstream_referrers(&document).unwrap_or_default() {
        assert_eq!(Oci.digest_of_file(&file.name).as_ref(), file.digests.first());
        assert!(is_field(&Oci.presentation(&file).content_type));
    }
}

/// Lines `field=value`.
pub(crate) fn publication(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let fields = text.lines().filter_map(|line| line.split_once('='));
    let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let form = Form { fields: fields.collect(), file_name: None };
    if let Ok(publication) = Oci.read_publication(&form) {
        let digest = Oci.digest_of_file(&publication.file);
        let digest = digest.expect("a manifest is named by its digest");
        assert!(publication.digests.iter().all(|claimed| *claimed == digest));
        assert_eq!(Oci.tagged_file(&digest), Some(publication.file));
    }
}

fn is_field(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

/// Header fields that all say the same.
struct SameValue<'a>(&'a str);

impl Headers for SameValue<'_> {
    fn field(&self, _: &str) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0)
    }
}
