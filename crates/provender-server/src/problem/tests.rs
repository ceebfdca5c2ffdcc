use std::time::Duration;

use http::StatusCode;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use provender_domain::{Problem, ProblemCode};

use super::{reason, respond, status};
use crate::limits::REASON_BYTES;

#[test]
fn reason_phrases() {
    let check = |message: &str, expected: Option<&str>| {
        let found = reason(message);
        let found = found.as_ref().map(|phrase| std::str::from_utf8(phrase.as_bytes()).unwrap());
        assert_eq!(found, expected, "{message:?}");
    };
    check("the file is in quarantine", Some("the file is in quarantine"));
    check("a\r\nSet-Cookie: x=y", Some("a  Set-Cookie: x=y"));
    check("naïve – \u{7f}\0", Some("na?ve ? ??"));
    check("tab\there", Some("tab here"));
    check("", None);
    check(" \r\n ", None);
    check(&"x".repeat(REASON_BYTES + 1), Some(&"x".repeat(REASON_BYTES)));
    check(&"ä".repeat(REASON_BYTES + 1), Some(&"?".repeat(REASON_BYTES)));
}

#[test]
fn fields_that_a_status_asks_for() {
    let problem = Problem::new(ProblemCode::AuthenticationRequired, "this needs a token");
    let response = respond(&problem);
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let challenges: Vec<_> = response.headers().get_all(WWW_AUTHENTICATE).into_iter().collect();
    assert_eq!(challenges.len(), 2);
    assert!(challenges[0].to_str().unwrap().starts_with("Basic realm=\"provender\""));

    let problem = Problem::new(ProblemCode::Busy, "try again");
    assert!(!respond(&problem).headers().contains_key(RETRY_AFTER));
    let response = respond(&problem.retry_after(Duration::from_millis(1500)));
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()[RETRY_AFTER], "2");
}

#[test]
fn statuses() {
    let check = |code: ProblemCode, expected: u16| {
        assert_eq!(status(code).as_u16(), expected, "{code:?}");
    };
    check(ProblemCode::NotFound, 404);
    check(ProblemCode::Gone, 410);
    check(ProblemCode::PermissionDenied, 403);
    check(ProblemCode::PolicyDenied, 403);
    check(ProblemCode::InvalidPackage, 400);
    check(ProblemCode::DigestMismatch, 400);
    check(ProblemCode::MissingReference, 400);
    check(ProblemCode::OutOfOrder, 416);
    check(ProblemCode::Conflict, 409);
    check(ProblemCode::TooLarge, 413);
    check(ProblemCode::MethodNotAllowed, 405);
    check(ProblemCode::RequestTimeout, 408);
    check(ProblemCode::UpstreamFailed, 502);
    check(ProblemCode::UpstreamTimeout, 504);
    check(ProblemCode::StorageFull, 507);
    check(ProblemCode::Internal, 500);
}
