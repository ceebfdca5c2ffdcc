//! `provender status`.

use anyhow::Result;
use provender_server::api::types::{NoParameters, Status};

use crate::api::Api;
use crate::output::{Output, moment, size};

pub(crate) async fn run(api: &Api, output: Output) -> Result<()> {
    let status: Status = api.get(&["status"], &NoParameters::default()).await?;
    let runs = matches!(api, Api::Server(_));
    output.show(&status, |status| describe(status, runs))
}

fn describe(status: &Status, runs: bool) -> String {
    let since = match runs {
        true => format!("runs since {}", moment(status.started_at)),
        false => "does not run; this is its data directory".to_owned(),
    };
    let mut text = format!(
        "Provender {} {since}\n\
         repositories  {}\npackages      {}\nfiles         {} ({})\nevents        {}",
        status.version,
        status.repositories,
        status.packages,
        status.files,
        size(status.bytes),
        status.events,
    );
    for upstream in &status.upstreams {
        text.push_str(&format!("\nupstream      {} is {}", upstream.origin, upstream.state));
    }
    text
}
