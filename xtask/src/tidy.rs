//! `cargo xtask tidy`: what ARCHITECTURE.md and CONTRIBUTING.md say about the project's shape, enforced.
//!
//! A rule that nobody enforces is not written down; each rule here is one file, and says in its
//! findings what to do instead. All of them read the working tree, none of them changes it.

mod dependencies;
mod documents;
mod ecosystem_files;
mod ecosystem_names;
mod hosts;
mod length;
mod links;
mod names;
#[cfg(test)]
mod tests;
mod tree;
mod unfinished;
mod unsafe_code;

use std::path::Path;
use std::process::ExitCode;

pub(crate) use tree::{Finding, Tree};

/// One thing that is checked.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule { name: "dependencies", check: dependencies::check },
    Rule { name: "documents", check: documents::check },
    Rule { name: "ecosystem-files", check: ecosystem_files::check },
    Rule { name: "ecosystem-names", check: ecosystem_names::check },
    Rule { name: "hosts", check: hosts::check },
    Rule { name: "length", check: length::check },
    Rule { name: "links", check: links::check },
    Rule { name: "names", check: names::check },
    Rule { name: "unfinished", check: unfinished::check },
    Rule { name: "unsafe-code", check: unsafe_code::check },
];

/// Checks the tree at `root`, prints what is wrong, and fails if anything is.
///
/// # Errors
/// Where the tree cannot be listed or read.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let tree = Tree::read(root)?;
    for long in length::longer_than_usual(&tree) {
        println!("info: {long}");
    }
    let findings = check(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} rules, {} files, {} findings", RULES.len(), tree.len(), findings.len());
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every finding of every rule, each line led by its rule's name.
fn check(tree: &Tree) -> Vec<String> {
    let of_rule = |rule: &Rule| {
        let findings = (rule.check)(tree);
        findings.into_iter().map(|finding| format!("{}: {finding}", rule.name)).collect::<Vec<_>>()
    };
    RULES.iter().flat_map(of_rule).collect()
}
