use super::*;

fn remote(base: &str) -> Remote {
    Remote::new(base.parse().expect("a URL")).expect("an upstream")
}

#[test]
fn credentials_go_to_their_own_origin_only() {
    let remote = remote("https://user:p%40ss+word@upstream.example/simple/");
    let check = |url: &str, expected: Option<&str>| {
        let header = remote.authorization(&url.parse().expect("a URL"));
        let text = header.as_ref().map(|value| value.to_str().expect("text"));
        assert_eq!(text, expected, "{url}");
    };
    // user:p@ss+word
    let basic = Some("Basic dXNlcjpwQHNzK3dvcmQ=");
    check("https://upstream.example/simple/demo/", basic);
    check("https://upstream.example:443/elsewhere", basic);
    check("https://UPSTREAM.example/", basic);
    check("http://upstream.example/simple/", None);
    check("https://upstream.example:8443/simple/", None);
    check("https://files.upstream.example/simple/", None);
    check("https://upstream.example.other.example/", None);
    check("https://upstream.example@other.example/", None);
}

#[test]
fn no_secret_is_shown() {
    let remote = remote("https://user:secret@upstream.example/");
    assert_eq!(remote.base().as_str(), "https://upstream.example/");
    assert!(!format!("{remote:?}").contains("secret"));
    let remote = remote.credentials(Credentials::Bearer("secret".to_owned())).expect("a token");
    assert!(!format!("{remote:?}").contains("secret"));
    let header = remote.authorization(remote.base()).expect("a header");
    assert!(!format!("{header:?}").contains("secret"));
}

#[test]
fn private_addresses() {
    let check = |allowed, url: &str, expected| {
        let remote = remote("http://10.0.0.1:8080/").private_addresses(allowed);
        assert_eq!(remote.may_be_private(&url.parse().expect("a URL")), expected, "{url}");
    };
    check(PrivateAddresses::Refused, "http://10.0.0.1:8080/", false);
    check(PrivateAddresses::ThisOrigin, "http://10.0.0.1:8080/x", true);
    check(PrivateAddresses::ThisOrigin, "http://10.0.0.1/", false);
    check(PrivateAddresses::ThisOrigin, "http://10.0.0.2:8080/", false);
    check(PrivateAddresses::Anywhere, "http://10.0.0.2/", true);
}

#[test]
fn refused_bases() {
    let check = |base: &str| Remote::new(base.parse().expect("a URL")).expect_err(base);
    assert!(matches!(check("ftp://upstream.example/"), FetchError::Scheme { .. }));
    assert!(matches!(check("file:///etc/passwd"), FetchError::Scheme { .. }));
    let remote = remote("https://upstream.example/");
    let error = remote.credentials(Credentials::Bearer("a\nb".to_owned())).expect_err("no header");
    assert!(matches!(error, FetchError::Credentials));
}

#[test]
fn credentials_go_to_named_realms_for_tokens_only() {
    let remote = remote("https://user:secret@upstream.example/");
    let named = remote.clone().token_realm(&"https://auth.example/token".parse().expect("a URL"));
    let named = named.expect("a realm");
    let check = |url: &str, unnamed: bool, with_name: bool| {
        let url = url.parse().expect("a URL");
        assert_eq!(remote.realm_authorization(&url).is_some(), unnamed, "{url}");
        assert_eq!(named.realm_authorization(&url).is_some(), with_name, "{url}");
    };
    check("https://upstream.example/token", true, true);
    check("https://auth.example/", false, true);
    check("https://auth.example:443/other", false, true);
    check("http://auth.example/token", false, false);
    check("https://auth.example:8443/token", false, false);
    check("https://sub.auth.example/token", false, false);
    check("https://auth.example.other.example/token", false, false);
    let elsewhere = "https://auth.example/token".parse().expect("a URL");
    assert!(named.authorization(&elsewhere).is_none(), "only for a token");
    let refused = remote.token_realm(&"file:///etc/passwd".parse().expect("a URL"));
    assert!(matches!(refused.expect_err("no realm"), FetchError::Scheme { .. }));
}

#[test]
fn a_named_realm_may_be_private_for_tokens_only() {
    let realm: Url = "http://10.0.0.2/token".parse().expect("a URL");
    let check = |allowed, expected| {
        let remote = remote("http://10.0.0.1/").private_addresses(allowed);
        let remote = remote.token_realm(&realm).expect("a realm");
        assert_eq!(remote.realm_may_be_private(&realm), expected, "{allowed:?}");
        let anywhere = allowed == PrivateAddresses::Anywhere;
        assert_eq!(remote.may_be_private(&realm), anywhere, "{allowed:?}");
    };
    check(PrivateAddresses::Refused, false);
    check(PrivateAddresses::ThisOrigin, true);
    check(PrivateAddresses::Anywhere, true);
}
