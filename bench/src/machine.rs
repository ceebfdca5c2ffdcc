//! The machine the figures hold for, and the folder in which all of this happens.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::rounds::median;

/// How often the disk is asked to make a small file durable.
const SYNC_ROUNDS: u32 = 50;

/// Where things are: the project, the program under test, and room to work in.
pub(crate) struct Workplace {
    root: PathBuf,
    folder: PathBuf,
    facts: Vec<(&'static str, String)>,
}

impl Workplace {
    /// Lays out `target/bench/` and looks at the machine.
    ///
    /// # Errors
    /// Where the program has not been built, or the folder cannot be made.
    pub(crate) fn prepare(root: &Path) -> anyhow::Result<Self> {
        let folder = root.join("target/bench");
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut workplace = Self { root: root.to_owned(), folder, facts: Vec::new() };
        let program = workplace.provender();
        ensure!(program.is_file(), "{} has not been built", program.display());
        workplace.facts = facts(&workplace)?;
        Ok(workplace)
    }

    /// The program under test, built for release.
    pub(crate) fn provender(&self) -> PathBuf {
        self.root.join("target/release/provender")
    }

    /// A file that belongs to the measurements themselves.
    pub(crate) fn own(&self, name: &str) -> PathBuf {
        self.root.join("bench").join(name)
    }

    /// A place in `target/bench/` that is kept from run to run.
    pub(crate) fn kept(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// An empty folder in `target/bench/`, emptied first if it is there.
    pub(crate) fn fresh(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join("scratch").join(name);
        if path.exists() {
            fs::remove_dir_all(&path).with_context(|| format!("emptying {}", path.display()))?;
        }
        fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    }

    /// Removes what measurements left: some of it is gigabytes.
    pub(crate) fn clear(&self) {
        // Whoever measures next empties what could not be removed.
        let _ = fs::remove_dir_all(self.folder.join("scratch"));
    }

    /// What the machine is, one fact in a line.
    pub(crate) fn facts(&self) -> String {
        let lines: Vec<String> =
            self.facts.iter().map(|(name, fact)| format!("{name:<10} {fact}")).collect();
        lines.join("\n")
    }

    /// The same for the record.
    pub(crate) fn facts_json(&self) -> Value {
        self.facts.iter().map(|(name, fact)| ((*name).to_owned(), json!(fact))).collect()
    }
}

fn facts(workplace: &Workplace) -> anyhow::Result<Vec<(&'static str, String)>> {
    let processor = named_line("/proc/cpuinfo", "model name");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(vec![
        ("processor", format!("{cores} × {}", processor.unwrap_or_else(|| "unknown".to_owned()))),
        ("memory", named_line("/proc/meminfo", "MemTotal").unwrap_or_default()),
        ("kernel", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned()),
        ("disk", format!("{:.2} ms to make 4 KB durable", sync_ms(workplace)?)),
        ("built by", answer(Command::new("rustc").arg("--version")).unwrap_or_default()),
        (
            "commit",
            answer(Command::new("git").args(["rev-parse", "--short", "HEAD"])).unwrap_or_default(),
        ),
    ])
}

/// What stands after the colon of the first line that begins with `name`.
fn named_line(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The median time in milliseconds for writing 4 KB to a new file and making it durable.
fn sync_ms(workplace: &Workplace) -> anyhow::Result<f64> {
    let folder = workplace.fresh("sync")?;
    let mut times = Vec::new();
    for round in 0..SYNC_ROUNDS {
        let start = Instant::now();
        let mut file = fs::File::create(folder.join(round.to_string()))?;
        file.write_all(&[0; 4096])?;
        file.sync_all()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(&times))
}

/// What a command prints, if it succeeds.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
