use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

use super::{file_stem, normalize, pattern, spells};

#[test]
fn names() {
    let check = |raw: &str, expected: Option<&str>| {
        let name = normalize(raw).ok();
        assert_eq!(name.as_ref().map(AsRef::as_ref), expected, "{raw:?}");
        assert!(name.is_none_or(|name| spells(raw, &name)), "{raw:?}");
    };
    check("demo", Some("demo"));
    check("De.Mo", Some("de-mo"));
    check("a-_.b", Some("a-b"));
    check("a--b", Some("a-b"));
    check("7", Some("7"));
    check(&"a".repeat(255), Some(&"a".repeat(255)));
    check("", None);
    check("-demo", None);
    check("demo_", None);
    check("de mo", None);
    check("de/mo", None);
    check("..", None);
    check("demö", None);
    check("ｄemo", None);
    check("demo\0", None);
    check(&"a".repeat(256), None);
    check(&format!("a{}b", "-".repeat(10_000)), None);
}

#[test]
fn patterns() {
    let check = |raw: &str, expected: Option<&str>| {
        let pattern = pattern(raw).ok().map(|pattern| pattern.to_string());
        assert_eq!(pattern.as_deref(), expected, "{raw:?}");
    };
    check("Acme_*", Some("acme-*"));
    check("acme.-_*", Some("acme-*"));
    check("Acme*", Some("acme*"));
    check("Acme.Core", Some("acme-core"));
    check("*", Some("*"));
    check("", None);
    check("-acme*", None);
    check("ac*me", None);
    check("**", None);
    check("a*b*", None);
    check("äcme*", None);
}

#[test]
fn file_stems() {
    let name = normalize("De.Mo-two").unwrap();
    assert_eq!(file_stem(&name), "de_mo_two");
    assert!(spells(&file_stem(&name), &name));
    assert!(!spells("demo-two", &name));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn normalizing_is_idempotent(raw in "[A-Za-z0-9._-]{1,40}") {
        if let Ok(name) = normalize(&raw) {
            prop_assert!(spells(&raw, &name));
            prop_assert_eq!(normalize(name.as_str()), Ok(name));
        }
    }

    #[test]
    fn no_text_makes_it_panic(raw in "\\PC{0,300}") {
        let _ = (normalize(&raw), pattern(&raw));
    }
}
