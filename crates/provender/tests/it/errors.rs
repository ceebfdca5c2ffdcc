//! How commands fail: what they say, and the status they end with.

use std::net::TcpListener;

use crate::support::{House, run};

#[test]
fn wrong_usage() {
    let check = |arguments: &[&str], part: &str| {
        let message = run(arguments).failed(2);
        assert!(message.contains(part), "{arguments:?}: {message}");
    };
    check(&["frobnicate"], "unrecognized subcommand");
    check(&["token", "create"], "<--repo <REPOSITORY>|--all-repos>");
    check(&["token", "create", "--repo", "main", "--all-repos"], "cannot be used with");
    check(&["log", "search"], "<--digest <DIGEST>|--identity <NAME>|--serial <NUMBER>>");
    check(&["log", "search", "--digest", "a", "--serial", "1"], "cannot be used with");
    check(&["token", "create", "--repo", "main", "--scope", "root"], "read, publish or admin");
    check(&["token", "create", "--repo", "main", "--expires", "soon"], "such as 90d, or never");
    check(&["repo", "create", "a", "--visibility", "secret"], "public or private");
    check(&["package", "yank", "pypi", "demo"], "required");
    check(&["package", "yank", "pypi", "demo", "1.0", "--file", "a"], "cannot be used with");
    check(&["upstream", "add", "pypi"], "required");
    check(&["origin", "set", "pypi", "demo"], "--upstream");
    check(&["events", "--kind", "party"], "no event of kind \"party\"");
    check(&["events", "--severity", "dire"], "low, medium or high");
    check(&["serve", "--listen", "8080"], "invalid socket address");
    check(&["serve", "--upstream", "https://upstream.example/"], "ECOSYSTEM=URL");
    check(&["status", "--server", "https://packages.example/main"], "only scheme, host and port");
    check(&["status", "--server", "http://a.example", "--data", "/x"], "cannot be used with");
    check(&["serve", "--server", "http://a.example"], "--server names one elsewhere");
}

#[test]
fn a_wrong_upstream_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data_text = data.to_str().unwrap();
    let check = |upstream: &str, part: &str| {
        let serve = ["serve", "--listen", "127.0.0.1:0", "--data", data_text];
        let message = run(&[&serve[..], &["--upstream", upstream]].concat()).failed(2);
        assert!(message.contains(part), "{upstream}: {message}");
        assert!(!data.exists(), "{upstream}: a directory and its token were made");
    };
    check("nonesuch=http://upstream.example/", "no ecosystem");
    check("pypi=http://upstream.example/?a=b", "no query");
    check("pypi=file:///srv", "begins with http");
}

#[test]
fn nobody_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("none");
    let message = run(&["status", "--data", data.to_str().unwrap()]).failed(3);
    assert!(message.contains("there is no Provender in"), "{message}");
    assert!(message.contains("provender serve --data"), "{message}");
    assert!(!data.exists(), "only serve makes a data directory");

    // What asks the server's Sigstore finds none here either, and says how to name one.
    for command in [&["timestamp", "a"][..], &["login"], &["log", "verify"]] {
        let message = run(&[command, &["--data", data.to_str().unwrap()]].concat()).failed(3);
        assert!(message.contains("name the server with --server URL"), "{command:?}: {message}");
    }

    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let message = run(&["status", "--server", &closed]).failed(3);
    assert!(message.contains("cannot reach"), "{message}");
}

#[test]
fn a_directory_in_use_whose_server_does_not_answer() {
    let house = House::start(&[]);
    std::fs::remove_file(house.data().join("provender.sock")).unwrap();
    let message = house.run(&["status"]).failed(3);
    assert!(message.contains("in use by a process that does not answer"), "{message}");
}

#[test]
fn a_second_server() {
    let house = House::start(&[]);
    let data = house.data();
    let second = ["serve", "--listen", "127.0.0.1:0", "--data", data.to_str().unwrap()];
    let message = run(&second).failed(3);
    assert!(message.contains("another provender runs on it"), "{message}");
}

#[test]
fn a_port_that_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let message = run(&["serve", "--listen", &address, "--data", data.to_str().unwrap()]).failed(3);
    let port = address.rsplit(':').next().unwrap();
    assert!(message.contains(&format!("port {port} of 127.0.0.1 is taken")), "{message}");
    assert!(message.contains("--listen 127.0.0.1:0"), "{message}");
    assert!(!data.exists(), "a start that fails for want of a port makes nothing");
}

#[test]
fn refusals_have_statuses_of_their_own() {
    let house = House::start(&[]);
    let check = |arguments: &[&str], status: i32, part: &str| {
        let message = house.run(arguments).failed(status);
        assert!(message.contains(part), "{arguments:?}: {message}");
    };
    check(&["repo", "create", "A B"], 2, "repository name");
    check(&["own", "add", "cobol", "x"], 5, "ecosystem");
    check(&["repo", "set-visibility", "nowhere", "private"], 5, "");
    check(&["package", "show", "pypi", "nothing"], 5, "nothing");
    check(&["token", "revoke", "abc"], 5, "no token");
    check(&["repo", "create", "main"], 6, "main");
    check(&["issuer", "add", "--file", "/absent"], 5, "--file: /absent: No such file");
    check(&["issuer", "add", "--file", "/dev/zero"], 2, "--file /dev/zero: larger than");
    let who = ["--identity", "*", "--issuer", "*"];
    let rule =
        [&["repo", "require-signature", "main", "oci", "*"], &who[..], &["--trust"]].concat();
    check(&[&rule[..], &["/absent"]].concat(), 5, "--trust: /absent: No such file");
    check(&[&rule[..], &["/dev/zero"]].concat(), 2, "--trust /dev/zero: larger than");

    let token = house.run(&["token", "create", "--repo", "main", "--quiet"]).ok();
    let refused = |token: &str| house.run_remotely(token, &["repo", "create", "b"]).failed(4);
    assert!(refused(token.trim()).contains("scope admin"));
    assert!(refused("pvd_unknown_token").contains("not known"));
}
