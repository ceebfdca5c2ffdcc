//! A server that is measured: started, asked for its processor time and memory, and ended.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::http::Connection;

/// How long a server may take until it answers.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long a server that was told to end may take.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// The kernel counts processor time in hundredths of a second.
const TICKS_PER_SEC: f64 = 100.0;
/// Kilobytes in the megabytes that are reported.
const KB_PER_MB: f64 = 1024.0;

/// A running server and its children, which are one process group. Ended when dropped.
pub(crate) struct Program {
    child: Child,
    address: String,
}

impl Program {
    /// Starts a server that will listen on `address`, and waits until it answers `path` at all.
    /// What it prints goes to the file `log`.
    ///
    /// # Errors
    /// Where it cannot be started, ends, or does not answer in time.
    pub(crate) fn start(
        command: &mut Command,
        address: &str,
        path: &str,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let started = Self::spawn(command, address, log)?;
        started.wait(path).with_context(|| {
            let said = fs::read_to_string(log).unwrap_or_default();
            let start = said.len().saturating_sub(2000);
            format!(
                "{} said: {}",
                command.get_program().display(),
                said.get(start..).unwrap_or_default()
            )
        })?;
        Ok(started)
    }

    fn spawn(command: &mut Command, address: &str, log: &Path) -> anyhow::Result<Self> {
        let output = fs::File::create(log).with_context(|| format!("making {}", log.display()))?;
        // The server ends with this program, however this one ends.
        let mut guarded = Command::new("setpriv");
        guarded.args(["--pdeathsig", "TERM"]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guarded.env(name, value),
                None => guarded.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guarded.current_dir(folder);
        }
        let child = guarded
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { child, address: address.to_owned() })
    }

    fn wait(&self, path: &str) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            let answer = Connection::open(&self.address).and_then(|mut c| c.discard(path));
            if answer.is_ok() {
                return Ok(());
            }
            if start.elapsed() > START_LIMIT || self.processes().is_empty() {
                bail!("did not answer on {}", self.address);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// `ADDRESS:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Processor time that all its processes have used, in seconds.
    pub(crate) fn processor_secs(&self) -> f64 {
        let ticks = |id: &u32| {
            let fields = stat(*id)?;
            Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
        };
        self.processes().iter().filter_map(ticks).sum::<f64>() / TICKS_PER_SEC
    }

    /// Resident memory of all its processes, in megabytes.
    pub(crate) fn memory_mb(&self) -> f64 {
        self.status_mb("VmRSS:")
    }

    /// The most resident memory that its processes ever had, in megabytes.
    pub(crate) fn peak_memory_mb(&self) -> f64 {
        self.status_mb("VmHWM:")
    }

    /// The sum of one line of its processes' status.
    fn status_mb(&self, name: &str) -> f64 {
        let kilobytes = |id: &u32| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        };
        self.processes().iter().filter_map(kilobytes).sum::<f64>() / KB_PER_MB
    }

    /// Its processes that live: those of its process group.
    fn processes(&self) -> Vec<u32> {
        let group = self.child.id().to_string();
        let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
        all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter(|id| {
                stat(*id).is_some_and(|fields| {
                    fields.get(2) == Some(&group)
                        && fields.first().is_some_and(|state| state != "Z")
                })
            })
            .collect()
    }

    fn signal(&self, name: &str) -> io::Result<()> {
        let group = format!("-{}", self.child.id());
        Command::new("kill").args([name, "--", &group]).stderr(Stdio::null()).status().map(drop)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let told = Instant::now();
        let mut signal = self.signal("-TERM");
        while signal.is_ok() && !self.processes().is_empty() {
            if told.elapsed() > STOP_LIMIT {
                signal = self.signal("-KILL");
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        if signal.is_err() || self.child.wait().is_err() {
            eprintln!("the server on {} could not be ended", self.address);
        }
    }
}

/// The fields of a process's `stat` from its state on, which is the third.
fn stat(id: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name, in parentheses, may hold spaces.
    let (_, fields) = text.rsplit_once(") ")?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// `127.0.0.1:PORT` with a port that is free now.
pub(crate) fn free_address() -> anyhow::Result<String> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::stat;

    #[test]
    fn this_process_is_read() {
        let fields = stat(std::process::id()).unwrap();
        assert!(fields.len() > 20 && ["R", "S"].contains(&fields[0].as_str()), "{fields:?}");
    }
}
