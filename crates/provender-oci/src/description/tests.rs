use provender_domain::{Attributes, File, FileName};
use provender_ecosystem::Detail;
use serde_json::{Value, json};

use super::of;

fn described(name: &str, attributes: Value) -> String {
    let Value::Object(attributes) = attributes else { panic!("attributes are an object") };
    let file = File {
        name: FileName::new(name).unwrap(),
        version: None,
        url: None,
        digests: Vec::new(),
        size_bytes: None,
        uploaded_at: None,
        yank: None,
        attributes: Attributes(attributes.into_iter().collect()),
        companions: Vec::new(),
    };
    let lines = of(&file).into_iter().map(|(label, detail)| match detail {
        Detail::Text(text) => format!("{label}: {text}"),
        Detail::Bytes(bytes) => format!("{label}: {bytes} bytes"),
    });
    lines.collect::<Vec<_>>().join("; ")
}

#[test]
fn details_of_manifests() {
    let manifest = format!("manifest@sha256:{}", "ab".repeat(32));
    let check = |attributes: Value, expected: &str| {
        assert_eq!(described(&manifest, attributes.clone()), expected, "{attributes}");
    };
    check(json!({}), "");
    check(
        json!({ "artifact-type": "x/y", "layers": 3, "content-bytes": 1000 }),
        "Type: x/y; Layers: 3 layers; Content: 1000 bytes",
    );
    check(
        json!({ "artifact-type": "application/vnd.oci.image.config.v1+json", "layers": 1 }),
        "Type: image; Layers: 1 layer",
    );
    check(
        json!({ "platforms": ["linux/amd64", "linux/arm64/v8"] }),
        "Platforms: linux/amd64, linux/arm64/v8",
    );
    check(json!({ "platforms": vec!["linux/amd64"; 17] }), "Platforms: 17 of them");
    check(json!({ "platforms": [], "layers": "many" }), "");
    let blob = format!("blob@sha256:{}", "ab".repeat(32));
    assert_eq!(described(&blob, json!({ "layers": 3 })), "");
}
