//! `provender timestamp`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use provender_attest::TimestampRequest;
use provender_domain::Timestamp;
use serde::Serialize;

use crate::artifact::Target;
use crate::data;
use crate::exit::Failure;
use crate::input::read_limited;
use crate::instance::{Instance, usage};
use crate::output::{Output, moment, printable};
use crate::proof::reason;
use crate::sign;
use crate::verify::TrustOptions;

/// What a timestamp's name ends with.
const ENDING: &str = ".tsr";
/// Largest timestamp that is read, in bytes.
const RESPONSE_LIMIT_BYTES: usize = 64 * 1024;
/// Largest file whose timestamp is verified, in bytes: it is held in memory.
const FILE_LIMIT_BYTES: usize = 2 * 1024 * 1024 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to timestamp
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Verify the timestamp that is there, instead of asking for one
    #[arg(long)]
    verify: bool,
    /// Where the timestamp is or goes [default: beside the file, with .tsr behind its name]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    trust: TrustOptions,
}

#[derive(Debug, Serialize)]
struct Stamped {
    file: String,
    timestamp: String,
    at: Timestamp,
}

pub(crate) async fn run(options: Options, target: &data::Target, output: Output) -> Result<()> {
    if options.output.is_some() && options.files.len() > 1 {
        return Err(usage("--output is for one file"));
    }
    let instance = match options.verify {
        true => None,
        false => Some(Instance::of(target).await?),
    };
    let verifier = options.trust.verifier(target).await?;
    let artifacts: Vec<Target> =
        options.files.iter().map(|file| Target::open(file)).collect::<Result<_>>()?;
    let place = |artifact: &Target| match &options.output {
        Some(path) => Ok(path.clone()),
        None => artifact.beside(ENDING),
    };
    if !options.verify {
        let all: Vec<&Target> = artifacts.iter().collect();
        let taken = sign::Taken::new(&all, &[]);
        for artifact in &artifacts {
            taken.check(&place(artifact)?)?;
        }
    }
    for artifact in &artifacts {
        let file = artifact.path();
        if std::fs::metadata(file)?.len() > FILE_LIMIT_BYTES as u64 {
            let file = file.display();
            return Err(usage(&format!("{file}: files of at most 2 GiB can be timestamped")));
        }
        let bytes = artifact.bytes()?;
        let path = place(artifact)?;
        let response = match &instance {
            None => read_limited(&path, RESPONSE_LIMIT_BYTES)?,
            Some(instance) => ask(instance, &bytes).await?,
        };
        let at = verifier
            .verify_timestamp(&response, &bytes)
            .map_err(|error| Failure::Refused(format!("{}: {}", file.display(), reason(&error))))?;
        if !options.verify {
            std::fs::write(&path, &response).with_context(|| path.display().to_string())?;
        }
        let stamped =
            Stamped { file: file.display().to_string(), timestamp: path.display().to_string(), at };
        output.show_line(&stamped, |stamped| {
            format!("{}: existed at {} UTC", printable(&stamped.file), moment(stamped.at))
        })?;
    }
    Ok(())
}

async fn ask(instance: &Instance, bytes: &[u8]) -> Result<Vec<u8>> {
    let request = TimestampRequest::for_message(bytes)?;
    let response = sign::timestamp(instance, request.as_der()).await?;
    request.accept(&response)?;
    Ok(response)
}
