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

/// What an upstream's state is called for people.
fn state(state: &str) -> &str {
    match state {
        "refused" => "refused: it has an address that this server does not go to",
        other => other,
    }
}

fn describe(status: &Status, runs: bool) -> String {
    let since = match runs {
        true => format!("runs since {}", moment(status.started_at)),
        false => "does not run; this is its data directory".to_owned(),
    };
    let mut lines = vec![
        format!("Provender {} {since}", status.version),
        format!("repositories  {}", status.repositories),
        format!("packages      {}", status.packages),
        format!("files         {} ({})", status.files, size(status.bytes)),
        format!("events        {}", status.events),
    ];
    let full = status.storage_full_since;
    lines.extend(
        full.map(|since| format!("storage       is full since {}; make room", moment(since))),
    );
    if status.log_died {
        lines.push(
            "log           is dead, so nothing can be published; restart the server".to_owned(),
        );
    }
    let upstreams = status.upstreams.iter();
    lines
        .extend(upstreams.map(|it| format!("upstream      {} is {}", it.origin, state(&it.state))));
    lines.join("\n")
}
