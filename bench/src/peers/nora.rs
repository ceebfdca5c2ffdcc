//! NORA, the fastest of the peers: an artifact registry in Rust.

use std::process::Command;

use super::{NORA, Subject, install};
use crate::machine::Workplace;
use crate::program::{Program, free_address};

const VERSION: &str = "1.4.3";

pub(super) fn start(workplace: &Workplace, upstream: &str) -> anyhow::Result<Subject> {
    let program = install::crate_program(workplace, "nora-registry", VERSION, "nora")?;
    let own = workplace.fresh("nora")?;
    let address = free_address()?;
    let (host, port) = address.split_once(':').unwrap_or_default();
    let mut command = Command::new(program);
    command
        .current_dir(&own)
        .env("NORA_HOST", host)
        .env("NORA_PORT", port)
        .env("NORA_PUBLIC_URL", format!("http://{address}"))
        .env("NORA_STORAGE_MODE", "local")
        .env("NORA_STORAGE_PATH", own.join("storage"))
        .env("NORA_REGISTRIES_ENABLE", "pypi")
        .env("NORA_PYPI_PROXY", upstream)
        .env("NORA_CURATION_MODE", "off")
        .env("NORA_RATE_LIMIT_ENABLED", "false")
        .env("RUST_LOG", "error");
    let server = Program::start(&mut command, &address, "/health", &own.join("log"))?;
    Ok(Subject { name: NORA, server, index: "/simple/" })
}
