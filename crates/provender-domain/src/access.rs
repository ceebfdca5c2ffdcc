//! Who may do what.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::PackageName;

/// What a token allows; each scope includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read indexes and files.
    Read,
    /// Publish and yank.
    Publish,
    /// Everything else: tokens, names, upstreams, deletion, release from quarantine.
    Admin,
}

impl Scope {
    /// `read`, `publish` or `admin`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Publish => "publish",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "read" => Ok(Self::Read),
            "publish" => Ok(Self::Publish),
            "admin" => Ok(Self::Admin),
            _ => Err("a scope is read, publish or admin"),
        }
    }
}

/// A token's public part: safe to print, to log and to revoke by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenId(pub String);

impl fmt::Display for TokenId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Who does something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Actor {
    /// Nobody said who they are.
    Anonymous,
    /// The bearer of a token.
    Token {
        /// Its public part.
        id: TokenId,
        /// What its maker called it.
        name: String,
    },
    /// Whoever can read the data directory, by the command line.
    Operator,
    /// The server itself, in the background.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::Token { id, name } => write!(formatter, "token {name} ({id})"),
            Self::Operator => formatter.write_str("operator"),
            Self::System => formatter.write_str("system"),
        }
    }
}

/// Which names of an ecosystem are meant: one, those with a prefix, or all.
///
/// Written `name`, `prefix*` or `*`. The ecosystem normalizes the text before it gets here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NamePattern {
    /// This name.
    Exact(String),
    /// Every name that begins so; the empty prefix means every name.
    Prefix(String),
}

/// The text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name pattern is a name, or a prefix followed by one '*' at its end")]
pub struct NamePatternError;

impl NamePattern {
    /// Reads `name`, `prefix*` or `*`.
    pub fn new(text: &str) -> Result<Self, NamePatternError> {
        let printable = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if text.is_empty() || text.len() > crate::name::PACKAGE_NAME_LIMIT_BYTES || !printable {
            return Err(NamePatternError);
        }
        match text.split_once('*') {
            None => Ok(Self::Exact(text.to_owned())),
            Some((prefix, "")) => Ok(Self::Prefix(prefix.to_owned())),
            Some(_) => Err(NamePatternError),
        }
    }

    /// Whether the pattern means this name.
    pub fn matches(&self, name: &PackageName) -> bool {
        match self {
            Self::Exact(exact) => name.as_str() == exact,
            Self::Prefix(prefix) => name.as_str().starts_with(prefix.as_str()),
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(exact) => formatter.write_str(exact),
            Self::Prefix(prefix) => write!(formatter, "{prefix}*"),
        }
    }
}

impl TryFrom<String> for NamePattern {
    type Error = NamePatternError;

    fn try_from(text: String) -> Result<Self, NamePatternError> {
        Self::new(&text)
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{NamePattern, Scope};
    use crate::PackageName;

    #[test]
    fn patterns() {
        let check = |pattern: &str, name: &str, expected: Option<bool>| {
            let name = PackageName::new(name).unwrap();
            let matched = NamePattern::new(pattern).ok().map(|pattern| pattern.matches(&name));
            assert_eq!(matched, expected, "{pattern:?} on {name:?}");
        };
        check("demo", "demo", Some(true));
        check("demo", "demo-2", Some(false));
        check("demo*", "demo-2", Some(true));
        check("acme-*", "acme", Some(false));
        check("*", "anything", Some(true));
        check("a*b", "ab", None);
        check("", "ab", None);
        check("a b", "ab", None);
    }

    #[test]
    fn scopes_include_lesser_ones() {
        assert!(Scope::Admin > Scope::Publish && Scope::Publish > Scope::Read);
        for scope in [Scope::Read, Scope::Publish, Scope::Admin] {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
        assert!("root".parse::<Scope>().is_err());
    }
}
