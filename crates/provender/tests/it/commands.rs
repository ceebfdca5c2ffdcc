//! Commands on a server, on a data directory, and over the network: the same answers.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::front::Front;
use crate::support::{House, finish, provender, run};

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
fn giving_a_name_up_says_what_it_means() {
    let house = House::start(&[]);
    house.run(&["own", "add", "pypi", "acme-*"]).ok();
    let said = house.run(&["own", "remove", "pypi", "acme-*"]).ok();
    for part in ["acme-* (pypi) is owned by main no more", "asked for it again", "stays bound"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    house.run(&["own", "remove", "pypi", "acme-*"]).failed(5);
}

#[test]
fn what_asks_the_servers_sigstore_finds_the_one_of_its_directory() {
    let mut house = House::start(&[]);
    let token = house.first_token().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("firmware.bin"), "firmware").unwrap();
    let run = |house: &House, arguments: &[&str]| {
        let mut command = provender();
        command.args(arguments).env("PROVENDER_DATA", house.data()).env("PROVENDER_TOKEN", &token);
        finish(command.current_dir(folder.path()))
    };
    run(&house, &["sign", "firmware.bin"]).ok();
    run(&house, &["timestamp", "firmware.bin"]).ok();
    let verified = run(&house, &["verify", "firmware.bin", "--json"]).json();
    let origin = house.run(&["whoami", "--json"]).json()["origin"].as_str().unwrap().to_owned();
    assert_eq!(verified["issuer"], format!("{origin}/-/oidc"));
    run(&house, &["log", "verify"]).ok();
    let found = run(&house, &["log", "search", "--digest", "firmware.bin", "--json"]).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let running = run(&house, &["trust", "export"]).ok();
    house.stop();
    assert_eq!(run(&house, &["trust", "export"]).ok(), running);
    run(&house, &["verify", "firmware.bin"]).failed(2);
    run(&house, &["log", "verify"]).failed(3);
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
fn a_server_behind_tls_is_administered_too() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    let front = Front::of(house.url());
    let run = |arguments: &[&str]| front.run(&front.roots(), token, arguments);
    let whoami = run(&["whoami"]).ok();
    assert!(whoami.starts_with("token first administrator ("), "{whoami}");
    run(&["own", "add", "pypi", "acme-*"]).ok();
    let create = ["token", "create", "--repo", "main", "--scope", "publish", "--quiet"];
    let made = run(&create).ok();
    assert_eq!(house.publish(made.trim_end(), "acme-demo", "1.0"), 200);
    run(&["package", "show", "pypi", "acme-demo"]).ok();

    let plain = house.url().replace("http://", "https://");
    let refused = finish(provender().args(["whoami", "--server", &plain])).failed(3);
    assert!(refused.contains("is it http://"), "{refused}");

    // A certificate that nothing here vouches for keeps the token here.
    let stranger = Front::of(house.url());
    let refused = front.run(&stranger.roots(), token, &["whoami"]).failed(3);
    assert!(refused.contains("certificate") && refused.contains("SSL_CERT_FILE"), "{refused}");
}

#[test]
fn a_redirect_is_told_of_and_not_followed() {
    let place = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", place.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = place.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        let answer = "HTTP/1.1 308 Permanent Redirect\r\nContent-Length: 0\r\n\
                      Location: https://packages.example/-/api/v1/whoami\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let message = run(&["whoami", "--server", &server]).failed(2);
    assert!(message.contains("--server https://packages.example"), "{message}");
    answering.join().unwrap();
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
    house.run(&["package", "unyank", "pypi", "demo", "1.0", "--reason", "it was fine"]).ok();
    assert_eq!(file("1.0")["yanked"], false);
    let told = house.run(&["events", "--kind", "unyanked"]).ok();
    assert!(told.contains("was unyanked: it was fine"), "{told}");

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
    let again = ["upstream", "add", "pypi", "https://upstream.example/simple", "--name", "b"];
    let refused = house.run(&again).failed(6);
    let name = added["name"].as_str().unwrap();
    assert!(refused.contains("as an upstream of pypi already") && refused.contains(name));
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

/// With a running server, with none, and refused from elsewhere.
#[test]
fn root_keys_are_taken_away_and_replaced() {
    let mut house = House::start(&[]);
    let safe = house.data().with_file_name("safe");
    let safe = safe.to_str().unwrap();
    let token = house.first_token().unwrap().to_owned();
    house.run_remotely(&token, &["trust", "root", "export", "--to", safe]).failed(4);
    house.run_remotely(&token, &["trust", "rotate", "ct"]).failed(4);
    assert!(!std::path::Path::new(safe).exists());
    let status = house.run_remotely(&token, &["trust", "root", "status", "--json"]).json();
    assert_eq!(status["root_keys"].as_array().unwrap().len(), 3);

    let moved = house.run(&["trust", "root", "export", "--to", safe, "--remove", "--json"]).json();
    assert_eq!((&moved["removed"], moved["files"].as_array().unwrap().len()), (&true.into(), 3));
    let refused = house.run(&["trust", "root", "rotate"]).failed(2);
    assert!(refused.contains("the TUF root key is not there"), "{refused}");
    let refused = house.run(&["trust", "rotate", "ca"]).failed(2);
    let hint = "ca-root.pem is not there; name the folder that it is in with --keys";
    assert!(refused.contains(hint), "{refused}");
    let rotated = house.run(&["trust", "root", "rotate", "--keys", safe, "--json"]).json();
    assert_eq!(rotated["version"], 2);
    house.run(&["trust", "rotate", "ca", "--keys", safe]).ok();
    assert_eq!(house.visit("/-/tuf/2.root.json", None).0, 200);
    assert_eq!(house.publish(&token, "demo", "1.0"), 200);

    house.stop();
    let rotated = house.run(&["trust", "root", "rotate", "--keys", safe, "--json"]).json();
    assert_eq!(rotated["version"], 3);
    for service in ["tsa", "ct"] {
        house.run(&["trust", "rotate", service, "--keys", safe]).ok();
    }
    let text = house.run(&["trust", "root", "status"]).ok();
    assert!(text.contains("kept elsewhere"), "{text}");
    house.serve(&[]);
    assert_eq!(house.publish(&token, "demo", "2.0"), 200);
    let status = house.run(&["trust", "root", "status", "--json"]).json();
    let of = |service: &str| {
        let keys = status["keys"].as_array().unwrap();
        keys.iter().filter(|key| key["service"] == service).count()
    };
    assert_eq!((of("ca"), of("tsa"), of("ct")), (2, 2, 2));
    assert_eq!(status["documents"][0]["version"], 3);
    let told = house.run(&["events", "--kind", "key-rotated", "--json"]).ok();
    assert_eq!(told.lines().count(), 5, "{told}");
    assert_eq!(house.run(&["events", "--kind", "root-keys-exported"]).ok().lines().count(), 1);
}

#[test]
fn settings_that_are_not_understood_stop_the_start() {
    let mut house = House::start(&[]);
    house.stop();
    std::fs::write(
        house.data().join("authority.json"),
        "{\n\"certificates\": {\"lifetime_minutes\": 0}}",
    )
    .unwrap();
    let refused = house.run(&["status"]).failed(1);
    assert!(refused.contains("0 is not between 1 and 1440 at line 2"), "{refused}");
}
