//! `provender tour`.

use anyhow::Result;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Use the tour's own small upstream, even where a real one can be reached
    #[arg(long)]
    offline: bool,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let _ = options.offline;
    Ok(())
}
