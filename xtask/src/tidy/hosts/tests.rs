use std::collections::BTreeSet;

use super::{Hosts, Tree, asked_of_clients, digest, find, hosts_in, parse_digest};

fn hosts() -> Hosts {
    Hosts { digests: ["registry.example".to_owned()].iter().map(|host| digest(host)).collect() }
}

#[test]
fn a_host_is_found_wherever_it_stands() {
    let check = |path: &str, text: &str, expected: &[&str]| {
        let found: Vec<String> =
            find(&Tree::of(&[(path, text)]), &hosts()).iter().map(ToString::to_string).collect();
        let lines: Vec<String> = expected
            .iter()
            .map(|at| format!("{at}: the host that begins with `regist` must not stand here"))
            .collect();
        assert_eq!(found, lines, "{path}: {text}");
    };
    check("a.rs", "let x = \"https://registry.example/simple/\";", &["a.rs:1"]);
    check("a.rs", "one\nuse REGISTRY.Example.", &["a.rs:2"]);
    check("a.md", "see user@registry.example:443", &["a.md:1"]);
    check("a/registry.example.txt", "", &["a/registry.example.txt:1"]);
    check("a.md", "self.registry.examples", &[]);
    check("a.md", "registry. example", &[]);
    let lock = "source = \"registry+https://registry.example/index\"";
    check("fuzz/Cargo.lock", lock, &[]);
    check("Cargo.lock", "name = \"registry.example\"", &["Cargo.lock:1"]);
    check("a.toml", lock, &["a.toml:1"]);
}

#[test]
fn a_host_inside_a_longer_name_counts() {
    let check = |token: &str, expected: bool| {
        assert_eq!(hosts().include(token), expected, "{token}");
    };
    check("registry.example", true);
    check("test.registry.example", true);
    check("registry.example.evil.com", true);
    check("myregistry.example", false);
    check("registry.examples", false);
    check("registry", false);
}

#[test]
fn an_answer_of_a_client_is_read() {
    let check =
        |answer: &str, expected: &[&str]| assert_eq!(hosts_in(answer), expected, "{answer}");
    check("global.index-url='https://a.corp.com/simple/'", &["a.corp.com"]);
    check("https://proxy.a.com,direct\nsum.a.com", &["proxy.a.com", "sum.a.com"]);
    check("URIs: http://user:pw@mirror.a.org:80/debian", &["mirror.a.org"]);
    check("http://me@mirror.a.org/debian", &["mirror.a.org"]);
    check("http://127.0.0.1:3141/root", &[]);
    check("http://upstream.example/simple localhost /etc/ssl/ca.crt", &[]);
}

#[test]
fn the_list_is_of_digests() {
    let lines = super::DIGESTS.lines().filter(|line| !line.starts_with('#'));
    let parsed: Vec<_> = lines.map(parse_digest).collect();
    assert!(parsed.len() > 50, "{} digests", parsed.len());
    assert!(parsed.iter().all(Option::is_some));
    let distinct: BTreeSet<_> = parsed.iter().collect();
    assert_eq!(distinct.len(), parsed.len(), "each stands once");
}

#[test]
fn what_clients_answer_are_hosts() {
    for host in asked_of_clients() {
        assert!(host.contains('.') && !host.contains('/'), "{host}");
    }
}
