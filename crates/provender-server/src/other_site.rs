//! Requests that a page of another site makes a browser send, with the credential that the browser
//! keeps for this server.

use http::HeaderMap;
use http::header::ORIGIN;
use provender_domain::{Problem, ProblemCode};

/// Refuses what did not come from a page of ours. Browsers say where a request came from (Fetch
/// Metadata, or else `Origin`). Who says nothing is no browser.
pub(crate) fn refuse_other_sites(headers: &HeaderMap, origin: &str) -> Result<(), Problem> {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let is_ours = match (site, headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(from)) => from.as_bytes() == origin.as_bytes(),
        (None, None) => true,
    };
    if is_ours {
        return Ok(());
    }
    let message = "this request came from another site, which changes nothing here";
    Err(Problem::new(ProblemCode::PermissionDenied, message))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::refuse_other_sites;

    #[test]
    fn requests_of_other_sites() {
        let check = |fields: &[(&'static str, &'static str)], expected: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let refused = refuse_other_sites(&headers, "http://localhost:8080");
            assert_eq!(refused.is_ok(), expected, "{fields:?}");
        };
        check(&[], true);
        check(&[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8080")], true);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("sec-fetch-site", "none")], false);
        check(&[("origin", "http://localhost:8080")], true);
        check(&[("origin", "http://localhost:8081")], false);
        check(&[("origin", "https://localhost:8080")], false);
        check(&[("origin", "null")], false);
    }
}
