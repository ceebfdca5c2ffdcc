use provender_ecosystem::{Endpoint, Named};

use super::{client_fetch, client_setup, compiled_in, daemon_mirrors, mirrors, registries_conf};

fn check(read: fn(&str) -> Vec<Named>, text: &str, expected: &[&str]) {
    let expected: Vec<Named> = expected.iter().map(|url| Named::Extra((*url).to_owned())).collect();
    assert_eq!(read(text), expected, "{text}");
}

#[test]
fn docker() {
    let mirror = "https://mirror.upstream.example";
    check(
        mirrors,
        "https://mirror.upstream.example/\nhttp://b.example:5000\n\n",
        &[mirror, "http://b.example:5000"],
    );
    check(mirrors, "HTTPS://Mirror.Upstream.example:443", &[mirror]);
    check(mirrors, "", &[]);
    check(mirrors, "Cannot connect to the Docker daemon", &[]);
    check(
        daemon_mirrors,
        r#"{"registry-mirrors":["https://mirror.upstream.example/"]}"#,
        &[mirror],
    );
    check(daemon_mirrors, r#"{"registry-mirrors":["file:///etc/passwd","x"]}"#, &[]);
    check(daemon_mirrors, r#"{"insecure-registries":["a"]}"#, &[]);
    check(daemon_mirrors, "not JSON", &[]);
    let built_in = Named::BuiltIn("https://index.upstream.example".to_owned());
    assert_eq!(compiled_in("https://index.upstream.example/v1/\n"), [built_in]);
    check(compiled_in, "\n", &[]);
}

#[test]
fn podman() {
    let check = |text: &str, expected: &[&str]| check(registries_conf::read, text, expected);
    check(
        "unqualified-search-registries = [\"a.example\", 'b.example:5000']",
        &["https://a.example", "https://b.example:5000"],
    );
    check(
        "unqualified-search-registries = [\n  \"a.example\", # first\n  \"b.example\"\n]\n",
        &["https://a.example", "https://b.example"],
    );
    check("# unqualified-search-registries = [\"a.example\"]", &[]);
    check(
        "unqualified-search-registries = [\"a.example\"]\n[[registry]]\nprefix = \"a.example\"\n\
         location = \"real.example/sub\"\ninsecure = true\n[[registry.mirror]]\n\
         location = \"mirror.example:5000\"\n",
        &["https://mirror.example:5000", "http://real.example/sub"],
    );
    check(
        "unqualified-search-registries = [\"a.example\"]\n[[registry]]\nlocation = \"other.example\"",
        &["https://a.example"],
    );
    check("[aliases]\n\"x\" = \"y.example/x\"\nlocation = \"z.example\"", &[]);
    check("[registries.search]\nregistries = ['a.example']", &[]);
    check("unqualified-search-registries = [\"", &[]);
    check("location = \"x.example\"", &[]);
}

#[test]
fn commands() {
    let commands = |origin| {
        let setups = client_setup(&Endpoint { origin, repository: "main" });
        setups.into_iter().map(|setup| setup.command).collect::<Vec<_>>().join("\n")
    };
    let local = commands("http://127.0.0.1:8080");
    assert!(local.contains("docker pull 127.0.0.1:8080/main/NAME"), "{local}");
    assert!(local.contains("podman pull --tls-verify=false 127.0.0.1:8080/main/NAME"), "{local}");
    let helm = "helm push CHART.tgz oci://127.0.0.1:8080/main --plain-http";
    assert!(local.contains(helm), "{local}");
    let public = commands("https://packages.example");
    assert!(!public.contains("plain-http"), "{public}");
    assert!(!public.contains("tls-verify"), "{public}");
    assert!(public.contains("podman push NAME packages.example/main/NAME"), "{public}");
}

#[test]
fn what_to_type_to_pull() {
    let check = |origin: &str, tag: Option<&str>, expected: [&str; 2]| {
        let package = provender_domain::PackageName::new("team/app").unwrap();
        let tag = tag.map(|tag| provender_domain::Tag::new(tag).unwrap());
        let endpoint = Endpoint { origin, repository: "main" };
        let commands = client_fetch(&endpoint, &package, tag.as_ref());
        let commands: Vec<&str> = commands.iter().map(|setup| setup.command.as_str()).collect();
        assert_eq!(commands, expected);
    };
    check(
        "http://localhost:8080",
        Some("1.0"),
        [
            "docker pull localhost:8080/main/team/app:1.0",
            "podman pull --tls-verify=false localhost:8080/main/team/app:1.0",
        ],
    );
    check(
        "https://packages.example",
        None,
        [
            "docker pull packages.example/main/team/app",
            "podman pull packages.example/main/team/app",
        ],
    );
}
