//! Patterns over texts that are no names: identities, tags.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest pattern, in bytes.
const PATTERN_LIMIT_BYTES: usize = 512;

/// A text in which each `*` stands for any characters, none included. All else stands for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TextPattern(String);

impl TextPattern {
    /// Takes a pattern; refuses empty and overlong ones and control characters.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > PATTERN_LIMIT_BYTES {
            return Err("a pattern has 1 to 512 bytes");
        }
        if text.chars().any(char::is_control) {
            return Err("a pattern has no control characters");
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole text is of this pattern. Takes time in proportion to both.
    pub fn matches(&self, text: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            let Some((_, behind)) = rest.split_once(piece) else { return false };
            rest = behind;
        }
        rest.ends_with(last)
    }
}

impl TextPattern {
    /// Whether an identity is of this pattern. One of e-mail addresses, such as `*@example.com`, is of
    /// no URI: whoever may name a branch says how the URI of a workflow ends.
    pub fn matches_identity(&self, identity: &str) -> bool {
        let is_of_addresses = self.0.contains('@') && !self.0.contains('/');
        !(is_of_addresses && identity.contains("://")) && self.matches(identity)
    }
}

impl fmt::Display for TextPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for TextPattern {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl std::str::FromStr for TextPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl From<TextPattern> for String {
    fn from(pattern: TextPattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::TextPattern;

    #[test]
    fn identities() {
        let check = |pattern: &str, identity: &str, expected: bool| {
            let matches = TextPattern::new(pattern).unwrap().matches_identity(identity);
            assert_eq!(matches, expected, "{pattern:?} on {identity:?}");
        };
        let workflow = "https://ci.example/evil/repo/x.yml@refs/heads/x@example.com";
        check("*@example.com", "ann@example.com", true);
        check("*@example.com", workflow, false);
        check("https://ci.example/evil/*", workflow, true);
        check("*x.yml@refs/heads/*", workflow, true);
        check("*", workflow, true);
    }

    #[test]
    fn matches() {
        let check = |pattern: &str, text: &str, expected: bool| {
            let matches = TextPattern::new(pattern).unwrap().matches(text);
            assert_eq!(matches, expected, "{pattern:?} on {text:?}");
        };
        check("a", "a", true);
        check("a", "ab", false);
        check("a", "", false);
        check("*", "", true);
        check("*", "anything", true);
        check("v*", "v1", true);
        check("v*", "v", true);
        check("v*", "1v", false);
        check("*-rc", "1-rc", true);
        check("*-rc", "1-rc2", false);
        check("a*b*c", "abc", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "ac", false);
        check("a*a", "a", false);
        check("ab*ba", "aba", false);
        check("**", "x", true);
        check(
            "https://ci.example/team/*@refs/heads/main",
            "https://ci.example/team/app@refs/heads/main",
            true,
        );
        check(
            "https://ci.example/team/*@refs/heads/main",
            "https://ci.example/other/app@refs/heads/main",
            false,
        );
    }

    #[test]
    fn what_is_no_pattern() {
        for text in ["", "a\nb", &"a".repeat(513)] {
            assert!(TextPattern::new(text).is_err(), "{text:?}");
        }
    }
}
