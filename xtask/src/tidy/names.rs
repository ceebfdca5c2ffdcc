//! Names say what a thing is. A few say nothing, and a few shapes hide something.

use super::{Finding, Tree};

/// Words that no module and no type is called by.
const SAYS_NOTHING: &[&str] =
    &["manager", "helper", "helpers", "util", "utils", "misc", "servicelayer", "handlerlayer"];

/// The rule.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.with_extension("rs") {
        if let Some(word) = path.split(['/', '.']).find_map(empty_word) {
            findings
                .push(Finding::file(path, format!("`{word}` says nothing about what is inside")));
        }
        for (index, line) in text.lines().enumerate() {
            if let Some(what) = judge(line) {
                findings.push(Finding::line(path, index, what));
            }
        }
    }
    findings
}

/// What is wrong with the item that the line declares, if it declares one.
fn judge(line: &str) -> Option<String> {
    let item = without_visibility(line.trim_start());
    let shared = line.starts_with("pub");
    let (keyword, rest) = item.split_once(' ')?;
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    match keyword {
        "mod" | "struct" | "enum" | "trait" | "union" => {
            let word = empty_word(name)?;
            Some(format!("`{word}` in `{name}` says nothing about what it is"))
        }
        "fn" if name.starts_with("get_") => {
            Some(format!("`{name}`: say `{}`", name.trim_start_matches("get_")))
        }
        "type" if shared && rest.contains('=') => Some(format!(
            "`{name}` is an alias for others: a newtype says what it is and keeps it so"
        )),
        _ => None,
    }
}

/// `pub(crate) async fn x` as `fn x`.
fn without_visibility(item: &str) -> &str {
    let mut rest = item;
    loop {
        let stripped = ["pub ", "const ", "async ", "unsafe "]
            .iter()
            .find_map(|word| rest.strip_prefix(word))
            .or_else(|| rest.strip_prefix("pub(")?.split_once(") ").map(|(_, after)| after));
        match stripped {
            Some(after) => rest = after,
            None => return rest,
        }
    }
}

/// The word in `name` that says nothing: `TokenManager` and `token_manager` alike.
fn empty_word(name: &str) -> Option<&'static str> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in name.chars() {
        if (c == '_' || c.is_uppercase()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c != '_' {
            word.extend(c.to_lowercase());
        }
    }
    words.push(word);
    let pairs = words.windows(2).map(<[String]>::concat).collect::<Vec<_>>();
    let said = |empty: &&&str| words.iter().chain(&pairs).any(|word| word == **empty);
    SAYS_NOTHING.iter().find(said).copied()
}

#[cfg(test)]
mod tests;
