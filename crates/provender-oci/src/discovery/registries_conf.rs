//! `registries.conf`, version 2 (containers-registries.conf(5)): as much of its TOML as says which
//! registries are asked.

use provender_ecosystem::Named;

use super::extra;

/// Mirrors, then the registries that are searched for names without a host, each where the file
/// sends it.
pub(super) fn read(text: &str) -> Vec<Named> {
    let settings = Settings::read(text);
    let mirrors = settings.registries.iter().filter(|registry| registry.is_mirror);
    let searched = settings.searched.iter().map(|host| settings.location(host));
    let mirrors = mirrors.map(Registry::url);
    extra(mirrors.chain(searched))
}

#[derive(Default)]
struct Settings {
    searched: Vec<String>,
    registries: Vec<Registry>,
}

/// A `[[registry]]` or `[[registry.mirror]]`.
#[derive(Default)]
struct Registry {
    is_mirror: bool,
    prefix: String,
    location: String,
    is_insecure: bool,
}

impl Registry {
    fn url(&self) -> String {
        let scheme = if self.is_insecure { "http" } else { "https" };
        format!("{scheme}://{}", self.location)
    }
}

impl Settings {
    fn read(text: &str) -> Self {
        let mut settings = Self::default();
        // Whether the lines are before the first table, where alone the searched ones may stand.
        let (mut is_top, mut in_list) = (true, false);
        for line in text.lines().map(without_comment) {
            if in_list {
                settings.searched.extend(quoted(line));
                in_list = !line.contains(']');
            } else if line.starts_with('[') {
                is_top = false;
                settings.open(line);
            } else if let Some((key, value)) = line.split_once('=') {
                let key = key.trim();
                if is_top && key == "unqualified-search-registries" {
                    settings.searched.extend(quoted(value));
                    in_list = value.contains('[') && !value.contains(']');
                } else if !is_top {
                    settings.set(key, value.trim());
                }
            }
        }
        settings
    }

    fn open(&mut self, line: &str) {
        let name: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        let is_mirror = name == "[[registry.mirror]]";
        if is_mirror || name == "[[registry]]" {
            self.registries.push(Registry { is_mirror, ..Registry::default() });
        } else {
            // Another table: what follows is nobody's.
            self.registries.push(Registry::default());
        }
    }

    fn set(&mut self, key: &str, value: &str) {
        let Some(registry) = self.registries.last_mut() else { return };
        let text = quoted(value).next().unwrap_or_default();
        match key {
            "prefix" => registry.prefix = text,
            "location" => registry.location = text,
            "insecure" => registry.is_insecure = value == "true",
            _ => {}
        }
    }

    /// Where a searched registry is: where its own table puts it, else where its name says.
    fn location(&self, host: &str) -> String {
        let names = |registry: &&Registry| {
            let name =
                if registry.prefix.is_empty() { &registry.location } else { &registry.prefix };
            !registry.is_mirror && name == host && !registry.location.is_empty()
        };
        self.registries.iter().find(names).map_or_else(|| format!("https://{host}"), Registry::url)
    }
}

/// A `#` outside quotes begins a comment.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (c, quote) {
            ('#', None) => return line[..at].trim(),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    line.trim()
}

fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split(['"', '\'']).skip(1).step_by(2).map(str::to_owned)
}
