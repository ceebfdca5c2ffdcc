//! Request paths, decoded once and only once.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Longest request path, in bytes, before decoding.
pub const PATH_LIMIT_BYTES: usize = 8 * 1024;
/// Most segments of a request path.
pub const PATH_SEGMENT_LIMIT: usize = 64;

/// Why a path was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Does not begin with a slash.
    #[error("the path does not begin with '/'")]
    NotAbsolute,
    /// Over [`PATH_LIMIT_BYTES`].
    #[error("the path is longer than {PATH_LIMIT_BYTES} bytes")]
    TooLong,
    /// Over [`PATH_SEGMENT_LIMIT`].
    #[error("the path has more than {PATH_SEGMENT_LIMIT} segments")]
    TooDeep,
    /// An empty, `.` or `..` segment, plain or encoded.
    #[error("the path has an empty, '.' or '..' segment")]
    DotSegment,
    /// A slash, backslash or control character hidden by encoding, or a plain one of the latter.
    #[error("the path has a slash, backslash or control character inside a segment")]
    HiddenSeparator,
    /// A broken percent escape, or bytes that are not UTF-8.
    #[error("the path has a broken escape or is not UTF-8")]
    BadEscape,
}

/// A request path split at its slashes, each segment then percent-decoded exactly once.
///
/// Splitting comes first, so no encoding of a slash can move a boundary; a segment that decodes to
/// something with a separator, a control character or a dot segment is refused. There is therefore
/// one reading of every path, and authorization and routing share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<'a> {
    /// The decoded segments.
    pub segments: Vec<Cow<'a, str>>,
    /// Whether the path ended in a slash (or was just one).
    pub trailing_slash: bool,
}

impl<'a> Path<'a> {
    /// Splits and decodes the path of a request target, without its query.
    pub fn parse(raw: &'a str) -> Result<Self, PathError> {
        if raw.len() > PATH_LIMIT_BYTES {
            return Err(PathError::TooLong);
        }
        let relative = raw.strip_prefix('/').ok_or(PathError::NotAbsolute)?;
        if relative.is_empty() {
            return Ok(Self { segments: Vec::new(), trailing_slash: true });
        }
        let (relative, trailing_slash) = match relative.strip_suffix('/') {
            Some(stripped) => (stripped, true),
            None => (relative, false),
        };
        let mut segments = Vec::with_capacity(6);
        for segment in relative.split('/') {
            if segments.len() == PATH_SEGMENT_LIMIT {
                return Err(PathError::TooDeep);
            }
            segments.push(decode_segment(segment)?);
        }
        Ok(Self { segments, trailing_slash })
    }
}

fn decode_segment(raw: &str) -> Result<Cow<'_, str>, PathError> {
    if !escapes_are_whole(raw) {
        return Err(PathError::BadEscape);
    }
    let decoded = percent_decode_str(raw).decode_utf8().map_err(|_| PathError::BadEscape)?;
    if matches!(&*decoded, "" | "." | "..") {
        return Err(PathError::DotSegment);
    }
    if decoded.chars().any(|c| c.is_control() || matches!(c, '/' | '\\')) {
        return Err(PathError::HiddenSeparator);
    }
    Ok(decoded)
}

fn escapes_are_whole(raw: &str) -> bool {
    raw.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes();
        digits.len() >= 2 && digits[0].is_ascii_hexdigit() && digits[1].is_ascii_hexdigit()
    })
}

#[cfg(test)]
mod tests {
    use super::{PATH_LIMIT_BYTES, Path, PathError};

    #[test]
    fn paths() {
        let check = |raw: &str, expected: Result<(&[&str], bool), PathError>| {
            let parsed = Path::parse(raw);
            let parsed = parsed.as_ref().map_err(|error| *error).map(|path| {
                let segments: Vec<&str> = path.segments.iter().map(AsRef::as_ref).collect();
                (segments, path.trailing_slash)
            });
            assert_eq!(parsed, expected.map(|(s, slash)| (s.to_vec(), slash)), "{raw:?}");
        };
        check("/", Ok((&[], true)));
        check("/main/a/b/", Ok((&["main", "a", "b"], true)));
        check("/main/a%20b", Ok((&["main", "a b"], false)));
        check("/m%61in/x", Ok((&["main", "x"], false)));
        check("/%256d", Ok((&["%6d"], false)));
        check("main", Err(PathError::NotAbsolute));
        check("", Err(PathError::NotAbsolute));
        check("//", Err(PathError::DotSegment));
        check("/main//x", Err(PathError::DotSegment));
        check("/main/../x", Err(PathError::DotSegment));
        check("/main/%2e%2E/x", Err(PathError::DotSegment));
        check("/main/%2e/x", Err(PathError::DotSegment));
        check("/main%2Fprivate/x", Err(PathError::HiddenSeparator));
        check("/main/%2F%2F/x", Err(PathError::HiddenSeparator));
        check("/main/%5c/x", Err(PathError::HiddenSeparator));
        check("/main/a\\b", Err(PathError::HiddenSeparator));
        check("/main/%00", Err(PathError::HiddenSeparator));
        check("/main/%0d%0aX:y", Err(PathError::HiddenSeparator));
        check("/main/%zz", Err(PathError::BadEscape));
        check("/main/%2", Err(PathError::BadEscape));
        check("/main/%ff", Err(PathError::BadEscape));
        check("/main/%C3%A4", Ok((&["main", "ä"], false)));
        check(&format!("/{}", "a/".repeat(65)), Err(PathError::TooDeep));
        check(&format!("/{}", "a".repeat(PATH_LIMIT_BYTES)), Err(PathError::TooLong));
    }
}
