//! The documents that a newcomer finds are there, in their form, and of a length that gets read.

use super::{Finding, Tree};

const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// In lines: one sitting.
const ARCHITECTURE_MAX_LINES: usize = 300;
const DECISIONS: &str = "docs/decisions/";

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(tree.crates().filter_map(|name| undocumented(tree, name)));
    findings.extend(tree.files().filter_map(|(path, _)| misnamed_decision(path)));
    let lines = tree.text(ARCHITECTURE).map_or(0, |text| text.lines().count());
    if lines > ARCHITECTURE_MAX_LINES {
        let what = format!("{lines} lines, at most {ARCHITECTURE_MAX_LINES}");
        findings.push(Finding::file(ARCHITECTURE, what));
    }
    findings
}

/// A crate says what it is at the top of its root file, and nowhere else.
fn undocumented(tree: &Tree, crate_name: &str) -> Option<Finding> {
    let folder = format!("crates/{crate_name}");
    let readme = format!("{folder}/README.md");
    if tree.holds(&readme) {
        return Some(Finding::file(&readme, "belongs at the top of the crate's lib.rs"));
    }
    let roots = [format!("{folder}/src/lib.rs"), format!("{folder}/src/main.rs")];
    let root = roots.iter().find(|root| tree.holds(root))?;
    (!tree.text(root)?.starts_with("//!"))
        .then(|| Finding::file(root, "must open with `//!`: what the crate is"))
}

/// A decision is `NNNN-title.md`.
fn misnamed_decision(path: &str) -> Option<Finding> {
    let name = path.strip_prefix(DECISIONS)?;
    if name == "README.md" {
        return None;
    }
    let well_named = name.strip_suffix(".md").and_then(|stem| stem.split_once('-')).is_some_and(
        |(number, title)| {
            number.len() == 4
                && number.bytes().all(|b| b.is_ascii_digit())
                && !title.is_empty()
                && title.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        },
    );
    (!well_named).then(|| Finding::file(path, "must be called NNNN-title-in-small-letters.md"))
}

#[cfg(test)]
mod tests;
