use std::fmt::Write as _;
use std::time::{Duration, Instant};

use provender_domain::Listing;
use provender_ecosystem::{UpstreamDocument, UpstreamFormatError};

use super::{catalogue_request, index_request, read_catalogue, read_index};
use crate::name;

const JSON: &str = "application/vnd.pypi.simple.v1+json";

fn document(content_type: &str, body: impl Into<Vec<u8>>) -> UpstreamDocument {
    UpstreamDocument {
        link: None,
        url: "https://user:word@upstream.example/simple/demo/".parse().unwrap(),
        content_type: Some(content_type.to_owned()),
        body: body.into(),
    }
}

fn read(content_type: &str, body: &str) -> Result<Listing, UpstreamFormatError> {
    read_index(&name::normalize("demo").unwrap(), &document(content_type, body))
}

/// The URLs of what is listed.
fn urls(listing: &Listing) -> Vec<&str> {
    listing.files.iter().map(|file| file.url.as_deref().unwrap()).collect()
}

#[test]
fn requests() {
    let check = |base: &str, expected: &str| {
        let base = base.parse().unwrap();
        let package = name::normalize("de-mo").unwrap();
        let index = index_request(&base, &package);
        assert_eq!(index.url.as_str(), format!("{expected}de-mo/"), "{base}");
        assert_eq!(catalogue_request(&base).url.as_str(), expected, "{base}");
    };
    check("https://upstream.example/simple", "https://upstream.example/simple/");
    check("https://upstream.example/simple/", "https://upstream.example/simple/");
    check("https://upstream.example", "https://upstream.example/");
    check("https://u:p@upstream.example:8443/a/b#c", "https://u:p@upstream.example:8443/a/b/");
    let base = "https://upstream.example/simple?key=1".parse().unwrap();
    assert_eq!(catalogue_request(&base).url.as_str(), "https://upstream.example/simple/?key=1");
}

#[test]
fn media_types() {
    let check = |content_type: Option<&str>, body: &str, expected: &str| {
        let package = name::normalize("demo").unwrap();
        let content_type = content_type.map(str::to_owned);
        let read = read_index(&package, &UpstreamDocument { content_type, ..document("", body) });
        let found = match read {
            Ok(_) => "ok",
            Err(UpstreamFormatError::WrongType { .. }) => "wrong type",
            Err(UpstreamFormatError::UnknownVersion { .. }) => "unknown version",
            Err(UpstreamFormatError::Malformed { .. }) => "malformed",
            Err(UpstreamFormatError::WrongPackage { .. }) => "wrong package",
        };
        assert_eq!(found, expected, "{body:?}");
    };
    let json = r#"{"meta":{"api-version":"1.0"},"name":"demo","files":[]}"#;
    check(Some(JSON), json, "ok");
    check(Some("Application/JSON; charset=utf-8"), json, "ok");
    check(Some("text/html"), json, "ok");
    check(Some(JSON), "<html></html>", "malformed");
    check(Some("text/plain"), json, "wrong type");
    check(Some("application/octet-stream"), json, "wrong type");
    check(Some("application/vnd.pypi.simple.v2+json"), json, "unknown version");
    check(None, json, "ok");
    check(None, "\n <!DOCTYPE html>", "ok");
    check(Some(""), "", "wrong type");
    check(None, "what?", "wrong type");
    check(Some(JSON), &json.replace("1.0", "1.99"), "ok");
    check(Some(JSON), &json.replace("1.0", "2.0"), "unknown version");
    check(Some(JSON), &json.replace("\"demo\"", "\"De-mo\""), "wrong package");
    check(Some(JSON), &json.replace("\"demo\"", "\"DEMO\""), "ok");
    check(Some(JSON), &json.replace("\"demo\"", "\"\""), "wrong package");
    check(Some(JSON), r#"{"files":[]}"#, "ok");
    check(Some(JSON), "{}", "malformed");
    check(Some(JSON), r#"{"files":{}}"#, "malformed");
    check(Some(JSON), &format!("{}1", "[".repeat(100_000)), "malformed");
    check(
        Some("text/html"),
        r#"<meta name="pypi:repository-version" content="2.0">"#,
        "unknown version",
    );
}

#[test]
fn json_in_full() {
    let body = r#"{
        "meta": {"api-version": "1.4", "_last-serial": 7}, "name": "demo", "versions": ["1.0"],
        "project-status": {"status": "deprecated", "reason": "use \"other\""},
        "files": [
            {"filename": "demo-1.0-py3-none-any.whl",
             "url": "/files/demo-1.0-py3-none-any.whl?sig=a%2Bb#sha256=00",
             "hashes": {"sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "crc": "1"},
             "size": 12, "upload-time": "2024-01-02T03:04:05.678901Z", "requires-python": ">=3.8",
             "yanked": "a\tb", "core-metadata": {"sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
             "gpg-sig": true, "provenance": "https://upstream.example/p", "unknown": [{"a": [1, -1, 1.5]}]},
            {"filename": "demo-1.0.tar.gz", "url": "demo-1.0.tar.gz", "hashes": {}, "yanked": true,
             "data-dist-info-metadata": true, "provenance": null, "requires-python": null},
            {"filename": "demo-0.9.tar.gz", "url": "demo-0.9.tar.gz", "hashes": 7, "yanked": "",
             "core-metadata": false, "data-dist-info-metadata": true, "size": -1, "upload-time": 3}
        ]}"#;
    insta::assert_snapshot!(
        "json_listing",
        serde_json::to_string_pretty(&read(JSON, body).unwrap()).unwrap()
    );
}

#[test]
fn html_in_full() {
    let body = r#"<!DOCTYPE html><html><head><meta charset="utf-8">
        <META NAME="pypi:repository-version" content=" 1.4 "><meta name="pypi:project-status" content="archived">
        </head><body><h1>Links</h1>
        <a href="../../files/demo-1.0-py3-none-any.whl#sha256=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
           data-requires-python="&gt;=3.8" data-yanked="it&#39;s &lt;broken&gt;" data-dist-info-metadata="sha256=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
           data-gpg-sig="true" data-provenance="https://upstream.example/p">any text</a>
        <A HREF=demo-1.0.tar.gz#md5=cccccccccccccccccccccccccccccccc&egg=demo Data-Yanked data-core-metadata=true>
        <a href="demo-0.9.tar.gz"><a href="demo-0.9.tar.gz?second">nested"#;
    insta::assert_snapshot!(
        "html_listing",
        serde_json::to_string_pretty(&read("text/html", body).unwrap()).unwrap()
    );
}

#[test]
fn what_is_left_out() {
    let check = |link: &str, expected: Option<&str>| {
        let html = format!("<a href=\"{link}\">x</a>");
        assert_eq!(urls(&read("text/html", &html).unwrap()), Vec::from_iter(expected), "{link}");
        let (link, fragment) = link.split_once('#').unwrap_or((link, ""));
        let file = link.split('?').next().unwrap().rsplit('/').next().unwrap();
        let (algorithm, hex) = fragment.split_once('=').unwrap_or(("none", ""));
        let json = format!(
            r#"{{"files":[{{"filename":"{file}","url":"{link}","hashes":{{"{algorithm}":"{hex}"}}}}]}}"#
        );
        assert_eq!(urls(&read(JSON, &json).unwrap()), Vec::from_iter(expected), "{json}");
    };
    let here = "https://upstream.example/simple/demo/demo-1.tar.gz";
    check("demo-1.tar.gz", Some(here));
    check("./demo-1.tar.gz", Some(here));
    check("/a/demo-1.tar.gz", Some("https://upstream.example/a/demo-1.tar.gz"));
    check("//other.example/demo-1.tar.gz", Some("https://other.example/demo-1.tar.gz"));
    check("http://other.example:81/demo-1.tar.gz", Some("http://other.example:81/demo-1.tar.gz"));
    check("../../../../../demo-1.tar.gz", Some("https://upstream.example/demo-1.tar.gz"));
    check("demo-1.tar.gz?x=1", Some(&format!("{here}?x=1")));
    check("demo-1.tar.gz#sha256=abc", None);
    check("demo-1.tar.gz#sha999=abc", Some(here));
    check("demo-1.tar.bz2", None);
    check("demo-1-py2.7.egg", None);
    check("demo-one.tar.gz", None);
    check("other-1.tar.gz", None);
    check("demo-1.tar.gz.asc", None);
    check("javascript:/demo-1.tar.gz", None);
    check("data:text/html,/demo-1.tar.gz", None);
    check("file:///demo-1.tar.gz", None);
    check("ftp://upstream.example/demo-1.tar.gz", None);
    check("https://user@upstream.example/demo-1.tar.gz", None);
    check("https://:word@upstream.example/demo-1.tar.gz", None);
    check("https://[::/demo-1.tar.gz", None);
    check(&format!("{}/demo-1.tar.gz", "a".repeat(9000)), None);
    check("", None);
}

#[test]
fn hostile_html() {
    let check = |body: &str, expected: &[&str]| {
        let listing = read("text/html", body).unwrap();
        let names: Vec<&str> = listing.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, expected, "{body:?}");
    };
    let one = ["demo-1.tar.gz"];
    check("<script><a href=demo-2.tar.gz></script><a href=demo-1.tar.gz>", &one);
    check("<style><a href=demo-2.tar.gz></style><a href=demo-1.tar.gz>", &one);
    check("<title><a href=demo-2.tar.gz></title><a href=demo-1.tar.gz>", &one);
    check("<!-- <a href=demo-2.tar.gz> --><a href=demo-1.tar.gz>", &one);
    check("<a href=demo-1.tar.gz href=demo-2.tar.gz>", &one);
    check("<a href=demo-1.tar.gz HREF=demo-2.tar.gz>", &one);
    check("</a href=demo-2.tar.gz><a href=demo-1.tar.gz>", &one);
    check("<a title='<a href=demo-2.tar.gz>' href=demo-1.tar.gz>", &one);
    check("<a href='demo-1&#46;tar&period;gz'>", &one);
    check("<a href='demo-1%2Etar.gz'>", &one);
    check("<a href='%2e%2e%2fdemo-1.tar.gz'>", &[]);
    check("<a href=' demo-1.tar.gz\n'>", &one);
    check("<link href=demo-1.tar.gz><img src=demo-1.tar.gz>", &[]);
    check("<a data-x=1><a href>", &[]);
    check("<a href=demo-1.tar.gz#a=b\"c data-yanked>", &one);
    check("<a href=demo-1.tar.gz", &[]);
    check("\0\u{ff}<a href=demo-1.tar.gz>", &one);
}

#[test]
fn bases() {
    let check = |body: &str, expected: &str| {
        let body = format!("{body}<a href=demo-1.tar.gz>");
        assert_eq!(urls(&read("text/html", &body).unwrap()), [expected], "{body:?}");
    };
    check("<base href='/a/'>", "https://upstream.example/a/demo-1.tar.gz");
    check("<base href='//other.example/'>", "https://other.example/demo-1.tar.gz");
    check("<base href='/a/'><base href='/b/'>", "https://upstream.example/a/demo-1.tar.gz");
    let here = "https://upstream.example/simple/demo/demo-1.tar.gz";
    check("<base href='javascript:x'>", here);
    check("<base href='https://u:p@other.example/'>", here);
    check("<base target=x>", here);
}

#[test]
fn catalogues() {
    let check = |content_type: &str, body: &str, expected: &[&str]| {
        let url = "https://upstream.example/simple/".parse().unwrap();
        let names =
            read_catalogue(&UpstreamDocument { url, ..document(content_type, body) }).unwrap();
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        assert_eq!(names, expected, "{body:?}");
    };
    check(JSON, r#"{"projects":[{"name":"B.c"},{"name":7},{"name":"a","x":{}}]}"#, &["b-c", "a"]);
    check("text/html", "<a href=a/>x</a><a href='/simple/B.c/'>", &["a", "b-c"]);
    check(
        "text/html",
        "<a href=a><a href=a/b><a href=../c/><a href=//other.example/simple/d/>",
        &["a"],
    );
    check("text/html", "<base href=/other/><a href=a/>", &["a"]);
}

#[test]
fn large_documents_take_little_time() {
    let timed = |work: &dyn Fn() -> usize, expected: usize, limit: Duration| {
        let start = Instant::now();
        assert_eq!(work(), expected);
        let elapsed = start.elapsed();
        assert!(elapsed < limit, "took {elapsed:?}");
    };
    // A tenth of this when optimized; this is a debug build on a busy machine.
    let limit = Duration::from_secs(20);
    let mut names = String::from(r#"{"meta":{"api-version":"1.4"},"projects":["#);
    for number in 0..200_000 {
        write!(names, r#"{{"_last-serial":{number},"name":"package-{number}"}},"#).unwrap();
    }
    names.push_str("{}]}");
    let names = document(JSON, names);
    timed(&|| read_catalogue(&names).unwrap().len(), 200_000, limit);

    let mut files = String::from(r#"{"files":["#);
    let mut anchors = String::new();
    for number in 0..10_000 {
        let name = format!("demo-1.{number}-py3-none-any.whl");
        let url = format!("https://files.example/aa/bb/{name}");
        let hex = "ab".repeat(32);
        write!(files, r#"{{"filename":"{name}","url":"{url}","hashes":{{"sha256":"{hex}"}},"size":1,"upload-time":"2024-01-02T03:04:05.678901Z","yanked":false,"core-metadata":{{"sha256":"{hex}"}}}},"#).unwrap();
        writeln!(anchors, "<a href=\"{url}#sha256={hex}\">{name}</a><br>").unwrap();
    }
    files.push_str("{}]}");
    timed(&|| read(JSON, &files).unwrap().files.len(), 10_000, limit);
    timed(&|| read("text/html", &anchors).unwrap().files.len(), 10_000, limit);
    let too_many = anchors.repeat(21);
    assert!(matches!(read("text/html", &too_many), Err(UpstreamFormatError::Malformed { .. })));
}
