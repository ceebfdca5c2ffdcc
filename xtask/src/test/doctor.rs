//! What the tests need of the machine: looked for, and installed where it is missing.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::options::Options;
use super::postgres;
use super::process::{answer, bounded, shown};

/// Seconds for a package installation.
const INSTALL_SECS: u32 = 900;
/// Seconds in which the public upstream must say something.
const PROBE_SECS: u32 = 30;

/// Something that is needed, and Debian's packages that bring it.
struct Needed {
    /// What `--without` calls the parts of the tests that need it; empty where all need it.
    parts: &'static [&'static str],
    is_there: fn() -> bool,
    packages: &'static [&'static str],
}

/// What is built from Go modules.
const OF_GO: &[&str] = &["cosign", "crane", "oras", "helm", "conformance"];

/// What Debian brings of the clients, each of which can be done without by itself.
const PACKAGED: &[&str] = &["sigstore-js", "skopeo", "podman", "buildah", "docker-registry"];

const NEEDED: &[Needed] = &[
    Needed { parts: &[], is_there: || responds("git", "--version"), packages: &["git"] },
    Needed { parts: &["clients"], is_there: || responds("curl", "--version"), packages: &["curl"] },
    Needed {
        parts: &["clients"],
        is_there: || {
            answer(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_some()
        },
        packages: &["python3", "python3-venv"],
    },
    Needed {
        parts: &["clients"],
        is_there: || responds("openssl", "version"),
        packages: &["openssl"],
    },
    Needed {
        parts: &["sigstore-js"],
        is_there: || responds("npm", "--version"),
        packages: &["npm"],
    },
    // Of any age: an old one fetches a newer one (`toolchain.rs`).
    Needed { parts: OF_GO, is_there: || responds("go", "version"), packages: &["golang-go"] },
    Needed {
        parts: &["skopeo"],
        is_there: || responds("skopeo", "--version"),
        packages: &["skopeo"],
    },
    Needed {
        parts: &["podman"],
        is_there: || responds("podman", "--version"),
        packages: &["podman", "crun"],
    },
    Needed {
        parts: &["buildah"],
        is_there: || responds("buildah", "--version"),
        packages: &["buildah", "crun"],
    },
    Needed {
        parts: &["docker-registry"],
        is_there: || responds("docker-registry", "--version"),
        packages: &["docker-registry"],
    },
    // Lets a server take it that time has passed, when its upstream's tags are to be asked for anew.
    Needed {
        parts: &["docker-registry"],
        is_there: || responds("faketime", "--version"),
        packages: &["faketime"],
    },
    Needed {
        parts: &["postgresql"],
        is_there: || postgres::programs().is_some(),
        packages: &["postgresql"],
    },
];

/// Installs what is missing of Debian's packages, and the parts of Rust that the checks use.
///
/// # Errors
/// Where something is missing and cannot be installed; the message names it.
pub(super) fn install(options: &Options) -> anyhow::Result<()> {
    let declined = |part: &&str| {
        let of_clients = OF_GO.contains(part) || PACKAGED.contains(part);
        options.declines(part) || of_clients && options.declines("clients")
    };
    let wanted = |needed: &&Needed| needed.parts.is_empty() || !needed.parts.iter().all(&declined);
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(wanted)
        .filter(|needed| !(needed.is_there)())
        .flat_map(|needed| needed.packages)
        .copied()
        .collect();
    if !missing.is_empty() {
        install_packages(&missing)?;
    }
    for component in ["rustfmt", "clippy"] {
        let command = if component == "rustfmt" { "fmt" } else { component };
        if !responds("cargo", &format!("{command} --version")) {
            let added =
                shown(bounded(INSTALL_SECS, "rustup").args(["component", "add", component]));
            ensure!(added?.success, "Rust's {component} is missing and cannot be added");
        }
    }
    println!("everything needed is there");
    Ok(())
}

fn install_packages(packages: &[&str]) -> anyhow::Result<()> {
    let apt = |arguments: &[&str]| {
        let as_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
        let words: &[&str] = if as_root { &["env"] } else { &["sudo", "-n", "env"] };
        let mut command = bounded(INSTALL_SECS, words[0]);
        // Services that come with a package are not started: the tests start their own.
        command.args(&words[1..]).args(["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get"]);
        shown(command.args(arguments)).context("apt-get could not be started")
    };
    ensure!(
        apt(&["-q", "update"])?.success,
        "missing and not to be had: {}; apt-get update failed",
        packages.join(", ")
    );
    let install = ["-q", "install", "--yes", "--no-install-recommends"];
    let arguments: Vec<&str> = install.iter().chain(packages).copied().collect();
    ensure!(apt(&arguments)?.success, "could not be installed: {}", packages.join(", "));
    Ok(())
}

/// Whether the real upstream answers, which is whatever this machine's own clients are set up to
/// use. `probe` is the pip that asks.
pub(super) fn upstream_answers(probe: &Path) -> bool {
    let ask = ["index", "versions", "pip", "--retries", "0", "--timeout", "10"];
    answer(bounded(PROBE_SECS, probe).args(ask)).is_some()
}

/// Whether a program is there and knows the arguments.
pub(super) fn responds(program: &str, arguments: &str) -> bool {
    answer(bounded(60, program).args(arguments.split(' '))).is_some()
}
