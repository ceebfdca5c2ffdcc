use super::*;
use crate::origins::Origins;
use crate::transport::Transport;
use crate::{BreakerOptions, PrivateAddresses, Proxies};

#[test]
fn questions() {
    let check = |realm: &str, service: Option<&str>, scope: Option<&str>, expected: &str| {
        let realm = realm.parse().expect("a URL");
        let [service, scope] = [service, scope].map(|text| text.map(str::to_owned));
        let url = question(&Challenge { realm, service, scope });
        assert_eq!(url.as_str(), expected);
    };
    let realm = "https://auth.example/token";
    check(realm, None, None, realm);
    check(realm, Some("a b&c=d"), None, "https://auth.example/token?service=a+b%26c%3Dd");
    check(
        realm,
        Some("s"),
        Some("a:b:pull,push  c:d:*"),
        "https://auth.example/token?service=s&scope=a%3Ab%3Apull%2Cpush&scope=c%3Ad%3A*",
    );
    check("https://auth.example/?x=y", None, Some("a"), "https://auth.example/?x=y&scope=a");
    check(realm, None, Some("  "), realm);
    let many = question(&Challenge {
        realm: realm.parse().expect("a URL"),
        service: None,
        scope: Some("a ".repeat(SCOPES_MAX + 1)),
    });
    assert_eq!(many.query_pairs().count(), SCOPES_MAX);
}

#[tokio::test]
async fn a_realm_of_an_https_upstream_is_never_asked_over_http() {
    let transport = Transport::new("test".to_owned(), Proxies::None);
    let origins = Origins::new(BreakerOptions::default(), 1);
    let network = Network::new(transport, origins);
    let realm: Url = "http://127.0.0.1:1/token".parse().expect("a URL");
    let base = "https://user:password@upstream.example/".parse().expect("a URL");
    let remote = Remote::new(base).and_then(|remote| remote.token_realm(&realm));
    let remote = remote.expect("an upstream").private_addresses(PrivateAddresses::Anywhere);
    let challenge = Challenge { realm, service: None, scope: None };
    let purpose = Purpose::new(remote.identity(), &challenge);
    let error = network.ask_realm(&remote, purpose, &challenge).await.expect_err("refused");
    assert!(matches!(error, FetchError::Downgrade { .. }), "{error:?}");
}
