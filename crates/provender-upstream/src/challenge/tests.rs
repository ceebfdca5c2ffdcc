use super::*;

/// What is read of `fields`, as `realm|service|scope`.
fn outcome(fields: &[&[u8]]) -> Result<Option<String>, Fault> {
    let challenge = read(fields.iter().copied())?;
    Ok(challenge.map(|Challenge { realm, service, scope }| {
        let [service, scope] = [service, scope].map(Option::unwrap_or_default);
        format!("{realm}|{service}|{scope}")
    }))
}

#[track_caller]
fn check(fields: &[&str], expected: Result<Option<&str>, Fault>) {
    let bytes: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
    assert_eq!(outcome(&bytes), expected.map(|found| found.map(str::to_owned)), "{fields:?}");
}

const REALM: &str = "Bearer realm=\"https://auth.example/token\"";
const ONLY_REALM: Result<Option<&str>, Fault> = Ok(Some("https://auth.example/token||"));

#[test]
fn what_registries_send() {
    check(
        &["Bearer realm=\"https://auth.example/token\",service=\"upstream.example\",\
           scope=\"repository:team/demo:pull,push\""],
        Ok(Some("https://auth.example/token|upstream.example|repository:team/demo:pull,push")),
    );
    check(
        &["bearer  Realm = \"https://auth.example/token?a=b\" ,\tSCOPE=\"a:b:pull c:d:pull\""],
        Ok(Some("https://auth.example/token?a=b||a:b:pull c:d:pull")),
    );
    check(
        &["Bearer realm=\"https://auth.example/token\",error=\"insufficient_scope\",service=plain"],
        Ok(Some("https://auth.example/token|plain|")),
    );
    check(&["Bearer realm=\"https://auth.example/token\",service=\"\",scope=\"\""], ONLY_REALM);
}

#[test]
fn no_bearer_challenge() {
    check(&[], Ok(None));
    check(&[""], Ok(None));
    check(&[" , ,"], Ok(None));
    check(&["Basic realm=\"demo\""], Ok(None));
    check(&["Negotiate"], Ok(None));
    check(&["NTLM TlRMTVNTUAAC=="], Ok(None));
    check(&["Basic realm=\"Bearer realm=\\\"https://auth.example/\\\"\""], Ok(None));
    check(&["Bearers realm=\"https://auth.example/token\""], Ok(None));
}

#[test]
fn among_other_challenges() {
    check(&["Basic realm=\"a, Bearer b\", charset=\"UTF-8\"", REALM], ONLY_REALM);
    check(&[&format!("Basic realm=\"demo\", {REALM}")], ONLY_REALM);
    check(&[&format!("Negotiate, NTLM abc/+==, {REALM}, Digest nonce=\"x\"")], ONLY_REALM);
    check(&[&format!("Unknown, , {REALM},")], ONLY_REALM);
    check(&[&format!("Digest realm=x , qop=\"auth,auth-int\" ,{REALM}")], ONLY_REALM);
    check(&["Broken \"", REALM], ONLY_REALM);
    // What follows is not looked at, and the first one counts.
    check(&[&format!("{REALM}, Other \"")], ONLY_REALM);
    check(&[REALM, "Bearer realm=\"https://other.example/\""], ONLY_REALM);
    check(&[&format!("{REALM}, Bearer realm=\"https://other.example/\"")], ONLY_REALM);
}

#[test]
fn quoted_strings() {
    check(
        &["Bearer realm=\"https://auth.example/\\\"\\t\\\\\",service=\"a \\\"b\\\", c=d\\,\""],
        Ok(Some("https://auth.example/%22t/|a \"b\", c=d,|")),
    );
    check(
        &["Bearer realm=\"https://auth.example/token\",service=\"ä\""],
        Ok(Some("https://auth.example/token|ä|")),
    );
    check(&["Bearer realm=\"https://auth.example/"], Err(Fault::Malformed));
    check(&["Bearer realm=\"https://auth.example/\\"], Err(Fault::Malformed));
    check(&["Bearer realm=\"https://auth.example/\\\""], Err(Fault::Malformed));
    check(&["Bearer realm=\"https://auth.example/\nx\""], Err(Fault::Malformed));
    check(&["Bearer realm=\"https://auth.example/\\\rx\""], Err(Fault::Malformed));
    let not_utf8 = b"Bearer realm=\"https://auth.example/\xff\"".as_slice();
    assert_eq!(outcome(&[not_utf8]), Err(Fault::Malformed));
}

#[test]
fn what_cannot_be_followed() {
    use Fault::{Malformed, NoRealm, RealmIsNoUrl, Repeated};
    check(&["Bearer"], Err(NoRealm));
    check(&["Bearer "], Err(NoRealm));
    check(&["Bearer, Basic realm=\"https://auth.example/\""], Err(NoRealm));
    check(&["Bearer service=\"upstream.example\""], Err(NoRealm));
    check(&["Bearer dG9rZW4="], Err(NoRealm));
    check(&["Bearer error=\"invalid_token\"", REALM], Err(NoRealm));
    check(&["Bearer realm=\"\""], Err(RealmIsNoUrl));
    check(&["Bearer realm=\"demo\""], Err(RealmIsNoUrl));
    check(&["Bearer realm=\"/token\""], Err(RealmIsNoUrl));
    check(&["Bearer realm=\"//auth.example/token\""], Err(RealmIsNoUrl));
    check(&["Bearer realm=\"https://\""], Err(RealmIsNoUrl));
    check(&[&format!("{REALM}, realm=\"https://other.example/\"")], Err(Repeated));
    check(&[&format!("{REALM}, scope=a, Scope=a")], Err(Repeated));
    check(&[&format!("{REALM}, error=a, error=b")], ONLY_REALM);
    check(&["Bearer realm=https://auth.example/token"], Err(Malformed));
    check(&["Bearer realm"], Err(NoRealm));
    check(&["Bearer realm:\"https://auth.example/\""], Err(Malformed));
    check(&["Bearer =\"https://auth.example/\""], Err(Malformed));
    check(&["Bearer realm=\"https://auth.example/\" service=\"x\""], Err(Malformed));
    check(&["Bearer realm=\"https://auth.example/\"x"], Err(Malformed));
    check(&["Bearer;realm=\"https://auth.example/\""], Err(Malformed));
    check(&["\"Bearer\" realm=\"https://auth.example/\""], Err(Malformed));
    check(&["Bröken realm=x"], Err(Malformed));
}

#[test]
fn everything_has_a_limit() {
    let long = format!("Bearer realm=\"https://auth.example/{}\"", "x".repeat(FIELD_BYTES_MAX));
    check(&[&long], Err(Fault::TooLarge));
    let parameters = |count: usize| format!("{REALM}{}", ", a=b".repeat(count - 1));
    check(&[&parameters(PARAMETERS_MAX)], ONLY_REALM);
    check(&[&parameters(PARAMETERS_MAX + 1)], Err(Fault::TooLarge));
    let challenges = |count: usize| format!("{}{REALM}", "Other, ".repeat(count - 1));
    check(&[&challenges(CHALLENGES_MAX)], ONLY_REALM);
    check(&[&challenges(CHALLENGES_MAX + 1)], Err(Fault::TooLarge));
    let fields = |count: usize| [vec!["Other"; count - 1], vec![REALM]].concat();
    check(&fields(FIELDS_MAX), ONLY_REALM);
    check(&fields(FIELDS_MAX + 1), Err(Fault::TooLarge));
    check(&[&",".repeat(FIELD_BYTES_MAX)], Ok(None));
    check(&[&"Bearer ".repeat(FIELD_BYTES_MAX / 7)], Err(Fault::Malformed));
}
