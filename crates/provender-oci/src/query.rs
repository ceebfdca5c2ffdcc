//! Queries: `key=value`, percent-encoded, joined by `&`.

use std::borrow::Cow;

use provender_domain::Problem;
use provender_ecosystem::{Page, RequestHead};
use url::form_urlencoded;

use crate::problem::{UNSUPPORTED, invalid};

/// Every value of a key, decoded, in the order sent.
pub(crate) fn values<'a>(
    request: &RequestHead<'a>,
    key: &'a str,
) -> impl Iterator<Item = Cow<'a, str>> {
    let pairs = form_urlencoded::parse(request.query.unwrap_or_default().as_bytes());
    pairs.filter(move |(name, _)| name == key).map(|(_, value)| value)
}

/// The first value of a key.
pub(crate) fn value<'a>(request: &RequestHead<'a>, key: &'a str) -> Option<Cow<'a, str>> {
    values(request, key).next()
}

/// Which part of a list is wanted: `n` entries behind `last`.
pub(crate) fn page(request: &RequestHead<'_>) -> Result<Page, Problem> {
    let after = value(request, "last").filter(|last| !last.is_empty()).map(Cow::into_owned);
    let limit = value(request, "n").map(|text| number(&text)).transpose()?;
    Ok(Page { after, limit })
}

/// A number of entries; one that does not fit asks for as many as there are.
fn number(text: &str) -> Result<u32, Problem> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(UNSUPPORTED, "the parameter n must be a number of entries"));
    }
    Ok(text.parse().unwrap_or(u32::MAX))
}
