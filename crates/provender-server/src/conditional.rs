//! Conditional requests (RFC 9110 section 13), by entity tag alone: no answer here has a date.

use http::HeaderMap;
use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};

/// What the conditions of a request come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Answer as if there were none.
    Holds,
    /// 304: the client has it.
    NotModified,
    /// 412: the client wants something else.
    Failed,
}

/// Evaluates `If-Match`, then `If-None-Match`, as section 13.2.2 orders them, for GET and HEAD.
/// `etag` is the strong tag of the bytes that would be sent, with its quotes.
pub(crate) fn evaluate(headers: &HeaderMap, etag: &str) -> Condition {
    if headers.contains_key(IF_MATCH) && !names(headers, &IF_MATCH, etag, Comparison::Strong) {
        return Condition::Failed;
    }
    if names(headers, &IF_NONE_MATCH, etag, Comparison::Weak) {
        return Condition::NotModified;
    }
    Condition::Holds
}

/// Whether a `Range` may be answered with a part: there is no `If-Range`, or it names these very
/// bytes. A date never does (section 13.1.5).
pub(crate) fn range_applies(headers: &HeaderMap, etag: &str) -> bool {
    headers.get(IF_RANGE).is_none_or(|field| field.as_bytes() == etag.as_bytes())
}

/// Section 8.8.3.2.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// A weak tag is nobody's equal.
    Strong,
    /// `W/` makes no difference.
    Weak,
}

fn names(
    headers: &HeaderMap,
    field: &http::HeaderName,
    etag: &str,
    comparison: Comparison,
) -> bool {
    headers
        .get_all(field)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .any(|list| lists(list, etag, comparison))
}

fn lists(list: &str, etag: &str, comparison: Comparison) -> bool {
    let mut rest = list.trim_start_matches([' ', '\t', ',']);
    if rest.trim_end() == "*" {
        return true;
    }
    while !rest.is_empty() {
        let (is_weak, opaque) = match rest.strip_prefix("W/") {
            Some(opaque) => (true, opaque),
            None => (false, rest),
        };
        // A tag may have commas between its quotes, so the quotes decide where it ends.
        let Some(length) = opaque.strip_prefix('"').and_then(|inner| inner.find('"')) else {
            return false;
        };
        let (tag, behind) = opaque.split_at(length + 2);
        if tag == etag && !(is_weak && comparison == Comparison::Strong) {
            return true;
        }
        rest = behind.trim_start_matches([' ', '\t', ',']);
    }
    false
}

#[cfg(test)]
mod tests {
    use http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE};
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Condition, evaluate, range_applies};

    const ETAG: &str = "\"abc\"";

    fn headers(fields: &[(HeaderName, &'static str)]) -> HeaderMap {
        let fields = fields.iter().cloned();
        fields.map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn conditions() {
        let check = |fields: &[(HeaderName, &'static str)], expected: Condition| {
            assert_eq!(evaluate(&headers(fields), ETAG), expected, "{fields:?}");
        };
        check(&[], Condition::Holds);
        check(&[(IF_NONE_MATCH, "\"abc\"")], Condition::NotModified);
        check(&[(IF_NONE_MATCH, "W/\"abc\"")], Condition::NotModified);
        check(&[(IF_NONE_MATCH, "*")], Condition::NotModified);
        check(&[(IF_NONE_MATCH, " \"x\" , W/\"y\",\"abc\"")], Condition::NotModified);
        check(&[(IF_NONE_MATCH, "\"x,\", \"abc\"")], Condition::NotModified);
        check(&[(IF_NONE_MATCH, "\"abcd\"")], Condition::Holds);
        check(&[(IF_NONE_MATCH, "abc")], Condition::Holds);
        check(&[(IF_NONE_MATCH, "\"abc")], Condition::Holds);
        check(&[(IF_NONE_MATCH, "")], Condition::Holds);
        check(&[(IF_MATCH, "\"abc\"")], Condition::Holds);
        check(&[(IF_MATCH, "*")], Condition::Holds);
        check(&[(IF_MATCH, "W/\"abc\"")], Condition::Failed);
        check(&[(IF_MATCH, "\"x\"")], Condition::Failed);
        check(&[(IF_MATCH, "")], Condition::Failed);
        check(&[(IF_MATCH, "\"x\""), (IF_NONE_MATCH, "\"abc\"")], Condition::Failed);
        check(&[(IF_MATCH, "\"abc\""), (IF_NONE_MATCH, "\"abc\"")], Condition::NotModified);
    }

    #[test]
    fn several_fields_of_one_name_are_one_list() {
        let mut headers = headers(&[(IF_NONE_MATCH, "\"x\"")]);
        headers.append(IF_NONE_MATCH, HeaderValue::from_static(ETAG));
        assert_eq!(evaluate(&headers, ETAG), Condition::NotModified);
    }

    #[test]
    fn if_range() {
        let check = |field: Option<&'static str>, expected: bool| {
            let fields: Vec<_> = field.map(|value| (IF_RANGE, value)).into_iter().collect();
            assert_eq!(range_applies(&headers(&fields), ETAG), expected, "{field:?}");
        };
        check(None, true);
        check(Some("\"abc\""), true);
        check(Some("W/\"abc\""), false);
        check(Some("\"x\""), false);
        check(Some("Sat, 29 Oct 1994 19:43:31 GMT"), false);
    }
}
