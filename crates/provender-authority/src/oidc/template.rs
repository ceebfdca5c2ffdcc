//! Texts with claims in them: `https://ci.example/{repository}`.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Claims;

/// The longest template.
const TEMPLATE_LIMIT_BYTES: usize = 1024;
/// The longest text that claims may make of a template.
const FILLED_LIMIT_BYTES: usize = 4096;

/// A text with claims in it.
///
/// `{sub}` stands for the claim of this name, `{kubernetes.io/namespace}` for one inside another,
/// `{server}` for the address that the operator gave for the issuer's server, and
/// `{ref_type|branch=heads|tag=tags}` for a word that depends on the claim's value. What a claim says
/// is put in as it is and never read as a template again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

/// Why a string is no template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is longer than `TEMPLATE_LIMIT_BYTES`.
    #[error("a template has at most {TEMPLATE_LIMIT_BYTES} bytes")]
    TooLong,
    /// A brace has no partner, or encloses nothing or another brace.
    #[error("in a template, a claim's name stands between braces: {{sub}}")]
    Braces,
    /// A choice has no `=`.
    #[error("in a template, a choice is written {{claim|value=word|value=word}}")]
    Choice,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Server,
    Claim(String),
    Choice { claim: String, words: Vec<(String, String)> },
}

const SERVER: &str = "server";

impl Template {
    /// Reads a template.
    pub fn new(source: impl Into<String>) -> Result<Self, TemplateError> {
        let source = source.into();
        if source.len() > TEMPLATE_LIMIT_BYTES {
            return Err(TemplateError::TooLong);
        }
        let mut parts = Vec::new();
        let mut rest = source.as_str();
        while let Some(open) = rest.find(['{', '}']) {
            let (text, braced) = rest.split_at(open);
            if !text.is_empty() {
                parts.push(Part::Text(text.to_owned()));
            }
            let inner = braced.strip_prefix('{').ok_or(TemplateError::Braces)?;
            let (name, after) = inner.split_once('}').ok_or(TemplateError::Braces)?;
            parts.push(Part::new(name)?);
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { source, parts })
    }

    /// The template, as it was written.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether the address of the issuer's server stands in it.
    pub(super) fn names_server(&self) -> bool {
        self.parts.contains(&Part::Server)
    }

    /// The text with its claims put in; `None` where one is missing or empty, has a value that no choice
    /// foresees, or the whole grows too long.
    pub(super) fn fill(&self, claims: &Claims, server: Option<&str>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Server => filled.push_str(server?.trim_end_matches('/')),
                Part::Claim(name) => filled.push_str(&said(claims, name)?),
                Part::Choice { claim, words } => {
                    let value = said(claims, claim)?;
                    filled.push_str(&words.iter().find(|(from, _)| *from == value)?.1);
                }
            }
            if filled.len() > FILLED_LIMIT_BYTES {
                return None;
            }
        }
        Some(filled)
    }
}

impl Part {
    fn new(inside: &str) -> Result<Self, TemplateError> {
        if inside.is_empty() || inside.contains('{') {
            return Err(TemplateError::Braces);
        }
        if inside == SERVER {
            return Ok(Self::Server);
        }
        let Some((claim, choices)) = inside.split_once('|') else {
            return Ok(Self::Claim(inside.to_owned()));
        };
        if claim.is_empty() {
            return Err(TemplateError::Braces);
        }
        let word = |choice: &str| {
            let (value, word) = choice.split_once('=').ok_or(TemplateError::Choice)?;
            Ok((value.to_owned(), word.to_owned()))
        };
        let words = choices.split('|').map(word).collect::<Result<_, _>>()?;
        Ok(Self::Choice { claim: claim.to_owned(), words })
    }
}

fn said(claims: &Claims, name: &str) -> Option<String> {
    claims.text(name).filter(|value| !value.is_empty())
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(source: String) -> Result<Self, Self::Error> {
        Self::new(source)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.source
    }
}

#[cfg(test)]
mod tests {
    use super::super::Claims;
    use super::{Template, TemplateError};

    #[test]
    fn claims_are_put_in_as_they_are() {
        let claims = Claims::from_json(
            br#"{"sub":"me","repo":"a/b","brace":"{sub}","empty":"","kind":"tag","n":5,"list":["x"]}"#,
        )
        .unwrap();
        let check = |template: &str, expected: Option<&str>| {
            let filled =
                Template::new(template).unwrap().fill(&claims, Some("https://ci.example/"));
            assert_eq!(filled.as_deref(), expected, "{template}");
        };
        check("plain", Some("plain"));
        check("{sub}", Some("me"));
        check("{server}/{repo}/{n}", Some("https://ci.example/a/b/5"));
        check("{brace}", Some("{sub}"));
        check("refs/{kind|branch=heads|tag=tags}/x", Some("refs/tags/x"));
        check("refs/{kind|branch=heads}/x", None);
        check("{empty}", None);
        check("{none}", None);
        check("{list}", None);
        assert_eq!(Template::new("{server}").unwrap().fill(&claims, None), None);
    }

    #[test]
    fn what_is_written_wrongly_is_refused() {
        let check = |template: &str, expected: TemplateError| {
            assert_eq!(Template::new(template), Err(expected), "{template}");
        };
        check("{", TemplateError::Braces);
        check("a}", TemplateError::Braces);
        check("{}", TemplateError::Braces);
        check("{a{b}}", TemplateError::Braces);
        check("{|a=b}", TemplateError::Braces);
        check("{a|b}", TemplateError::Choice);
        check(&"x".repeat(1025), TemplateError::TooLong);
    }

    #[test]
    fn what_grows_too_long_is_nothing() {
        let claims: Claims = [("sub".to_owned(), "x".repeat(1000).into())].into_iter().collect();
        assert!(Template::new("{sub}{sub}{sub}{sub}").unwrap().fill(&claims, None).is_some());
        assert!(Template::new("{sub}{sub}{sub}{sub}{sub}").unwrap().fill(&claims, None).is_none());
    }
}
