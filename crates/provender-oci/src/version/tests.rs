use super::{normalize, tag};

#[test]
fn tags() {
    let check = |raw: &str, is_tag: bool| assert_eq!(tag(raw).is_ok(), is_tag, "{raw:?}");
    check("latest", true);
    check("1.0", true);
    check("_", true);
    check("V1.0-rc_2", true);
    check(&"a".repeat(128), true);
    check(&"a".repeat(129), false);
    check("", false);
    check(".a", false);
    check("-a", false);
    check("a:b", false);
    check("a/b", false);
    check("a+b", false);
    check("a b", false);
    check("a\n", false);
    check("\u{e4}", false);
}

#[test]
fn there_are_no_versions() {
    assert!(normalize("1.0").is_err());
}
