use std::time::{Duration, Instant};

use provender_domain::{Attributes, Companion, File, FileName, PackageName, Version, Yank};
use provender_ecosystem::{PackageView, Rendition, UpstreamDocument, View};

use super::{HTML, JSON, VERSIONED_HTML, render};
use crate::{attribute, file_name, name, upstream};

fn file(package: &PackageName, file_name: &str) -> File {
    let name = FileName::new(file_name).unwrap();
    let version = file_name::parse(package, &name).map(|found| found.version);
    File {
        version: version.or_else(|| Version::new("0").ok()),
        name,
        url: None,
        digests: vec![
            format!("md5:{}", "cd".repeat(16)).parse().unwrap(),
            format!("blake2b_256:{}", "ef".repeat(32)).parse().unwrap(),
            format!("sha256:{}", "ab".repeat(32)).parse().unwrap(),
        ],
        size_bytes: Some(1234),
        uploaded_at: Some("2026-01-31T12:00:00.123456Z".parse().unwrap()),
        yank: None,
        attributes: Attributes::default(),
        companions: Vec::new(),
    }
}

fn view() -> PackageView {
    let package = name::normalize("de-mo").unwrap();
    let mut wheel = file(&package, "de_mo-1.0-py3-none-any.whl");
    wheel.attributes.set_text(attribute::REQUIRES_PYTHON, ">=3.8, <4");
    wheel.companions = vec![
        Companion {
            kind: attribute::METADATA_COMPANION.to_owned(),
            url: None,
            digest: format!("sha256:{}", "01".repeat(32)).parse().ok(),
        },
        Companion { kind: attribute::PROVENANCE_COMPANION.to_owned(), url: None, digest: None },
    ];
    let mut yanked = file(&package, "de_mo-1.0+cpu-py3-none-any.whl");
    let reason = "broken: see <b>\"A\" & 'B'</b> \u{2028}ä\n".to_owned();
    yanked.yank = Some(Yank { reason: Some(reason) });
    let mut quiet = file(&package, "de_mo-0.9-py3-none-any.whl");
    quiet.yank = Some(Yank::default());
    quiet.companions = vec![Companion { kind: "metadata".to_owned(), url: None, digest: None }];
    let mut attributes = Attributes::default();
    attributes.set_text(attribute::PROJECT_STATUS, "archived");
    attributes.set_text(attribute::PROJECT_STATUS_REASON, "moved to <elsewhere>");
    let files = vec![wheel, yanked, quiet, file(&package, "de-mo-0.9.zip")];
    let root = "http://server.example/main/pypi/".to_owned();
    PackageView { root, package, files, attributes }
}

fn text(view: &View<'_>, rendition: Rendition) -> String {
    String::from_utf8(render(view, rendition).body).unwrap()
}

#[test]
fn documents() {
    let view = view();
    insta::assert_snapshot!("package_html", text(&View::Package(&view), HTML));
    insta::assert_snapshot!("package_json", text(&View::Package(&view), JSON));
    let names = ["a", "b-c"].map(|raw| name::normalize(raw).unwrap());
    insta::assert_snapshot!("catalogue_html", text(&View::Catalogue(&names), HTML));
    insta::assert_snapshot!("catalogue_json", text(&View::Catalogue(&names), JSON));
}

#[test]
fn media_types() {
    let view = view();
    let check = |rendition, expected: &str| {
        assert_eq!(render(&View::Package(&view), rendition).content_type, expected);
        assert_eq!(render(&View::Catalogue(&[]), rendition).content_type, expected);
    };
    check(JSON, "application/vnd.pypi.simple.v1+json");
    check(VERSIONED_HTML, "application/vnd.pypi.simple.v1+html");
    check(HTML, "text/html; charset=utf-8");
    assert_eq!(text(&View::Package(&view), HTML), text(&View::Package(&view), VERSIONED_HTML));
}

#[test]
fn sizes_decide_the_version() {
    let mut view = view();
    let starts = |view: &PackageView, version: &str| {
        let start = format!("{{\"meta\":{{\"api-version\":\"{version}\"}}");
        text(&View::Package(view), JSON).starts_with(&start)
    };
    assert!(starts(&view, "1.4"));
    view.files[1].size_bytes = None;
    assert!(starts(&view, "1.0"));
    view.files.clear();
    assert!(starts(&view, "1.4"));
}

#[test]
fn what_is_rendered_can_be_read() {
    let view = view();
    for rendition in [JSON, VERSIONED_HTML, HTML] {
        let document = render(&View::Package(&view), rendition);
        let listing = upstream::read_index(
            &view.package,
            &UpstreamDocument {
                link: None,
                url: "http://upstream.example/main/pypi/simple/de-mo/".parse().unwrap(),
                content_type: Some(document.content_type.into_owned()),
                body: document.body,
            },
        )
        .unwrap();
        let expected: Vec<File> =
            view.files.iter().map(|file| as_upstream_has_it(file, rendition)).collect();
        assert_eq!(listing.files, expected, "{rendition:?}");
        assert_eq!(listing.attributes, view.attributes, "{rendition:?}");
    }
}

/// The file as a mirror of this server would know it.
fn as_upstream_has_it(file: &File, rendition: Rendition) -> File {
    let folder = "http://upstream.example/main/pypi/files/de-mo/";
    let url = format!("{folder}{}", file.name.as_str().replace('+', "%2B"));
    let mut file = file.clone();
    let integrity = "http://server.example/main/pypi/integrity/de-mo/1.0/";
    for companion in &mut file.companions {
        companion.url = Some(match companion.kind.as_str() {
            attribute::PROVENANCE_COMPANION => format!("{integrity}{}/provenance", file.name),
            kind => format!("{url}.{kind}"),
        });
    }
    file.url = Some(url);
    file.digests.retain(|digest| digest.algorithm().as_str() != "blake2b_256");
    if rendition != JSON {
        file.digests.retain(|digest| digest.algorithm().as_str() == "sha256");
        (file.size_bytes, file.uploaded_at) = (None, None);
    }
    file
}

#[test]
fn ten_thousand_files_take_little_time() {
    let mut view = view();
    let files: Vec<File> = view.files.iter().cycle().take(10_000).cloned().collect();
    view.files = files;
    for rendition in [JSON, HTML] {
        let start = Instant::now();
        let document = render(&View::Package(&view), rendition);
        let elapsed = start.elapsed();
        assert!(document.body.len() > 2_000_000);
        // Twenty milliseconds when optimized; this is a debug build on a busy machine.
        assert!(elapsed < Duration::from_secs(2), "{rendition:?} took {elapsed:?}");
    }
}
