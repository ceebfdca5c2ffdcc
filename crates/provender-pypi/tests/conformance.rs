//! Python under the suite that every ecosystem must pass.

#![expect(clippy::unwrap_used, reason = "samples that are not what they should be fail the test")]

use provender_domain::{Attributes, Companion, File, FileName, PackageName, Version, Yank};
use provender_ecosystem::conformance::{self, ArchiveSample, Samples};
use provender_ecosystem::{
    AttestationClaim, Attested, Document, Ecosystem as _, Form, InspectErrorClass, PackageView,
    Publication, Rendition, UpstreamDocument,
};
use provender_pypi::{Pypi, attribute};
use provender_testing::python::{Distribution, RecordFlaw, SdistBuilder, WheelBuilder};

#[test]
fn python_conforms() {
    conformance::check(&Pypi, &samples());
}

fn samples() -> Samples {
    Samples {
        names: vec![("demo", "demo"), ("De.Mo", "de-mo"), ("a-_.b", "a-b"), ("7z", "7z")],
        wrong_names: vec!["", "-a", "a-", "a b", "a/b", "ä", "a@b"],
        versions: vec![("1.0", "1.0"), ("v1.0-RC1", "1.0rc1"), ("1!1.0+A.b", "1!1.0+a.b")],
        wrong_versions: vec!["", "one", "1.0/1", "1..0", "1.0+"],
        tags: Vec::new(),
        wrong_tags: vec!["latest", ""],
        index_path: "simple/demo/",
        view: view(),
        renditions: vec![Rendition(0), Rendition(1), Rendition(2)],
        links,
        indexes: indexes(),
        catalogues: catalogues(),
        publication: Some(publication()),
        signed: None,
        attestations: vec![Attested {
            bundle: bundle(),
            identity: "somebody@packages.example".to_owned(),
            issuer: "https://issuer.example".to_owned(),
        }],
        archives: vec![
            sample(&WheelBuilder::new("demo", "1.0").requires_python(">=3.8").build()),
            sample(&WheelBuilder::new("De-mo", "1.0+x").entry("start.pth", "import os\n").build()),
            sample(&SdistBuilder::new("demo", "1.0").metadata_line("Summary: small").build()),
        ],
        wrong_archives: wrong_archives(),
    }
}

fn name(text: &str) -> PackageName {
    Pypi.package_name(text).unwrap()
}

fn file(file_name: &str) -> File {
    File {
        name: FileName::new(file_name).unwrap(),
        version: Some(Version::new("1.0").unwrap()),
        url: None,
        digests: vec![format!("sha256:{}", "ab".repeat(32)).parse().unwrap()],
        size_bytes: Some(1234),
        uploaded_at: Some("2026-01-31T12:00:00.5Z".parse().unwrap()),
        yank: None,
        attributes: Attributes::default(),
        companions: Vec::new(),
    }
}

fn companion(kind: &str) -> Companion {
    Companion { kind: kind.to_owned(), url: None, digest: None }
}

fn view() -> PackageView {
    let mut wheel = file("demo-1.0-py3-none-any.whl");
    wheel.attributes.set_text(attribute::REQUIRES_PYTHON, ">=3.8,<\"4\"");
    wheel.companions = vec![companion("metadata"), companion("provenance")];
    let mut yanked = file("demo-1.0+local.1-py3-none-any.whl");
    yanked.yank = Some(Yank { reason: Some("<script>alert('&')</script>".to_owned()) });
    let mut bare = file("demo-1.0.tar.gz");
    (bare.digests, bare.size_bytes, bare.uploaded_at) = (Vec::new(), None, None);
    let odd = file("50% \u{e4}\"'<&#?;+!.zip");
    let files = vec![wheel, yanked, bare, odd];
    let root = conformance::root(&Pypi);
    PackageView { root, package: name("demo"), files, attributes: Attributes::default() }
}

/// The links of a page, found as a reader would, not as this crate's own parser does.
fn links(document: &Document) -> Vec<String> {
    let text = std::str::from_utf8(&document.body).unwrap();
    if document.content_type.ends_with("json") {
        let page: serde_json::Value = serde_json::from_str(text).unwrap();
        let links = page["files"].as_array().unwrap().iter().flat_map(|file| {
            [&file["url"], &file["provenance"]].into_iter().filter_map(|url| url.as_str())
        });
        return links.map(str::to_owned).collect();
    }
    let starts = ["href=\"", "data-provenance=\""];
    let links = text.split_inclusive("=\"").zip(text.split("=\"").skip(1));
    links
        .filter(|(before, _)| starts.iter().any(|start| before.ends_with(start)))
        .map(|(_, after)| after.split('"').next().unwrap().replace("&amp;", "&"))
        .collect()
}

fn document(content_type: &str, body: &str) -> UpstreamDocument {
    UpstreamDocument {
        link: None,
        url: "https://upstream.example/simple/demo/".parse().unwrap(),
        content_type: Some(content_type.to_owned()),
        body: body.as_bytes().to_vec(),
    }
}

fn indexes() -> Vec<(PackageName, UpstreamDocument, usize)> {
    let rendered = [0, 1, 2].map(|rendition| {
        let view = view();
        let document =
            Pypi.render(&provender_ecosystem::View::Package(&view), Rendition(rendition));
        let body = String::from_utf8(document.body).unwrap();
        // All but the one whose name is no distribution's.
        (name("demo"), self::document(&document.content_type, &body), 3)
    });
    let hostile = r#"<base href="/files/"><a href="//u:p@elsewhere.example/demo-1.tar.gz">x</a>
        <a href="javascript:demo-2.tar.gz">x<a href='demo-3.tar.gz#sha256=&#48;'>y
        <script><a href="demo-4.tar.gz"></script><a href=demo-5.tar.gz#egg=demo data-yanked>"#;
    let mut indexes = rendered.to_vec();
    indexes.push((name("demo"), document("text/html", hostile), 1));
    indexes
}

fn catalogues() -> Vec<(UpstreamDocument, usize)> {
    let json = r#"{"meta":{"api-version":"1.4"},"projects":[{"name":"demo"},{"name":"De_Mo"},{"name":"-"},{}]}"#;
    let html = r#"<!DOCTYPE html><a href="../demo/">demo</a><a href="">x</a><a href="https://elsewhere.example/">"#;
    vec![(document("application/json", json), 2), (document("text/html", html), 0)]
}

const ATTESTATIONS: &str = r#"[{"version":1,"verification_material":{"certificate":"Yw==",
    "transparency_entries":[{"logIndex":"7"}]},"envelope":{"statement":"e30=","signature":"cw=="}}]"#;

/// The same as a bundle, its keys in the order in which this crate writes them.
fn bundle() -> String {
    let bundle = serde_json::json!({
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {
            "certificate": { "rawBytes": "Yw==" },
            "tlogEntries": [{ "logIndex": "7" }],
        },
        "dsseEnvelope": {
            "payload": "e30=",
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{ "sig": "cw==" }],
        },
    });
    bundle.to_string()
}

fn publication() -> (Form, Publication) {
    let sha256 = "ab".repeat(32);
    let fields = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("name", "De.Mo"),
        ("version", "1.0"),
        ("filetype", "sdist"),
        ("pyversion", "source"),
        ("sha256_digest", &sha256),
        ("attestations", ATTESTATIONS),
    ];
    let form = Form {
        fields: fields.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        file_name: Some("de_mo-1.0.tar.gz".to_owned()),
    };
    let publication = Publication {
        package: name("de-mo"),
        version: Some(Version::new("1.0").unwrap()),
        tag: None,
        file: FileName::new("de_mo-1.0.tar.gz").unwrap(),
        digests: vec![format!("sha256:{sha256}").parse().unwrap()],
        attestations: vec![AttestationClaim { bundle: bundle() }],
        attributes: Attributes::default(),
    };
    (form, publication)
}

fn sample(distribution: &Distribution) -> ArchiveSample {
    ArchiveSample {
        package: name(&distribution.project),
        version: Some(Pypi.version(&distribution.version).unwrap()),
        file: FileName::new(&distribution.file_name).unwrap(),
        bytes: distribution.bytes.to_vec(),
    }
}

fn wrong_archives() -> Vec<(ArchiveSample, InspectErrorClass)> {
    let wheel = || WheelBuilder::new("demo", "1.0");
    let mut text = sample(&wheel().build());
    text.bytes = b"not a zip at all".to_vec();
    vec![
        (sample(&wheel().metadata_name("other").build()), InspectErrorClass::Contradiction),
        (sample(&wheel().metadata_version("2.0").build()), InspectErrorClass::Contradiction),
        (sample(&wheel().record(RecordFlaw::WrongHash).build()), InspectErrorClass::Contradiction),
        (sample(&wheel().record(RecordFlaw::Absent).build()), InspectErrorClass::Damaged),
        (sample(&wheel().entry("../evil.py", "").build()), InspectErrorClass::Hostile),
        (sample(&wheel().entry("demo/__init__.py", "").build()), InspectErrorClass::Hostile),
        (
            sample(&SdistBuilder::new("demo", "1.0").entry("/etc/x", "").build()),
            InspectErrorClass::Hostile,
        ),
        (text, InspectErrorClass::Damaged),
    ]
}
