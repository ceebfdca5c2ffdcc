//! Containers under the suite that every ecosystem must pass.

#![expect(clippy::unwrap_used, reason = "samples that are not what they should be fail the test")]

use provender_domain::{Attributes, File, FileName, PackageName};
use provender_ecosystem::conformance::{self, ArchiveSample, Samples};
use provender_ecosystem::{
    Document, Ecosystem as _, Form, InspectErrorClass, PackageView, Publication, Rendition,
    UpstreamDocument,
};
use provender_oci::{Oci, attribute};
use serde_json::{Value, json};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

#[test]
fn containers_conform() {
    conformance::check(&Oci, &samples());
}

fn samples() -> Samples {
    let long = ["a"; 128].join("/");
    assert_eq!(long.len(), 255);
    Samples {
        names: vec![
            ("app", "app"),
            ("team/app", "team/app"),
            ("a__b/c---d.e_f", "a__b/c---d.e_f"),
            ("manifests/blobs/uploads", "manifests/blobs/uploads"),
            ("my.team/sub/app", "my.team/sub/app"),
            (Box::leak(long.into_boxed_str()), LONGEST),
        ],
        wrong_names: vec!["", "App", "a/", "/a", "a//b", "-a", "a..b", "a.-b", "a___b", "a b", "ä"],
        versions: Vec::new(),
        wrong_versions: vec!["1.0", "latest", ""],
        tags: vec!["1.0", "_x", "Latest", "v2.0-rc.1"],
        wrong_tags: vec!["", ".a", "-a", "a:b", "a/b", "a+b", "ä"],
        index_path: "team/app/tags/list",
        view: view(),
        renditions: vec![Rendition(0)],
        links,
        indexes: indexes(),
        catalogues: vec![
            (document(r#"{"repositories":["app","team/app","Bad",""]}"#), 2),
            (document(r#"{"repositories":null}"#), 0),
        ],
        publication: Some(publication()),
        signed: Some(file('a', MANIFEST)),
        attestations: Vec::new(),
        archives: [image(), multi_platform(), bundle_manifest()]
            .map(|value| archive(&value))
            .into(),
        wrong_archives: wrong_archives(),
    }
}

const LONGEST: &str = "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/\
    a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/\
    a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a";

fn name(text: &str) -> PackageName {
    Oci.package_name(text).unwrap()
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn file(digit: char, media_type: &str) -> File {
    let mut attributes = Attributes::default();
    attributes.set_text(attribute::MEDIA_TYPE, media_type);
    attributes.set_text(attribute::ARTIFACT_TYPE, "application/vnd.example+json");
    attributes.0.insert(attribute::ANNOTATIONS.to_owned(), json!({ "a": "<script>\"" }));
    File {
        name: FileName::new(&format!("manifest@{}", digest(digit))).unwrap(),
        version: None,
        url: None,
        digests: vec![digest(digit).parse().unwrap()],
        size_bytes: Some(1234),
        uploaded_at: None,
        yank: None,
        attributes,
        companions: Vec::new(),
    }
}

fn view() -> PackageView {
    let mut bare = file('c', "");
    (bare.size_bytes, bare.attributes) = (None, Attributes::default());
    PackageView {
        root: conformance::root(&Oci),
        package: name("team/app"),
        files: vec![file('a', MANIFEST), file('b', INDEX), bare],
        attributes: Attributes::default(),
    }
}

/// Descriptors link by their digests.
fn links(document: &Document) -> Vec<String> {
    let index: Value = serde_json::from_slice(&document.body).unwrap();
    let digests = index["manifests"].as_array().unwrap().iter();
    digests.map(|entry| format!("../manifests/{}", entry["digest"].as_str().unwrap())).collect()
}

fn document(body: &str) -> UpstreamDocument {
    UpstreamDocument {
        url: "https://upstream.example/v2/team/app/tags/list?n=1000".parse().unwrap(),
        content_type: Some("application/json".to_owned()),
        body: body.as_bytes().to_vec(),
        link: Some("</v2/team/app/tags/list?last=b&n=1000>; rel=\"next\"".to_owned()),
    }
}

fn indexes() -> Vec<(PackageName, UpstreamDocument, usize)> {
    let tags = r#"{"name":"team/app","tags":["1.0","latest","latest","-bad","a/b"]}"#;
    let none = r#"{"name":"team/app","tags":null}"#;
    vec![(name("team/app"), document(tags), 0), (name("team/app"), document(none), 0)]
}

fn publication() -> (Form, Publication) {
    let fields = [
        ("package", "team/app"),
        ("reference", "1.0"),
        ("content-type", MANIFEST),
        (Form::SHA256, &"a".repeat(64)),
    ];
    let form = Form {
        fields: fields.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec(),
        file_name: None,
    };
    let mut attributes = Attributes::default();
    attributes.set_text(attribute::MEDIA_TYPE, MANIFEST);
    let publication = Publication {
        package: name("team/app"),
        version: None,
        file: FileName::new(&format!("manifest@{}", digest('a'))).unwrap(),
        tag: Some(Oci.tag("1.0").unwrap()),
        digests: Vec::new(),
        attestations: Vec::new(),
        attributes,
    };
    (form, publication)
}

fn descriptor(media_type: &str, digit: char) -> Value {
    json!({ "mediaType": media_type, "digest": digest(digit), "size": 12 })
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, '1'),
        "layers": [descriptor(LAYER, '2'), descriptor(LAYER, '3'), descriptor(LAYER, '2')],
        "annotations": { "org.opencontainers.image.title": "app" },
    })
}

fn multi_platform() -> Value {
    let mut entry = descriptor(MANIFEST, '4');
    entry["platform"] = json!({ "os": "linux", "architecture": "arm64", "variant": "v8" });
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry] })
}

fn bundle_manifest() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE,
        "config": descriptor("application/vnd.oci.empty.v1+json", '1'),
        "layers": [descriptor(BUNDLE, '2')],
        "subject": descriptor(MANIFEST, '5'),
    })
}

fn archive(manifest: &Value) -> ArchiveSample {
    bytes(manifest.to_string().into_bytes())
}

fn bytes(bytes: Vec<u8>) -> ArchiveSample {
    let file = FileName::new(&format!("manifest@{}", digest('a'))).unwrap();
    ArchiveSample { package: name("team/app"), version: None, file, bytes }
}

fn wrong_archives() -> Vec<(ArchiveSample, InspectErrorClass)> {
    let changed = |key: &str, value: Value| {
        let mut manifest = image();
        manifest[key] = value;
        archive(&manifest)
    };
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    vec![
        (changed("manifests", json!([])), InspectErrorClass::Hostile),
        (changed("Layers", json!([])), InspectErrorClass::Hostile),
        (
            bytes(b"{\"schemaVersion\":2,\"config\":1,\"config\":2}".to_vec()),
            InspectErrorClass::Hostile,
        ),
        (changed("schemaVersion", json!(1)), InspectErrorClass::Damaged),
        (changed("mediaType", json!("text/html")), InspectErrorClass::Damaged),
        (changed("layers", vec![descriptor(LAYER, '2'); 5000].into()), InspectErrorClass::Limit),
        (changed("annotations", json!({ "a": "b".repeat(5 << 20) })), InspectErrorClass::Limit),
        (bytes(deep.into_bytes()), InspectErrorClass::Limit),
        (bytes(b"not JSON at all".to_vec()), InspectErrorClass::Damaged),
    ]
}
