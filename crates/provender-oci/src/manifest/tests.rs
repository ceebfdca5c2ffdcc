use provender_ecosystem::{Depth, InspectError, InspectErrorClass, Inspection, ReferenceRole};
use serde_json::{Value, json};

use super::{ANNOTATIONS_LIMIT_BYTES, LAYERS_LIMIT, read};
use crate::attribute;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn descriptor(media_type: &str, digit: char) -> Value {
    let digest = format!("sha256:{}", digit.to_string().repeat(64));
    json!({ "mediaType": media_type, "digest": digest, "size": 10 })
}

fn image() -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, '1'),
        "layers": [descriptor(LAYER, '2')],
    })
}

fn index() -> Value {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [descriptor(MANIFEST, '3')] })
}

fn with(mut manifest: Value, key: &str, value: Value) -> Value {
    manifest[key] = value;
    manifest
}

fn without(mut manifest: Value, key: &str) -> Value {
    manifest.as_object_mut().unwrap().remove(key);
    manifest
}

fn inspected(manifest: &Value, sent_as: Option<&str>) -> Result<Inspection, InspectError> {
    Ok(read(manifest.to_string().as_bytes(), sent_as, Depth::Full)?)
}

/// `R blob 1` for a required blob whose digest is of ones.
fn references(inspection: &Inspection) -> Vec<String> {
    let shown = inspection.references.iter().map(|reference| {
        let role = match reference.role {
            ReferenceRole::Required => 'R',
            ReferenceRole::Optional => 'O',
            ReferenceRole::Subject => 'S',
        };
        let (kind, digest) = reference.file.as_str().split_once("@sha256:").unwrap();
        format!("{role} {kind} {}", &digest[..1])
    });
    shown.collect()
}

#[test]
fn what_is_referred_to() {
    let check = |manifest: &Value, depth: Depth, expected: &[&str]| {
        let found = read(manifest.to_string().as_bytes(), None, depth).unwrap();
        assert_eq!(references(&found), expected, "{manifest} at {depth:?}");
    };
    check(&image(), Depth::Full, &["R blob 1", "R blob 2"]);
    check(&image(), Depth::Structure, &["O blob 1", "O blob 2"]);
    check(&index(), Depth::Full, &["R manifest 3"]);
    check(&index(), Depth::Structure, &["O manifest 3"]);
    let subject = with(image(), "subject", descriptor(MANIFEST, '9'));
    check(&subject, Depth::Full, &["R blob 1", "R blob 2", "S manifest 9"]);
    let in_index = with(index(), "subject", descriptor(INDEX, '9'));
    check(&in_index, Depth::Structure, &["O manifest 3", "S manifest 9"]);
    // Docker's types have no subject, to any client.
    let docker = with(subject, "mediaType", DOCKER.into());
    check(&docker, Depth::Full, &["R blob 1", "R blob 2"]);
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let windows =
        with(image(), "layers", json!([descriptor(foreign, '2'), descriptor(LAYER, '4')]));
    check(&windows, Depth::Full, &["R blob 1", "R blob 4", "O blob 2"]);
    let elsewhere = with(descriptor(LAYER, '2'), "urls", json!(["https://upstream.example/2"]));
    let both = with(image(), "layers", json!([elsewhere, descriptor(LAYER, '2')]));
    check(&both, Depth::Full, &["R blob 1", "R blob 2"]);
    check(&with(image(), "layers", Value::Null), Depth::Full, &["R blob 1"]);
    check(&with(index(), "manifests", Value::Null), Depth::Full, &[]);
    // A build cache: an index of layers.
    check(&with(index(), "manifests", json!([descriptor(LAYER, '2')])), Depth::Full, &["R blob 2"]);
    let artifact = json!({
        "mediaType": "application/vnd.oci.artifact.manifest.v1+json",
        "artifactType": "x/y",
        "blobs": [descriptor("x/z", '2')],
        "subject": descriptor(MANIFEST, '9'),
    });
    check(&artifact, Depth::Full, &["R blob 2", "S manifest 9"]);
}

#[test]
fn what_is_known_of_it() {
    let check = |manifest: &Value, sent_as: Option<&str>, key: &str, expected: Value| {
        let found = inspected(manifest, sent_as).unwrap();
        let value = found.attributes.0.get(key).cloned().unwrap_or_default();
        assert_eq!(value, expected, "{key} of {manifest}");
    };
    check(&image(), None, attribute::MEDIA_TYPE, MANIFEST.into());
    check(&without(image(), "mediaType"), None, attribute::MEDIA_TYPE, MANIFEST.into());
    check(&without(image(), "mediaType"), Some(DOCKER), attribute::MEDIA_TYPE, DOCKER.into());
    check(&without(index(), "mediaType"), None, attribute::MEDIA_TYPE, INDEX.into());
    check(&image(), None, attribute::ARTIFACT_TYPE, CONFIG.into());
    let typed = with(image(), "artifactType", "x/y".into());
    check(&typed, None, attribute::ARTIFACT_TYPE, "x/y".into());
    check(&with(image(), "artifactType", "".into()), None, attribute::ARTIFACT_TYPE, CONFIG.into());
    check(&index(), None, attribute::ARTIFACT_TYPE, Value::Null);
    check(
        &with(index(), "artifactType", "x/y".into()),
        None,
        attribute::ARTIFACT_TYPE,
        "x/y".into(),
    );
    check(&image(), None, attribute::LAYERS, 1.into());
    check(&image(), None, attribute::CONTENT_BYTES, 20.into());
    check(&image(), None, attribute::CONFIG_TYPE, CONFIG.into());
    let annotated = with(image(), "annotations", json!({ "a": "b" }));
    check(&annotated, None, attribute::ANNOTATIONS, json!({ "a": "b" }));
    let long = json!({ "a": "b".repeat(ANNOTATIONS_LIMIT_BYTES) });
    check(&with(image(), "annotations", long), None, attribute::ANNOTATIONS, Value::Null);
    let platform = |platform: Value| {
        with(index(), "manifests", json!([with(descriptor(MANIFEST, '3'), "platform", platform)]))
    };
    let arm = json!({ "os": "linux", "architecture": "arm", "variant": "v7" });
    check(&platform(arm), None, attribute::PLATFORMS, json!(["linux/arm/v7"]));
    let odd = json!({ "os": "<script>", "architecture": "arm" });
    check(&platform(odd), None, attribute::PLATFORMS, json!([]));
    check(&platform(json!({ "os": 1 })), None, attribute::PLATFORMS, json!([]));
    let subject = with(image(), "subject", descriptor(MANIFEST, '9'));
    check(&subject, None, attribute::SUBJECT, format!("sha256:{}", "9".repeat(64)).into());
    // What is unknown is passed on, not refused.
    check(&with(image(), "x", json!([1, { "y": null }])), None, attribute::LAYERS, 1.into());
}

#[test]
fn what_is_refused() {
    let check = |manifest: &Value, sent_as: Option<&str>, class: InspectErrorClass, word: &str| {
        let error = inspected(manifest, sent_as).expect_err(&manifest.to_string());
        assert_eq!(error.class, class, "{manifest}: {error}");
        assert!(error.message.contains(word), "{manifest}: {error}");
    };
    use InspectErrorClass::{Contradiction, Damaged, Hostile, Limit};
    // CVE-2021-41190.
    check(&with(image(), "manifests", json!([])), None, Hostile, "manifests");
    check(&with(index(), "layers", json!([])), None, Hostile, "layers");
    check(&with(index(), "config", descriptor(CONFIG, '1')), None, Hostile, "config");
    let both = with(without(index(), "mediaType"), "layers", json!([]));
    check(&both, None, Hostile, "layers");
    check(&with(image(), "Layers", json!([])), None, Hostile, "layers");
    check(&with(image(), "layer\u{17f}", json!([])), None, Hostile, "layers");
    let cased = with(descriptor(LAYER, '2'), "Digest", "sha256:0".into());
    check(&with(image(), "layers", json!([cased])), None, Hostile, "digest");
    check(&image(), Some(INDEX), Contradiction, "sent as");
    check(&without(image(), "mediaType"), Some(INDEX), Hostile, "config");
    check(&with(image(), "schemaVersion", 1.into()), None, Damaged, "schema 1");
    check(&with(image(), "fsLayers", json!([])), None, Damaged, "schema 1");
    let jws = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    check(&without(image(), "mediaType"), Some(jws), Damaged, "schema 1");
    check(&without(image(), "schemaVersion"), None, Damaged, "schemaVersion");
    check(&with(image(), "schemaVersion", "2".into()), None, Damaged, "schemaVersion");
    check(&with(image(), "mediaType", "text/html".into()), None, Damaged, "text/html");
    check(&with(image(), "mediaType", 1.into()), None, Damaged, "mediaType");
    check(&with(image(), "artifactType", "x".into()), None, Damaged, "artifactType");
    check(&json!({ "schemaVersion": 2 }), None, Damaged, "mediaType");
    check(&json!([]), None, Damaged, "object");
    check(&without(image(), "config"), None, Damaged, "config");
    check(&without(image(), "layers"), None, Damaged, "layers");
    check(&with(image(), "config", Value::Null), None, Damaged, "config");
    check(&with(image(), "layers", json!({})), None, Damaged, "layers");
    check(&with(image(), "annotations", json!({ "a": 1 })), None, Damaged, "annotations");
    let layers = |layer: Value| with(image(), "layers", json!([layer]));
    let layer = || descriptor(LAYER, '2');
    check(&layers(with(layer(), "size", json!(-1))), None, Damaged, "layers[0].size");
    check(&layers(with(layer(), "size", json!(1.5))), None, Damaged, "layers[0].size");
    check(&layers(with(layer(), "size", json!(u64::MAX))), None, Damaged, "layers[0].size");
    check(&layers(without(layer(), "size")), None, Damaged, "layers[0].size");
    check(&layers(without(layer(), "mediaType")), None, Damaged, "layers[0].mediaType");
    check(&layers(with(layer(), "mediaType", "a b".into())), None, Damaged, "layers[0].mediaType");
    for digest in ["", "sha256:", "sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709", "../../x"] {
        check(&layers(with(layer(), "digest", digest.into())), None, Damaged, "layers[0].digest");
    }
    let many = vec![layer(); LAYERS_LIMIT + 1];
    check(&with(image(), "layers", many.into()), None, Limit, "layers");
    let referrer = with(image(), "subject", descriptor(MANIFEST, '9'));
    let long = json!({ "a": "b".repeat(ANNOTATIONS_LIMIT_BYTES) });
    check(&with(referrer, "annotations", long), None, Limit, "annotations");
}

#[test]
fn mirrors_take_what_there_is() {
    let check = |manifest: &Value, is_taken: bool| {
        let read = read(manifest.to_string().as_bytes(), None, Depth::Structure);
        assert_eq!(read.is_ok(), is_taken, "{manifest}");
    };
    let untyped = with(descriptor("", '1'), "mediaType", "".into());
    check(&with(image(), "config", untyped), true);
    let referrer = with(image(), "subject", descriptor(MANIFEST, '9'));
    let long = json!({ "a": "b".repeat(ANNOTATIONS_LIMIT_BYTES) });
    check(&with(referrer, "annotations", long), true);
    check(&with(image(), "manifests", json!([])), false);
    check(&with(image(), "schemaVersion", 1.into()), false);
}
