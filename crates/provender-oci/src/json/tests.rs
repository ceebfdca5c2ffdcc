use serde_json::{Value, json};

use super::{fields, parse};
use crate::error::ManifestFault;

fn fault(text: &str) -> ManifestFault {
    parse(text.as_bytes()).expect_err(text)
}

#[test]
fn documents_mean_what_other_readers_take_them_for() {
    for text in ["{}", "[]", "null", "{\"a\":[1,-2,1.5,true,null,\"\\u00e4\"],\"A\":{\"a\":1}}"] {
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    }
}

#[test]
fn what_is_read_in_two_ways_is_refused() {
    let check = |text: &str| {
        let fault = fault(text);
        assert!(matches!(fault, ManifestFault::RepeatedKey { .. }), "{text}: {fault}");
    };
    check("{\"a\":1,\"a\":1}");
    check("{\"x\":[{\"a\":1,\"b\":2,\"a\":3}]}");
    check("{\"a\":1,\"\\u0061\":2}");
    check("{\"\":1,\"\":2}");
    let told = fault("{\"a\":1,\n\"a\":1}").to_string();
    assert!(told.starts_with("the key `a` stands in one object twice"), "{told}");
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "{", "{} x", "{\"a\"}", "\u{feff}{}", "{'a':1}", "01", "\"\\ud800\"", "NaN"] {
        assert!(matches!(fault(text), ManifestFault::NotJson { .. }), "{text:?}");
    }
    assert!(parse(b"\"\xff\"").is_err());
}

#[test]
fn bombs_are_refused() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(deep(16).as_bytes()).is_ok());
    assert!(matches!(fault(&deep(17)), ManifestFault::TooDeep { .. }));
    assert!(matches!(fault(&deep(1_000_000)), ManifestFault::TooDeep { .. }));
    let wide = format!("[0{}]", ",0".repeat(200_000));
    assert!(matches!(fault(&wide), ManifestFault::TooManyValues { .. }));
    // A message is not taken for another by what a key says.
    let odd = format!("{{\"too deep\":1,\"too deep\":{}}}", deep(3));
    assert!(matches!(fault(&odd), ManifestFault::RepeatedKey { .. }));
}

#[test]
fn keys_have_one_spelling() {
    let check = |key: &str, is_taken: bool| {
        let object = json!({ key: 1 });
        let found = fields(object.as_object().unwrap(), ["layers", "mediaType", "blob"]);
        assert_eq!(found.is_ok(), is_taken, "{key:?}");
    };
    check("layers", true);
    check("layer", true);
    check("x", true);
    check("", true);
    check("Layers", false);
    check("LAYERS", false);
    check("mediatype", false);
    check("layer\u{17f}", false);
    check("\u{212a}", true);
}
