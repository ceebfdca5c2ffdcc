//! The names that a repository owns, found without looking at every pattern.

use std::collections::HashSet;

use provender_domain::NamePattern;

/// The patterns of one ecosystem.
#[derive(Debug, Default)]
pub(super) struct OwnedNames {
    exact: HashSet<String>,
    /// Sorted, and none of them begins with another: so the one that a name begins with, if there
    /// is one, is the last that is not greater than the name.
    prefixes: Vec<String>,
}

impl OwnedNames {
    pub(super) fn add(&mut self, pattern: &NamePattern) {
        match pattern {
            NamePattern::Exact(name) => {
                self.exact.insert(name.clone());
            }
            NamePattern::Prefix(prefix) => self.add_prefix(prefix),
        }
    }

    fn add_prefix(&mut self, prefix: &str) {
        if self.has_prefix_of(prefix) {
            return;
        }
        let first = self.prefixes.partition_point(|known| known.as_str() < prefix);
        let longer = self.prefixes[first..].partition_point(|known| known.starts_with(prefix));
        self.prefixes.splice(first..first + longer, [prefix.to_owned()]);
    }

    pub(super) fn contain(&self, name: &str) -> bool {
        self.exact.contains(name) || self.has_prefix_of(name)
    }

    fn has_prefix_of(&self, name: &str) -> bool {
        let behind = self.prefixes.partition_point(|known| known.as_str() <= name);
        behind.checked_sub(1).is_some_and(|last| name.starts_with(&self.prefixes[last]))
    }
}

#[cfg(test)]
mod tests {
    use provender_domain::{NamePattern, PackageName};

    use super::OwnedNames;

    #[test]
    fn names_are_found_as_by_looking_at_every_pattern() {
        let texts = ["a", "a-*", "a-b-*", "ab*", "b", "c*", "c-*", "ca*", "é*"];
        let patterns = texts.map(|text| NamePattern::new(text).unwrap());
        let names = ["a", "a-", "a-b", "a-b-c", "aa", "ab", "abc", "b", "bc", "c", "cc", "d", "éa"];
        // Every choice of patterns, in both orders.
        for chosen in 0..1_u32 << patterns.len() {
            let chosen = (0..patterns.len()).filter(|place| chosen >> place & 1 == 1);
            let mut chosen: Vec<&NamePattern> = chosen.map(|place| &patterns[place]).collect();
            for _ in 0..2 {
                let mut owned = OwnedNames::default();
                for pattern in &chosen {
                    owned.add(pattern);
                }
                for name in names {
                    let package = PackageName::new(name).unwrap();
                    let expected = chosen.iter().any(|pattern| pattern.matches(&package));
                    assert_eq!(owned.contain(name), expected, "{name} by {chosen:?}");
                }
                chosen.reverse();
            }
        }
        let mut all = OwnedNames::default();
        all.add(&NamePattern::new("z*").unwrap());
        all.add(&NamePattern::new("*").unwrap());
        assert!(all.contain("anything") && all.contain("z"));
    }
}
