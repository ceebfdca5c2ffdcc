//! The default index that a client comes with, out of its own help.

use provender_ecosystem::Named;

use super::is_web;

/// Of `pip install --help`, which says the default that is in force; one that was configured is
/// known from elsewhere, and then this one does not count.
pub(super) fn pip(text: &str) -> Vec<Named> {
    built_in(text, &["--index-url"])
}

/// Of `uv pip install --help`. Older ones know only the second option.
pub(super) fn uv(text: &str) -> Vec<Named> {
    built_in(text, &["--default-index", "--index-url"])
}

fn built_in(text: &str, options: &[&str]) -> Vec<Named> {
    let url = options.iter().find_map(|option| default_of(text, option));
    url.map(|url| Named::BuiltIn(url.to_owned())).into_iter().collect()
}

/// The URL behind the word "default" in what is said of an option.
fn default_of<'a>(text: &'a str, option: &str) -> Option<&'a str> {
    let is_option = |line: &str| line.trim_start().starts_with('-');
    let names = |line: &str| {
        line.split([' ', ',', '='])
            .take_while(|word| !word.contains("://"))
            .any(|word| word == option)
    };
    let mut lines = text.lines().skip_while(|line| !is_option(line) || !names(line));
    let first = lines.next()?;
    let said = std::iter::once(first).chain(lines.take_while(|line| !is_option(line)));
    let words: Vec<&str> = said.flat_map(str::split_whitespace).map(bare).collect();
    let mut pairs = words.iter().zip(words.iter().skip(1));
    let (_, url) = pairs.find(|(word, url)| **word == "default" && is_web(url))?;
    // Where the user and the password are masked, it is none that a client comes with.
    (!url.contains('@')).then_some(*url)
}

/// Without what encloses it and ends sentences.
fn bare(word: &str) -> &str {
    word.trim_matches(['(', ')', '[', ']', '<', '>', '.', ',', ':', ';', '`'])
}
