//! An index with very many files: rendered once, and as quick as any other from then on.

use std::time::Instant;

use anyhow::ensure;

use crate::http::Connection;
use crate::machine::Workplace;
use crate::peers::{self, OURS, Provender, Subject};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};
use crate::shelf::Shelf;
use crate::wrk;

const PACKAGE: &str = "bench-many";
const FILES: usize = 10_000;
const CONNECTIONS: usize = 32;
const ROUND_SECS: u32 = 3;

const FETCHED: &str = "first request, fetched from upstream";
const RENDERED: &str = "first request after a start";
const AGAIN: &str = "second request";

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let shelf = Shelf::new(&workplace.fresh("shelf-many")?)?;
    shelf.listed(PACKAGE, FILES)?;
    let upstream = peers::serve_folder(workplace, shelf.folder(), "upstream")?;
    let [mut fetched, mut rendered, mut again, mut rate] = [const { Vec::new() }; 4];
    let mut size_mb = 0.0;
    for round in 0..ROUNDS {
        let data = workplace.fresh(&format!("many-{round}"))?.join("data");
        let ours = Provender::new(workplace, &data, Some(&upstream.index_url()));
        fetched.push(ask(&ours.start()?)?.millis);
        // The server has ended; what it kept is on disk, and nothing is rendered yet.
        let restarted = ours.start()?;
        let first = ask(&restarted)?;
        size_mb = first.size_mb;
        rendered.push(first.millis);
        again.push(ask(&restarted)?.millis);
        let path = restarted.index_path(PACKAGE);
        rate.push(wrk::ask(&restarted.server, &path, CONNECTIONS, ROUND_SECS)?.requests_per_sec);
    }
    let mut table = Table::default();
    table.note(format!("the page has {size_mb:.1} MB"));
    let series = |figures: Vec<f64>| figures.into_iter().collect::<Series>();
    let rendered = series(rendered);
    let reached = rendered.median();
    table.row(FETCHED, OURS, "ms", series(fetched));
    table.row(RENDERED, OURS, "ms", rendered);
    table.row(AGAIN, OURS, "ms", series(again));
    table.row("cached, 32 connections", OURS, "/s", series(rate));
    table.target("first render, ms", reached, Bound::AtMost(50.0));
    Ok(table)
}

/// One request, timed on an open connection.
struct Timed {
    millis: f64,
    size_mb: f64,
}

fn ask(subject: &Subject) -> anyhow::Result<Timed> {
    let path = subject.index_path(PACKAGE);
    let mut connection = Connection::open(subject.server.address())?;
    let start = Instant::now();
    let answer = connection.discard(&path)?;
    let millis = start.elapsed().as_secs_f64() * 1e3;
    ensure!(answer.status == 200, "{path} was answered {}", answer.status);
    #[expect(clippy::cast_precision_loss, reason = "a page is far below 2^52 bytes")]
    Ok(Timed { millis, size_mb: answer.body_bytes as f64 / 1e6 })
}
