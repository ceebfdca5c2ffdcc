//! A database cluster of this run's own: in a temporary folder, on a loopback port, with a
//! password made up for it, gone when the run ends.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

use super::process;

/// Seconds in which the server must be there.
const START_SECS: u32 = 60;
/// Where Debian keeps the programs that it does not put in the path: a folder per version.
const DEBIAN: &str = "/usr/lib/postgresql";
/// The account that Debian's package makes; the server refuses to run as root.
const ACCOUNT: &str = "postgres";

/// A running cluster, stopped and removed when dropped.
pub(super) struct Postgres {
    folder: PathBuf,
    programs: PathBuf,
    owner: Option<Owner>,
    url: String,
}

/// The user and group that the server runs as where this process is root.
#[derive(Clone, Copy)]
struct Owner {
    user: u32,
    group: u32,
}

/// The folder of the server's programs, if a server is installed.
pub(super) fn programs() -> Option<PathBuf> {
    let installed = fs::read_dir(DEBIAN).ok()?;
    let mut found: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

impl Postgres {
    /// Makes a cluster and starts its server.
    ///
    /// # Errors
    /// Where no server is installed, or it does not start.
    pub(super) fn start() -> anyhow::Result<Self> {
        let programs = programs().context("no PostgreSQL server is installed")?;
        let owner = owner_if_root()?;
        // Not in target/: the server's own account must be able to reach the folder.
        let folder =
            std::env::temp_dir().join(format!("provender-postgres-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut cluster = Self { folder, programs, owner, url: String::new() };
        cluster.initialise()?;
        Ok(cluster)
    }

    /// `postgres://…` with the password, for a client on this machine.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn initialise(&mut self) -> anyhow::Result<()> {
        let (password, port) = (random_word()?, free_port()?);
        let password_file = self.folder.join("password");
        fs::write(&password_file, &password)?;
        fs::set_permissions(&password_file, fs::Permissions::from_mode(0o600))?;
        for path in [&self.folder, &password_file] {
            if let Some(owner) = self.owner {
                chown(path, Some(owner.user), Some(owner.group))?;
            }
        }
        let data = self.folder.join("data");
        self.run(
            self.program("initdb")
                .arg("--pgdata")
                .arg(&data)
                .arg("--pwfile")
                .arg(&password_file)
                .args(["--username", "provender", "--auth", "scram-sha-256"])
                .args(["--encoding", "UTF8", "--no-locale", "--no-sync"])
                // A database that sorts as people do finds what relies on the order of bytes.
                .args(["--locale-provider", "icu", "--icu-locale", "en-US"]),
        )?;
        // What is lost when the machine loses power is of no interest to a test.
        let settings = format!(
            "-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c fsync=off"
        );
        self.run(
            self.program("pg_ctl")
                .arg("--pgdata")
                .arg(&data)
                .arg("--log")
                .arg(self.folder.join("log"))
                .args(["--wait", "--timeout", &START_SECS.to_string(), "--options", &settings])
                .arg("start"),
        )?;
        self.url = format!("postgres://provender:{password}@127.0.0.1:{port}/postgres");
        println!("started on 127.0.0.1:{port}");
        Ok(())
    }

    /// One of the server's programs, as the server's account, in a folder that it can be in.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(&self.folder).stdin(Stdio::null());
        if let Some(owner) = self.owner {
            command.uid(owner.user).gid(owner.group);
        }
        command
    }

    /// Runs one of them; its output goes to a file, which a server that stays would hold open.
    fn run(&self, command: &mut Command) -> anyhow::Result<()> {
        let path = self.folder.join("output");
        let output = fs::File::create(&path)?;
        let status = command.stdout(output.try_clone()?).stderr(output).status()?;
        ensure!(
            status.success(),
            "{} failed: {}{}",
            command.get_program().display(),
            fs::read_to_string(&path).unwrap_or_default(),
            fs::read_to_string(self.folder.join("log")).unwrap_or_default()
        );
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.folder.join("data");
        if data.join("postmaster.pid").exists() {
            let mut stop = self.program("pg_ctl");
            let stop = stop.arg("--pgdata").arg(data).args(["--mode", "immediate", "stop"]);
            if let Err(error) = self.run(stop) {
                eprintln!("stopping PostgreSQL: {error:#}");
            }
        }
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("removing {}: {error}", self.folder.display());
        }
    }
}

/// Whom to run the server as: nobody else, unless this process is root.
fn owner_if_root() -> anyhow::Result<Option<Owner>> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let id = |which: &str| {
        process::answer(Command::new("id").args([which, ACCOUNT])).and_then(|id| id.parse().ok())
    };
    match (id("-u"), id("-g")) {
        (Some(user), Some(group)) => Ok(Some(Owner { user, group })),
        _ => bail!("there is no account {ACCOUNT} to run the server as, and root may not"),
    }
}

/// A port that is free now.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// 32 hexadecimal digits that nobody can guess.
fn random_word() -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut bytes = [0; 16];
    fs::File::open(Path::new("/dev/urandom"))?.read_exact(&mut bytes)?;
    Ok(bytes.iter().fold(String::new(), |word, byte| word + &format!("{byte:02x}")))
}
