use super::{PASSWORD_LIMIT_BYTES, PasswordError, hash, refuse, verify};

#[test]
fn only_the_same_password_matches() {
    let kept = hash("correct horse battery").unwrap();
    assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
    let check = |password: &str, expected: bool| {
        assert_eq!(verify(password, &kept), expected, "{password}");
    };
    check("correct horse battery", true);
    check("correct horse batterz", false);
    check("Correct horse battery", false);
    check("correct horse battery ", false);
    check("", false);
    check(&"x".repeat(PASSWORD_LIMIT_BYTES + 1), false);
}

#[test]
fn every_hash_has_its_own_salt() {
    assert_ne!(hash("the same password").unwrap(), hash("the same password").unwrap());
}

#[test]
fn a_known_answer_verifies() {
    // Of the reference implementation. What counts are the parameters that stand in the string.
    let kept =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    assert!(verify("password", kept));
    assert!(!verify("passwort", kept));
}

#[test]
fn what_is_no_hash_matches_nothing() {
    for hash in [
        "",
        "password",
        "$argon2id$",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2id$v=19$m=0,t=0,p=0$AAAA$AAAA",
    ] {
        assert!(!verify("password", hash), "{hash}");
    }
}

#[test]
fn lengths_are_bounded() {
    assert!(matches!(hash("seven c"), Err(PasswordError::TooShort)));
    assert!(matches!(hash(&"x".repeat(PASSWORD_LIMIT_BYTES + 1)), Err(PasswordError::TooLong)));
    assert!(hash("pässwörd").is_ok());
}

#[test]
fn nobody_matches_nothing() {
    assert!(!refuse("no account has this password"));
}
