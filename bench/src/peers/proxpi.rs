//! proxpi, a caching index in Python, served as its own container image serves it.

use std::process::Command;

use super::{Subject, install};
use crate::machine::Workplace;
use crate::program::{Program, free_address};

pub(super) fn start(workplace: &Workplace, upstream: &str) -> anyhow::Result<Subject> {
    let programs = install::python(workplace, &["proxpi==1.3.1", "gunicorn==27.0.1"])?;
    let own = workplace.fresh("proxpi")?;
    let address = free_address()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new(programs.join("gunicorn"));
    command
        .args(["--preload", "--log-level", "error", "--bind", &address])
        .args(["--threads", &(2 * cores).to_string(), "proxpi.server:app"])
        .env("PROXPI_INDEX_URL", upstream)
        .env("PROXPI_CACHE_DIR", &own)
        .env("PROXPI_LOGGING_LEVEL", "ERROR");
    let log = own.with_extension("log");
    let server = Program::start(&mut command, &address, "/health", &log)?;
    Ok(Subject { name: "proxpi", server, index: "/index/" })
}
