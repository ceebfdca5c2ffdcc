//! A relative link in a document leads to a file that is there.

use super::{Finding, Tree};

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension("md") {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (index, target) in targets(text) {
            match resolve(folder, target) {
                Some(resolved) if tree.holds(&resolved) => {}
                _ => findings.push(Finding::line(path, index, format!("`{target}` leads nowhere"))),
            }
        }
    }
    findings
}

/// The relative targets of a document's links, with the line each is in; fenced text has none.
fn targets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().flat_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        let found = if fenced || fence { Vec::new() } else { targets_in(line) };
        found.into_iter().map(move |target| (index, target))
    })
}

/// The relative targets in one line: of `[text](target)` and of `[name]: target`.
fn targets_in(line: &str) -> Vec<&str> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    let reference = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]: "))
        .and_then(|(_, target)| target.split_whitespace().next());
    inline
        .chain(reference)
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains(':'))
        .collect()
}

/// The path that `target` means in a document in `folder`; `None` if it leads out of the project.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let start = if target.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests;
