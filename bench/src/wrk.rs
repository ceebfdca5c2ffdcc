//! Small answers, as many as can be had: wrk asks, because it costs less than any client of ours.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::program::Program;

/// Threads of the load generator.
const THREADS: usize = 2;

/// What one round found.
pub(crate) struct Asked {
    pub(crate) requests_per_sec: f64,
    /// Processor time of the server for each request, in microseconds.
    pub(crate) server_us: f64,
}

/// Asks for one page for `secs` seconds on `connections` connections.
///
/// # Errors
/// As [`ask_for`].
pub(crate) fn ask(
    server: &Program,
    path: &str,
    connections: usize,
    secs: u32,
) -> anyhow::Result<Asked> {
    ask_for(server, path, "text/html", connections, secs)
}

/// Asks for one path, wanting the media type `accept`.
///
/// # Errors
/// Where wrk is missing, or an answer was no success.
pub(crate) fn ask_for(
    server: &Program,
    path: &str,
    accept: &str,
    connections: usize,
    secs: u32,
) -> anyhow::Result<Asked> {
    let options = ["--header".to_owned(), format!("Accept: {accept}")];
    run(server, path, connections, secs, &options)
}

/// Asks for one page in requests of which no two are equal, which costs wrk itself more.
///
/// # Errors
/// As [`ask_for`], and where its script can't be written to `folder`.
pub(crate) fn ask_differently(
    server: &Program,
    path: &str,
    connections: usize,
    secs: u32,
    folder: &Path,
) -> anyhow::Result<Asked> {
    let script = folder.join("differently.lua");
    std::fs::write(&script, DIFFERENTLY)?;
    run(server, path, connections, secs, &["--script".to_owned(), script.display().to_string()])
}

/// A table's address is the thread's own.
const DIFFERENTLY: &str = "
    local thread, count = tostring({}), 0
    request = function()
        count = count + 1
        local fields = { [\"Accept\"] = \"text/html\", [\"Request-Id\"] = thread .. count }
        return wrk.format(nil, nil, fields)
    end
";

fn run(
    server: &Program,
    path: &str,
    connections: usize,
    secs: u32,
    options: &[String],
) -> anyhow::Result<Asked> {
    let before = server.processor_secs();
    let output = Command::new("wrk")
        .args([format!("-t{THREADS}"), format!("-c{connections}"), format!("-d{secs}s")])
        .args(options)
        .arg(format!("http://{}{path}", server.address()))
        .output()
        .context("wrk could not be started")?;
    let used = server.processor_secs() - before;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "wrk failed: {}", String::from_utf8_lossy(&output.stderr));
    ensure!(!text.contains("Non-2xx"), "the server refused: {text}");
    let (requests, requests_per_sec) = parse(&text).context("wrk says nothing about requests")?;
    ensure!(requests > 0.0, "no request was answered");
    Ok(Asked { requests_per_sec, server_us: used / requests * 1e6 })
}

/// How many requests wrk says there were, and how many per second.
fn parse(text: &str) -> Option<(f64, f64)> {
    let total =
        text.lines().find_map(|line| line.split_once(" requests in ")?.0.trim().parse().ok())?;
    let rate =
        text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())?;
    Some((total, rate))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn its_output_is_read() {
        let text = "Running 5s test @ http://127.0.0.1:1/\n  2 threads and 32 connections\n  \
                    219012 requests in 5.10s, 5.74GB read\nRequests/sec:  42943.81\n";
        assert_eq!(parse(text), Some((219_012.0, 42_943.81)));
        assert_eq!(parse("nothing"), None);
    }
}
