//! Files stay short enough to read in one sitting. Longer ones are on a list that only shrinks.

use super::{Finding, Tree};

/// Above this a file is mentioned, in lines.
const USUAL_LINES: usize = 300;
/// Above this a file fails, in lines, unless the ratchet lists it.
const MAX_LINES: usize = 600;
/// `PATH LINES` each: the files above the limit, with the length they must not grow beyond.
const RATCHET: &str = "xtask/length-ratchet.txt";

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ratchet: Vec<(&str, usize)> =
        tree.text(RATCHET).unwrap_or_default().lines().filter_map(listed).collect();
    for (path, text) in tree.with_extension("rs") {
        let lines = text.lines().count();
        let allowed = ratchet.iter().find(|(listed, _)| *listed == path).map(|(_, lines)| *lines);
        if let Some(wrong) = judge(lines, allowed) {
            findings.push(Finding::file(path, wrong));
        }
    }
    for (path, _) in ratchet.iter().filter(|(path, _)| tree.text(path).is_none()) {
        findings.push(Finding::file(RATCHET, format!("{path} is gone: drop its line")));
    }
    findings
}

/// The files above the usual length, longest first, for information.
pub(super) fn longer_than_usual(tree: &Tree) -> Vec<String> {
    let mut long: Vec<(usize, &str)> =
        tree.with_extension("rs").map(|(path, text)| (text.lines().count(), path)).collect();
    long.retain(|(lines, _)| *lines > USUAL_LINES);
    long.sort_unstable_by(|a, b| b.cmp(a));
    long.iter().map(|(lines, path)| format!("{path} has {lines} lines")).collect()
}

/// What is wrong with a file of `lines` lines of which the ratchet allows `allowed`.
fn judge(lines: usize, allowed: Option<usize>) -> Option<String> {
    match allowed {
        None if lines > MAX_LINES => {
            Some(format!("{lines} lines, at most {MAX_LINES}: ask what could move out"))
        }
        Some(_) if lines <= MAX_LINES => {
            Some(format!("short enough now ({lines} lines): drop its line from {RATCHET}"))
        }
        Some(allowed) if lines > allowed => {
            Some(format!("grew from {allowed} to {lines} lines; it may only shrink"))
        }
        Some(allowed) if lines < allowed => {
            Some(format!("shrank to {lines} lines: write that into {RATCHET}, so that it stays so"))
        }
        _ => None,
    }
}

/// One line of the ratchet; comments and blank lines are none.
fn listed(line: &str) -> Option<(&str, usize)> {
    let (path, lines) = line.split_once(' ')?;
    Some((path, lines.trim().parse().ok()?))
}

#[cfg(test)]
mod tests;
