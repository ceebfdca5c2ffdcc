//! Package URLs (ECMA-427): `pkg:type/namespace/name@version?key=value`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Longest package URL that is read, in bytes.
pub const PURL_LIMIT_BYTES: usize = 4096;

/// What stands in a package URL as it is (ECMA-427, 5.4): everything else is percent-encoded.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// The qualifier that names one file of a version.
const FILE_NAME: &str = "file_name";

/// A package URL in its parts, each decoded. Its [`fmt::Display`] is the one canonical form of
/// what it holds; whether names are normal is for the type's ecosystem to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Purl {
    /// The type, in small letters: an ecosystem's id.
    pub kind: String,
    /// What stands before the name, segments joined by `/`.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The version.
    pub version: Option<String>,
    /// The qualifiers, by key.
    pub qualifiers: BTreeMap<String, String>,
}

/// Why a text is no package URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PurlError {
    /// Over [`PURL_LIMIT_BYTES`].
    #[error("a package URL has at most {PURL_LIMIT_BYTES} bytes")]
    TooLong,
    /// Does not begin with `pkg:`.
    #[error("a package URL begins with pkg:")]
    WrongScheme,
    /// Has no type, or one of other characters than letters, digits, `.` and `-`.
    #[error("a package URL has a type behind pkg: such as pkg:generic/name")]
    WrongType,
    /// Has no name.
    #[error("a package URL has a name behind its type")]
    NoName,
    /// A broken escape, bytes that are not UTF-8, or an empty part.
    #[error("a part of the package URL is empty, or not percent-encoded as it must be")]
    BadPart,
    /// Names something inside a package, which nothing here is known by.
    #[error("a package URL with a subpath names no package or file")]
    Subpath,
}

impl Purl {
    /// Of this type and name; a name with slashes has its namespace in front of the last one.
    pub fn new(kind: &str, name: &str) -> Self {
        let (namespace, name) = match name.rsplit_once('/') {
            Some((namespace, name)) => (Some(namespace.to_owned()), name),
            None => (None, name),
        };
        Self {
            kind: kind.to_ascii_lowercase(),
            namespace,
            name: name.to_owned(),
            version: None,
            qualifiers: BTreeMap::new(),
        }
    }

    /// Of one version.
    #[must_use]
    pub fn with_version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// Of one file.
    #[must_use]
    pub fn with_file_name(mut self, file_name: &str) -> Self {
        self.qualifiers.insert(FILE_NAME.to_owned(), file_name.to_owned());
        self
    }

    /// Namespace and name, joined by `/`.
    pub fn full_name(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{namespace}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The file that it names, if it names one.
    pub fn file_name(&self) -> Option<&str> {
        self.qualifiers.get(FILE_NAME).map(String::as_str)
    }
}

impl fmt::Display for Purl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = |text| utf8_percent_encode(text, ENCODED);
        write!(formatter, "pkg:{}", self.kind)?;
        for segment in self.namespace.iter().flat_map(|namespace| namespace.split('/')) {
            write!(formatter, "/{}", encoded(segment))?;
        }
        write!(formatter, "/{}", encoded(&self.name))?;
        if let Some(version) = &self.version {
            write!(formatter, "@{}", encoded(version))?;
        }
        for (index, (key, value)) in self.qualifiers.iter().enumerate() {
            let before = if index == 0 { '?' } else { '&' };
            write!(formatter, "{before}{key}={}", encoded(value))?;
        }
        Ok(())
    }
}

impl FromStr for Purl {
    type Err = PurlError;

    fn from_str(text: &str) -> Result<Self, PurlError> {
        if text.len() > PURL_LIMIT_BYTES {
            return Err(PurlError::TooLong);
        }
        let (scheme, rest) = text.split_once(':').ok_or(PurlError::WrongScheme)?;
        if !scheme.eq_ignore_ascii_case("pkg") {
            return Err(PurlError::WrongScheme);
        }
        if rest.contains('#') {
            return Err(PurlError::Subpath);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, path) = path.trim_matches('/').split_once('/').ok_or(PurlError::NoName)?;
        if !is_type(kind) {
            return Err(PurlError::WrongType);
        }
        let (path, version) = split_version(path);
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decoded)
            .collect::<Result<_, _>>()?;
        let (name, namespace) = segments.split_last().ok_or(PurlError::NoName)?;
        Ok(Self {
            kind: kind.to_ascii_lowercase(),
            namespace: (!namespace.is_empty()).then(|| namespace.join("/")),
            name: name.clone(),
            version: version.map(decoded).transpose()?,
            qualifiers: qualifiers(query)?,
        })
    }
}

fn is_type(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
}

/// The last `@` begins the version, unless a name follows it: an old way to write scopes.
fn split_version(path: &str) -> (&str, Option<&str>) {
    match path.rsplit_once('@') {
        Some((path, version)) if !path.is_empty() && !version.contains('/') => {
            (path, Some(version))
        }
        _ => (path, None),
    }
}

/// A part as it is meant: nothing empty, and no separator hidden by its encoding.
fn decoded(part: &str) -> Result<String, PurlError> {
    let text = percent_decode_str(part).decode_utf8().map_err(|_| PurlError::BadPart)?;
    if text.is_empty() || text.chars().any(|c| c.is_control() || c == '/') {
        return Err(PurlError::BadPart);
    }
    Ok(text.into_owned())
}

/// Keys in small letters; a key without a value counts as not there.
fn qualifiers(query: &str) -> Result<BTreeMap<String, String>, PurlError> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let is_key = |key: &str| {
        key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    let mut qualifiers = BTreeMap::new();
    for (key, value) in pairs.filter(|(_, value)| !value.is_empty()) {
        if key.is_empty() || !is_key(key) {
            return Err(PurlError::BadPart);
        }
        let value = percent_decode_str(value).decode_utf8().map_err(|_| PurlError::BadPart)?;
        qualifiers.insert(key.to_ascii_lowercase(), value.into_owned());
    }
    Ok(qualifiers)
}

#[cfg(test)]
mod tests;
