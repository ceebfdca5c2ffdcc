//! What each ecosystem reads: names, versions, requests, and what upstreams say.

use std::collections::HashSet;

use provender_domain::{FileName, Listing, PackageName, Problem, ProblemCode};
use provender_ecosystem::{
    Ecosystem, Headers, Method, Named, Operation, PackageView, Path, RequestHead, UpstreamDocument,
    View,
};
use provender_oci::Oci;
use provender_pypi::Pypi;

/// Every ecosystem there is.
const ECOSYSTEMS: &[&dyn Ecosystem] = &[&Pypi, &Oci];

/// Normalizing twice changes nothing more.
pub(crate) fn package_name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for ecosystem in ECOSYSTEMS {
        if let Ok(name) = ecosystem.package_name(&text) {
            assert_eq!(ecosystem.package_name(name.as_str()).as_ref(), Ok(&name));
            let pattern = ecosystem.name_pattern(&text);
            assert!(pattern.is_err() || pattern.is_ok_and(|pattern| pattern.matches(&name)));
        }
    }
}

/// Normalizing twice changes nothing more.
pub(crate) fn version(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for ecosystem in ECOSYSTEMS {
        if let Ok(version) = ecosystem.version(&text) {
            assert_eq!(ecosystem.version(version.as_str()).as_ref(), Ok(&version));
        }
    }
}

/// A package in the first line, a file in the second. A version that a file's name tells is one.
pub(crate) fn file_name(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (package, file) = text.split_once('\n').unwrap_or(("demo", &text));
    let (Ok(package), Ok(file)) = (PackageName::new(package), FileName::new(file)) else { return };
    for ecosystem in ECOSYSTEMS {
        if let Some(version) = ecosystem.version_of_file(&package, &file) {
            assert_eq!(ecosystem.version(version.as_str()).as_ref(), Ok(&version));
        }
    }
}

/// A request in lines: method, target, and header fields that all have the third line's value.
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
    for ecosystem in ECOSYSTEMS {
        if let Some(operation) = routed(*ecosystem, method, target, &headers) {
            assert_is_sound(*ecosystem, &operation);
        }
    }
}

pub(crate) fn index_html(data: &[u8]) {
    read_index(data, "text/html; charset=utf-8");
}

pub(crate) fn index_json(data: &[u8]) {
    read_index(data, "application/vnd.pypi.simple.v1+json");
}

/// A list of all names, in either form.
pub(crate) fn catalogue(data: &[u8]) {
    for content_type in ["text/html", "application/vnd.pypi.simple.v1+json"] {
        let document = document(data, Some(content_type));
        for ecosystem in ECOSYSTEMS {
            let Ok(names) = ecosystem.read_upstream_catalogue(&document) else { continue };
            for name in names {
                assert_eq!(ecosystem.package_name(name.as_str()), Ok(name));
            }
        }
    }
}

/// A message for a client's user, which may quote what the client sent.
pub(crate) fn problem(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut problem = Problem::new(ProblemCode::NotFound, text);
    problem.internal = Some("nobody else's business".to_owned());
    for ecosystem in ECOSYSTEMS {
        let rendered = ecosystem.render_problem(&problem, None);
        let shown = String::from_utf8_lossy(&rendered.document.body);
        assert!(!shown.contains("nobody else's business"), "what is internal stays so");
    }
}

/// What an upstream lists is safe to keep, and its own rendering can be read again.
fn read_index(data: &[u8], content_type: &str) {
    let package = PackageName::new("demo").expect("a plain word is a package's name");
    let document = document(data, Some(content_type));
    if let Ok(listing) = Pypi.read_upstream_index(&package, &document) {
        let mut names = HashSet::new();
        for file in &listing.files {
            assert!(names.insert(&file.name), "no name stands twice");
            let url = file.url.as_deref().unwrap_or_default();
            assert!(url.starts_with("http://") || url.starts_with("https://"), "{url}");
        }
        read_again(&Pypi, &package, listing);
    }
}

fn read_again(ecosystem: &dyn Ecosystem, package: &PackageName, listing: Listing) {
    let view = PackageView {
        root: "http://server.example/main/demo/".to_owned(),
        package: package.clone(),
        files: listing.files,
        attributes: listing.attributes,
    };
    for accept in ["text/html", "application/vnd.pypi.simple.v1+json"] {
        let asked = routed(ecosystem, Method::Get, "/simple/demo/", &SameValue(accept));
        let Some(Operation::Index { rendition, .. }) = asked else {
            panic!("the index is where it always is: {asked:?}");
        };
        let rendered = ecosystem.render(&View::Package(&view), rendition);
        let document = document(&rendered.body, Some(&rendered.content_type));
        let again = ecosystem.read_upstream_index(package, &document);
        let again = again.expect("what is rendered can be read");
        let names = |files: &[provender_domain::File]| {
            files.iter().map(|file| file.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&again.files), names(&view.files), "nothing is lost on the way");
    }
}

fn routed(
    ecosystem: &dyn Ecosystem,
    method: Method,
    target: &str,
    headers: &SameValue<'_>,
) -> Option<Operation> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let path = Path::parse(path).ok()?;
    let request = RequestHead {
        method,
        segments: &path.segments,
        trailing_slash: path.trailing_slash,
        query,
        headers,
    };
    ecosystem.route(&request).ok()
}

/// What a request turned into says nothing that its parts would not say alone.
fn assert_is_sound(ecosystem: &dyn Ecosystem, operation: &Operation) {
    match operation {
        Operation::Redirect { location } => {
            let stays = !location.starts_with("//") && !location.contains(['\\', '\r', '\n']);
            let scheme = location.split(['/', '?']).next().is_some_and(|part| part.contains(':'));
            assert!(stays && !scheme, "a redirect stays on this server: {location:?}");
        }
        _ => {
            if let Some(package) = operation.package() {
                assert_eq!(ecosystem.package_name(package.as_str()).as_ref(), Ok(package));
            }
        }
    }
}

fn document(data: &[u8], content_type: Option<&str>) -> UpstreamDocument {
    let url = "https://upstream.example/simple/demo/".parse().expect("this is an address");
    let content_type = content_type.map(str::to_owned);
    UpstreamDocument { url, content_type, body: data.to_vec(), link: None }
}

/// Header fields that all say the same.
struct SameValue<'a>(&'a str);

impl Headers for SameValue<'_> {
    fn field(&self, _: &str) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0)
    }
}

/// What an installed client says of its upstreams. Addresses stand there as somebody wrote them; it
/// is only the containers' clients that name hosts, of which addresses are made.
pub(crate) fn probe(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for probe in Pypi.probes() {
        let found = (probe.read)(&text);
        assert_eq!((probe.read)(&text), found);
    }
    for probe in Oci.probes() {
        for named in (probe.read)(&text) {
            let url = match named {
                Named::Extra(url)
                | Named::Default(url)
                | Named::BuiltIn(url)
                | Named::Pinned(url) => url,
                Named::NoDefault => continue,
            };
            assert!(url.starts_with("http://") || url.starts_with("https://"), "{url:?}");
        }
    }
}
