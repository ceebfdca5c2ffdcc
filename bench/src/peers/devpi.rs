//! devpi-server, with an index that mirrors the upstream.

use std::process::Command;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Subject, install};
use crate::http::Connection;
use crate::machine::Workplace;
use crate::program::{Program, free_address};

const PASSWORD: &str = "measured";
const JSON: &str = "Accept: application/json\r\nContent-Type: application/json\r\n";

pub(super) fn start(workplace: &Workplace, upstream: &str) -> anyhow::Result<Subject> {
    let programs = install::python(workplace, &["devpi-server==6.20.3"])?;
    let own = workplace.fresh("devpi")?;
    let data = own.join("server");
    install::run(
        Command::new(programs.join("devpi-init"))
            .args(["--no-root-pypi", "--root-passwd", PASSWORD, "--serverdir"])
            .arg(&data)
            .stderr(std::process::Stdio::null()),
    )?;
    let address = free_address()?;
    let (host, port) = address.split_once(':').unwrap_or_default();
    let mut command = Command::new(programs.join("devpi-server"));
    command.args(["--host", host, "--port", port, "--serverdir"]).arg(&data);
    let server = Program::start(&mut command, &address, "/+api", &own.join("log"))?;
    mirror(&address, upstream)?;
    Ok(Subject { name: "devpi", server, index: "/root/bench/+simple/" })
}

/// Makes the index `root/bench`, which mirrors the upstream.
fn mirror(address: &str, upstream: &str) -> anyhow::Result<()> {
    let mut connection = Connection::open(address)?;
    let login = json!({ "user": "root", "password": PASSWORD }).to_string();
    let answer = connection.send("POST", "/+login", JSON, login.as_bytes())?;
    let said: Value = serde_json::from_slice(&answer.body)?;
    let password = said["result"]["password"].as_str().context("no session was opened")?;
    let session = BASE64_STANDARD.encode(format!("root:{password}"));
    let headers = format!("{JSON}X-Devpi-Auth: {session}\r\n");
    let index = json!({ "type": "mirror", "mirror_url": upstream }).to_string();
    let answer = connection.send("PUT", "/root/bench", &headers, index.as_bytes())?;
    ensure!(answer.status == 200, "the index was answered {}", answer.status);
    Ok(())
}
