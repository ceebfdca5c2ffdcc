//! A whole environment, installed by a real client with an empty cache: from the real upstream,
//! and through the programs that stand before it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::ensure;

use crate::machine::Workplace;
use crate::peers::{self, OURS, Provender};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};

const UPSTREAM: &str = "the real upstream";
const WARM: &str = "warm install";
const COLD: &str = "cold install";
/// Seconds that one installation may take.
const LIMIT_SECS: u32 = 300;

/// What has been asked for before comes from the server.
pub(super) fn warm(workplace: &Workplace) -> anyhow::Result<Table> {
    let client = Client::prepare(workplace)?;
    let data = workplace.fresh("warm")?.join("data");
    let ours = Provender::new(workplace, &data, Some(&client.upstream)).start()?;
    client.install(&ours.index_url())?;
    let (mut direct, mut kept) = (Series::default(), Series::default());
    for _ in 0..ROUNDS {
        direct.push(client.install(&client.upstream)?);
        kept.push(client.install(&ours.index_url())?);
    }
    let mut table = Table::default();
    table.row(WARM, UPSTREAM, "s", direct);
    table.row(WARM, OURS, "s", kept);
    table.ratio(WARM, OURS, UPSTREAM, Bound::AtMost(1.0));
    Ok(table)
}

/// Nothing has been asked for before: every round starts anew.
pub(super) fn cold(workplace: &Workplace) -> anyhow::Result<Table> {
    let client = Client::prepare(workplace)?;
    let mut series: Vec<(&'static str, Series)> = vec![(UPSTREAM, Series::default())];
    for round in 0..ROUNDS {
        series[0].1.push(client.install(&client.upstream)?);
        let data = workplace.fresh(&format!("cold-{round}"))?.join("data");
        let mut subjects = peers::all(workplace, &client.upstream);
        subjects.insert(0, Provender::new(workplace, &data, Some(&client.upstream)).start()?);
        for subject in subjects {
            match client.install(&subject.index_url()) {
                Ok(secs) => figures_of(&mut series, subject.name).push(secs),
                Err(error) => println!("{} in round {round}: {error:#}", subject.name),
            }
        }
    }
    let mut table = Table::default();
    for (name, figures) in series {
        table.row(COLD, name, "s", figures);
    }
    table.ratio(COLD, OURS, UPSTREAM, Bound::AtMost(1.3));
    Ok(table)
}

fn figures_of<'a>(all: &'a mut Vec<(&'static str, Series)>, name: &'static str) -> &'a mut Series {
    let at = all.iter().position(|(known, _)| *known == name).unwrap_or_else(|| {
        all.push((name, Series::default()));
        all.len() - 1
    });
    &mut all[at].1
}

/// The client, and what it installs.
struct Client<'a> {
    workplace: &'a Workplace,
    uv: PathBuf,
    upstream: String,
    requirements: PathBuf,
}

impl<'a> Client<'a> {
    fn prepare(workplace: &'a Workplace) -> anyhow::Result<Self> {
        let uv = peers::uv(workplace)?;
        let upstream = peers::real_upstream(workplace)?;
        Ok(Self { workplace, uv, upstream, requirements: workplace.own("environment.txt") })
    }

    /// Installs the environment with an empty cache, and gives the seconds it took.
    fn install(&self, index: &str) -> anyhow::Result<f64> {
        let folder = self.workplace.fresh("environment")?;
        let environment = folder.join("venv");
        let made = self.uv(&folder).args(["venv", "--quiet"]).arg(&environment).status()?;
        ensure!(made.success(), "no environment could be made");
        let mut install = self.uv(&folder);
        install.args(["pip", "install", "--quiet", "--default-index", index]);
        install.arg("--python").arg(&environment).arg("--requirement").arg(&self.requirements);
        let start = Instant::now();
        let status = install.status()?;
        let secs = start.elapsed().as_secs_f64();
        ensure!(status.success(), "the environment could not be installed");
        Ok(secs)
    }

    /// The client with nothing of whoever runs this: no settings, no cache.
    fn uv(&self, folder: &Path) -> Command {
        let mut command = Command::new("timeout");
        command.arg(LIMIT_SECS.to_string()).arg(&self.uv).args(["--no-config", "--cache-dir"]);
        command.arg(folder.join("cache"));
        for name in ["UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"] {
            command.env_remove(name);
        }
        command
    }
}
