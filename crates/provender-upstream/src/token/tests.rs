use super::*;
use crate::Remote;

fn whose(base: &str) -> Arc<Identity> {
    Arc::clone(Remote::new(base.parse().expect("a URL")).expect("an upstream").identity())
}

fn token(text: &str, life: Duration) -> Token {
    let header = HeaderValue::from_str(text).expect("a value");
    Token { header, until: Instant::now() + life }
}

fn purpose(base: &str, scope: &str) -> Purpose {
    let realm = "https://auth.example/token".parse().expect("a URL");
    let challenge = Challenge { realm, service: None, scope: Some(scope.to_owned()) };
    Purpose::new(&whose(base), &challenge)
}

#[tokio::test(start_paused = true)]
async fn answers_of_realms() {
    let asked = Instant::now();
    let now: Timestamp = "2026-01-31T12:00:00Z".parse().expect("a moment");
    let check = |body: &str, expected: Option<(&str, u64)>| {
        let token = Token::read(body.as_bytes(), asked, now);
        let read = token.as_ref().map(|token| {
            let header = token.header.to_str().expect("text");
            (header.strip_prefix("Bearer ").expect("a bearer"), (token.until - asked).as_secs())
        });
        assert_eq!(read, expected, "{body}");
    };
    check(r#"{"token": "abc"}"#, Some(("abc", 50)));
    check(r#"{"access_token": "abc"}"#, Some(("abc", 50)));
    check(r#"{"token": "abc", "access_token": "xyz"}"#, Some(("abc", 50)));
    check(r#"{"token": "", "access_token": "xyz"}"#, Some(("xyz", 50)));
    check(r#"{"token": "abc", "refresh_token": "x", "more": [1]}"#, Some(("abc", 50)));
    check(r#"{"token": "abc", "expires_in": 300}"#, Some(("abc", 290)));
    check(r#"{"token": "abc", "expires_in": "300"}"#, Some(("abc", 290)));
    check(r#"{"token": "abc", "expires_in": 4}"#, Some(("abc", 3)));
    check(r#"{"token": "abc", "expires_in": 0}"#, Some(("abc", 0)));
    check(r#"{"token": "abc", "expires_in": -1}"#, Some(("abc", 50)));
    check(r#"{"token": "abc", "expires_in": 1e300}"#, Some(("abc", 50)));
    check(r#"{"token": "abc", "expires_in": 18446744073709551615}"#, Some(("abc", 3590)));
    check(r#"{"token": "abc", "expires_in": null, "issued_at": null}"#, Some(("abc", 50)));
    let issued = |at: &str| format!(r#"{{"token":"abc","expires_in":300,"issued_at":"{at}"}}"#);
    check(&issued("2026-01-31T11:58:20Z"), Some(("abc", 190)));
    check(&issued("2026-01-31T13:58:20.123+02:00"), Some(("abc", 190)));
    // Clocks that are not ours.
    check(&issued("2026-01-31T12:10:00Z"), Some(("abc", 290)));
    check(&issued("2026-01-31T11:00:00Z"), Some(("abc", 290)));
    check(&issued("0001-01-01T00:00:00Z"), Some(("abc", 290)));
    check(&issued("yesterday"), Some(("abc", 290)));
    check("{}", None);
    check("", None);
    check("[]", None);
    check("<p>hi</p>", None);
    check(r#"{"token": 1}"#, None);
    check(r#"{"token": ""}"#, None);
    check(r#"{"token": "a b"}"#, None);
    check(r#"{"token": "a\r\nX-Other: b"}"#, None);
    check(r#"{"token": "ä"}"#, None);
    check(&format!(r#"{{"token": "{}"}}"#, "x".repeat(TOKEN_BYTES_MAX + 1)), None);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_it_ends_or_is_refused() {
    let tokens = Tokens::default();
    let (base, life) = ("https://upstream.example/", Duration::from_secs(50));
    let (mine, first) = (purpose(base, "a"), token("first", life));
    let name = Name::new(&whose(base), "demo").expect("a name");
    assert_eq!(tokens.of(&mine), None);
    tokens.keep(mine.clone(), first.clone());
    tokens.keep_name(name.clone(), first.clone());
    assert_eq!(tokens.of(&mine).as_ref(), Some(&first));
    assert_eq!(tokens.named(&name).as_ref(), Some(&first));
    assert_eq!(tokens.of(&purpose(base, "b")), None);
    tokens.forget(&token("second", life));
    assert_eq!(tokens.of(&mine).as_ref(), Some(&first), "another one was refused");
    tokens.forget(&first);
    assert_eq!((tokens.of(&mine), tokens.named(&name)), (None, None));
    tokens.keep(mine.clone(), token("second", life));
    tokio::time::advance(life).await;
    assert_eq!(tokens.of(&mine), None);
}

/// Repositories of one server may be somebody else at the same upstream.
#[test]
fn a_token_is_for_one_identity() {
    let mine = purpose("https://user:secret@upstream.example/", "a");
    let check = |base: &str, same: bool| assert_eq!(mine == purpose(base, "a"), same, "{base}");
    check("https://user:secret@upstream.example/", true);
    check("https://user:other@upstream.example/", false);
    check("https://other:secret@upstream.example/", false);
    check("https://upstream.example/", false);
    check("https://user:secret@upstream.example/elsewhere/", false);
    check("http://user:secret@upstream.example/", false);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_tokens_is_bounded() {
    let tokens = Tokens::default();
    let whose = whose("https://upstream.example/");
    let name = |number: usize| Name::new(&whose, &format!("demo-{number}")).expect("a name");
    for number in 0..2 * TOKENS_MAX {
        let life = Duration::from_secs(100 + number as u64);
        tokens.keep_name(name(number), token("abc", life));
        assert!(tokens.by_name.lock().len() <= TOKENS_MAX);
    }
    assert_eq!(tokens.named(&name(0)), None, "what ends first is forgotten first");
    assert!(tokens.named(&name(2 * TOKENS_MAX - 1)).is_some());
    assert!(Name::new(&whose, &"x".repeat(NAME_BYTES_MAX + 1)).is_none());
}

#[tokio::test]
async fn no_token_is_shown() {
    let read = |body: &[u8]| Token::read(body, Instant::now(), Timestamp::from_microseconds(0));
    let token = read(br#"{"token": "secret"}"#).expect("a token");
    assert!(!format!("{token:?} {:?}", token.header()).contains("secret"));
}
