//! Signing and verifying from the command line.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::instance::{Instance, TOKEN};
use crate::support::{Ran, finish, provender};

/// A folder with an artifact, and an instance.
pub(crate) struct Bench {
    pub(crate) instance: Instance,
    folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let bench = Self { instance: Instance::start(), folder: tempfile::tempdir().unwrap() };
        std::fs::write(bench.at("firmware.bin"), "firmware").unwrap();
        bench
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// In the folder, with a home of its own.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(&mut self.command(arguments))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = provender();
        command.args(arguments).current_dir(self.folder.path());
        command.env("HOME", self.folder.path()).env_remove("XDG_CONFIG_HOME");
        command.env("PROVENDER_DATA", self.at("no-data"));
        command
    }

    /// With the server named, and its token.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(arguments);
        command.args(["--server", &self.instance.url()]).env("PROVENDER_TOKEN", TOKEN);
        finish(&mut command)
    }

    pub(crate) fn trusting(&self) -> &Self {
        self.ask(&["trust", "export", "-o", "trust.json"]).ok();
        self
    }

    /// `key.pem`, and its public half in `key.pub`.
    pub(crate) fn make_key(&self) {
        let made = std::process::Command::new("openssl")
            .args(["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"])
            .arg(self.at("key.pem"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let public = std::process::Command::new("openssl")
            .args(["pkey", "-pubout", "-in"])
            .arg(self.at("key.pem"))
            .output()
            .unwrap();
        std::fs::write(self.at("key.pub"), public.stdout).unwrap();
    }

    /// An entry for the log over the digest of some bytes, signed with a certificate that nobody but
    /// whoever made it vouches for, and that names this signer.
    fn forged(&self, bytes: &str, signer: &str) -> Value {
        let openssl = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            let ran = command.args(arguments).current_dir(self.folder.path()).output().unwrap();
            assert!(ran.status.success(), "{ran:?}");
            STANDARD.encode(ran.stdout)
        };
        self.make_key();
        std::fs::write(self.at("forged.bin"), bytes).unwrap();
        let name = format!("subjectAltName=critical,URI:{signer}");
        let new = ["req", "-x509", "-new", "-key", "key.pem", "-subj", "/", "-days", "1"];
        let certificate = openssl(&[&new[..], &["-addext", &name, "-outform", "DER"]].concat());
        let signature = openssl(&["dgst", "-sha256", "-sign", "key.pem", "forged.bin"]);
        json!({"hashedRekordRequestV002": {
            "digest": STANDARD.encode(Sha256::digest(bytes)),
            "signature": {"content": signature, "verifier": {
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "x509Certificate": {"rawBytes": certificate},
            }},
        }})
    }

    fn signer(&self) -> String {
        format!("{}/-/tokens/ci", self.instance.origin())
    }

    fn issuer(&self) -> String {
        format!("{}/-/oidc", self.instance.origin())
    }
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn signed_and_verified_offline() {
    let bench = Bench::new();
    bench.trusting();
    let text = bench.ask(&["sign", "firmware.bin"]).ok();
    assert!(text.contains("firmware.bin: signed, written to firmware.bin.sigstore.json"), "{text}");
    assert!(text.contains(&bench.signer()), "{text}");

    let shown = bench.run(&["verify", "--trust", "trust.json", "--json", "firmware.bin"]).json();
    assert_eq!(shown["verified"], json!(true));
    assert_eq!(shown["identity"], json!(bench.signer()));
    assert_eq!(shown["issuer"], json!(bench.issuer()));
    let open: Vec<_> = shown["signatures"][0]["not_proved"].as_array().unwrap().clone();
    assert_eq!(open.len(), 3, "{shown}");

    let text = bench.run(&["verify", "--trust", "trust.json", "firmware.bin"]).ok();
    for part in
        ["verified", &bench.signer(), "says a timestamp authority", "entry 0 of 1", "not proved"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let quiet = bench.run(&["verify", "-q", "--trust", "trust.json", "firmware.bin"]).ok();
    assert_eq!(quiet, "");
}

#[test]
fn what_is_refused_names_the_link_that_broke() {
    let bench = Bench::new();
    bench.trusting().ask(&["sign", "firmware.bin"]).ok();
    let check = |more: &[&str], link: &str, message: &str| {
        let mut arguments = vec!["verify", "--trust", "trust.json", "firmware.bin"];
        arguments.extend(more);
        let refused = bench.run(&arguments).failed(4);
        assert!(refused.contains(message), "{refused}");
        arguments.push("--json");
        let ran = bench.run(&arguments);
        let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((&shown["verified"], &shown["link"]), (&json!(false), &json!(link)));
    };
    check(&["--identity", "ann@example.com"], "identity", "and ann@example.com was expected");
    check(&["--issuer", "https://issuer.example"], "issuer", "vouched for by");
    check(&["--identity-pattern", "https://*"], "identity", "was expected");
    std::fs::write(bench.at("firmware.bin"), "firmwarE").unwrap();
    check(&[], "artifact", "it is not this artifact that was signed");
    bench
        .run(&["verify", "--trust", "trust.json", "--bundle", "trust.json", "firmware.bin"])
        .failed(4);
    bench.run(&["verify", "--trust", "trust.json", "trust.json"]).failed(5);
    bench.run(&["verify", "firmware.bin"]).failed(2);
    bench.run(&["sign", "firmware.bin"]).failed(3);

    let stranger = Bench::new();
    stranger.trusting();
    std::fs::write(bench.at("firmware.bin"), "firmware").unwrap();
    let theirs = stranger.at("trust.json");
    let arguments = ["verify", "--trust", theirs.to_str().unwrap(), "firmware.bin"];
    assert!(bench.run(&arguments).failed(4).contains("a log that the trust root does not know"));
}

#[test]
fn folders_and_several_signatures() {
    let bench = Bench::new();
    bench.trusting();
    std::fs::create_dir_all(bench.at("tree/sub")).unwrap();
    std::fs::write(bench.at("tree/sub/a"), "a").unwrap();
    bench.ask(&["sign", "tree", "firmware.bin"]).ok();
    bench.ask(&["sign", "--add", "firmware.bin"]).ok();
    assert!(bench.at("firmware.bin.2.sigstore.json").exists());
    bench.run(&["verify", "--trust", "trust.json", "tree"]).ok();
    let shown = bench.run(&["verify", "--trust", "trust.json", "--json", "firmware.bin"]).json();
    assert_eq!(shown["signatures"].as_array().unwrap().len(), 2);

    std::fs::write(bench.at("tree/sub/a"), "b").unwrap();
    bench.run(&["verify", "--trust", "trust.json", "tree"]).failed(4);
}

#[test]
fn statements_and_timestamps() {
    let bench = Bench::new();
    bench.trusting();
    std::fs::write(bench.at("said.json"), r#"{"purl":"pkg:generic/firmware@1"}"#).unwrap();
    let attest =
        ["attest", "--predicate-type", "release", "--predicate", "said.json", "firmware.bin"];
    bench.ask(&attest).ok();
    let bundle = "firmware.bin.attestation.sigstore.json";
    let verify = ["verify", "--trust", "trust.json", "--bundle", bundle, "firmware.bin"];
    let text = bench.run(&verify).ok();
    assert!(text.contains("part of pkg:generic/firmware@1"), "{text}");

    let text = bench.ask(&["timestamp", "firmware.bin"]).ok();
    assert!(text.contains("firmware.bin: existed at 20"), "{text}");
    let verify = ["timestamp", "--verify", "--trust", "trust.json", "firmware.bin"];
    bench.run(&verify).ok();
    std::fs::write(bench.at("firmware.bin"), "other").unwrap();
    assert!(bench.run(&verify).failed(4).contains("the timestamp does not hold"));
}

#[test]
fn nothing_is_written_over_what_is_signed_or_read() {
    let bench = Bench::new();
    bench.make_key();
    std::fs::write(bench.at("said.json"), "{}").unwrap();
    std::os::unix::fs::symlink("firmware.bin", bench.at("link")).unwrap();
    let before = ["firmware.bin", "key.pem", "said.json"].map(|name| std::fs::read(bench.at(name)));
    let attest = ["attest", "--predicate-type", "https://a.example/b", "--predicate", "said.json"];
    let taken: [&[&str]; 5] = [
        &["sign", "-o", "firmware.bin", "firmware.bin"],
        &["sign", "-o", "link", "firmware.bin"],
        &["sign", "--key", "key.pem", "-o", "./key.pem", "firmware.bin"],
        &[&attest[..], &["-o", "said.json", "firmware.bin"]].concat(),
        &["timestamp", "-o", "link", "firmware.bin"],
    ];
    for arguments in taken {
        let told = bench.ask(arguments).failed(2);
        assert!(told.contains("is read here: name another place"), "{told}");
    }
    // Nor is anything logged of what could not be written.
    std::fs::create_dir(bench.at("firmware.bin.sigstore.json")).unwrap();
    for arguments in [&["sign", "firmware.bin"][..], &["sign", "-o", "no/where", "firmware.bin"]] {
        let told = bench.ask(arguments).failed(1);
        assert!(told.contains("cannot write"), "{told}");
    }
    for (name, before) in ["firmware.bin", "key.pem", "said.json"].into_iter().zip(before) {
        assert_eq!(std::fs::read(bench.at(name)).unwrap(), before.unwrap(), "{name}");
    }
    assert!(!bench.at("no").exists());
    bench.ask(&["sign", "said.json"]).ok();
    bench.instance.publish();
    assert!(bench.ask(&["log", "search", "--digest", "firmware.bin"]).ok().contains("No entry."));
    // What could be taken for a folder's list is none.
    std::fs::write(bench.at("list"), "provender-tree 1\nlink a b\n").unwrap();
    assert!(bench.ask(&["sign", "list"]).failed(2).contains("stand for a folder"));
}

#[test]
fn with_a_key_of_ones_own() {
    let bench = Bench::new();
    bench.trusting();
    bench.make_key();
    bench.ask(&["sign", "--key", "key.pem", "firmware.bin"]).ok();
    bench.ask(&["sign", "--key", "key.pub", "firmware.bin"]).failed(2);
    let verify = ["verify", "--trust", "trust.json", "firmware.bin"];
    assert!(bench.run(&verify).failed(4).contains("signed with a key"));
    let shown = bench.run(&[&verify[..], &["--key", "key.pub", "--json"]].concat()).json();
    assert_eq!((&shown["verified"], &shown["identity"]), (&json!(true), &Value::Null));
    assert_eq!(shown["signatures"][0]["key"].as_str().unwrap().len(), 64);
}

#[test]
fn logging_in_by_device() {
    let bench = Bench::new();
    let url = bench.instance.url();
    assert!(
        bench
            .run(&["sign", "--server", &url, "firmware.bin"])
            .failed(4)
            .contains("provender login")
    );
    let ran = bench.run(&["login", "--server", &url]);
    assert!(ran.stderr.contains("confirm the code BCDF-GHJK"), "{ran:?}");
    assert!(ran.ok().contains("as ann@example.com for 5 minutes"));
    let kept = walk(&bench.at(".config"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(std::fs::metadata(&kept[0]).unwrap().permissions().mode() & 0o777, 0o600);
    let shown = bench.run(&["sign", "--server", &url, "--json", "firmware.bin"]).json();
    assert_eq!(shown["identity"], json!("ann@example.com"));
    bench.run(&["login", "--forget", "--server", &url]).ok();
    assert_eq!(walk(&bench.at(".config")).len(), 0);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn a_token_that_the_server_does_not_know() {
    let bench = Bench::new();
    let url = bench.instance.url();
    let arguments = ["sign", "--server", &url, "--token", "prv_stranger", "firmware.bin"];
    let refused = bench.run(&arguments);
    assert!(refused.stderr.contains("who is that?"), "{refused:?}");
    assert_eq!(refused.status, 4);
    assert!(!bench.at("firmware.bin.sigstore.json").exists());
}

#[test]
fn nobody_is_found_under_a_name_that_they_gave_themselves() {
    let bench = Bench::new();
    bench.ask(&["sign", "firmware.bin"]).ok();
    bench.instance.append(&bench.forged("forged", &bench.signer()));
    bench.instance.publish();
    let search = |what: &str, value: &str| {
        let found = bench.ask(&["log", "search", "--json", what, value]).json();
        found["items"].as_array().unwrap().clone()
    };
    let by_signer = search("--identity", &bench.signer());
    assert_eq!(by_signer.len(), 1, "{by_signer:?}");
    assert_eq!(by_signer[0]["digest"], hex_of("firmware"));
    let forged = search("--digest", "forged.bin");
    assert_eq!((forged.len(), &forged[0]["identity"]), (1, &Value::Null));
    let signed = search("--digest", "firmware.bin");
    assert_eq!(signed[0]["identity"], json!(bench.signer()));
}

#[test]
fn the_log_and_the_chain() {
    let bench = Bench::new();
    bench.ask(&["sign", "firmware.bin"]).ok();
    bench.instance.publish();
    let text = bench.ask(&["log", "verify"]).ok();
    assert!(text.contains("all 1 entries"), "{text}");
    let by_identity = ["log", "search", "--identity", &bench.signer()];
    assert!(bench.ask(&by_identity).ok().contains(&hex_of("firmware")));
    assert!(
        bench.ask(&["log", "search", "--digest", "firmware.bin"]).ok().contains(&bench.signer())
    );
    assert!(bench.ask(&["log", "search", "--identity", "nobody"]).ok().contains("No entry."));

    let bundle = read(&bench.at("firmware.bin.sigstore.json"));
    let digest = hex_of("firmware");
    let item = |bundle: &Value, digest: &str| {
        json!({"items": [{
            "purl": "pkg:generic/firmware@1",
            "file": {"name": "firmware.bin", "sha256": digest},
            "origin": {"kind": "published"},
            "events": [{"kind": "published", "at": "2026-01-01T00:00:00Z", "message": "it came"}],
            "attestations": [{"bundle": bundle}],
        }]})
    };
    bench.ask(&["why", "firmware.bin"]).failed(5);
    bench.instance.know(item(&bundle, &digest));
    let text = bench.ask(&["why", "firmware.bin"]).ok();
    for part in ["pkg:generic/firmware@1", "published", "it came", "link 1 holds", &bench.signer()]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    bench.instance.know(item(&bundle, &"00".repeat(32)));
    let ran = bench.ask(&["why", "pkg:generic/firmware@1"]);
    assert_eq!(ran.status, 4);
    assert!(ran.stdout.contains("link 1 is broken"), "{ran:?}");
}

#[test]
fn a_chain_of_something_else_is_refused() {
    let bench = Bench::new();
    std::fs::write(bench.at("other.bin"), "other").unwrap();
    bench.ask(&["sign", "other.bin"]).ok();
    let (ours, theirs) = (hex_of("firmware"), hex_of("other"));
    bench.instance.know(json!({"items": [{
        "purl": "pkg:generic/firmware@1",
        "file": {"name": "firmware.bin", "sha256": theirs},
        "attestations": [{"bundle": read(&bench.at("other.bin.sigstore.json"))}],
    }]}));
    for subject in ["firmware.bin", ours.as_str(), &format!("sha256:{ours}")] {
        let message = bench.ask(&["why", subject]).failed(4);
        assert!(message.contains("the server answered about something else"), "{message}");
        assert!(message.contains(&theirs), "{message}");
    }
    bench.instance.know(json!({"items": [{"file": {"name": "firmware.bin"}}]}));
    bench.ask(&["why", "firmware.bin"]).failed(4);
}

fn hex_of(text: &str) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(text))
}
