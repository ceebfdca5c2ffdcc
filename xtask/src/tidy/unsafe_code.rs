//! `unsafe` is denied by the workspace's lints; only the files listed here may lift that.

use super::{Finding, Tree};

/// The files in which a measured need for `unsafe` is argued in a comment.
const ALLOWED: &[&str] = &["crates/provender-server/src/mapping.rs"];

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension("rs").filter(|(path, _)| !ALLOWED.contains(path)) {
        for (index, line) in text.lines().enumerate().filter(|(_, line)| lifts_the_lint(line)) {
            let what = format!("`{}`: not one of the files that may hold unsafe code", line.trim());
            findings.push(Finding::line(path, index, what));
        }
    }
    let manifest = tree.text("Cargo.toml").unwrap_or_default();
    if !manifest.contains("unsafe_code = \"deny\"") {
        findings.push(Finding::file("Cargo.toml", "the workspace's lints must deny unsafe code"));
    }
    findings
}

/// Whether the line is an attribute that allows what the workspace denies.
fn lifts_the_lint(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#')
        && line.contains(concat!("unsafe_", "code"))
        && ["allow(", "expect(", "warn("].iter().any(|level| line.contains(level))
}

#[cfg(test)]
mod tests;
