//! What `pip config list` prints: `section.key='value'` on each line, where pip looked in all the
//! places it knows.

use provender_ecosystem::Named;

use super::{limited, words};

/// The sections that count for `pip install`, the strongest first: the environment, the command's
/// own, everybody's.
const SECTIONS: [&str; 3] = [":env:", "install", "global"];

/// The indexes of `pip install`, as pip itself chooses among its settings: of each key the
/// strongest one that is not empty.
pub(super) fn settings(text: &str) -> Vec<Named> {
    let in_force = |key: &str| {
        let of_section = |section| {
            let mut lines = text.lines();
            lines
                .find_map(|line| value_of(line, section, key))
                .filter(|value| !value.trim().is_empty())
        };
        SECTIONS.into_iter().find_map(of_section)
    };
    let is_on = |value: String| {
        matches!(
            value.trim().to_ascii_lowercase().as_str(),
            "y" | "yes" | "t" | "true" | "on" | "1"
        )
    };
    if in_force("no-index").is_some_and(is_on) {
        return vec![Named::NoDefault];
    }
    let extra = in_force("extra-index-url").unwrap_or_default();
    let default = in_force("index-url").unwrap_or_default();
    let extra = words(&extra).map(|url| Named::Extra(url.to_owned()));
    let default = words(&default).take(1).map(|url| Named::Default(url.to_owned()));
    limited(extra.chain(default))
}

fn value_of(line: &str, section: &str, key: &str) -> Option<String> {
    let value = line.strip_prefix(section)?.strip_prefix('.')?.strip_prefix(key)?;
    Some(unquoted(value.strip_prefix('=')?.trim()))
}

/// A text as Python's `repr` writes it.
fn unquoted(text: &str) -> String {
    let inner = ['\'', '"']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote)));
    let Some(inner) = inner else { return text.to_owned() };
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        value.push(match (c, c == '\\') {
            (c, false) => c,
            _ => match chars.next() {
                Some('n' | 'r' | 't') => ' ',
                Some(c) => c,
                None => '\\',
            },
        });
    }
    value
}
