//! Every ecosystem is laid out alike, so that one knows where to look without reading.

use super::{Finding, Tree};

/// What each ecosystem's folder holds: files, and folders that hold something.
const EXPECTED: &[&str] = &[
    "src/lib.rs",
    "src/name.rs",
    "src/version.rs",
    "src/route.rs",
    "src/index.rs",
    "src/archive.rs",
    "src/publish.rs",
    "src/upstream.rs",
    "src/error.rs",
    "tests",
    "client.sh",
];

/// The one list in which ecosystems are registered.
pub(super) const LIST: &str = "crates/provender/src/ecosystems.rs";

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let list = tree.text(LIST).unwrap_or_default();
    let mut findings = Vec::new();
    for ecosystem in tree.ecosystems() {
        let folder = format!("crates/{}", ecosystem.crate_name);
        for expected in EXPECTED {
            // `index.rs` may have grown into `index/mod.rs`; the name stays.
            let grown = expected.replace(".rs", "/mod.rs");
            if !tree.holds(&format!("{folder}/{expected}"))
                && !tree.holds(&format!("{folder}/{grown}"))
            {
                findings.push(Finding::file(
                    &folder,
                    format!("{expected} is missing: every ecosystem has it"),
                ));
            }
        }
        if !list.contains(&ecosystem.crate_name.replace('-', "_")) {
            let what = format!("{} is not registered here", ecosystem.crate_name);
            findings.push(Finding::file(LIST, what));
        }
    }
    findings
}

#[cfg(test)]
mod tests;
