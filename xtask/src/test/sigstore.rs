//! Sigstore's own clients, at the versions that are pinned: each installed once, and each one that
//! can be left out by name.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::clients::{self, STAMP};
use super::go::GoProgram;
use super::options::Options;
use super::process::{bounded, shown};
use super::toolchain::TOOLS;

/// Where the clients' lists stand.
const LISTS: &str = "tests/clients/sigstore";
/// The program that signs containers and files.
const COSIGN: GoProgram =
    GoProgram { package: "github.com/sigstore/cosign/v3/cmd/cosign", version: "v3.1.3" };
/// Seconds for installing what npm brings.
const INSTALL_SECS: u32 = 600;

/// A client, under the name that `--without` and the script know.
struct Client {
    name: &'static str,
    is_there: fn(&Folders) -> anyhow::Result<bool>,
    install: fn(&Folders) -> anyhow::Result<()>,
}

const CLIENTS: &[Client] = &[
    Client {
        name: "sigstore-python",
        is_there: |folders| clients::python_is_there(&folders.requirements(), &folders.venv()),
        install: |folders| clients::python(&folders.requirements(), &folders.venv()),
    },
    Client { name: "sigstore-js", is_there: js_is_there, install: install_js },
    Client {
        name: "cosign",
        is_there: |folders| Ok(COSIGN.is_there(&folders.programs())),
        install: |folders| COSIGN.install(&folders.programs(), &folders.tools),
    },
];

/// Where lists are read, and clients and what builds them are put.
struct Folders {
    lists: PathBuf,
    installed: PathBuf,
    tools: PathBuf,
}

impl Folders {
    fn requirements(&self) -> PathBuf {
        self.lists.join("requirements.txt")
    }

    fn venv(&self) -> PathBuf {
        self.installed.join("venv")
    }

    fn js(&self) -> PathBuf {
        self.installed.join("js")
    }

    fn programs(&self) -> PathBuf {
        self.installed.join("bin")
    }
}

/// Installs the clients that are not declined, and gives the names of those that are left out:
/// the declined ones and, without a network, those that are not there.
///
/// # Errors
/// Where one is neither there nor declined, and cannot be installed.
pub(super) fn install(root: &Path, options: &Options) -> anyhow::Result<Vec<&'static str>> {
    let folders = Folders {
        lists: root.join(LISTS),
        installed: root.join("target/clients/sigstore"),
        tools: root.join(TOOLS),
    };
    let mut left_out = Vec::new();
    for client in CLIENTS {
        if options.declines(client.name) {
            left_out.push(client.name);
        } else if (client.is_there)(&folders)? {
            println!("{} is there", client.name);
        } else if options.offline {
            println!("{} is not there, and cannot be had without a network", client.name);
            left_out.push(client.name);
        } else {
            (client.install)(&folders)
                .with_context(|| format!("{0} is missing; --without {0}", client.name))?;
        }
    }
    Ok(left_out)
}

fn js_is_there(folders: &Folders) -> anyhow::Result<bool> {
    let wanted = fs::read(folders.lists.join("package-lock.json"))?;
    Ok(fs::read(folders.js().join(STAMP)).is_ok_and(|installed| installed == wanted))
}

/// Installs what the lock file lists, the Node that runs it included; no package's script is run.
fn install_js(folders: &Folders) -> anyhow::Result<()> {
    let folder = folders.js();
    fs::create_dir_all(&folder)?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(folders.lists.join(name), folder.join(name))?;
    }
    let mut install = bounded(INSTALL_SECS, "npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    ensure!(shown(install.current_dir(&folder))?.success, "npm did not install the clients");
    fs::copy(folders.lists.join("package-lock.json"), folder.join(STAMP))?;
    Ok(())
}
