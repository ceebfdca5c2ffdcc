//! A request's head made plain before anything is decided by it: what may come in several fields in
//! one, and what means nothing to a method taken out.

use http::header::{ACCEPT, HOST, RANGE};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use provender_domain::{Problem, ProblemCode};

/// Does so.
///
/// # Errors
/// Where it does not say, or says in two ways, which host is meant (RFC 9112 section 3.2).
pub(crate) fn make_plain(parts: &mut Parts) -> Result<(), Problem> {
    check_host(parts)?;
    join(&mut parts.headers, ACCEPT);
    if parts.method != Method::GET {
        // RFC 9110 section 14.2.
        parts.headers.remove(RANGE);
    }
    Ok(())
}

fn check_host(parts: &Parts) -> Result<(), Problem> {
    let refuse = |message| Err(Problem::new(ProblemCode::InvalidRequest, message));
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if parts.version < Version::HTTP_11 => Ok(()),
        (None, _) => refuse("a request of HTTP/1.1 names its host"),
        (Some(_), Some(_)) => refuse("a request names one host"),
        // Empty where the target has none (RFC 9110 section 7.2).
        (Some(host), None) if host.is_empty() => Ok(()),
        (Some(host), None) => match host.to_str().map(str::parse::<Authority>) {
            Ok(Ok(authority)) if !authority.as_str().contains('@') => Ok(()),
            _ => refuse("the host of the request is none"),
        },
    }
}

/// The values of several fields are one list (RFC 9110 section 5.3).
fn join(headers: &mut HeaderMap, name: HeaderName) {
    let values: Vec<&[u8]> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
    if values.len() < 2 {
        return;
    }
    if let Ok(joined) = HeaderValue::from_bytes(&values.join(&b", "[..])) {
        headers.insert(name, joined);
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Version};
    use provender_domain::Problem;

    use super::make_plain;

    type Fields<'a> = &'a [(&'static str, &'a str)];

    /// The fields that are left, or why it is refused.
    fn plain(method: &str, version: Version, fields: Fields<'_>) -> Result<String, Problem> {
        let mut request = Request::builder().method(method).version(version).uri("/");
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        make_plain(&mut parts)?;
        let fields = parts.headers.iter();
        let mut fields: Vec<String> =
            fields.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        fields.sort();
        Ok(fields.join("; "))
    }

    #[test]
    fn one_host_is_named() {
        let check = |version, fields: Fields<'_>, is_taken: bool| {
            assert_eq!(plain("GET", version, fields).is_ok(), is_taken, "{version:?} {fields:?}");
        };
        let one = Version::HTTP_11;
        check(one, &[("host", "packages.example")], true);
        check(one, &[("host", "[::1]:8080")], true);
        check(one, &[("host", "")], true);
        check(one, &[], false);
        check(Version::HTTP_10, &[], true);
        check(one, &[("host", "a.example"), ("host", "b.example")], false);
        check(one, &[("host", "a.example"), ("host", "a.example")], false);
        check(one, &[("host", "a b")], false);
        check(one, &[("host", "x@a.example")], false);
        check(one, &[("host", "a.example/b")], false);
    }

    #[test]
    fn lists_are_one_and_ranges_are_for_get() {
        let host = ("host", "a.example");
        let check = |method: &str, fields: Fields<'_>, expected: &str| {
            let fields = [fields, &[host]].concat();
            assert_eq!(plain(method, Version::HTTP_11, &fields).unwrap(), expected);
        };
        check("GET", &[("accept", "a/b")], "accept: a/b; host: a.example");
        check(
            "GET",
            &[("accept", "a/b;q=0.1"), ("accept", "c/d, e/f")],
            "accept: a/b;q=0.1, c/d, e/f; host: a.example",
        );
        check("GET", &[("range", "bytes=0-1")], "host: a.example; range: bytes=0-1");
        check("HEAD", &[("range", "bytes=0-1")], "host: a.example");
        check("PATCH", &[("content-range", "0-1")], "content-range: 0-1; host: a.example");
    }
}
