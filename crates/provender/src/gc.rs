//! `provender gc`.

use anyhow::Result;
use clap::Args;
use provender_server::api::types::{Collected, GarbageCollection};

use crate::api::Api;
use crate::output::{Output, size};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only count
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(options: &Options, api: &Api, output: Output) -> Result<()> {
    let request = GarbageCollection { dry_run: options.dry_run };
    let collected: Collected = api.post(&["garbage-collections"], &request).await?;
    output.show(&collected, |collected| {
        let blobs = if collected.blobs == 1 { "blob" } else { "blobs" };
        let verb = if collected.dry_run { "could be" } else { "were" };
        format!("{} {blobs}, {}, {verb} removed.", collected.blobs, size(collected.bytes))
    })
}
