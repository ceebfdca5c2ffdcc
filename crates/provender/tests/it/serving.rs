//! How the server starts and ends.

use provender_testing::FakeUpstream;

use crate::support::{House, finish, is_private, provender};

#[test]
fn the_first_start_and_the_next() {
    let mut house = House::start(&[]);
    assert!(is_private(&house.data()));
    let token = house.first_token().unwrap().to_owned();
    let listed = house.run(&["token", "list", "--json"]).json();
    let tokens = listed["items"].as_array().unwrap();
    assert_eq!((tokens.len(), &tokens[0]["scope"]), (1, &"admin".into()));
    assert!(!tokens[0]["expires_at"].is_null());
    assert!(!listed.to_string().contains(&token), "the token is shown once");
    assert_eq!(house.stop(), 0);
    house.serve(&[]);
    assert_eq!(house.first_token(), None);
    assert_eq!(house.run_remotely(&token, &["repo", "create", "b"]).status, 0);
}

/// Its log is often a file on the disk that fills up.
#[test]
fn a_server_that_can_print_nothing_serves_all_the_same() {
    let mut house = House::start(&[]);
    let token = house.first_token().unwrap().to_owned();
    assert_eq!(house.publish(&token, "demo", "1.0"), 200);
    assert_eq!(house.stop(), 0);
    house.serve_unheard();
    assert_eq!(house.publish(&token, "demo", "2.0"), 200);
    let (status, page) = house.visit("/main/pypi/simple/demo/", None);
    assert_eq!((status, page.contains("demo-1.0"), page.contains("demo-2.0")), (200, true, true));
    house.run(&["log", "verify"]).ok();
    assert_eq!(house.stop(), 0);
}

#[test]
fn the_start_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut serve = provender();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--no-discover", "--data"]).arg(&data);
    // Ended from outside as soon as it listens, by a shell that watches for its socket.
    let socket = data.join("provender.sock");
    let mut server = serve.stdout(std::process::Stdio::piped()).spawn().unwrap();
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let status = finish(provender().args(["status", "--data"]).arg(&data));
    assert!(status.ok().contains("runs since"));
    let id = server.id().to_string();
    assert!(std::process::Command::new("kill").arg(id).status().unwrap().success());
    let mut told = String::new();
    std::io::Read::read_to_string(&mut server.stdout.take().unwrap(), &mut told).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
    assert!(told.contains("listens on http://127.0.0.1:"), "{told}");
    assert!(told.contains("The administrator's token\n  pvd_"), "{told}");
    assert!(told.contains("pip install --index-url http://127.0.0.1:"), "{told}");
    assert!(told.contains("provender token create --repo main --scope publish"), "{told}");
    assert!(!told.contains('\x1b'), "no colours where nobody sees them: {told}");
}

#[test]
fn a_server_behind_a_proxy_says_where_the_proxy_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = provender();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--no-discover", "--json"]);
    serve.args(["--public-url", "https://packages.example", "--data"]).arg(folder.path());
    let mut server = serve.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut told = std::io::BufReader::new(server.stdout.take().unwrap());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut told, &mut line).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
    let address = listening["address"].as_str().map(std::net::TcpStream::connect);
    server.kill().unwrap();
    server.wait().unwrap();
    assert_eq!(listening["url"], "https://packages.example");
    assert!(matches!(address, Some(Ok(_))), "{listening}");
}

#[test]
fn health_is_for_everybody() {
    let house = House::start(&[]);
    let (status, body) = house.visit("/-/health", None);
    assert_eq!((status, body.contains("ok")), (200, true), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_named_at_the_start() {
    let upstream = FakeUpstream::start();
    let given = format!("pypi={}", upstream.url("/simple/"));
    let mut house = House::start(&["--upstream", &given]);
    let listed = |house: &House| {
        let listed = house.run(&["upstream", "list", "--json"]).json();
        listed["items"].as_array().unwrap().clone()
    };
    let first = listed(&house);
    assert_eq!((first.len(), &first[0]["url"]), (1, &upstream.url("/simple/").into()));

    // The same again changes nothing.
    house.stop();
    house.serve(&["--upstream", &given]);
    assert_eq!(listed(&house), first);

    // Another port of the same host takes its place, under its name.
    let moved = FakeUpstream::start();
    house.stop();
    house.serve(&["--upstream", &format!("pypi={}", moved.url("/simple/"))]);
    let second = listed(&house);
    assert_eq!((second.len(), &second[0]["url"]), (1, &moved.url("/simple/").into()));
    assert_eq!(second[0]["name"], first[0]["name"]);

    // Another host is asked before it.
    house.stop();
    house.serve(&["--upstream", "pypi=https://upstream.example/simple/"]);
    let third = listed(&house);
    assert_eq!(third.len(), 2);
    assert_eq!(third[0]["url"], "https://upstream.example/simple/");
}

#[test]
fn whoever_waits_for_events_does_not_keep_it_from_ending() {
    let mut house = House::start(&[]);
    let mut following = provender()
        .args(["events", "--follow", "--data"])
        .arg(house.data())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut printed = std::io::BufReader::new(following.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut printed, &mut String::new()).unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(house.stop(), 0);
    // The server gives requests under way ten seconds; this one ends by itself.
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(following.wait().unwrap().code(), Some(3));
}
