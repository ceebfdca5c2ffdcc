use provender_domain::{Attributes, File, FileName};
use provender_ecosystem::{Depth, Signed};
use serde_json::{Value, json};

use super::{render, tagged_signatures};
use crate::{attribute, manifest};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

fn descriptor(media_type: &str, digit: char) -> Value {
    let digest = format!("sha256:{}", digit.to_string().repeat(64));
    json!({ "mediaType": media_type, "digest": digest, "size": 10 })
}

#[test]
fn statements_are_known() {
    // The artifact type, the configuration's and the layers' types, whether there is a subject;
    // then whether it is known what it is about, and where its bundle is.
    let check = |kind: Option<&str>, config: &str, layers: &[&str], subject: bool, expected| {
        let digits = ['2', '3', '4'].into_iter();
        let layers: Vec<_> =
            layers.iter().zip(digits).map(|(kind, at)| descriptor(kind, at)).collect();
        let mut document = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(config, '1'),
            "layers": layers,
        });
        if let Some(kind) = kind {
            document["artifactType"] = kind.into();
        }
        if subject {
            document["subject"] = descriptor(MANIFEST, '9');
        }
        let read = manifest::read(document.to_string().as_bytes(), None, Depth::Full).unwrap();
        let found = read.evidence.map(|evidence| {
            let bundle = evidence.bundle.map(|file| file.as_str()[..13].to_owned());
            (evidence.about.is_some(), bundle)
        });
        assert_eq!(found, expected, "{document}");
    };
    let bundle = || Some("blob@sha256:2".to_owned());
    check(Some(BUNDLE), EMPTY, &[BUNDLE], true, Some((true, bundle())));
    check(None, EMPTY, &[BUNDLE], true, Some((true, bundle())));
    let versions = [
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "application/vnd.dev.sigstore.bundle.v0.4+json",
    ];
    check(Some(versions[1]), EMPTY, &[versions[1]], true, Some((true, bundle())));
    check(Some(BUNDLE), EMPTY, &[BUNDLE, BUNDLE], true, Some((true, None)));
    check(Some(BUNDLE), EMPTY, &["x/y"], true, Some((true, None)));
    check(Some(BUNDLE), EMPTY, &[BUNDLE], false, Some((false, None)));
    check(Some(NOTATION), EMPTY, &["application/jose+json"], true, Some((true, None)));
    check(None, NOTATION, &["application/jose+json"], true, Some((true, None)));
    let config = "application/vnd.oci.image.config.v1+json";
    check(None, config, &[SIMPLE_SIGNING], false, Some((false, None)));
    check(None, config, &["application/vnd.dsse.envelope.v1+json"], false, Some((false, None)));
    check(None, config, &["application/vnd.oci.image.layer.v1.tar"], false, None);
    check(Some("x/sbom"), EMPTY, &["application/spdx+json"], true, None);
    // What calls itself a statement and could be run is none, or is about nothing.
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    let docker_layer = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    for kind in [BUNDLE, NOTATION] {
        check(Some(kind), EMPTY, &[layer], true, None);
        check(Some(kind), EMPTY, &[BUNDLE, docker_layer], true, None);
        check(
            Some(kind),
            EMPTY,
            &[SIMPLE_SIGNING, "application/VND.oci.image.layer.v1.tar"],
            true,
            None,
        );
        for config in [config, "application/octet-stream", "x/y"] {
            check(Some(kind), config, &[BUNDLE], true, Some((false, None)));
        }
    }
    check(None, config, &[SIMPLE_SIGNING], true, Some((false, None)));
    // Nor is it one if manifests belong to it.
    check(Some(BUNDLE), MANIFEST, &[BUNDLE], true, None);
    check(Some(BUNDLE), EMPTY, &[BUNDLE, MANIFEST], true, None);
    check(None, MANIFEST, &[SIMPLE_SIGNING], false, None);
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "artifactType": BUNDLE,
        "manifests": [],
        "subject": descriptor(MANIFEST, '9'),
    });
    let read = manifest::read(index.to_string().as_bytes(), None, Depth::Full).unwrap();
    assert_eq!(read.evidence, None);
}

#[test]
fn signatures_under_a_tag_are_read() {
    let signature = |digit: char, signature: &str| {
        let mut layer = descriptor(SIMPLE_SIGNING, digit);
        layer["annotations"] = json!({
            "dev.cosignproject.cosign/signature": signature,
            "dev.sigstore.cosign/certificate": "PEM",
            "dev.sigstore.cosign/bundle": "{}",
            "other": 1,
        });
        layer
    };
    let check = |layers: Value, expected: &[(&str, &str)]| {
        let document = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "layers": layers });
        let found = tagged_signatures(document.to_string().as_bytes());
        let found: Vec<_> =
            found.iter().map(|one| (&one.text.as_str()[..13], one.signature.as_str())).collect();
        assert_eq!(found, expected, "{document}");
    };
    let two = [signature('1', "a"), signature('2', "b")];
    check(json!(two), &[("blob@sha256:1", "a"), ("blob@sha256:2", "b")]);
    check(json!([]), &[]);
    check(Value::Null, &[]);
    // All of them, or none.
    check(json!([signature('1', "a"), descriptor(SIMPLE_SIGNING, '2')]), &[]);
    check(json!([signature('1', "a"), descriptor("x/y", '2')]), &[]);
    check(json!([signature('1', "a"), "text"]), &[]);
    let with = |key: &str, value: Value| {
        let mut layer = signature('1', "a");
        layer[key] = value;
        json!([layer])
    };
    check(with("mediaType", "x/y".into()), &[]);
    check(with("digest", "sha256:1".into()), &[]);
    check(with("annotations", json!({ "dev.cosignproject.cosign/signature": 1 })), &[]);
    assert!(tagged_signatures(b"no json").is_empty());
    let [read, _] = &tagged_signatures(json!({ "layers": two }).to_string().as_bytes())[..] else {
        panic!("two are two")
    };
    let parts = [&read.certificate, &read.log_entry, &read.timestamp].map(Option::as_deref);
    assert_eq!(parts, [Some("PEM"), Some("{}"), None]);
}

fn signed_file(kind: &str, artifact_type: &str) -> File {
    let mut attributes = Attributes::default();
    attributes.set_text(attribute::MEDIA_TYPE, MANIFEST);
    attributes.set_text(attribute::ARTIFACT_TYPE, artifact_type);
    File {
        name: FileName::new(&format!("{kind}@sha256:{}", "9".repeat(64))).unwrap(),
        version: None,
        url: None,
        digests: Vec::new(),
        size_bytes: Some(77),
        uploaded_at: None,
        yank: None,
        attributes,
        companions: Vec::new(),
    }
}

fn signed<'a>(file: &'a File, bundle: &'a String) -> Signed<'a> {
    let predicate_type = "https://server.example/attestation/release/v0.2";
    Signed { file, predicate_type, bundle, at: "2026-01-31T12:00:00Z" }
}

#[test]
fn statements_are_written_as_cosign_looks_for_them() {
    let file = signed_file("manifest", "application/vnd.oci.image.config.v1+json");
    let made = render(&signed(&file, &"{\"a\":1}".to_owned()));
    let bodies: Vec<_> = made.iter().map(|file| String::from_utf8_lossy(&file.bytes)).collect();
    assert_eq!(bodies[..2], ["{}", "{\"a\":1}"]);
    let manifest: Value = serde_json::from_slice(&made[2].bytes).unwrap();
    let bundle_hex = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862";
    let empty_hex = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    let expected = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": BUNDLE,
        "config": {
            "mediaType": EMPTY,
            "artifactType": BUNDLE,
            "digest": format!("sha256:{empty_hex}"),
            "size": 2,
        },
        "layers": [{
            "mediaType": BUNDLE,
            "digest": format!("sha256:{bundle_hex}"),
            "size": 7,
            "annotations": {
                "org.opencontainers.image.title": format!("sha256-{bundle_hex}.sigstore.json"),
            },
        }],
        "subject": {
            "mediaType": MANIFEST,
            "digest": format!("sha256:{}", "9".repeat(64)),
            "size": 77,
        },
        "annotations": {
            "org.opencontainers.image.created": "2026-01-31T12:00:00Z",
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": "https://server.example/attestation/release/v0.2",
        },
    });
    assert_eq!(manifest, expected);
    assert_eq!(made[2].attributes.text(attribute::ARTIFACT_TYPE), Some(BUNDLE));
}

#[test]
fn nothing_is_written_about_blobs_and_statements() {
    for (kind, artifact_type) in [("blob", "x/y"), ("manifest", BUNDLE), ("manifest", NOTATION)] {
        let file = signed_file(kind, artifact_type);
        assert!(
            render(&signed(&file, &"{\"a\":1}".to_owned())).is_empty(),
            "{kind} of type {artifact_type}"
        );
    }
    let unknown = File { size_bytes: None, ..signed_file("manifest", "x/y") };
    assert!(render(&signed(&unknown, &"{\"a\":1}".to_owned())).is_empty());
}
