//! An ecosystem's name occurs in its own folder and in one list. Whatever branches on it elsewhere
//! belongs behind the trait.

use super::ecosystem_files::LIST;
use super::{Finding, Tree};

/// Where any ecosystem may be named: what people read, what is measured, and what drives tests.
const ANYWHERE: &[&str] =
    &[LIST, "crates/provender-testing/", "bench/", "docs/", "fuzz/", "tests/", ".ci/"];

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ecosystem in tree.ecosystems() {
        let own = format!("crates/{}/", ecosystem.crate_name);
        for (path, text) in tree.files() {
            if path.starts_with(&own) || may_name_any(path) {
                continue;
            }
            for (index, line) in code_lines(text) {
                if names(line, ecosystem.name) {
                    let what = format!(
                        "names the ecosystem `{}`, which is known only to {own} and {LIST}",
                        ecosystem.name
                    );
                    findings.push(Finding::line(path, index, what));
                }
            }
        }
    }
    findings
}

/// Whether this is a place where every ecosystem may be named.
fn may_name_any(path: &str) -> bool {
    let extension = path.rsplit('.').next().unwrap_or_default();
    let is_code = ["rs", "sql", "html", "js", "css"].contains(&extension);
    !is_code
        || path.ends_with("/tests.rs")
        || path.split('/').any(|part| part == "tests")
        || ANYWHERE.iter().any(|allowed| path.starts_with(allowed))
}

/// The lines that are code: no comments, and nothing from the file's own tests on.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a word of the line is `name`, in any case, on its own or as a part of an identifier.
fn names(line: &str, name: &str) -> bool {
    identifiers(line).any(|identifier| {
        identifier.to_lowercase() == name
            || identifier.split('_').any(|part| part.to_lowercase() == name)
            || humps(identifier).any(|hump| hump.to_lowercase() == name)
    })
}

/// What stands between characters that no identifier has.
fn identifiers(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// `PypiIndex` as `Pypi`, `Index`.
fn humps(identifier: &str) -> impl Iterator<Item = &str> {
    let mut rest = identifier;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_ascii_uppercase())
            .map_or(rest.len(), |(at, _)| at.max(first.len_utf8()));
        let (hump, after) = rest.split_at(end);
        rest = after;
        Some(hump)
    })
}

#[cfg(test)]
mod tests;
