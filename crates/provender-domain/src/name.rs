//! Names that have been checked once, where they entered.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a name was refused. The message names the rule, never echoes unprintable input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("a {what} must not be empty")]
    Empty {
        /// Which kind of name.
        what: &'static str,
    },
    /// Longer than the kind allows.
    #[error("a {what} may be at most {limit_bytes} bytes long, this one has {actual_bytes}")]
    TooLong {
        /// Which kind of name.
        what: &'static str,
        /// The limit, in bytes.
        limit_bytes: usize,
        /// What was given, in bytes.
        actual_bytes: usize,
    },
    /// Has a character, or starts or ends with one, that the kind forbids.
    #[error("not a valid {what}: {rule}")]
    Malformed {
        /// Which kind of name.
        what: &'static str,
        /// The rule that was broken, in words.
        rule: &'static str,
    },
}

/// Longest package name that any ecosystem may use, in bytes (OCI names reach 255).
pub const PACKAGE_NAME_LIMIT_BYTES: usize = 255;
/// Longest tag, in bytes (OCI distribution specification 1.1, "Pulling manifests").
pub const TAG_LIMIT_BYTES: usize = 128;
/// Longest version text, in bytes.
pub const VERSION_LIMIT_BYTES: usize = 255;
/// Longest file name, in bytes: what common file systems take for one path segment.
pub const FILE_NAME_LIMIT_BYTES: usize = 255;
/// Longest repository or upstream name, in bytes.
pub const REPOSITORY_NAME_LIMIT_BYTES: usize = 64;

fn check_length(what: &'static str, text: &str, limit_bytes: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > limit_bytes {
        return Err(NameError::TooLong { what, limit_bytes, actual_bytes: text.len() });
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(Arc<str>);

        impl $type {
            const WHAT: &'static str = $what;

            /// The text, as checked.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, formatter)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl std::str::FromStr for $type {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0.as_ref().to_owned()
            }
        }
    };
}

name!(
    /// A repository: a trust boundary, and the first segment of its URLs. Lower-case letters,
    /// digits, `-`, `_` and `.`, beginning with a letter or digit; `v2` is taken by containers.
    RepositoryName,
    "repository name"
);

name!(
    /// The operator's name for one upstream of a repository; same alphabet as [`RepositoryName`].
    UpstreamName,
    "upstream name"
);

name!(
    /// A package's name in its ecosystem's normal form. Two spellings of one package are one value.
    PackageName,
    "package name"
);

name!(
    /// A version's text in its ecosystem's normal form. Ordering is the ecosystem's business.
    Version,
    "version"
);

name!(
    /// A name that points to one file of a package at a time and may be moved to another: `latest`.
    Tag,
    "tag"
);

name!(
    /// A file's name: one path segment, safe to put into a URL, a header and a file system.
    FileName,
    "file name"
);

fn check_slug(what: &'static str, text: &str) -> Result<(), NameError> {
    check_length(what, text, REPOSITORY_NAME_LIMIT_BYTES)?;
    let rule = "lower-case letters, digits, '-', '_' and '.', beginning with a letter or digit";
    let first_is_alphanumeric =
        text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let all_allowed = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'));
    if first_is_alphanumeric && all_allowed {
        return Ok(());
    }
    Err(NameError::Malformed { what, rule })
}

impl RepositoryName {
    /// Checks the alphabet and the reserved word.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_slug(Self::WHAT, text)?;
        if text == "v2" {
            return Err(NameError::Malformed {
                what: Self::WHAT,
                rule: "'v2' is reserved for containers",
            });
        }
        Ok(Self(text.into()))
    }
}

impl UpstreamName {
    /// Checks the alphabet.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_slug(Self::WHAT, text)?;
        Ok(Self(text.into()))
    }
}

/// What a terminal obeys, or what makes a text look like another on screen: control characters, line
/// and paragraph separators, zero-width characters, and the bidirectional marks, overrides and
/// isolates.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

impl PackageName {
    /// Takes a name that its ecosystem has already normalized; refuses what no ecosystem allows:
    /// control characters, white space, backslashes, and empty, `.` or `..` segments.
    pub fn new(normalized: &str) -> Result<Self, NameError> {
        check_length(Self::WHAT, normalized, PACKAGE_NAME_LIMIT_BYTES)?;
        if normalized.chars().any(|c| is_deceptive(c) || c.is_whitespace() || c == '\\') {
            let rule = "control characters, white space and backslashes are not allowed";
            return Err(NameError::Malformed { what: Self::WHAT, rule });
        }
        if normalized.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            let rule = "segments must not be empty, '.' or '..'";
            return Err(NameError::Malformed { what: Self::WHAT, rule });
        }
        Ok(Self(normalized.into()))
    }
}

impl Version {
    /// Takes a version that its ecosystem has already normalized; refuses control characters,
    /// white space and path separators.
    pub fn new(normalized: &str) -> Result<Self, NameError> {
        check_length(Self::WHAT, normalized, VERSION_LIMIT_BYTES)?;
        if normalized
            .chars()
            .any(|c| is_deceptive(c) || c.is_whitespace() || matches!(c, '/' | '\\'))
        {
            let rule = "control characters, white space and path separators are not allowed";
            return Err(NameError::Malformed { what: Self::WHAT, rule });
        }
        Ok(Self(normalized.into()))
    }
}

impl Tag {
    /// The order of lists of tags: letters are alike in either case, and bytes decide where that
    /// leaves two the same (OCI distribution specification 1.1, "Listing Tags").
    pub fn compare(one: &str, other: &str) -> Ordering {
        let (folded, others) = (one.bytes(), other.bytes());
        let [folded, others] = [folded, others].map(|bytes| bytes.map(|b| b.to_ascii_lowercase()));
        folded.cmp(others).then_with(|| one.cmp(other))
    }

    /// Takes a tag that its ecosystem has already checked; refuses control characters, white space
    /// and path separators.
    pub fn new(checked: &str) -> Result<Self, NameError> {
        check_length(Self::WHAT, checked, TAG_LIMIT_BYTES)?;
        if checked.chars().any(|c| is_deceptive(c) || c.is_whitespace() || matches!(c, '/' | '\\'))
        {
            let rule = "control characters, white space and path separators are not allowed";
            return Err(NameError::Malformed { what: Self::WHAT, rule });
        }
        Ok(Self(checked.into()))
    }
}

impl FileName {
    /// Refuses what is unsafe as one path segment: separators, `.` and `..`, control characters,
    /// and a leading `-` or `~` that a shell would misread.
    pub fn new(text: &str) -> Result<Self, NameError> {
        check_length(Self::WHAT, text, FILE_NAME_LIMIT_BYTES)?;
        if text.chars().any(|c| is_deceptive(c) || matches!(c, '/' | '\\')) {
            let rule = "control characters and path separators are not allowed";
            return Err(NameError::Malformed { what: Self::WHAT, rule });
        }
        if matches!(text, "." | "..") || text.starts_with(['-', '~']) {
            let rule = "must not be '.' or '..' nor begin with '-' or '~'";
            return Err(NameError::Malformed { what: Self::WHAT, rule });
        }
        Ok(Self(text.into()))
    }
}

/// One of the compiled-in ecosystems, by its purl type (`pypi`, `npm`, `oci`, …).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct EcosystemId(&'static str);

impl EcosystemId {
    /// For an ecosystem's own crate; everybody else asks the list of registered ecosystems.
    pub const fn new(purl_type: &'static str) -> Self {
        Self(purl_type)
    }

    /// The purl type.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for EcosystemId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl fmt::Debug for EcosystemId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

#[cfg(test)]
mod tests;
