use provender_ecosystem::{ClientSetup, Endpoint, ProbeSource};

use super::{client_setup, probes, urls, uv_settings};

#[test]
fn words() {
    let check = |text: &str, expected: &[&str]| assert_eq!(urls(text), expected, "{text:?}");
    check("https://a.example/simple/\n", &["https://a.example/simple/"]);
    check(
        "https://a.example https://b.example\n https://a.example",
        &["https://a.example", "https://b.example"],
    );
    check("own=https://a.example/?x=y", &["https://a.example/?x=y"]);
    check("https://a.example/?x=y", &["https://a.example/?x=y"]);
    check("file:///srv/simple nonsense ./relative", &[]);
    check("ERROR: No such key", &[]);
    check("", &[]);
    let many = (0..100).map(|n| format!("https://{n}.a.example")).collect::<Vec<_>>().join(" ");
    assert_eq!(urls(&many).len(), 16);
}

#[test]
fn uv_files() {
    let check = |text: &str, expected: &[&str]| assert_eq!(uv_settings(text), expected, "{text}");
    check("index-url = \"https://a.example\"", &["https://a.example"]);
    check("index-url='https://a.example' # mine", &["https://a.example"]);
    check("# index-url = \"https://a.example\"", &[]);
    check(
        "index-url = \"https://a.example\"\nextra-index-url = [\n  \"https://b.example\", # b\n  \"https://[::1]/c\",\n]\nnative-tls = true\n",
        &["https://b.example", "https://[::1]/c", "https://a.example"],
    );
    check(
        "extra-index-url = [\"https://a.example\", \"https://b.example\"]\ncache-dir = \"https://no.example\"",
        &["https://a.example", "https://b.example"],
    );
    check(
        "[[index]]\nname = \"x\"\nurl = \"https://d.example\"\ndefault = true\n[[index]]\nurl = \"https://e.example\"\nexplicit = true\n[publish]\nurl = \"https://no.example\"\n",
        &["https://e.example", "https://d.example"],
    );
    check("[pip]\nindex-url = \"https://a.example\"", &["https://a.example"]);
    check("index = [{ name = \"x\", url = \"https://a.example\" }]", &["https://a.example"]);
    check("extra-index-url = [\"https://a.example\"", &["https://a.example"]);
    check("= = [ ] \" ' \n[[", &[]);
}

#[test]
fn what_is_compiled_in_comes_last() {
    let probes = probes();
    let last = probes.last().map(|probe| probe.source);
    assert!(matches!(last, Some(ProbeSource::Command { program: "python3", .. })));
    let position = |wanted: &str| {
        probes.iter().position(|probe| {
            matches!(probe.source, ProbeSource::Environment { variable } if variable == wanted)
        })
    };
    assert!(position("PIP_EXTRA_INDEX_URL") < position("PIP_INDEX_URL"));
    assert!(position("UV_INDEX") < position("UV_DEFAULT_INDEX"));
}

#[test]
fn setups() {
    let text = |origin: &str| {
        let setups = client_setup(&Endpoint { origin, repository: "main" });
        let line = |s: &ClientSetup| format!("{} {}: {}", s.client, s.purpose, s.command);
        setups.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!("setup_on_loopback", text("http://127.0.0.1:8080"));
    let trusted = |origin: &str| text(origin).contains("--trusted-host packages.example");
    assert!(trusted("http://packages.example"));
    assert!(trusted("http://packages.example:8080"));
    assert!(!trusted("https://packages.example"));
    assert!(!text("http://localhost:8080").contains("trusted"));
    assert!(!text("http://[::1]:8080").contains("trusted"));
}
