use super::super::Claims;
use super::{ClaimRule, Pattern, RuleError};

#[test]
fn a_star_stays_within_its_segment() {
    let check = |pattern: &str, text: &str, expected: bool| {
        assert_eq!(Pattern::new(pattern).unwrap().matches(text), expected, "{pattern} {text}");
    };
    check("acme/app", "acme/app", true);
    check("acme/app", "acme/app2", false);
    check("acme/app", "xacme/app", false);
    check("acme/app", "Acme/app", false);
    check("acme/*", "acme/app", true);
    check("acme/*", "acme/", true);
    check("acme/*", "acme", false);
    check("acme/*", "acme/app/evil", false);
    check("acme/*", "acme-evil/app", false);
    check("*/app", "acme/app", true);
    check("*/app", "a/b/app", false);
    check("refs/heads/**", "refs/heads/feature/x", true);
    check("refs/heads/**", "refs/heads/", true);
    check("refs/heads/**", "refs/tags/x", false);
    check("**", "", true);
    check("**", "a/b/c", true);
    check("*", "", true);
    check("*", "a/b", false);
    check("***", "a/b", true);
    check("a*b*c", "aXbYc", true);
    check("a*b*c", "abcbc", true);
    check("a*b*c", "abcb", false);
    check("a**z/*", "a/b/z/c", true);
    check("a**z/*", "a/b/z/c/d", false);
    check("", "", true);
    check("", "a", false);
    check("*@corp.example", "me@corp.example", true);
    check("*@corp.example", "me@corp.example.evil.example", false);
    check("a.c", "abc", false);
    check("ü*", "üx", true);
}

#[test]
fn hostile_patterns_and_texts_take_no_time() {
    let pattern = Pattern::new("*a".repeat(200)).unwrap();
    assert!(!pattern.matches(&format!("{}b", "a".repeat(4000))));
    assert!(!Pattern::new("**").unwrap().matches(&"a".repeat(4097)));
    assert_eq!(Pattern::new("x".repeat(513)), Err(RuleError::TooLong));
}

#[test]
fn all_conditions_of_a_rule_hold_or_it_does_not() {
    let claims = Claims::from_json(
        br#"{"repository":"acme/app","ref":"refs/tags/v1","groups":["dev","release"],"ok":true}"#,
    )
    .unwrap();
    let check = |rule: &str, expected: bool| {
        let rule: ClaimRule = serde_json::from_str(rule).unwrap();
        assert_eq!(rule.holds(&claims), expected, "{rule:?}");
    };
    check(r#"{"repository":"acme/*"}"#, true);
    check(r#"{"repository":"acme/*","ref":"refs/tags/*"}"#, true);
    check(r#"{"repository":"acme/*","ref":"refs/heads/*"}"#, false);
    check(r#"{"repository":"acme/*","environment":"**"}"#, false);
    check(r#"{"groups":"release"}"#, true);
    check(r#"{"groups":"admin"}"#, false);
    check(r#"{"ok":"true"}"#, true);
}

#[test]
fn a_rule_without_a_condition_is_none() {
    let error = serde_json::from_str::<ClaimRule>("{}").unwrap_err();
    assert!(error.to_string().contains("allow everybody"), "{error}");
}

/// What a pattern means, written down as simply as can be.
fn simply(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', b'*', rest @ ..] => {
            let rest = &rest[rest.iter().take_while(|byte| **byte == b'*').count()..];
            (0..=text.len()).any(|taken| simply(rest, &text[taken..]))
        }
        [b'*', rest @ ..] => {
            let segment = text.iter().take_while(|byte| **byte != b'/').count();
            (0..=segment).any(|taken| simply(rest, &text[taken..]))
        }
        [byte, rest @ ..] => text.first() == Some(byte) && simply(rest, &text[1..]),
    }
}

proptest::proptest! {
    #[test]
    fn patterns_mean_what_they_say(pattern in "[ab/*]{0,10}", text in "[ab/]{0,12}") {
        let found = Pattern::new(pattern.as_str()).unwrap().matches(&text);
        proptest::prop_assert_eq!(found, simply(pattern.as_bytes(), text.as_bytes()));
    }
}
