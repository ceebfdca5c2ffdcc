//! Upstreams that the clients installed here use: which, when, and what is said meanwhile.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use provender_testing::python::{PythonUpstream, WheelBuilder};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{House, finish, provender};

/// What a user has installed and configured.
struct Clients(TempDir);

impl Clients {
    /// Neither client nor setting.
    fn none() -> Self {
        let clients = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(clients.path("bin")).unwrap();
        clients
    }

    /// pip and uv, each of which comes with a default of its own.
    fn both() -> Self {
        let help = |option: &str, host: &str| {
            format!("echo ' {option} <URL>  The index (default: <https://{host}.example/simple>).'")
        };
        let pip = help("--index-url", "pip");
        Self::none()
            .program("pip", &format!("[ \"$1\" = config ] || {pip}"))
            .program("uv", &help("--default-index", "uv"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn program(self, name: &str, script: &str) -> Self {
        let path = self.path("bin").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// The program as this user runs it.
    fn provender(&self) -> Command {
        let mut command = provender();
        command.env_clear().env("PATH", self.path("bin")).env("HOME", self.0.path());
        command.env("XDG_CONFIG_DIRS", self.path("system")).current_dir(self.0.path());
        command
    }
}

#[test]
fn what_clients_use() {
    let house = House::start(&[]);
    let check = |clients: Clients, variables: &[(&str, &str)], expected: &[&str]| {
        let mut command = clients.provender();
        command.args(["upstream", "discover", "--dry-run", "--json", "--data"]).arg(house.data());
        let found = finish(command.envs(variables.iter().copied())).json();
        let told = |finding: &Value| {
            let text = |key: &str| finding[key].as_str().unwrap().to_owned();
            let host = text("url").replace("https://", "").replace(".example/simple", "");
            format!("{host} by {}: {}", text("client"), text("outcome"))
        };
        let found: Vec<_> = found["items"].as_array().unwrap().iter().map(told).collect();
        assert_eq!(found, expected, "{variables:?}");
    };
    let url = |host: &str| format!("https://{host}.example/simple");
    let default = |host: &str| format!("[[index]]\nurl = \"{}\"\ndefault = true\n", url(host));
    check(Clients::none(), &[], &[]);
    check(Clients::both(), &[], &["pip by pip: proposed", "uv by uv: proposed"]);
    let uv_alone = Clients::both().program("pip", "exit 1");
    check(uv_alone, &[], &["uv by uv: proposed"]);
    let listed = format!("echo \"install.index-url='{}'\"", url("corp"));
    let install = Clients::both().program("pip", &listed);
    check(install, &[], &["corp by pip: proposed"]);
    let by_uv = &["corp by uv: proposed"];
    check(Clients::both().file(".config/uv/uv.toml", &default("corp")), &[], by_uv);
    check(Clients::both().file("system/uv/uv.toml", &default("corp")), &[], by_uv);
    check(Clients::both().file("uv.toml", &default("corp")), &[], by_uv);
    let named = Clients::both().file("a.toml", &default("corp")).file("uv.toml", &default("no"));
    check(named, &[("UV_CONFIG_FILE", "a.toml")], by_uv);
    let elsewhere = Clients::both().file("x/uv/uv.toml", &default("corp"));
    let folder = elsewhere.path("x").to_str().unwrap().to_owned();
    check(elsewhere, &[("XDG_CONFIG_HOME", &folder)], by_uv);
    let ignored = Clients::both().file("uv.toml", &default("no"));
    check(ignored, &[("UV_NO_CONFIG", "1")], &["pip by pip: proposed", "uv by uv: proposed"]);
    let pinned = format!("index = [{{ url = \"{}\", explicit = true }}]", url("own"));
    check(
        Clients::both().file("uv.toml", &pinned),
        &[("UV_DEFAULT_INDEX", &url("corp"))],
        &["corp by uv: proposed", "own by uv: pinned"],
    );
}

/// A user whose pip takes so long, in seconds, and comes with this upstream.
fn slow_pip(upstream: &PythonUpstream, seconds: u32) -> Clients {
    let help = format!("echo ' --index-url <url> The index (default {}).'", upstream.index_url());
    Clients::none().program("pip", &format!("/bin/sleep {seconds}\n[ $1 = config ] || {help}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_that_a_package_is_missing_before_upstreams_are_known() {
    let upstream = PythonUpstream::start();
    upstream.add(WheelBuilder::new("theirs", "1.0").build());
    let mut house = House::empty();
    let clients = slow_pip(&upstream, 3);
    house.serve_by(clients.provender(), &[]);
    let token = house.first_token().unwrap();
    // What is ours is there at once, also that it is not.
    assert_eq!(house.publish(token, "ours", "1.0"), 200);
    assert_eq!(house.visit("/main/pypi/simple/ours/", None).0, 200);
    house.run(&["own", "add", "pypi", "acme-*"]).ok();
    assert_eq!(house.visit("/main/pypi/simple/acme-x/", None).0, 404);
    house.run(&["repo", "create", "front", "--visibility", "public"]).ok();
    house.run(&["upstream", "add", "pypi", "--from-repo", "main", "--repo", "front"]).ok();
    for path in ["/main/pypi/simple/theirs/", "/front/pypi/simple/theirs/"] {
        let (head, body) = house.whole_answer(&format!("GET {path} HTTP/1.1\r\n"));
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 1"), "{head}");
        assert!(body.contains("upstreams are being discovered; try again in a moment"), "{body}");
    }
    let fact = house.next_fact("upstream");
    assert_eq!((&fact["client"], &fact["outcome"]), (&"pip".into(), &"adopted".into()));
    for repository in ["main", "front"] {
        let theirs = house.visit(&format!("/{repository}/pypi/simple/theirs/"), None);
        assert_eq!(theirs.0, 200, "{}", theirs.1);
        let nowhere = house.visit(&format!("/{repository}/pypi/simple/nowhere/"), None);
        assert_eq!(nowhere.0, 404, "{}", nowhere.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discovery_that_was_cut_off_is_made_good_and_then_never_again() {
    let upstream = PythonUpstream::start();
    let mut house = House::empty();
    let (slow, quick) = (slow_pip(&upstream, 30), slow_pip(&upstream, 0));
    house.serve_by(slow.provender(), &[]);
    house.kill();
    house.serve_by(quick.provender(), &[]);
    assert_eq!(house.first_token(), None, "it is the second start");
    let name = house.next_fact("upstream")["upstream"].clone();
    assert_eq!(house.stop(), 0);

    // From now on it is said which there are, and none is looked for.
    let other = PythonUpstream::start();
    let changed = slow_pip(&other, 0);
    house.serve_by(changed.provender(), &[]);
    let fact = house.next_fact("upstream");
    assert_eq!((&fact["outcome"], &fact["upstream"]), (&"kept".into(), &name));
    assert_eq!(fact["url"], upstream.index_url());
    house.run(&["upstream", "remove", "pypi", name.as_str().unwrap()]).ok();
    house.stop();
    house.serve_by(changed.provender(), &[]);
    assert_eq!(house.visit("/main/pypi/simple/nowhere/", None).0, 404);
    assert!(house.run(&["upstream", "list"]).ok().starts_with("No upstream"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_wanted_or_chosen_meanwhile_is_not_discovered() {
    let upstream = PythonUpstream::start();
    let (slow, quick) = (slow_pip(&upstream, 30), slow_pip(&upstream, 0));
    // Not wanted.
    let mut house = House::start(&[]);
    house.stop();
    house.serve_by(quick.provender(), &[]);
    assert_eq!(house.visit("/main/pypi/simple/nowhere/", None).0, 404);
    assert!(house.run(&["upstream", "list"]).ok().starts_with("No upstream"));
    // Chosen before the second start.
    let mut house = House::empty();
    house.serve_by(slow.provender(), &[]);
    let other = PythonUpstream::start();
    let chosen = other.index_url();
    house.run(&["upstream", "add", "pypi", &chosen]).ok();
    house.kill();
    house.serve_by(quick.provender(), &[]);
    // Python's clients are not asked any more; the others' say nothing.
    let page = house.visit("/main/pypi/simple/nowhere/", None).1;
    assert!(!page.contains("discovered"), "{page}");
    let listed = house.run(&["upstream", "list", "--json"]).json();
    let urls: Vec<_> = listed["items"].as_array().unwrap().iter().map(|up| &up["url"]).collect();
    assert_eq!(urls, [&chosen]);
}
