//! Which of the upstreams that clients name are adopted, and in which order.

use provender_ecosystem::Named;
use url::Url;

use super::{Discovered, is_same, is_web};

/// What one client said to one question.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) client: &'static str,
    pub(super) named: Vec<Named>,
}

/// Extra ones first, in the order of the answers, then each client's first default one. What a
/// client comes with counts only where no client was told of a default: whoever configured one for
/// pip did not mean names to go elsewhere because uv is installed too. Pinned ones come last, for a
/// note.
pub(super) fn choose(ecosystem: &str, answers: &[Answer]) -> Vec<Discovered> {
    let mut chosen = Chosen { ecosystem, found: Vec::new() };
    for (client, named) in all(answers) {
        if let Named::Extra(url) = named {
            chosen.add(client, url, false);
        }
    }
    let mut told: Vec<&str> = Vec::new();
    for (client, named) in all(answers) {
        let is_default = matches!(named, Named::Default(_) | Named::NoDefault);
        if !is_default || told.contains(&client) {
            continue;
        }
        told.push(client);
        if let Named::Default(url) = named {
            chosen.add(client, url, false);
        }
    }
    for (client, named) in all(answers) {
        if let (Named::BuiltIn(url), true) = (named, told.is_empty()) {
            chosen.add(client, url, false);
        }
    }
    for (client, named) in all(answers) {
        if let Named::Pinned(url) = named {
            chosen.add(client, url, true);
        }
    }
    chosen.found
}

fn all(answers: &[Answer]) -> impl Iterator<Item = (&'static str, &Named)> {
    answers.iter().flat_map(|answer| answer.named.iter().map(|named| (answer.client, named)))
}

struct Chosen<'a> {
    ecosystem: &'a str,
    found: Vec<Discovered>,
}

impl Chosen<'_> {
    /// Each place once, by whoever named it first.
    fn add(&mut self, client: &'static str, url: &str, is_pinned: bool) {
        let Ok(url) = Url::parse(url) else { return };
        if is_web(&url) && !self.found.iter().any(|known| is_same(&known.url, &url)) {
            let ecosystem = self.ecosystem.to_owned();
            self.found.push(Discovered { ecosystem, client, url, is_pinned });
        }
    }
}

#[cfg(test)]
mod tests {
    use provender_ecosystem::Named;

    use super::{Answer, choose};

    /// `client` and then `+x` for an extra one at `https://x.example/`, `=x` for a default one,
    /// `~x` for a built-in one, `!x` for a pinned one, `-` for none.
    fn answer(text: &'static str) -> Answer {
        let mut words = text.split(' ');
        let client = words.next().unwrap();
        let named = words.map(|word| {
            let url = format!("https://{}.example/", &word[1..]);
            match &word[..1] {
                "+" => Named::Extra(url),
                "=" => Named::Default(url),
                "~" => Named::BuiltIn(url),
                "!" => Named::Pinned(url),
                _ => Named::NoDefault,
            }
        });
        Answer { client, named: named.collect() }
    }

    #[test]
    fn choices() {
        let check = |answers: &[&'static str], expected: &str| {
            let answers: Vec<Answer> = answers.iter().map(|text| answer(text)).collect();
            let chosen = choose("pypi", &answers);
            let told = chosen.iter().map(|found| {
                let host = found.url.host_str().unwrap().trim_end_matches(".example");
                let note = if found.is_pinned { "!" } else { "" };
                format!("{note}{host} by {}", found.client)
            });
            assert_eq!(told.collect::<Vec<_>>().join(", "), expected, "{answers:?}");
        };
        check(&[], "");
        check(&["pip ~p", "uv ~u"], "p by pip, u by uv");
        check(&["pip ~p", "uv ~p"], "p by pip");
        check(&["uv ~u"], "u by uv");
        // What somebody configured replaces what clients come with, whoever was configured.
        check(&["pip =corp", "pip ~p", "uv ~u"], "corp by pip");
        check(&["uv =corp", "pip ~p", "uv ~u"], "corp by uv");
        check(&["pip -", "pip ~p", "uv ~u"], "");
        // A client uses the first default that it is told of; two clients may have two.
        check(&["uv =a", "uv =b", "pip =c"], "a by uv, c by pip");
        check(&["uv -", "uv =b", "pip =c"], "c by pip");
        check(&["uv =a", "pip =a"], "a by uv");
        // Extra ones first, and beside what clients come with.
        check(&["uv =a", "pip +x", "uv +y", "pip ~p"], "x by pip, y by uv, a by uv");
        check(&["pip +x", "pip ~p"], "x by pip, p by pip");
        // Pinned ones replace nothing and are for a note alone, unless somebody uses them for all.
        check(&["uv !own", "uv ~u"], "u by uv, !own by uv");
        check(&["uv !own", "pip +own"], "own by pip");
    }
}
