use provender_domain::{Attributes, File, FileName};
use provender_ecosystem::Detail;
use serde_json::{Value, json};

use super::of;

fn described(attributes: &Value) -> Vec<String> {
    let file = File {
        name: FileName::new("demo-1.0.tar.gz").unwrap(),
        version: None,
        url: None,
        digests: Vec::new(),
        size_bytes: None,
        uploaded_at: None,
        yank: None,
        attributes: Attributes(attributes.as_object().unwrap().clone().into_iter().collect()),
        companions: Vec::new(),
    };
    let text = |detail| match detail {
        Detail::Text(text) => text,
        Detail::Bytes(bytes) => bytes.to_string(),
    };
    of(&file).into_iter().map(|(_, detail)| text(detail)).collect()
}

#[test]
fn what_is_told_of_a_distribution() {
    let check = |attributes: Value, expected: &[&str]| {
        assert_eq!(described(&attributes), expected, "{attributes}");
    };
    check(json!({}), &[]);
    check(json!({"requires-python": ">=3.8"}), &["for Python >=3.8"]);
    check(
        json!({"requires-python": ">=3.8", "license-expression": "MIT"}),
        &["for Python >=3.8", "MIT"],
    );
    check(json!({"pth-files": ["a.pth", "b.pth"]}), &["2 .pth files"]);
    check(json!({"pth-files": []}), &[]);
    check(json!({"legacy-setup-script": true}), &["setup.py without pyproject.toml"]);
    check(json!({"legacy-setup-script": false, "requires-python": 3}), &[]);
}
