//! What a caller wants of an answer, beside its body.

use reqwest::header::HeaderMap;

/// The longest value of a wanted field, in bytes: a link to a next page carries a cursor.
const VALUE_BYTES_MAX: usize = 8 * 1024;
/// Values of one name that are handed back.
const VALUES_MAX: usize = 16;

/// What is asked for, beside the URL. Made from an `Accept` alone where that is all.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The `Accept`.
    pub accept: &'a str,
    /// The names of header fields that are to be handed back, in any case.
    pub fields: &'a [&'a str],
    /// What the request is about, in the caller's own words, such as the name of what is fetched.
    ///
    /// Where the upstream asked for a token when this was last asked for, that token is shown at
    /// once, which saves a refusal for each request. Without, every request first shows the
    /// upstream's credentials or none. It says nothing to the upstream.
    pub realm_key: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    /// An answer of these media types, and nothing else of it.
    pub const fn accepting(accept: &'a str) -> Self {
        Self { accept, fields: &[], realm_key: None }
    }
}

impl<'a> From<&'a str> for Wanted<'a> {
    fn from(accept: &'a str) -> Self {
        Self::accepting(accept)
    }
}

/// What became of a request for the head of an answer.
#[derive(Clone, Debug)]
pub enum Head {
    /// It exists.
    Found {
        /// The header fields that were asked for.
        fields: Fields,
    },
    /// It does not exist. Only this means so; everything else is an error.
    Missing {
        /// 404 or 410.
        status: u16,
    },
}

/// Header fields of an answer: those that were asked for, are text, and have an honest length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn of(headers: &HeaderMap, wanted: &[&str]) -> Self {
        let values = |name: &str| {
            let name = name.to_ascii_lowercase();
            let texts = headers.get_all(&name).iter().take(VALUES_MAX);
            let texts = texts.filter_map(|value| value.to_str().ok());
            let short = texts.filter(|text| text.len() <= VALUE_BYTES_MAX);
            short.map(|text| (name.clone(), text.to_owned())).collect::<Vec<_>>()
        };
        Self(wanted.iter().flat_map(|name| values(name)).collect())
    }

    /// The first value of the field of this name, in any case.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every value of the field of this name, in any case, as they came.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let of_name = self.0.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn fields_that_are_wanted_and_honest() {
        let mut headers = HeaderMap::new();
        let mut put = |name: &'static str, value: &[u8]| {
            let value = HeaderValue::from_bytes(value).expect("a value");
            headers.append(HeaderName::from_static(name), value);
        };
        put("link", b"</a>; rel=\"next\"");
        put("link", b"</b>");
        put("other", b"not wanted");
        put("binary", b"\xff");
        put("long", &[b'x'; VALUE_BYTES_MAX + 1]);
        put("just", &[b'x'; VALUE_BYTES_MAX]);
        for _ in 0..=VALUES_MAX {
            put("many", b"x");
        }
        let wanted = ["Link", "BINARY", "long", "just", "many", "absent", "no name\n"];
        let fields = Fields::of(&headers, &wanted);
        let check = |name: &str, count: usize, first: Option<&str>| {
            assert_eq!(fields.all(name).count(), count, "{name}");
            assert_eq!(fields.first(name).map(|text| &text[..1]), first, "{name}");
        };
        check("link", 2, Some("<"));
        check("LINK", 2, Some("<"));
        check("other", 0, None);
        check("binary", 0, None);
        check("long", 0, None);
        check("just", 1, Some("x"));
        check("many", VALUES_MAX, Some("x"));
        check("absent", 0, None);
        check("no name\n", 0, None);
    }
}
