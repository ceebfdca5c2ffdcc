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
