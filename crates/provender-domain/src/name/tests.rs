use super::{FileName, PackageName, RepositoryName, Version};

#[test]
fn repository_names() {
    let check = |text: &str, expected: bool| {
        assert_eq!(RepositoryName::new(text).is_ok(), expected, "{text:?}");
    };
    check("main", true);
    check("team-a_b.c", true);
    check("0main", true);
    check("", false);
    check("v2", false);
    check("-", false);
    check(".hidden", false);
    check("Main", false);
    check("ma in", false);
    check("ma/in", false);
    check("ma%2fin", false);
    check("mäin", false);
    check(&"a".repeat(65), false);
}

#[test]
fn file_names() {
    let check = |text: &str, expected: bool| {
        assert_eq!(FileName::new(text).is_ok(), expected, "{text:?}");
    };
    check("demo-1.0-py3-none-any.whl", true);
    check("Demo 1.0.zip", true);
    check("..", false);
    check(".", false);
    check("a/b", false);
    check("a\\b", false);
    check("a\0b", false);
    check("a\nb", false);
    check("demo-\u{202e}lhw.whl", false);
    check("de\u{200b}mo.whl", false);
    check("-rf", false);
    check("~root", false);
    check(&"a".repeat(10_000), false);
}

#[test]
fn package_names() {
    let check = |text: &str, expected: bool| {
        assert_eq!(PackageName::new(text).is_ok(), expected, "{text:?}");
    };
    check("demo", true);
    check("library/alpine", true);
    check("@scope/name", true);
    check("a//b", false);
    check("a/../b", false);
    check("../b", false);
    check("a b", false);
    check("a\u{7f}", false);
    check("a\u{2066}", false);
    check("", false);
}

#[test]
fn versions() {
    let check = |text: &str, expected: bool| {
        assert_eq!(Version::new(text).is_ok(), expected, "{text:?}");
    };
    check("1.0", true);
    check("1!2.0+local", true);
    check("1.0/2", false);
    check("1.0\n", false);
    check("", false);
}

#[test]
fn names_round_trip_through_json_only_when_valid() {
    let name: PackageName = serde_json::from_str("\"demo\"").unwrap();
    assert_eq!(serde_json::to_string(&name).unwrap(), "\"demo\"");
    assert!(serde_json::from_str::<PackageName>("\"a/../b\"").is_err());
}
