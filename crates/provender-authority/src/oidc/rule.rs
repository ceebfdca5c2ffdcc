//! Who of an issuer's people and machines may have a certificate.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Claims;

/// The longest pattern.
const PATTERN_LIMIT_BYTES: usize = 512;
/// The longest claim that a pattern is held against; longer ones match nothing.
const MATCHED_LIMIT_BYTES: usize = 4096;

/// Conditions on claims, all of which must hold: `repository = "acme/*"`, `ref = "refs/tags/**"`.
///
/// A claim that is a list holds if any of its elements does. A claim that is missing never holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Pattern>", into = "BTreeMap<String, Pattern>")]
pub struct ClaimRule(BTreeMap<String, Pattern>);

/// A pattern for a claim's text: `*` stands for anything but `/`, `**` for anything at all.
///
/// All else is compared exactly; there is no way to write a literal star.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    source: String,
    tokens: Vec<Token>,
}

/// Why something is no rule.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It has no condition, and would let everybody in.
    #[error(
        "a rule without a condition would allow everybody: write sub = \"**\" if that is meant"
    )]
    NoCondition,
    /// A pattern is longer than `PATTERN_LIMIT_BYTES`.
    #[error("a pattern has at most {PATTERN_LIMIT_BYTES} bytes")]
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    WithinSegment,
    Anything,
}

impl ClaimRule {
    /// A rule of these conditions, of which there must be one.
    pub fn new(conditions: BTreeMap<String, Pattern>) -> Result<Self, RuleError> {
        match conditions.is_empty() {
            true => Err(RuleError::NoCondition),
            false => Ok(Self(conditions)),
        }
    }

    /// Whether every condition holds.
    pub fn holds(&self, claims: &Claims) -> bool {
        self.0
            .iter()
            .all(|(name, pattern)| claims.texts(name).iter().any(|text| pattern.matches(text)))
    }
}

impl Pattern {
    /// Reads a pattern.
    pub fn new(source: impl Into<String>) -> Result<Self, RuleError> {
        let source = source.into();
        if source.len() > PATTERN_LIMIT_BYTES {
            return Err(RuleError::TooLong);
        }
        let mut tokens = Vec::new();
        for byte in source.bytes() {
            match (byte, tokens.last()) {
                (b'*', Some(Token::WithinSegment)) => {
                    tokens.pop();
                    tokens.push(Token::Anything);
                }
                (b'*', Some(Token::Anything)) => {}
                (b'*', _) => tokens.push(Token::WithinSegment),
                (byte, _) => tokens.push(Token::Byte(byte)),
            }
        }
        Ok(Self { source, tokens })
    }

    /// Whether the whole text has this shape. Takes time in proportion to both lengths, never more.
    pub fn matches(&self, text: &str) -> bool {
        if text.len() > MATCHED_LIMIT_BYTES {
            return false;
        }
        // reached[n]: the text so far can be read by the first n tokens.
        let mut reached = vec![false; self.tokens.len() + 1];
        reached[0] = true;
        self.skip_stars(&mut reached);
        for byte in text.bytes() {
            let mut next = vec![false; reached.len()];
            for (index, token) in self.tokens.iter().enumerate() {
                match token {
                    Token::Byte(expected) => next[index + 1] |= reached[index] && *expected == byte,
                    Token::WithinSegment => next[index + 1] |= reached[index + 1] && byte != b'/',
                    Token::Anything => next[index + 1] |= reached[index + 1],
                }
            }
            self.skip_stars(&mut next);
            reached = next;
        }
        reached[self.tokens.len()]
    }

    /// A star may stand for nothing.
    fn skip_stars(&self, reached: &mut [bool]) {
        for (index, token) in self.tokens.iter().enumerate() {
            if !matches!(token, Token::Byte(_)) {
                reached[index + 1] |= reached[index];
            }
        }
    }
}

impl TryFrom<BTreeMap<String, Pattern>> for ClaimRule {
    type Error = RuleError;

    fn try_from(conditions: BTreeMap<String, Pattern>) -> Result<Self, Self::Error> {
        Self::new(conditions)
    }
}

impl From<ClaimRule> for BTreeMap<String, Pattern> {
    fn from(rule: ClaimRule) -> Self {
        rule.0
    }
}

impl TryFrom<String> for Pattern {
    type Error = RuleError;

    fn try_from(source: String) -> Result<Self, Self::Error> {
        Self::new(source)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.source
    }
}

#[cfg(test)]
mod tests;
