//! `provender events`.

use anyhow::Result;
use clap::Args;
use provender_domain::Severity;
use provender_server::api::types::{Event, EventKinds, EventQuery, Items};

use crate::api::Api;
use crate::exit::Failure;
use crate::output::{Output, Style, moment, printable};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Go on printing what happens, until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Only these kinds, such as `published,mirrored`
    #[arg(long, value_name = "KIND,…")]
    kind: Option<EventKinds>,
    /// Only red flags of at least this severity: `low`, `medium` or `high`
    #[arg(long, value_parser = severity)]
    severity: Option<Severity>,
    /// Only in this repository
    #[arg(long, value_name = "REPOSITORY")]
    repo: Option<String>,
    /// Only about this package, as in `pypi/demo`
    #[arg(long, value_name = "ECOSYSTEM/NAME", value_parser = package)]
    package: Option<PackageOf>,
    /// Only those after this number, oldest first; without it, the latest
    #[arg(long, value_name = "NUMBER")]
    since: Option<i64>,
    /// At most so many, up to 1000 (with --follow: at first)
    #[arg(long, value_name = "COUNT", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// A package and its ecosystem.
#[derive(Debug, Clone)]
struct PackageOf {
    ecosystem: String,
    name: String,
}

fn severity(text: &str) -> Result<Severity, &'static str> {
    match text {
        "low" => Ok(Severity::Low),
        "medium" => Ok(Severity::Medium),
        "high" => Ok(Severity::High),
        _ => Err("a severity is low, medium or high"),
    }
}

fn package(text: &str) -> Result<PackageOf, &'static str> {
    let (ecosystem, name) = text.split_once('/').ok_or("a package is written ECOSYSTEM/NAME")?;
    Ok(PackageOf { ecosystem: ecosystem.to_owned(), name: name.to_owned() })
}

/// How long the server is asked to wait for the next event, in seconds.
const WAIT_SECONDS: u32 = 30;

pub(crate) async fn run(options: Options, api: &Api, output: Output) -> Result<()> {
    let follow = options.follow;
    let mut query = query(options);
    if follow && matches!(api, Api::Here(_)) {
        return Err(Failure::Unreachable(
            "no server runs on this data directory, so nothing happens there to be followed"
                .to_owned(),
        )
        .into());
    }
    let following = async {
        loop {
            let found: Items<Event> = api.get(&["events"], &query).await?;
            for event in &found.items {
                output.show_line(event, line)?;
            }
            if !follow {
                return Ok(());
            }
            let last = found.items.last().map(|event| event.number);
            query.after = last.or(query.after).or(Some(0));
            query.wait_seconds = Some(WAIT_SECONDS);
        }
    };
    tokio::select! {
        outcome = following => outcome,
        _ = tokio::signal::ctrl_c(), if follow => Err(Failure::Interrupted.into()),
    }
}

fn query(options: Options) -> EventQuery {
    let (ecosystem, package) =
        options.package.map(|package| (package.ecosystem, package.name)).unzip();
    EventQuery {
        after: options.since,
        limit: Some(options.limit),
        kind: options.kind,
        severity: options.severity,
        repository: options.repo,
        ecosystem,
        package,
        wait_seconds: None,
    }
}

/// One event on one line.
pub(crate) fn line(event: &Event) -> String {
    let style = Style::of_stdout();
    let kind = format!("{:<20}", event.kind.as_str());
    let kind = match event.severity {
        Some(severity) => style.red(&format!("{kind} {:<6}", severity_word(severity))),
        None => format!("{kind} {:<6}", ""),
    };
    let number = format!("{:>6}", event.number);
    let mut line = format!(
        "{}  {}  {kind}  {}",
        style.dim(&number),
        style.dim(&moment(event.at)),
        printable(&event.message),
    );
    let from = match &event.client {
        Some(client) => format!("  [{} from {client}]", event.actor),
        None => format!("  [{}]", event.actor),
    };
    line.push_str(&style.dim(&printable(&from)));
    line
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "HIGH",
    }
}
