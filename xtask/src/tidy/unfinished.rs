//! Nothing is left open in the code: no stub, no note to oneself, no test that does not run.

use super::{Finding, Tree};

// Written in two halves, so that this file does not find itself.
const LEFT_OPEN: &[(&str, &str)] = &[
    (concat!("to", "do!("), "finish it"),
    (concat!("unimplem", "ented!("), "finish it"),
    (concat!("TO", "DO"), "do it, or open an issue"),
    (concat!("FIX", "ME"), "mend it, or open an issue"),
    (concat!("#[ign", "ore"), "a test that does not run is no test"),
];

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let scripts = tree.with_extension("sh");
    for (path, text) in tree.with_extension("rs").chain(scripts) {
        for (index, line) in text.lines().enumerate() {
            for (found, instead) in LEFT_OPEN {
                if line.contains(found) {
                    findings.push(Finding::line(path, index, format!("`{found}`: {instead}")));
                }
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests;
