//! `provender trust root` and `provender trust rotate`: the keys to what is trusted.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};
use provender_server::api::types::{
    ExportedRootKeys, KeyRotation, NoParameters, RootExport, RootRotation, RotatedKey, RotatedRoot,
    TrustStatus,
};

use crate::api::Api;
use crate::data;
use crate::output::{Output, moment, table};

#[derive(Debug, Subcommand)]
pub(crate) enum RootCommand {
    /// What is trusted, until when, and where the keys to it are.
    Status,
    /// Copy the root keys to a folder, for keeping them elsewhere.
    Export(ExportKeys),
    /// Replace the key of the TUF root; clients follow by themselves.
    Rotate(RotateRoot),
}

#[derive(Debug, Args)]
pub(crate) struct ExportKeys {
    /// The folder, on the server's machine; made where it is missing
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Remove them from the data directory, once the copies were read back
    #[arg(long)]
    remove: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RotateRoot {
    /// The folder with the present root key, where the new one will be too [default: the data
    /// directory]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// Whose key
    service: Service,
    /// The folder with the root's key, which certifies the new one [default: the data directory]
    #[arg(long, value_name = "DIR", conflicts_with = "new_root")]
    keys: Option<PathBuf>,
    /// Make a new root too, instead of one certified by the old
    #[arg(long)]
    new_root: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Service {
    /// The certificate authority
    Ca,
    /// The timestamp authority
    Tsa,
    /// The certificate log
    Ct,
}

pub(super) async fn root(
    command: RootCommand,
    target: &data::Target,
    output: Output,
) -> Result<()> {
    let api = Api::open(target).await?;
    let outcome = match command {
        RootCommand::Status => status(&api, output).await,
        RootCommand::Export(export) => self::export(&export, &api, output).await,
        RootCommand::Rotate(rotate) => rotate_root(&rotate, &api, output).await,
    };
    api.close().await;
    outcome
}

pub(super) async fn rotate(rotate: &Rotate, target: &data::Target, output: Output) -> Result<()> {
    let api = Api::open(target).await?;
    let outcome = rotate_key(rotate, &api, output).await;
    api.close().await;
    outcome
}

async fn status(api: &Api, output: Output) -> Result<()> {
    let status: TrustStatus = api.get(&["trust", "status"], &NoParameters::default()).await?;
    output.show(&status, |status| {
        let dash = || "-".to_owned();
        let documents = status.documents.iter().map(|document| {
            [document.role.clone(), document.version.to_string(), moment(document.expires_at)]
        });
        let keys = status.keys.iter().map(|key| {
            [
                key.service.clone(),
                moment(key.since),
                key.until.map_or_else(dash, moment),
                key.certificate_ends_at.map_or_else(dash, moment),
            ]
        });
        let where_keys_are = match status.root_keys.as_slice() {
            [] => format!("Root keys: none in {}; they are kept elsewhere", status.root_directory),
            keys => format!("Root keys, to be kept elsewhere:\n  {}", keys.join("\n  ")),
        };
        format!(
            "{}\n\n{}\n\n{where_keys_are}",
            table(["DOCUMENT", "VERSION", "EXPIRES"], documents, "No document."),
            table(["KEY", "SINCE", "BELIEVED UNTIL", "CERTIFICATE ENDS"], keys, "No key."),
        )
    })
}

async fn export(export: &ExportKeys, api: &Api, output: Output) -> Result<()> {
    let request = RootExport { to: absolute(&export.to)?, remove: export.remove };
    let exported: ExportedRootKeys = api.post(&["trust", "root-exports"], &request).await?;
    output.done(&exported, |exported| {
        let files = exported.files.join("\n  ");
        let rest = match exported.removed {
            true => "They are gone from the data directory; give their folder to `trust root rotate` and `trust rotate` with --keys.",
            false => "They are still in the data directory; --remove takes them away.",
        };
        format!("Written and read back:\n  {files}\n{rest}")
    })
}

async fn rotate_root(rotate: &RotateRoot, api: &Api, output: Output) -> Result<()> {
    let keys = rotate.keys.as_deref().map(absolute).transpose()?;
    let request = RootRotation { keys };
    let rotated: RotatedRoot = api.post(&["trust", "root-rotations"], &request).await?;
    output.done(&rotated, |rotated| {
        format!(
            "Root document {} is published, signed by the old key and the new one; it expires {}.\nThe new key is {}; {} is needed no more.",
            rotated.version,
            moment(rotated.expires_at),
            rotated.key,
            rotated.former_key,
        )
    })
}

async fn rotate_key(rotate: &Rotate, api: &Api, output: Output) -> Result<()> {
    let service = match rotate.service {
        Service::Ca => "ca",
        Service::Tsa => "tsa",
        Service::Ct => "ct",
    };
    let keys = rotate.keys.as_deref().map(absolute).transpose()?;
    let request = KeyRotation { service: service.to_owned(), keys, new_root: rotate.new_root };
    let rotated: RotatedKey = api.post(&["trust", "rotations"], &request).await?;
    output.done(&rotated, |rotated| {
        format!(
            "The {} signs with key {} now ({}); what the former key signs is believed until {}.\nTUF clients follow by themselves; whoever holds a trust file needs a new one: provender trust export",
            rotated.service,
            rotated.generation,
            rotated.key,
            moment(rotated.former_until),
        )
    })
}

/// The server may run in another folder than we do.
fn absolute(path: &Path) -> Result<String> {
    let path = std::path::absolute(path)
        .with_context(|| format!("{} is no folder's name", path.display()))?;
    Ok(path.display().to_string())
}
