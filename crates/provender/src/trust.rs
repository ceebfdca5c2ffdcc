//! `provender trust`.

mod keys;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use clap::{Args, Subcommand};
use provender_attest::{TrustRoot, Verifier};
use provender_server::api::types::NoParameters;
use serde::Serialize;

use crate::api::Api;
use crate::data;
use crate::instance::Instance;
use crate::output::{Output, print};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write what this server's signatures are checked by: one file, for offline use.
    Export(Export),
    /// The keys that certify all others: where they are, and new ones.
    #[command(subcommand)]
    Root(keys::RootCommand),
    /// Give the certificate authority, the timestamp authority or the certificate log a new key.
    Rotate(keys::Rotate),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where to write it [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Exported {
    file: String,
    logs: Vec<String>,
    certificate_authorities: Vec<String>,
}

pub(crate) async fn run(command: Command, target: &data::Target, output: Output) -> Result<()> {
    match command {
        Command::Export(export) => self::export(export, target, output).await,
        Command::Root(command) => keys::root(command, target, output).await,
        Command::Rotate(rotate) => keys::rotate(&rotate, target, output).await,
    }
}

/// Where no server is named, what the one of the data directory says, also while it does not run.
async fn trust_bytes(target: &data::Target) -> Result<Bytes> {
    if target.server.is_some() {
        return Instance::of(target).await?.trust_bytes().await;
    }
    let api = Api::open(target).await?;
    let found: Result<serde_json::Value> = api.get(&["trust"], &NoParameters::default()).await;
    api.close().await;
    Ok(found?.to_string().into())
}

async fn export(export: Export, target: &data::Target, output: Output) -> Result<()> {
    let bytes = trust_bytes(target).await?;
    // What cannot be used is not written.
    let root = TrustRoot::parse(&bytes).context("the server's trust root is not understood")?;
    Verifier::new(&root).context("the server's trust root cannot be used")?;
    let text = root.to_client_trust_config();
    let Some(path) = export.output else { return print(&format!("{text}\n")) };
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let exported = Exported {
        file: path.display().to_string(),
        logs: root.logs().map(|log| log.url.to_owned()).collect(),
        certificate_authorities: root.certificate_authorities().map(str::to_owned).collect(),
    };
    output.done(&exported, |exported| {
        format!(
            "Written to {}. Who holds this file can verify offline:\n  provender verify --trust {} FILE",
            exported.file, exported.file,
        )
    })
}
