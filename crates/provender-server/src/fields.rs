//! Header fields that an ecosystem chose.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use provender_domain::Problem;

/// Under which bytes go out whose type cannot be written in a header.
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A media type, which may have come from a stranger's document.
pub(crate) fn media_type(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(BYTES)
}

/// Sets fields, names in lower case. A value with a line's end in it, or another character that a
/// field cannot have, is our own fault: whoever made it had to check it.
pub(crate) fn set<'a>(
    headers: &mut HeaderMap,
    fields: impl IntoIterator<Item = (&'static str, Cow<'a, str>)>,
) -> Result<(), Problem> {
    for (name, value) in fields {
        let value = match value {
            Cow::Borrowed(value) => HeaderValue::from_str(value),
            Cow::Owned(value) => HeaderValue::try_from(value),
        };
        let value = value.map_err(|error| Problem::internal(&error))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use provender_domain::ProblemCode;

    use super::{media_type, set};

    #[test]
    fn media_types() {
        let check = |text: &str, expected: &str| assert_eq!(media_type(text), expected, "{text:?}");
        check("application/vnd.example.v1+json", "application/vnd.example.v1+json");
        check("text/plain\r\nSet-Cookie: a=b", "application/octet-stream");
        check("text/\0", "application/octet-stream");
    }

    #[test]
    fn what_is_chosen_takes_the_place_of_what_was_there() {
        let mut headers = HeaderMap::new();
        set(&mut headers, [("vary", "a".into()), ("x-own", "b".to_owned().into())]).unwrap();
        set(&mut headers, [("vary", "c".into())]).unwrap();
        let found: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
        assert_eq!(found, [("vary", &"c".parse().unwrap()), ("x-own", &"b".parse().unwrap())]);
        for wrong in ["a\r\nb: c", "a\nb", "\0"] {
            let problem = set(&mut headers, [("x-own", wrong.into())]).unwrap_err();
            assert_eq!(problem.code, ProblemCode::Internal, "{wrong:?}");
            let owned = [("x-own", wrong.to_owned().into())];
            assert!(set(&mut headers, owned).is_err(), "{wrong:?}");
        }
    }
}
