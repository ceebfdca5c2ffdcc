use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};

use super::{are_equal, from_file_name, normalize};

#[test]
fn versions() {
    let check = |raw: &str, expected: Option<&str>| {
        let version = normalize(raw).ok();
        assert_eq!(version.as_ref().map(AsRef::as_ref), expected, "{raw:?}");
    };
    check("1.0", Some("1.0"));
    check("1.0.0", Some("1.0.0"));
    check("v1.0", Some("1.0"));
    check("01.2", Some("1.2"));
    check("1.0-RC.1", Some("1.0rc1"));
    check("1.0-1", Some("1.0.post1"));
    check("1!2.0.DEV3", Some("1!2.0.dev3"));
    check("1.0+Local_1", Some("1.0+local.1"));
    check("", None);
    check("latest", None);
    check("1.0/..", None);
    check("1.0\n1.1", None);
    check("१.०", None);
    check(&"1.".repeat(5_000), None);
    check(&"9".repeat(200), None);
}

#[test]
fn versions_in_file_names() {
    let check = |raw: &str, expected: Option<&str>| {
        let version = from_file_name(raw);
        assert_eq!(version.as_ref().map(AsRef::as_ref), expected, "{raw:?}");
    };
    check("1.0", Some("1.0"));
    check("1.0_1", Some("1.0.post1"));
    check("1.0_beta_2", Some("1.0b2"));
    check("one", None);
}

#[test]
fn equality() {
    let check = |one: &str, other: &str, expected: bool| {
        let (one, other) = (normalize(one).unwrap(), normalize(other).unwrap());
        assert_eq!(are_equal(&one, &other), expected, "{one} and {other}");
    };
    check("1.0", "1.0.0", true);
    check("1.0", "1", true);
    check("1.0", "1.0+local", false);
    check("1.0", "1.0.1", false);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn normalizing_is_idempotent(
        raw in "(v?[0-9]{1,4}!)?[0-9]{1,9}(\\.[0-9]{1,9}){0,4}([-._]?(a|b|rc|alpha|beta|post|dev)[-._]?[0-9]{0,3}){0,3}(\\+[a-z0-9]{1,4}([-._][a-z0-9]{1,4}){0,2})?"
    ) {
        if let Ok(version) = normalize(&raw) {
            prop_assert_eq!(normalize(version.as_str()), Ok(version));
        }
    }

    #[test]
    fn no_text_makes_it_panic(raw in "\\PC{0,60}") {
        let _ = from_file_name(&raw);
    }
}
