use super::super::TokenSubject;
use super::super::grant::{OAuthErrorCode, Secret};
use super::super::testing::at;
use super::{
    DeviceAnswer, DeviceGrants, DeviceRequest, PENDING_MAX, PENDING_PER_SOURCE_MAX, Place,
    UserCodeError, WRONG_CODES_MAX, normalized,
};

fn grants() -> DeviceGrants {
    DeviceGrants::new("https://registry.example/-/oidc/device")
}

fn begin(grants: &DeviceGrants, seconds: i64) -> DeviceAnswer {
    let request = DeviceRequest { client_id: Some("cli".to_owned()), ..DeviceRequest::default() };
    grants.begin(request, "192.0.2.1", at(seconds)).unwrap()
}

fn ada() -> TokenSubject {
    TokenSubject::Person {
        account: "ada".to_owned(),
        email: "ada@corp.example".to_owned(),
        since_microseconds: 1,
    }
}

/// What a device hears at this second.
fn poll(grants: &DeviceGrants, answer: &DeviceAnswer, seconds: i64) -> String {
    let code = Secret::from(answer.device_code.clone());
    match grants.poll("cli", &code, None, at(seconds)) {
        Ok(granted) => format!("{:?}", granted.subject),
        Err(error) => error.error.as_str().to_owned(),
    }
}

#[test]
fn a_confirmed_device_gets_its_token_once() {
    let grants = grants();
    let answer = begin(&grants, 0);
    assert_eq!(poll(&grants, &answer, 5), "authorization_pending");
    let shown = grants.waiting(&answer.user_code, "ada", at(6)).unwrap();
    assert_eq!((shown.client_id.as_str(), shown.source.as_str()), ("cli", "192.0.2.1"));
    grants.approve(&answer.user_code, "ada", ada(), at(7)).unwrap();
    assert_eq!(poll(&grants, &answer, 10), format!("{:?}", ada()));
    assert_eq!(poll(&grants, &answer, 15), "invalid_grant");
}

#[test]
fn a_refused_device_is_told_so() {
    let grants = grants();
    let answer = begin(&grants, 0);
    grants.deny(&answer.user_code, "ada", at(1)).unwrap();
    assert_eq!(poll(&grants, &answer, 5), "access_denied");
    assert_eq!(poll(&grants, &answer, 10), "invalid_grant");
}

#[test]
fn an_answer_is_final() {
    let grants = grants();
    let answer = begin(&grants, 0);
    grants.deny(&answer.user_code, "ada", at(1)).unwrap();
    let again = grants.approve(&answer.user_code, "eve", ada(), at(2));
    assert_eq!(again, Err(UserCodeError::Unknown));
    assert_eq!(poll(&grants, &answer, 5), "access_denied");
}

#[test]
fn a_device_waits_ten_minutes_and_no_longer() {
    let grants = grants();
    let answer = begin(&grants, 0);
    assert_eq!(poll(&grants, &answer, 599), "authorization_pending");
    let late = grants.approve(&answer.user_code, "ada", ada(), at(600));
    assert_eq!(late, Err(UserCodeError::Unknown));
    assert_eq!(poll(&grants, &answer, 605), "expired_token");
    assert_eq!(poll(&grants, &answer, 610), "invalid_grant");
}

#[test]
fn an_approval_that_nobody_fetches_in_time_is_lost() {
    let grants = grants();
    let answer = begin(&grants, 0);
    grants.approve(&answer.user_code, "ada", ada(), at(599)).unwrap();
    assert_eq!(poll(&grants, &answer, 600), "expired_token");
}

#[test]
fn who_asks_too_often_is_slowed_down() {
    let grants = grants();
    let answer = begin(&grants, 0);
    let steps = [
        (0, "authorization_pending"),
        (4, "authorization_pending"),
        (6, "slow_down"),
        (12, "slow_down"),
        (26, "authorization_pending"),
        (36, "slow_down"),
        (56, "authorization_pending"),
    ];
    for (seconds, expected) in steps {
        assert_eq!(poll(&grants, &answer, seconds), expected, "{seconds}");
    }
}

#[test]
fn a_code_is_its_clients_alone() {
    let grants = grants();
    let answer = begin(&grants, 0);
    grants.approve(&answer.user_code, "ada", ada(), at(1)).unwrap();
    let code = Secret::from(answer.device_code.clone());
    let other = grants.poll("other", &code, None, at(5)).unwrap_err();
    assert_eq!(other.error, OAuthErrorCode::InvalidGrant);
    let user_code = Secret::from(answer.user_code.clone());
    assert!(grants.poll("cli", &user_code, None, at(5)).is_err());
    assert_eq!(poll(&grants, &answer, 5), format!("{:?}", ada()));
}

#[test]
fn a_challenge_must_be_met() {
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let check = |offered: Option<&str>, expected: bool| {
        let grants = grants();
        let request = DeviceRequest {
            client_id: Some("cli".to_owned()),
            code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
            code_challenge_method: Some("S256".to_owned()),
            nonce: Some("n".to_owned()),
            ..DeviceRequest::default()
        };
        let answer = grants.begin(request, "192.0.2.1", at(0)).unwrap();
        grants.approve(&answer.user_code, "ada", ada(), at(1)).unwrap();
        let code = Secret::from(answer.device_code.clone());
        let offered = offered.map(|text| Secret::from(text.to_owned()));
        let found = grants.poll("cli", &code, offered.as_ref(), at(5));
        assert_eq!(found.is_ok_and(|granted| granted.nonce.as_deref() == Some("n")), expected);
    };
    check(Some(verifier), true);
    check(Some("x".repeat(43).as_str()), false);
    check(None, false);
}

#[test]
fn people_mistype_and_are_forgiven_a_few_times() {
    let grants = grants();
    let answer = begin(&grants, 0);
    for _ in 0..WRONG_CODES_MAX {
        assert_eq!(grants.waiting("BBBB-BBBB", "eve", at(1)), Err(UserCodeError::Unknown));
    }
    // From now on the right code does not help either.
    assert_eq!(grants.waiting(&answer.user_code, "eve", at(2)), Err(UserCodeError::TooMany));
    assert!(grants.waiting(&answer.user_code, "ada", at(2)).is_ok());
    // Ten minutes after the first mistake, all is forgiven.
    let next = begin(&grants, 601);
    assert!(grants.waiting(&next.user_code, "eve", at(602)).is_ok());
}

fn begin_from(grants: &DeviceGrants, source: &str, seconds: i64) -> DeviceAnswer {
    let request = DeviceRequest { client_id: Some("cli".to_owned()), ..DeviceRequest::default() };
    grants.begin(request, source, at(seconds)).unwrap()
}

#[test]
fn a_crowded_place_gives_up_its_own_oldest_and_never_another_places() {
    let grants = grants();
    let elsewhere = begin_from(&grants, "192.0.2.2", 0);
    let oldest = begin(&grants, 0);
    let answered = begin(&grants, 0);
    grants.approve(&answered.user_code, "ada", ada(), at(1)).unwrap();
    let next = begin(&grants, 2);
    for _ in 0..PENDING_PER_SOURCE_MAX - 1 {
        begin(&grants, 3);
    }
    assert_eq!(poll(&grants, &oldest, 5), "invalid_grant");
    assert_eq!(poll(&grants, &next, 5), "authorization_pending");
    assert_eq!(poll(&grants, &elsewhere, 5), "authorization_pending");
    assert_eq!(poll(&grants, &answered, 5), format!("{:?}", ada()));
    // What is over takes no room, and is still told that it is.
    begin(&grants, 700);
    assert_eq!(poll(&grants, &next, 701), "expired_token");
}

#[test]
fn all_places_together_have_a_limit_and_the_most_crowded_gives_way() {
    let grants = grants();
    let alone = begin_from(&grants, "198.51.100.1", 0);
    let crowd: Vec<_> = (0..2).map(|_| begin_from(&grants, "198.51.100.2", 1)).collect();
    for number in 0..PENDING_MAX - 3 {
        begin_from(&grants, &format!("2001:db8:0:{number:x}::1"), 2);
    }
    let last = begin_from(&grants, "198.51.100.3", 3);
    let waits = |answer| poll(&grants, answer, 5) == "authorization_pending";
    assert!(waits(&alone) && waits(&last));
    assert_eq!(crowd.iter().filter(|answer| waits(answer)).count(), 1);
}

#[test]
fn what_counts_as_one_place() {
    let check = |one: &str, other: &str, expected: bool| {
        assert_eq!(Place::of(one) == Place::of(other), expected, "{one} {other}");
    };
    check("192.0.2.1", "192.0.2.1", true);
    check("192.0.2.1", "192.0.2.2", false);
    check("192.0.2.1", "::ffff:192.0.2.1", true);
    check("2001:db8::1", "2001:db8:0:0:ffff::2", true);
    check("2001:db8::1", "2001:db8:0:1::1", false);
    check("this machine", "this machine", true);
    check("this machine", "192.0.2.1", false);
}

#[test]
fn a_clock_that_jumps_ends_the_wait() {
    let grants = grants();
    let answer = begin(&grants, 0);
    grants.approve(&answer.user_code, "ada", ada(), at(1)).unwrap();
    assert_eq!(poll(&grants, &answer, -100_000), "expired_token");
}

#[test]
fn codes_are_easy_to_type() {
    let grants = grants();
    let answer = begin(&grants, 0);
    let plain = answer.user_code.replace('-', "");
    assert_eq!((answer.user_code.len(), plain.len()), (9, 8));
    assert!(plain.bytes().all(|letter| b"BCDFGHJKLMNPQRSTVWXZ".contains(&letter)));
    for typed in [
        plain.to_lowercase(),
        format!(" {} ", answer.user_code),
        answer.user_code.replace('-', " "),
    ] {
        assert_eq!(normalized(&typed), plain, "{typed}");
    }
    assert_ne!(normalized(&format!("{plain}B")), plain);
    let expected = format!("https://registry.example/-/oidc/device?user_code={}", answer.user_code);
    assert_eq!(answer.verification_uri_complete, expected);
}

#[test]
fn a_request_without_a_client_is_none() {
    let error = grants().begin(DeviceRequest::default(), "192.0.2.1", at(0)).unwrap_err();
    assert_eq!(error.error, OAuthErrorCode::InvalidRequest);
}
