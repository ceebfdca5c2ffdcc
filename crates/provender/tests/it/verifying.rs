//! What is told of files that do not verify, and where bundles go.

use serde_json::{Value, json};

use crate::signing::Bench;
use crate::support::Ran;

/// The objects that were printed, and the status.
fn objects(ran: &Ran) -> (Vec<Value>, i32) {
    let lines = ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.collect(), ran.status)
}

#[test]
fn every_file_is_told_of() {
    let bench = Bench::new();
    for name in ["good.bin", "unsigned.bin"] {
        std::fs::write(bench.at(name), name).unwrap();
    }
    bench.trusting().ask(&["sign", "firmware.bin", "good.bin"]).ok();
    std::fs::write(bench.at("firmware.bin"), "firmwarE").unwrap();
    let verify =
        |files: &[&str]| bench.run(&[&["verify", "--trust", "trust.json"][..], files].concat());
    let ran = verify(&["firmware.bin", "unsigned.bin", "absent.bin", "good.bin"]);
    assert_eq!(ran.status, 4, "{ran:?}");
    for part in ["firmware.bin: it is not", "no bundle unsigned.bin", "absent.bin: No such"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    assert!(ran.stdout.contains("good.bin: verified"), "{ran:?}");
    let ran = verify(&["unsigned.bin", "good.bin"]);
    assert_eq!(ran.status, 5, "{ran:?}");
    assert!(ran.stdout.contains("good.bin: verified"), "{ran:?}");
    verify(&["absent.bin"]).failed(5);
    verify(&["--bundle", "absent.json", "good.bin"]).failed(5);
}

#[test]
fn what_reads_as_a_number_may_belong_to_a_file_of_its_own() {
    let bench = Bench::new();
    for name in ["lib.so", "lib.so.3"] {
        std::fs::write(bench.at(name), name).unwrap();
    }
    bench.trusting().ask(&["sign", "lib.so", "lib.so.3"]).ok();
    bench.ask(&["sign", "--add", "lib.so"]).ok();
    assert!(bench.at("lib.so.2.sigstore.json").exists());
    bench.ask(&["sign", "--add", "lib.so"]).ok();
    assert!(bench.at("lib.so.4.sigstore.json").exists());
    bench.run(&["verify", "--trust", "trust.json", "lib.so", "lib.so.3"]).ok();
}

#[test]
fn what_cannot_be_read_hides_no_refusal() {
    let bench = Bench::new();
    for name in ["changed.bin", "good.bin"] {
        std::fs::write(bench.at(name), name).unwrap();
    }
    bench.trusting().ask(&["sign", "firmware.bin", "changed.bin", "good.bin"]).ok();
    std::fs::write(bench.at("changed.bin"), "other").unwrap();
    std::fs::remove_file(bench.at("firmware.bin.sigstore.json")).unwrap();
    std::fs::create_dir(bench.at("firmware.bin.sigstore.json")).unwrap();
    let verify =
        |files: &[&str]| bench.run(&[&["verify", "--trust", "trust.json"], files].concat());
    let ran = verify(&["changed.bin", "firmware.bin", "good.bin"]);
    assert_eq!(ran.status, 4, "{ran:?}");
    for part in ["changed.bin: it is not", "firmware.bin.sigstore.json"] {
        assert!(ran.stderr.contains(part), "{part}: {ran:?}");
    }
    assert!(ran.stdout.contains("good.bin: verified"), "{ran:?}");
    assert_eq!(verify(&["firmware.bin", "good.bin"]).status, 1);
}

#[test]
fn every_refusal_is_an_object() {
    let bench = Bench::new();
    bench.trusting().ask(&["sign", "firmware.bin"]).ok();
    std::fs::write(bench.at("other.bin"), "other").unwrap();
    std::fs::write(bench.at("junk.json"), "{}").unwrap();
    let check = |arguments: &[&str], links: &[&str]| {
        let (found, status) = objects(&bench.run(&[&["verify", "--json"][..], arguments].concat()));
        let of: Vec<_> = found.iter().map(|one| one["link"].as_str().unwrap()).collect();
        assert_eq!((&of[..], status), (links, 4), "{found:?}");
        assert!(found.iter().all(|one| one["reason"].is_string() && one["verified"] == false));
    };
    let trusting = ["--trust", "trust.json"];
    check(&[&trusting[..], &["--bundle", "junk.json", "firmware.bin"]].concat(), &["bundle"]);
    check(&[&trusting[..], &["--bundle", "/dev/zero", "firmware.bin"]].concat(), &["bundle"]);
    for root in ["junk.json", "absent.json", "/dev/zero"] {
        check(&["--trust", root, "firmware.bin", "other.bin"], &["trust-root"; 2]);
    }
    bench.run(&["verify", "--trust", "junk.json", "firmware.bin"]).failed(4);
}

#[test]
fn nothing_is_written_into_a_folder_that_is_signed() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.at("tree/sub")).unwrap();
    std::fs::write(bench.at("tree/a"), "a").unwrap();
    std::fs::write(bench.at("said.json"), "{}").unwrap();
    bench.trusting();
    let attest = ["attest", "--predicate-type", "x:y", "--predicate", "said.json"];
    let verify = ["verify", "--trust", "trust.json"];
    for place in ["tree/.", "tree/sub/..", "tree/./"] {
        bench.ask(&["sign", place]).ok();
        bench.run(&[&verify[..], &[place]].concat()).ok();
        bench.run(&[&verify[..], &["tree"]].concat()).ok();
        std::fs::remove_file(bench.at("tree.sigstore.json")).unwrap();
        bench.ask(&[&attest[..], &[place]].concat()).ok();
        std::fs::remove_file(bench.at("tree.attestation.sigstore.json")).unwrap();
        bench.ask(&["timestamp", place]).ok();
        std::fs::remove_file(bench.at("tree.tsr")).unwrap();
    }
    for command in [&["sign"][..], &attest, &["timestamp"]] {
        let refused = |more: &[&str]| {
            let message = bench.ask(&[command, more].concat()).failed(2);
            assert!(message.contains("name another place"), "{message}");
        };
        refused(&["--output", "tree/b.json", "tree"]);
        refused(&["--output", "tree/sub/../b.json", "tree/."]);
        refused(&["tree", "tree/a"]);
    }
    let names = std::fs::read_dir(bench.at("tree")).unwrap().count();
    assert_eq!(names, 2);
}

#[test]
fn bundles_by_another_kind_of_key_are_named() {
    let bench = Bench::new();
    bench.make_key();
    bench.trusting().ask(&["sign", "firmware.bin"]).ok();
    bench
        .ask(&["sign", "--key", "key.pem", "-o", "firmware.bin.7.sigstore.json", "firmware.bin"])
        .ok();
    let verify = ["verify", "--trust", "trust.json", "firmware.bin"];
    let shown = bench.run(&[&verify[..], &["--json"]].concat()).json();
    assert_eq!(shown["signatures"].as_array().unwrap().len(), 1, "{shown}");
    let named = |shown: &Value| {
        assert_eq!(shown["broken"].as_array().unwrap().len(), 1, "{shown}");
        let broken = &shown["broken"][0];
        assert_eq!(broken["link"], "key-material");
        broken["bundle"].as_str().unwrap().to_owned()
    };
    assert_eq!(named(&shown), "firmware.bin.7.sigstore.json");
    let text = bench.run(&verify).ok();
    assert!(text.contains("not counted  firmware.bin.7.sigstore.json: the bundle was"), "{text}");
    let with_key = [&verify[..], &["--key", "key.pub", "--json"]].concat();
    assert_eq!(named(&bench.run(&with_key).json()), "firmware.bin.sigstore.json");
    // What is by the kind that is expected has to hold, whatever its number.
    std::fs::write(bench.at("firmware.bin.9.sigstore.json"), "{}").unwrap();
    bench.run(&verify).failed(4);
}

#[test]
fn a_server_that_has_nothing_or_nonsense() {
    let bench = Bench::new();
    let sha256 = "ab".repeat(32);
    bench.instance.tell(
        "reference",
        json!({
            "repository": "main", "ecosystem": "oci", "package": "app", "tag": "1.0",
            "file": format!("manifest@sha256:{sha256}"), "sha256": sha256, "purl": "pkg:oci/app",
        }),
    );
    let of = |what: &str| format!("{what}/sha256:{sha256}");
    bench.instance.tell(&of("attestations"), json!({"items": []}));
    bench.instance.tell(&of("signatures"), json!({"items": []}));
    let message = bench.ask(&["verify", "main/app:1.0"]).failed(5);
    assert!(message.contains("the server has no bundle for it"), "{message}");
    bench.make_key();
    let message = bench.ask(&["sign", "--key", "key.pem", "main/app:1.0"]).failed(2);
    assert!(message.contains("with a certificate, not with a key"), "{message}");

    let attested = json!({
        "sha256": sha256, "repository": null, "file": null, "source": "ours",
        "predicate_type": "x:y", "log_index": null, "recorded_at": "2026-01-01T00:00:00Z",
        "bundle": {},
    });
    bench.instance.tell(&of("attestations"), json!({"items": [attested]}));
    let (found, status) = objects(&bench.ask(&["verify", "--json", "main/app:1.0"]));
    assert_eq!((&found[0]["link"], status), (&json!("bundle"), 4), "{found:?}");
    assert_eq!(found[0]["broken"][0]["link"], "bundle");
}

#[test]
fn attestations_beside_others_and_as_they_were_written() {
    let bench = Bench::new();
    bench.trusting();
    let said = r#"{ "big": 123456789012345678901234567890, "one": 1.10, "one": 2 }"#;
    std::fs::write(bench.at("said.json"), format!("\n {said}\n")).unwrap();
    let attest =
        ["attest", "--add", "--predicate-type", "x:y", "--predicate", "said.json", "firmware.bin"];
    bench.ask(&attest).ok();
    let first = std::fs::read(bench.at("firmware.bin.attestation.sigstore.json")).unwrap();
    bench.ask(&attest).ok();
    assert_eq!(std::fs::read(bench.at("firmware.bin.attestation.sigstore.json")).unwrap(), first);
    let second = "firmware.bin.attestation.2.sigstore.json";
    bench.run(&["verify", "--trust", "trust.json", "--bundle", second, "firmware.bin"]).ok();
    let bundle: Value = serde_json::from_slice(&first).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let payload = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(payload).unwrap()
    };
    let payload = String::from_utf8(payload).unwrap();
    assert!(payload.ends_with(&format!("\"predicate\":{said}}}")), "{payload}");
}

#[test]
fn statuses_of_what_goes_wrong() {
    let bench = Bench::new();
    bench.trusting().ask(&["sign", "firmware.bin"]).ok();
    let check = |ran: Ran, status: i32, part: &str| {
        let message = ran.failed(status);
        assert!(message.contains(part), "{message}");
    };
    let verify = ["verify", "--trust", "trust.json", "firmware.bin", "--key"];
    check(bench.run(&[&verify[..], &["trust.json"]].concat()), 2, "--key trust.json");
    check(bench.ask(&["log", "verify", "--ct-key", "zz"]), 2, "--ct-key zz");
    let stamp = ["timestamp", "--verify", "--trust", "trust.json", "firmware.bin"];
    check(bench.run(&stamp), 5, "firmware.bin.tsr");
    let sign = |token: &str| bench.ask(&["sign", "--identity-token", token, "firmware.bin"]);
    check(sign("/absent"), 5, "--identity-token: /absent: No such file");
    check(sign("/dev/zero"), 2, "--identity-token /dev/zero: larger than");
    check(sign("trust.json"), 2, "no identity token");
    check(bench.ask(&["log", "search", "--digest", "/absent"]), 5, "neither a SHA-256 nor a file");
    // Nobody signed this token; the authority refuses it.
    let token = {
        use base64::Engine as _;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let claims = r#"{"sub":"ann","iss":"https://issuer.example","exp":99999999999}"#;
        format!("{}.{}.c2ln", engine.encode(r#"{"alg":"ES256"}"#), engine.encode(claims))
    };
    let mut command = bench.command(&["sign", "--identity-token", &token, "firmware.bin"]);
    command.args(["--server", &bench.instance.url()]);
    check(crate::support::finish(&mut command), 4, "no certificate was given");
    let mut command = bench.command(&["trust", "export", "--server", &bench.instance.url()]);
    assert_eq!(crate::support::finish(command.env("PROVENDER_DATA", "/nowhere")).status, 0);
}

#[test]
fn somebody_who_speaks_no_http() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            use std::io::{Read as _, Write as _};
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 64]);
            if number % 2 == 0 {
                let _ = stream.write_all(b"220 mail.example\r\n");
            }
        }
    });
    let server = format!("http://{address}");
    for command in [&["trust", "export"][..], &["status"]] {
        for _ in 0..2 {
            let arguments = [command, &["--server", &server]].concat();
            let message = crate::support::run(&arguments).failed(3);
            assert!(message.contains(&address), "{message}");
        }
    }
}
