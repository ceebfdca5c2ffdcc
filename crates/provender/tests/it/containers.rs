//! Images: tags, rules, signatures and pages, from the command line.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::House;

/// The type of an image's manifest.
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// A server, and somebody who may do everything there.
struct Port {
    house: House,
    token: String,
}

impl Port {
    fn open() -> Self {
        let house = House::start(&[]);
        let token = house.first_token().unwrap().to_owned();
        Self { house, token }
    }

    fn send(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> u16 {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nAuthorization: Bearer {}\r\n\
             Content-Type: {content_type}\r\nContent-Length: {}\r\n",
            self.token,
            body.len()
        );
        self.house.exchange(&head, body).0
    }

    fn push_blob(&self, image: &str, bytes: &[u8]) -> Value {
        let path = format!("/v2/{image}/blobs/uploads/?digest={}", digest_of(bytes));
        assert_eq!(self.send("POST", &path, "application/octet-stream", bytes), 201);
        json!({ "mediaType": "x/y", "digest": digest_of(bytes), "size": bytes.len() })
    }

    /// Pushes an image that differs by its content; the status, and the manifest's digest.
    fn push(&self, image: &str, tag: &str, content: &str) -> (u16, String) {
        self.push_as(image, tag, content, "x/y")
    }

    /// The same with a layer of this type.
    fn push_as(&self, image: &str, tag: &str, content: &str, kind: &str) -> (u16, String) {
        let mut config = self.push_blob(image, b"{}");
        config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
        let mut layer = self.push_blob(image, content.as_bytes());
        layer["mediaType"] = kind.into();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer],
        });
        let manifest = manifest.to_string();
        let path = format!("/v2/{image}/manifests/{tag}");
        let status = self.send("PUT", &path, MANIFEST, manifest.as_bytes());
        (status, digest_of(manifest.as_bytes()))
    }

    /// By name, port and path, as docker is told.
    fn reference(&self, rest: &str) -> String {
        let (_, port) = self.house.url().rsplit_once(':').unwrap();
        format!("localhost:{port}/{rest}")
    }

    fn ask(&self, arguments: &[&str]) -> crate::support::Ran {
        self.house.run_remotely(&self.token, arguments)
    }

    fn pull(&self, path: &str) -> u16 {
        let head = format!("GET {path} HTTP/1.1\r\nAuthorization: Bearer {}\r\n", self.token);
        self.house.exchange(&head, b"").0
    }
}

#[test]
fn tags_and_their_history() {
    let port = Port::open();
    let (status, one) = port.push("main/team/app", "1.0", "one");
    assert_eq!(status, 201);
    port.push("main/team/app", "latest", "one");
    let (_, two) = port.push("main/team/app", "latest", "two");
    let tags = port.house.run(&["tag", "list", "oci", "team/app", "--json"]).json();
    let of = |tag: &str| {
        let items = tags["items"].as_array().unwrap();
        items.iter().find(|item| item["tag"] == tag).unwrap()["file"].clone()
    };
    assert_eq!(of("1.0"), format!("manifest@{one}"));
    assert_eq!(of("latest"), format!("manifest@{two}"));
    let text = port.house.run(&["tag", "history", "oci", "team/app", "latest"]).ok();
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains(&one) && text.contains("first administrator"), "{text}");
    let seen = port.house.run_remotely("", &["tag", "history", "oci", "team/app"]).ok();
    assert!(!seen.contains("administrator"), "{seen}");
    port.house.run(&["tag", "list", "oci", "Team"]).failed(2);
    port.house.run(&["tag", "list", "cobol", "app"]).failed(5);
    let moved = port.house.run(&["events", "--kind", "tag-moved"]).ok();
    assert_eq!(moved.lines().count(), 1, "{moved}");
}

#[test]
fn immutable_tags_and_retention() {
    let mut port = Port::open();
    port.push("main/app", "1", "one");
    port.push("main/app", "2", "two");
    port.house.run(&["repo", "set-tags", "main", "immutable"]).ok();
    assert_eq!(port.push("main/app", "1", "three").0, 409);
    assert_eq!(port.push("main/app", "1", "one").0, 201);
    let flags = port.house.run(&["events", "--severity", "high"]).ok();
    assert!(flags.contains("immutable-tag-moved"), "{flags}");

    port.house.run(&["repo", "retain", "main", "oci", "app", "--tags", "*"]).failed(2);
    for what in [&["--tags", "*"][..], &["--untagged"]] {
        let retain = ["repo", "retain", "main", "pypi", "demo", "--keep-days", "1"];
        let refused = port.house.run(&[&retain[..], what].concat()).failed(2);
        assert!(refused.contains("there are no tags in pypi"), "{refused}");
    }
    let retain = ["repo", "retain", "main", "oci", "app", "--tags", "*", "--keep-last"];
    port.house.run(&[&retain[..], &["5"]].concat()).ok();
    let said = port.house.run(&[&retain[..], &["1"]].concat()).ok();
    assert_eq!(said, "In main: oci app: of tags * the last 1 are kept.\n");
    let policy = port.house.run(&["repo", "policy", "main"]).ok();
    assert_eq!(policy, "tags are immutable\noci app: of tags * the last 1 are kept\n");
    let told = port.house.run(&["retention", "apply", "--dry-run", "--json"]).json();
    assert_eq!(told["tags"][0]["tag"], "1");
    assert_eq!(told["tags"].as_array().unwrap().len(), 1);
    port.house.stop();
    let text = port.house.run(&["retention", "apply", "--repo", "main"]).ok();
    assert!(text.ends_with("1 tag and 0 files were taken away.\n"), "{text}");
    assert_eq!(port.house.run(&["tag", "list", "oci", "app"]).ok().lines().count(), 2);
    let collected = port.house.run(&["gc", "--json"]).json();
    assert_eq!((&collected["files"], &collected["uploads"]), (&json!(0), &json!(0)));
    let remove = ["repo", "retain", "main", "oci", "app", "--tags", "*", "--remove"];
    port.house.run(&remove).ok();
    port.house.run(&remove).failed(5);
    port.house.run(&["repo", "policy", "nowhere"]).failed(5);
}

#[test]
fn signed_where_it_is_kept() {
    let port = Port::open();
    let (_, digest) = port.push("main/team/app", "1.0", "one");
    let image = port.reference("main/team/app:1.0");
    let by_digest = format!("main/team/app@{digest}");
    let require = [
        "repo",
        "require-signature",
        "main",
        "oci",
        "team/*",
        "--identity",
        "*/first%20*",
        "--issuer",
        "*",
    ];
    port.house.run(&require).ok();
    let manifest = format!("/v2/main/team/app/manifests/{digest}");
    assert_eq!(port.pull(&manifest), 403);
    let verify = ["verify", &image, "--identity-pattern", "*first%20administrator"];
    port.ask(&verify).failed(4);

    let text = port.ask(&["sign", &image]).ok();
    assert!(text.contains("signed, and kept by the server") && text.contains(&digest), "{text}");
    assert_eq!(port.pull(&manifest), 200);
    let shown = port.ask(&[&verify[..], &["--json"]].concat()).json();
    assert_eq!((&shown["verified"], &shown["attestations"]), (&json!(true), &json!(2)));
    let text = port.ask(&verify).ok();
    assert!(text.contains("2 attestations; 1 counted"), "{text}");

    std::fs::create_dir_all(port.house.data().join("../work")).unwrap();
    let said = port.house.data().join("../work/said.json");
    std::fs::write(&said, "{\"a\":1}").unwrap();
    let said = said.to_str().unwrap();
    let attest =
        ["attest", "--predicate-type", "https://example.com/x/v1", "--predicate", said, &by_digest];
    let made = port.ask(&[&attest[..], &["--json"]].concat()).json();
    assert_eq!(format!("sha256:{}", made["sha256"].as_str().unwrap()), digest);
    let chain = port.ask(&["why", &image]).ok();
    assert!(
        chain.contains("link 3 holds") && chain.contains("https://example.com/x/v1"),
        "{chain}"
    );
    let referrers = format!("/v2/main/team/app/referrers/{digest}");
    let (_, listed) = port.house.visit(&referrers, None);
    assert_eq!(listed.matches("dev.sigstore.bundle.predicateType").count(), 3, "{listed}");
    let events = port.house.run(&["events", "--kind", "attested"]).ok();
    assert_eq!(events.lines().count(), 2, "{events}");
}

#[test]
fn references_that_lead_nowhere() {
    let port = Port::open();
    port.push("main/team/app", "1.0", "one");
    let reader =
        ["token", "create", "--repo", "main", "--scope", "publish", "--packages", "other/*"];
    let other = port.house.run(&[&reader[..], &["--quiet"]].concat()).ok();
    let image = port.reference("main/team/app:1.0");
    let check = |arguments: &[&str], status: i32, part: &str| {
        let message = port.ask(arguments).failed(status);
        assert!(message.contains(part), "{message}");
    };
    check(&["sign", &port.reference("main/team/app:2.0")], 5, "no tag 2.0");
    check(&["sign", &port.reference("nowhere/app:1.0")], 5, "no repository");
    check(&["sign", "other.example/main/team/app:1.0"], 2, "is another server");
    check(&["verify", "main/team/nothing:1.0"], 5, "no tag");
    let missing = format!("main/team/app@sha256:{}", "00".repeat(32));
    check(&["why", &missing], 5, "");
    let message = port.house.run_remotely(other.trim(), &["sign", &image]).failed(4);
    assert!(message.contains("gives scope publish for other/* only"), "{message}");
    let message = crate::support::run(&["sign", "main/team/app:1.0"]).failed(2);
    assert!(message.contains("--server URL"), "{message}");
}

#[test]
fn what_is_kept_is_not_pushed_as_something_else() {
    let port = Port::open();
    let config = port.push_blob("main/team/app", b"{}");
    // It does not say itself what it is.
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [] }).to_string();
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    let put = |tag: &str, kind: &str| {
        let path = format!("/v2/main/team/app/manifests/{tag}");
        port.send("PUT", &path, kind, manifest.as_bytes())
    };
    assert_eq!((put("1.0", MANIFEST), put("2.0", MANIFEST)), (201, 201));
    assert_eq!(put("3.0", docker), 400);
    assert_eq!(port.pull("/v2/main/team/app/manifests/2.0"), 200);
    assert_eq!(port.pull("/v2/main/team/app/manifests/3.0"), 404);
}

#[test]
fn an_image_is_closed_by_its_tag_or_its_digest() {
    let port = Port::open();
    let (_, digest) = port.push("main/app", "1.0", "one");
    port.push("main/app", "2.0", "two");
    let other = |tag: &str| port.pull(&format!("/v2/main/app/manifests/{tag}"));
    let change = |command: [&str; 2], what: &str| {
        port.house.run(&[command[0], command[1], "oci", "app", what, "--reason", "odd"])
    };
    let (add, release, delete) =
        (["quarantine", "add"], ["package", "release"], ["package", "delete"]);
    for what in ["1.0", &digest] {
        let said = change(add, what).ok();
        assert!(said.contains(&format!("manifest@{digest}")), "{said}");
        assert_eq!((other("1.0"), other(&digest), other("2.0")), (403, 403, 200));
        change(release, what).ok();
        assert_eq!((other("1.0"), other(&digest)), (200, 200));
    }
    assert!(change(add, "3.0").failed(5).contains("no tag 3.0"));
    assert!(change(add, "a b").failed(2).contains("name a tag, or a digest such as sha256:"));
    change(add, &format!("sha256:{}", "00".repeat(32))).failed(5);
    change(delete, "1.0").ok();
    assert_eq!((other("1.0"), other(&digest), other("2.0")), (404, 404, 200));
    change(delete, "1.0").failed(5);
}

#[test]
fn pages_with_tags() {
    let port = Port::open();
    let (_, one) = port.push("main/team/app", "1.0", "one");
    port.push("main/team/app", "latest", "one");
    port.push("main/team/app", "latest", "two");
    port.ask(&["sign", &port.reference("main/team/app:1.0")]).ok();
    // What is newest is a signature, which nobody pulls to run it.
    let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
    let tag = one.replace(':', "-") + ".sig";
    assert_eq!(port.push_as("main/team/app", &tag, "{}", signature).0, 201);
    let (status, page) = port.house.visit("/-/ui/main/oci/team/app", None);
    assert_eq!(status, 200);
    let short = format!("{}…", &one[.."sha256:".len() + 12]);
    for part in [
        "docker pull ",
        "/main/team/app:latest",
        short.as_str(),
        "image</span> · <span title=\"Layers\">1 layer",
        "/-/tokens/first%20administrator",
        ">nobody<",
        "Manifests <span class=\"count\">2<",
        "Layers and configurations",
        "History <span class=\"count\">4<",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    let places = ["app:latest", ">latest<", ">1.0<", &tag].map(|part| page.find(part).unwrap());
    assert!(places.is_sorted(), "{places:?} {page}");
    assert!(!page.contains("token first administrator"), "{page}");
    let (_, page) = port.house.visit("/-/ui/main/oci/team/app", Some(&port.token));
    assert!(page.contains("token first administrator"), "{page}");

    let (status, page) = port.house.visit(
        &format!("/-/ui/main/oci/team/app?file=manifest%40{}", one.replace(':', "%3A")),
        None,
    );
    assert_eq!(status, 200);
    for part in [
        format!("<h1>{short}</h1>").as_str(),
        "<h3>Release</h3>",
        "<h3>Signature</h3>",
        "/-/tokens/first%20administrator</strong>",
        "Signed and attested <span class=\"count\">2<",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    for reference in ["app", "app:latest", &format!("app@{one}")] {
        assert_eq!(
            port.house.visit(&format!("/main/team/{reference}"), None).0,
            303,
            "{reference}"
        );
    }
}

#[test]
fn a_large_layer_is_the_same_for_whoever_pulls_it_first_and_next() {
    let port = Port::open();
    let numbers: Vec<String> = (0..400_000).map(|number: u32| number.to_string()).collect();
    let layer = numbers.join(" ");
    let (status, _) = port.push("main/team/app", "1.0", &layer);
    assert_eq!(status, 201);
    let path = format!("/v2/main/team/app/blobs/{}", digest_of(layer.as_bytes()));
    let ask = |method: &str, more: &str| {
        let token = &port.token;
        let head = format!("{method} {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n{more}");
        port.house.whole_answer(&head)
    };
    let length = format!("\r\ncontent-length: {}\r\n", layer.len());
    let mut heads = Vec::new();
    for _ in 0..3 {
        let (head, body) = ask("HEAD", "");
        assert!(head.contains(&length) && body.is_empty(), "{head}");
        let (head, body) = ask("GET", "");
        assert!(head.starts_with("HTTP/1.1 200") && head.contains(&length), "{head}");
        assert!(body == layer);
        heads.push(head.lines().filter(|line| !line.starts_with("date:")).collect::<String>());
        let (head, body) = ask("GET", "Range: bytes=1000000-1999999\r\n");
        assert!(head.starts_with("HTTP/1.1 206"), "{head}");
        assert!(body == layer[1_000_000..2_000_000]);
    }
    assert!(heads.iter().all(|head| *head == heads[0]), "{heads:?}");
}

#[test]
fn into_quarantine_and_out_again() {
    let house = House::start(&[]);
    let token = house.first_token().unwrap();
    assert_eq!(house.publish(token, "demo", "1.0"), 200);
    let add = ["quarantine", "add", "pypi", "demo", "1.0"];
    house.run(&add).failed(2);
    house.run(&[&add[..], &["--reason", "looks odd"]].concat()).ok();
    let listed = house.run(&["quarantine", "list"]).ok();
    assert!(
        listed.contains("demo-1.0-py3-none-any.whl") && listed.contains("looks odd"),
        "{listed}"
    );
    let index = || house.visit("/main/pypi/simple/demo/", None).1;
    assert!(!index().contains("demo-1.0"), "{}", index());
    house.run(&[&add[..], &["--reason", "looks odd"]].concat()).failed(6);
    house.run(&["package", "release", "pypi", "demo", "1.0"]).ok();
    assert!(index().contains("demo-1.0"), "{}", index());
    let kinds = house.run(&["events", "--package", "pypi/demo"]).ok();
    assert!(kinds.contains("  quarantined ") && kinds.contains("  released "), "{kinds}");
}
