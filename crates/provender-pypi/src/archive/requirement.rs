//! The grammar of requirements (PEP 508), checked and not evaluated.
//!
//! Crates that parse requirements also simplify their markers, in time and memory that the text does
//! not bound, and look into the environment for variables in URLs; here a text is right or wrong.

use std::str::FromStr as _;

use pep440_rs::VersionSpecifiers;
use url::Url;

use crate::name;

/// Deepest nesting of parentheses in a marker.
const NESTING_LIMIT: usize = 32;

const VARIABLES: [&str; 20] = [
    "python_version",
    "python_full_version",
    "os_name",
    "sys_platform",
    "platform_release",
    "platform_system",
    "platform_version",
    "platform_machine",
    "platform_python_implementation",
    "implementation_name",
    "implementation_version",
    "extra",
    "extras",
    "dependency_groups",
    "os.name",
    "sys.platform",
    "platform.version",
    "platform.machine",
    "platform.python_implementation",
    "python_implementation",
];

/// Whether the text is one requirement.
pub(super) fn is_valid(text: &str) -> bool {
    requirement(text.trim()).is_some()
}

fn requirement(text: &str) -> Option<()> {
    let rest = after_name(text)?.trim_start();
    let rest = after_extras(rest)?.trim_start();
    if let Some(rest) = rest.strip_prefix('@') {
        return url_and_marker(rest.trim_start());
    }
    let (specifiers, marker) = match rest.split_once(';') {
        Some((specifiers, marker)) => (specifiers, Some(marker)),
        None => (rest, None),
    };
    check_specifiers(specifiers.trim())?;
    marker.map_or(Some(()), check_marker)
}

fn after_name(text: &str) -> Option<&str> {
    let is_name_byte = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = text.find(|c| !is_name_byte(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    name::normalize(name).ok().map(|_| rest)
}

fn after_extras(text: &str) -> Option<&str> {
    let Some(rest) = text.strip_prefix('[') else { return Some(text) };
    let (extras, rest) = rest.split_once(']')?;
    let all_valid = extras.trim().is_empty()
        || extras.split(',').all(|extra| name::normalize(extra.trim()).is_ok());
    all_valid.then_some(rest)
}

fn url_and_marker(text: &str) -> Option<()> {
    let (url, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    Url::parse(url).ok()?;
    match rest.trim_start() {
        "" => Some(()),
        rest => check_marker(rest.strip_prefix(';')?),
    }
}

fn check_specifiers(text: &str) -> Option<()> {
    let inner = text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    match inner.unwrap_or(text).trim() {
        "" => Some(()),
        specifiers => VersionSpecifiers::from_str(specifiers).ok().map(|_| ()),
    }
}

fn check_marker(text: &str) -> Option<()> {
    let rest = after_alternatives(text, 0)?;
    rest.trim().is_empty().then_some(())
}

/// `term ((and|or) term)*`: which of the two binds more makes no difference to the grammar.
fn after_alternatives(text: &str, nesting: usize) -> Option<&str> {
    let mut rest = after_term(text, nesting)?.trim_start();
    while let Some(behind) = after_word(rest, "and").or_else(|| after_word(rest, "or")) {
        rest = after_term(behind, nesting)?.trim_start();
    }
    Some(rest)
}

fn after_term(text: &str, nesting: usize) -> Option<&str> {
    let text = text.trim_start();
    if let Some(inner) = text.strip_prefix('(') {
        if nesting == NESTING_LIMIT {
            return None;
        }
        return after_alternatives(inner, nesting + 1)?.strip_prefix(')');
    }
    let rest = after_operand(text)?.trim_start();
    let rest = after_operator(rest)?.trim_start();
    after_operand(rest)
}

fn after_operand(text: &str) -> Option<&str> {
    for quote in ['\'', '"'] {
        if let Some(rest) = text.strip_prefix(quote) {
            return rest.split_once(quote).map(|(_, rest)| rest);
        }
    }
    let is_variable_byte = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    let end = text.find(|c| !is_variable_byte(c)).unwrap_or(text.len());
    let (variable, rest) = text.split_at(end);
    VARIABLES.contains(&variable).then_some(rest)
}

fn after_operator(text: &str) -> Option<&str> {
    let symbols = ["===", "==", "<=", ">=", "!=", "~=", "<", ">"];
    if let Some(rest) = symbols.iter().find_map(|symbol| text.strip_prefix(symbol)) {
        return Some(rest);
    }
    if let Some(rest) = after_word(text, "not") {
        return after_word(rest.trim_start(), "in");
    }
    after_word(text, "in")
}

/// What is behind this word, if the text begins with it and it ends there.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    let ends = !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    ends.then_some(rest)
}

#[cfg(test)]
mod tests;
