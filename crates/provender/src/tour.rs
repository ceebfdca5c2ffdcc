//! `provender tour`: the main job, with the real clients, narrated.
//!
//! Every command that is shown is really run, the tour's own ones as processes of this program. A
//! step that does not show what it should fails the tour, which is therefore a test as well.

mod clients;
mod index;
mod process;
mod relay;
mod script;
mod stage;
mod steps;

use anyhow::Result;
use clap::Args;

use crate::exit::Failure;
use crate::output::Output;
use script::Script;
use stage::Stage;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Use the tour's own small upstream, even where a real one can be reached
    #[arg(long)]
    offline: bool,
}

/// Walks through, and leaves nothing behind.
pub(crate) async fn run(options: Options, output: Output) -> Result<()> {
    let script = Script::new(output);
    let mut stage = Stage::build(script).await?;
    let outcome = tokio::select! {
        walked = steps::walk(&mut stage, options.offline) => walked,
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted.into()),
    };
    stage.clear().await;
    if outcome.is_ok() {
        script.farewell();
    }
    outcome
}
