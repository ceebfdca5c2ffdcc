//! What `serve` says when it starts: for people as text, for programs as one JSON object per line.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use provender_ecosystem::{ClientSetup, Endpoint};
use provender_registry::FIRST_REPOSITORY;
use provender_server::Server;
use provender_server::api::types::{CreatedToken, Upstream};
use serde_json::json;

use crate::discovery::Finding;
use crate::output::{Output, Style, moment, print, printable};
use crate::upstream::{describe, location};

/// Says what is going on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Announcer {
    output: Output,
    style: Style,
}

/// What is known once the server listens.
pub(super) struct Start<'a> {
    pub(super) server: &'a Server,
    pub(super) listen: SocketAddr,
    pub(super) data: &'a Path,
    /// The administrator's, on the first start.
    pub(super) token: Option<CreatedToken>,
    pub(super) has_public_url: bool,
}

impl Announcer {
    pub(super) fn new(output: Output) -> Self {
        Self { output, style: Style::of_stdout() }
    }

    /// The server listens.
    pub(super) fn started(self, start: &Start<'_>) -> Result<()> {
        if !start.listen.ip().is_loopback() && !start.has_public_url {
            tracing::warn!(
                "{} is reachable from outside and speaks plain http: tokens and packages can be \
                 read and changed on the way; put a proxy that ends TLS in front, and name it with \
                 --public-url",
                start.listen
            );
        }
        if self.output.json {
            return Self::started_as_json(start);
        }
        if self.output.quiet {
            return start
                .token
                .as_ref()
                .map_or(Ok(()), |token| print(&format!("{}\n", token.secret)));
        }
        print(&self.started_as_text(start))
    }

    /// Upstreams that the command line named.
    pub(super) fn given(self, findings: &[Finding]) -> Result<()> {
        self.findings(findings, "")
    }

    /// Upstreams that the command line named, and those that are there beside them, where none are
    /// looked for any more.
    pub(super) fn kept(self, given: &[Finding], others: &[Upstream]) -> Result<()> {
        if self.output.json {
            self.given(given)?;
            for upstream in others {
                let line = json!({
                    "fact": "upstream",
                    "ecosystem": upstream.ecosystem,
                    "url": upstream.url,
                    "from_repository": upstream.from_repository,
                    "outcome": "kept",
                    "upstream": upstream.name,
                });
                print(&format!("{line}\n"))?;
            }
            return Ok(());
        }
        if self.output.quiet {
            return Ok(());
        }
        let others = others.iter().map(|upstream| {
            let (ecosystem, name) = (&upstream.ecosystem, &upstream.name);
            format!("{ecosystem}: {} ({name})", printable(&location(upstream)))
        });
        let lines = given.iter().map(describe).chain(others).collect();
        self.upstreams(lines, "None; add one with: provender upstream add")
    }

    /// Upstreams that the clients installed here use.
    pub(super) fn discovered(self, findings: &[Finding]) -> Result<()> {
        self.findings(
            findings,
            "No client installed here names an upstream; add one with: provender upstream add",
        )
    }

    fn findings(self, findings: &[Finding], nothing: &str) -> Result<()> {
        if self.output.json {
            for finding in findings {
                let mut line = serde_json::to_value(finding)?;
                line["fact"] = json!("upstream");
                print(&format!("{line}\n"))?;
            }
            return Ok(());
        }
        if self.output.quiet || (findings.is_empty() && nothing.is_empty()) {
            return Ok(());
        }
        self.upstreams(findings.iter().map(describe).collect(), nothing)
    }

    fn upstreams(self, mut lines: Vec<String>, nothing: &str) -> Result<()> {
        if lines.is_empty() {
            lines.push(nothing.to_owned());
        }
        let heading = self.style.bold("Upstreams of main");
        print(&format!("{heading}\n  {}\n\n", lines.join("\n  ")))
    }

    fn started_as_text(self, start: &Start<'_>) -> String {
        let style = self.style;
        let origin = start.server.origin();
        let (name, version) = (style.bold("Provender"), env!("CARGO_PKG_VERSION"));
        let listens = match start.has_public_url {
            // Where the proxy finds it, and where it is found by it.
            true => format!(
                "http://{}, for clients of {}",
                start.server.local_addr(),
                style.bold(&origin)
            ),
            false => style.bold(&origin),
        };
        let mut lines = vec![
            format!("{name} {version} listens on {listens}"),
            format!("Its data is in {}", start.data.display()),
            String::new(),
        ];
        if let Some(CreatedToken { token, secret }) = &start.token {
            let until = token.expires_at.map(|at| format!(", valid until {}", moment(at)));
            let until = until.unwrap_or_default();
            lines.push(style.bold("The administrator's token"));
            lines.push(format!("  {}", style.green(secret)));
            lines.push(format!("  (shown this once and kept only hashed{until})"));
            lines.push(String::new());
        }
        lines.push(style.bold("Point clients at it"));
        for (_, ClientSetup { client, purpose, command }) in setups(start.server, &origin) {
            let what = format!("{client} {purpose}");
            lines.push(format!("  {what:<18}  {command}"));
        }
        let place = match is_default(start.data) {
            true => String::new(),
            false => format!(" --data {}", start.data.display()),
        };
        lines.push(format!(
            "  token to publish    provender token create --repo main --scope publish{place}"
        ));
        lines.push(String::new());
        lines.join("\n") + "\n"
    }

    fn started_as_json(start: &Start<'_>) -> Result<()> {
        let origin = start.server.origin();
        let mut lines = vec![json!({
            "fact": "listening",
            "url": origin,
            "address": start.server.local_addr(),
            "data": start.data,
            "version": env!("CARGO_PKG_VERSION"),
        })];
        if let Some(CreatedToken { token, secret }) = &start.token {
            lines.push(json!({
                "fact": "administrator-token",
                "secret": secret,
                "id": token.id,
                "expires_at": token.expires_at,
            }));
        }
        for (ecosystem, ClientSetup { client, purpose, command }) in setups(start.server, &origin) {
            lines.push(json!({
                "fact": "client",
                "ecosystem": ecosystem,
                "client": client,
                "purpose": purpose,
                "command": command,
            }));
        }
        lines.iter().try_for_each(|line| print(&format!("{line}\n")))
    }
}

/// How to point each client at the first repository.
fn setups(server: &Server, origin: &str) -> Vec<(String, ClientSetup)> {
    let endpoint = Endpoint { origin, repository: FIRST_REPOSITORY };
    let of_each = server.registry().ecosystems().iter().flat_map(|ecosystem| {
        let id = ecosystem.id().to_string();
        ecosystem.client_setup(&endpoint).into_iter().map(move |setup| (id.clone(), setup))
    });
    of_each.collect()
}

fn is_default(data: &Path) -> bool {
    crate::data::Target { data: None, server: None }.data_directory() == data
}
