//! What a failure to fetch is to a client: which upstream, and what it did.
//!
//! No address is in it: whoever asks may be anybody, and addresses, also those that an upstream led
//! to, may be of a network that is none of theirs. The operator's log has the whole cause.

use std::borrow::Cow;
use std::time::Duration;

use provender_domain::{Problem, ProblemCode, Upstream};
use provender_upstream::{Class, FetchError};

/// The longest that a client is told to wait, whatever the upstream says: as long as it is left
/// alone for at most, after which it is asked again.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(5);

/// The problem of whoever waited for it.
pub(crate) fn fetch_problem(upstream: &Upstream, error: &FetchError) -> Problem {
    let code = match error.class() {
        Class::Stalled => ProblemCode::UpstreamTimeout,
        Class::Missing => ProblemCode::NotFound,
        _ => ProblemCode::UpstreamFailed,
    };
    let message = format!("upstream {} {}", upstream.name, what_it_did(error));
    let problem = Problem::new(code, message).because(error);
    match error.retry_after() {
        Some(delay) => problem.retry_after(delay.min(RETRY_AFTER_MAX)),
        None => problem,
    }
}

/// Whether this is a web page: what a proxy between that wants a sign-in, or an upstream in trouble,
/// sends with status 200 in place of anything else.
pub(crate) fn is_web_page(content_type: Option<&str>) -> bool {
    let essence = content_type.and_then(|text| text.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("text/html")
}

/// The problem of whoever waited for something else.
pub(crate) fn web_page_problem(upstream: &Upstream) -> Problem {
    let message = format!(
        "upstream {} answered with a web page in place of what it was asked for",
        upstream.name
    );
    Problem::new(ProblemCode::UpstreamFailed, message)
}

fn what_it_did(error: &FetchError) -> Cow<'static, str> {
    match error {
        FetchError::Resolve { .. } => "cannot be reached: no address is found for it".into(),
        FetchError::Tls { .. } => "cannot be reached: its certificate is not trusted here".into(),
        FetchError::Connect { .. } => "cannot be reached".into(),
        FetchError::Broken { .. } => "cannot be reached: the connection broke".into(),
        FetchError::Stalled { .. } => "did not answer in time".into(),
        FetchError::TooSlow { .. } => "sent its answer too slowly".into(),
        FetchError::Truncated { expected: Some(expected), got, .. } => {
            format!("cut its answer off after {got} bytes of {expected}").into()
        }
        FetchError::Truncated { expected: None, got, .. } => {
            format!("cut its answer off after {got} bytes, before its end").into()
        }
        FetchError::TooLarge { limit_bytes, .. } => {
            format!("sent more than the {limit_bytes} bytes that are taken of it").into()
        }
        FetchError::Status { status, .. } => format!("answered with status {status}").into(),
        FetchError::Missing { .. } => "lists this file but no longer has it".into(),
        FetchError::Scheme { .. } => "leads to an address that is neither http nor https".into(),
        FetchError::Downgrade { .. } => "leads from https to http, which is not followed".into(),
        FetchError::PrivateAddress { .. } => {
            "leads to an address that this server does not go to".into()
        }
        FetchError::RedirectLoop { .. } => "redirects in a circle".into(),
        FetchError::TooManyRedirects { limit, .. } => {
            format!("redirects more than {limit} times").into()
        }
        FetchError::RedirectNowhere { .. } => "redirects to nowhere".into(),
        FetchError::Encoding { .. } => "encoded its answer as nobody asked for".into(),
        FetchError::Undecodable { .. } => "sent an answer that cannot be decompressed".into(),
        FetchError::NoToken { .. } => "gave no token that can be used".into(),
        FetchError::Token { source, .. } => what_it_did(source),
        FetchError::TokenLost { .. } => "was not asked to the end; try again".into(),
        FetchError::Suspended { .. } => "has been failing and is left alone for a while".into(),
        FetchError::Congested { .. } => "is busy with as many requests as it may have".into(),
        FetchError::Credentials | FetchError::Setup(_) => {
            "cannot be asked: what is set for it here is wrong".into()
        }
        _ => "sent an answer that makes no sense".into(),
    }
}
