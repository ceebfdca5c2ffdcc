//! What the tour is played on: a server of its own, its data, and a way to type commands.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use provender_registry::FIRST_REPOSITORY;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::clients::Clients;
use super::process;
use super::relay::Relay;
use super::script::Script;
use crate::ecosystems::TOURED;

/// How long the server may take to listen.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// How long the clients on this machine may take to say which upstreams they use.
const DISCOVERY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the server may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// A running server with everything around it. [`Self::clear`] removes all of it.
pub(super) struct Stage {
    pub(super) script: Script,
    pub(super) clients: Clients,
    scratch: TempDir,
    server: Option<RunningServer>,
}

struct RunningServer {
    process: Child,
    facts: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Stage {
    pub(super) async fn build(script: Script) -> Result<Self> {
        let scratch = tempfile::Builder::new()
            .prefix("provender-tour-")
            .tempdir()
            .context("cannot make a temporary directory")?;
        let clients = Clients::find(scratch.path().to_owned()).await?;
        Ok(Self { script, clients, scratch, server: None })
    }

    /// Starts the server, with the relay as its only way out, or with no upstream at all.
    pub(super) async fn start_server(&mut self, relay: Option<&Relay>) -> Result<()> {
        let mut command = self.provender()?;
        command.args(["serve", "--listen", "127.0.0.1:0", "--json"]);
        match relay {
            Some(relay) => {
                for name in ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"] {
                    command.env(name, relay.url());
                }
            }
            None => {
                command.arg("--no-discover");
            }
        }
        let mut process = command
            .env("PROVENDER_LOG", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the server")?;
        let stdout = process.stdout.take().context("the server has no output")?;
        let mut facts = BufReader::new(stdout).lines();
        let listening = fact(&mut facts, "listening", START_TIMEOUT).await?;
        let url = listening.and_then(|fact| Some(fact.get("url")?.as_str()?.to_owned()));
        let url = url.context("the server did not start")?;
        self.server = Some(RunningServer { process, facts, url });
        Ok(())
    }

    /// The first upstream that the server discovered and adopted: its URL, its name, and whose
    /// configuration it is from.
    pub(super) async fn adopted_upstream(&mut self) -> Result<Option<(String, String, String)>> {
        let server = self.server.as_mut().context("no server runs")?;
        let Some(found) = fact(&mut server.facts, "upstream", DISCOVERY_TIMEOUT).await? else {
            return Ok(None);
        };
        let text = |key: &str| found.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(text("url").zip(text("upstream")).zip(text("client")).map(|((u, n), c)| (u, n, c)))
    }

    /// Ends the server and forgets what it kept.
    pub(super) async fn strike_server(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        if let Some(id) = server.process.id().and_then(|id| i32::try_from(id).ok())
            && let Some(pid) = rustix::process::Pid::from_raw(id)
        {
            // Fails only where it has ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(STOP_TIMEOUT, server.process.wait()).await.is_err() {
            let _ = server.process.kill().await;
        }
        let _ = std::fs::remove_dir_all(self.data());
    }

    /// Ends the server and removes every file of the tour.
    pub(super) async fn clear(mut self) {
        self.strike_server().await;
        let path = self.scratch.path().to_owned();
        if let Err(error) = self.scratch.close() {
            tracing::warn!("{} could not be removed: {error}", path.display());
        }
    }

    /// Where the server is reached.
    pub(super) fn url(&self) -> &str {
        self.server.as_ref().map_or("", |server| &server.url)
    }

    /// The ecosystem's endpoint in the first repository, without a slash at the end.
    pub(super) fn endpoint(&self) -> String {
        format!("{}/{FIRST_REPOSITORY}/{TOURED}", self.url())
    }

    /// Shows a command of this program, runs it on the tour's server, and shows what it printed.
    pub(super) async fn type_command(&self, arguments: &[&str]) -> Result<String> {
        let quoted: Vec<String> = arguments.iter().map(|argument| quote(argument)).collect();
        self.script.command(&format!("provender {}", quoted.join(" ")));
        let printed = self.run_command(arguments).await?;
        self.script.output(&printed);
        Ok(printed)
    }

    /// Does so by the network, as somebody without a token would from elsewhere.
    pub(super) async fn type_command_as_stranger(&self, arguments: &[&str]) -> Result<String> {
        let mut all = arguments.to_vec();
        all.extend(["--server", self.url()]);
        let typed = format!("provender {}", all.join(" "));
        self.script.command(&typed);
        let mut command = self.provender()?;
        command.env_remove("PROVENDER_DATA").env_remove("PROVENDER_TOKEN").args(&all);
        let printed = process::run(&mut command).await?.expect_success(&typed)?.stdout;
        self.script.output(&printed);
        Ok(printed)
    }

    /// Runs a command of this program on the tour's server, unseen.
    pub(super) async fn run_command(&self, arguments: &[&str]) -> Result<String> {
        let printed = process::run(self.provender()?.args(arguments)).await?;
        let what = format!("provender {}", arguments.join(" "));
        Ok(printed.expect_success(&what)?.stdout)
    }

    fn provender(&self) -> Result<Command> {
        let program = std::env::current_exe().context("cannot find this program itself")?;
        let mut command = Command::new(program);
        command.env("PROVENDER_DATA", self.data()).env("NO_COLOR", "1");
        Ok(command)
    }

    fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }
}

/// The next fact of this kind that the server tells.
async fn fact(
    facts: &mut Lines<BufReader<ChildStdout>>,
    kind: &str,
    limit: Duration,
) -> Result<Option<Value>> {
    let looking = async {
        while let Some(line) = facts.next_line().await? {
            let told: Value = serde_json::from_str(&line)
                .with_context(|| format!("the server said what is no fact: {line}"))?;
            if told.get("fact").and_then(Value::as_str) == Some(kind) {
                return Ok(Some(told));
            }
        }
        bail!("the server ended before it was told to")
    };
    match tokio::time::timeout(limit, looking).await {
        Ok(found) => found,
        Err(_) => Ok(None),
    }
}

fn quote(argument: &str) -> String {
    if argument.contains(['*', ' ']) { format!("'{argument}'") } else { argument.to_owned() }
}
