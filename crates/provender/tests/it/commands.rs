//! Commands on a server, on a data directory, and over the network: the same answers.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::support::{House, provender};

#[test]
fn tokens_are_made_while_a_server_runs_and_while_none_does() {
    let create = ["token", "create", "--repo", "main", "--scope", "publish", "--quiet"];
    let mut house = House::start(&[]);
    let running = house.run(&create).ok();
    assert_eq!(house.publish(running.trim(), "demo", "1.0"), 200);
    assert_eq!(house.stop(), 0);
    let stopped = house.run(&create).ok();
    house.serve(&[]);
    assert_eq!(house.publish(stopped.trim(), "demo", "2.0"), 200);
    for token in [&running, &stopped] {
        assert!(token.starts_with("pvd_") && token.lines().count() == 1, "{token:?}");
    }
    assert_eq!(house.publish("pvd_wrong_token", "demo", "3.0"), 401);
    assert_eq!(house.run(&["events", "--kind", "published"]).ok().lines().count(), 2);
}

#[test]
fn every_way_to_a_server_gives_the_same_facts() {
    let mut house = House::start(&[]);
    let token = house.first_token().unwrap().to_owned();
    house.run(&["repo", "create", "team"]).ok();
    house.run(&["own", "add", "pypi", "ACME_*"]).ok();
    let commands: [&[&str]; 4] = [
        &["repo", "list", "--json"],
        &["own", "list", "--json"],
        &["token", "list", "--json"],
        &["package", "list", "--json"],
    ];
    let here: Vec<_> = commands.iter().map(|command| house.run(command).json()).collect();
    let there: Vec<_> =
        commands.iter().map(|command| house.run_remotely(&token, command).json()).collect();
    house.stop();
    let alone: Vec<_> = commands.iter().map(|command| house.run(command).json()).collect();
    assert_eq!(here, there);
    assert_eq!(here, alone);
    assert_eq!(here[0]["items"][1]["visibility"], "private");
    assert_eq!(here[1]["items"][0]["pattern"], "acme-*");
}

#[test]
fn who_is_who() {
    let house = House::start(&[]);
    assert_eq!(house.run(&["whoami"]).ok(), "operator\n");
    let token = house.first_token().unwrap();
    let whoami = house.run_remotely(token, &["whoami"]).ok();
    assert!(whoami.starts_with("token first administrator ("), "{whoami}");
    assert_eq!(house.run_remotely("", &["whoami"]).ok(), "anonymous\n");
}

#[test]
fn a_package_from_its_publication_to_its_end() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    assert_eq!(house.publish(token, "demo", "1.0"), 200);
    assert_eq!(house.publish(token, "demo", "2.0"), 200);
    let file = |version: &str| {
        let package = house.run(&["package", "show", "pypi", "Demo", "--json"]).json();
        let files = package["files"].as_array().unwrap().clone();
        files.into_iter().find(|file| file["version"] == version).unwrap()
    };
    assert_eq!(file("1.0")["origin"]["kind"], "published");

    let yanked = house.run(&["package", "yank", "pypi", "demo", "1.0", "--reason", "bad"]).ok();
    assert!(yanked.contains("demo-1.0-py3-none-any.whl"), "{yanked}");
    assert_eq!((&file("1.0")["yanked"], &file("2.0")["yanked"]), (&true.into(), &false.into()));
    assert_eq!(file("1.0")["yank_reason"], "bad");
    house.run(&["package", "unyank", "pypi", "demo", "1.0"]).ok();
    assert_eq!(file("1.0")["yanked"], false);

    let name = "demo-2.0-py3-none-any.whl";
    house.run(&["package", "delete", "pypi", "demo", "--file", name, "--reason", "leak"]).ok();
    assert_eq!(file("2.0")["state"], "deleted");
    assert_eq!(file("1.0")["state"], "present");
    let kinds = house.run(&["events", "--package", "pypi/demo"]).ok();
    for kind in ["published", "yanked", "unyanked", "deleted"] {
        assert!(kinds.contains(&format!("  {kind} ")), "no {kind} in {kinds}");
    }
}

#[test]
fn events_are_filtered_and_followed() {
    let house = House::start(&[]);
    house.run(&["repo", "create", "team"]).ok();
    let lines = |arguments: &[&str]| house.run(arguments).ok().lines().count();
    assert_eq!(lines(&["events"]), 3);
    assert_eq!(lines(&["events", "--limit", "1"]), 1);
    assert_eq!(lines(&["events", "--since", "2"]), 1);
    assert_eq!(lines(&["events", "--kind", "initialized,token-created"]), 2);
    assert_eq!(lines(&["events", "--severity", "low"]), 0);
    assert_eq!(lines(&["events", "--repo", "team"]), 1);

    let mut following = provender()
        .args(["events", "--follow", "--json", "--kind", "repository-created", "--data"])
        .arg(house.data())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut followed = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = followed.next().unwrap().unwrap();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        event["repository"].as_str().unwrap().to_owned()
    };
    assert_eq!(next(), "team");
    house.run(&["repo", "create", "other"]).ok();
    assert_eq!(next(), "other");
    following.kill().unwrap();
    following.wait().unwrap();
}

#[test]
fn following_takes_a_server() {
    let mut house = House::start(&[]);
    house.stop();
    let message = house.run(&["events", "--follow"]).failed(3);
    assert!(message.contains("no server runs"), "{message}");
}

#[test]
fn upstreams_are_added_listed_and_removed() {
    let house = House::start(&[]);
    let add = ["upstream", "add", "pypi", "https://u:secret@upstream.example/simple/"];
    let added = house.run(&[&add[..], &["--json"]].concat()).json();
    assert_eq!(added["url"], "https://upstream.example/simple/");
    assert_eq!(added["has_credentials"], true);
    house.run(&["repo", "create", "team"]).ok();
    let behind = ["upstream", "add", "pypi", "--from-repo", "main", "--repo", "team"];
    house.run(&behind).ok();
    let listed = house.run(&["upstream", "list"]).ok();
    assert!(listed.contains("with credentials") && !listed.contains("secret"), "{listed}");
    let listed = house.run(&["upstream", "list", "--repo", "team"]).ok();
    assert!(listed.contains("repository main"), "{listed}");
    let name = added["name"].as_str().unwrap();
    house.run(&["upstream", "remove", "pypi", name]).ok();
    assert!(house.run(&["upstream", "list"]).ok().starts_with("No upstream"));
    house.run(&["upstream", "remove", "pypi", name]).failed(5);
}

#[test]
fn garbage_and_status() {
    let mut house = House::start(&[]);
    let dry = house.run(&["gc", "--dry-run"]).ok();
    assert_eq!(dry, "0 blobs, 0 B, could be removed.\n");
    assert_eq!(house.run(&["gc", "--json"]).json()["blobs"], 0);
    assert!(house.run(&["status"]).ok().contains("runs since"));
    house.stop();
    assert!(house.run(&["status"]).ok().contains("does not run"));
}
