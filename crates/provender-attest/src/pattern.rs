//! Which identities and issuers are expected: one, or all that fit a pattern.
//!
//! A pattern is a text in which `*` stands for any run of characters. It always covers the whole
//! value. Regular expressions are not offered: a dot that was not escaped and an end that was not
//! anchored have let strangers' repositories through elsewhere, and no signature says so.

use std::fmt;

/// Longest pattern, in bytes.
pub const PATTERN_LIMIT_BYTES: usize = 1024;

/// What a certificate's identity or issuer is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// Exactly this.
    Exact(String),
    /// `*` stands for any run of characters, the empty one too.
    Wildcard(String),
}

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than [`PATTERN_LIMIT_BYTES`].
    #[error("a pattern has at most {PATTERN_LIMIT_BYTES} bytes")]
    TooLong,
    /// Nothing but `*`: it would accept everybody.
    #[error("this pattern accepts everybody; leave it out if that is meant")]
    AcceptsAll,
}

impl Pattern {
    /// A pattern in which `*` stands for any run of characters.
    pub fn wildcard(pattern: &str) -> Result<Self, PatternError> {
        if pattern.len() > PATTERN_LIMIT_BYTES {
            return Err(PatternError::TooLong);
        }
        if pattern.bytes().all(|byte| byte == b'*') {
            return Err(PatternError::AcceptsAll);
        }
        Ok(Self::Wildcard(pattern.to_owned()))
    }

    /// Whether an identity fits. A pattern of e-mail addresses, such as `*@example.com`, fits no URI:
    /// whoever may name a branch says how the URI of a workflow ends.
    pub fn matches_identity(&self, identity: &str) -> bool {
        let is_of_addresses =
            matches!(self, Self::Wildcard(text) if text.contains('@') && !text.contains('/'));
        !(is_of_addresses && identity.contains("://")) && self.matches(identity)
    }

    /// Whether the whole value fits.
    pub fn matches(&self, value: &str) -> bool {
        match self {
            Self::Exact(expected) => expected == value,
            Self::Wildcard(pattern) => fits(pattern, value),
        }
    }
}

/// Each part between stars is looked for where the last one ended: the leftmost place is always
/// right for all but the last part, which must be the end.
fn fits(pattern: &str, value: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == value };
    let Some(mut remaining) = value.strip_prefix(first) else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|part| !part.is_empty()) {
        match remaining.split_once(part) {
            Some((_, after)) => remaining = after,
            None => return false,
        }
    }
    remaining.ends_with(last)
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) | Self::Wildcard(text) => formatter.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PATTERN_LIMIT_BYTES, Pattern, PatternError};

    #[test]
    fn patterns_of_addresses_fit_no_uri() {
        let check = |pattern: &str, identity: &str, expected: bool| {
            let pattern = Pattern::wildcard(pattern).unwrap();
            assert_eq!(pattern.matches_identity(identity), expected, "{pattern} on {identity}");
        };
        let workflow = "https://ci.example/evil/repo/x.yml@refs/heads/x@example.com";
        check("*@example.com", "ann@example.com", true);
        check("*@example.com", workflow, false);
        check("https://ci.example/evil/*", workflow, true);
    }

    #[test]
    fn wildcards_cover_the_whole_value() {
        let check = |pattern: &str, value: &str, expected: bool| {
            let pattern = Pattern::wildcard(pattern).unwrap();
            assert_eq!(pattern.matches(value), expected, "{pattern} on {value}");
        };
        check("https://ci.example/acme/*", "https://ci.example/acme/app", true);
        check("https://ci.example/acme/*", "https://ci.example/acme/", true);
        check("https://ci.example/acme/*", "https://ci.example/acmes/app", false);
        check("https://ci.example/acme/*", "https://evil.example/https://ci.example/acme/", false);
        check("https://ci.example/*/app", "https://ci.exampleX/a/app", false);
        check("*@example.com", "ann@example.com", true);
        check("*@example.com", "ann@example.com.evil.example", false);
        check("*@example.com", "ann@exampleXcom", false);
        check("a*b*c", "abc", true);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "acb", false);
        check("a*a", "a", false);
        check("ab*ba", "aba", false);
        check("**a**", "bab", true);
        check("plain", "plain", true);
        check("plain", "plainer", false);
    }

    #[test]
    fn patterns_that_say_nothing_are_refused() {
        let check = |pattern: &str, expected: PatternError| {
            assert_eq!(Pattern::wildcard(pattern), Err(expected));
        };
        check("", PatternError::AcceptsAll);
        check("*", PatternError::AcceptsAll);
        check("***", PatternError::AcceptsAll);
        check(&"a".repeat(PATTERN_LIMIT_BYTES + 1), PatternError::TooLong);
    }

    #[test]
    fn exact_is_exact() {
        let exact = Pattern::Exact("a*".to_owned());
        assert_eq!((exact.matches("a*"), exact.matches("ab")), (true, false));
    }
}
