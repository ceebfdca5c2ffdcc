//! How many cached indexes a second, and what each costs the server.

use std::fs;

use anyhow::ensure;

use crate::http::Connection;
use crate::machine::Workplace;
use crate::peers::{self, NGINX, NORA, OURS, Provender, Subject};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};
use crate::shelf::Shelf;
use crate::wrk;

const PACKAGE: &str = "bench-index";
/// So many files make an index of about 27 KB.
const FILES: usize = 120;
const CONNECTIONS: usize = 32;
/// Seconds that each round takes.
const ROUND_SECS: u32 = 4;
/// A round before the first one that counts, in seconds.
const WARM_UP_SECS: u32 = 1;

const RATE: &str = "requests";
const COST: &str = "processor per request";
/// Of requests that no earlier one was equal to, by Provender and nginx, which stand first.
const UNEQUAL_COST: &str = "the same, none equal to another";

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let shelf = Shelf::new(&workplace.fresh("shelf-index")?)?;
    shelf.listed(PACKAGE, FILES)?;
    let upstream = peers::serve_folder(workplace, shelf.folder(), "upstream")?;
    let data = workplace.fresh("index")?.join("data");
    let ours = Provender::new(workplace, &data, Some(&upstream.index_url())).start()?;
    let served = page(&ours)?;
    let size_kb = served.len().div_ceil(1000);
    // The same bytes, from disk.
    let copy = workplace.fresh("copy-index")?;
    let folder = copy.join("simple").join(PACKAGE);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("index.html"), &served)?;
    let mut subjects = vec![ours, peers::serve_folder(workplace, &copy, "copy")?];
    subjects.iter().try_for_each(warm_up)?;
    let peers = peers::all(workplace, &upstream.index_url());
    subjects.extend(peers::able(peers, warm_up));

    let mut figures = vec![(Series::default(), Series::default()); subjects.len()];
    let mut unequal = [Series::default(), Series::default()];
    for _ in 0..ROUNDS {
        for (subject, cost) in subjects.iter().zip(&mut unequal) {
            let path = subject.index_path(PACKAGE);
            let program = &subject.server;
            let asked = wrk::ask_differently(program, &path, CONNECTIONS, WARM_UP_SECS, &copy)?;
            cost.push(asked.server_us);
        }
        for (subject, (rate, cost)) in subjects.iter().zip(&mut figures) {
            let path = subject.index_path(PACKAGE);
            let asked = wrk::ask(&subject.server, &path, CONNECTIONS, ROUND_SECS)?;
            rate.push(asked.requests_per_sec);
            cost.push(asked.server_us);
        }
    }
    let mut table = Table::default();
    table.note(format!("Provender's page, which nginx serves too, has {size_kb} KB"));
    for (subject, (rate, cost)) in subjects.iter().zip(figures) {
        table.row(RATE, subject.name, "/s", rate);
        table.row(COST, subject.name, "µs", cost);
    }
    for (subject, cost) in subjects.iter().zip(unequal) {
        table.row(UNEQUAL_COST, subject.name, "µs", cost);
    }
    table.ratio(RATE, OURS, NGINX, Bound::AtLeast(1.0));
    table.ratio(COST, OURS, NGINX, Bound::AtMost(1.0));
    table.ratio(RATE, OURS, NORA, Bound::AtLeast(15.0));
    Ok(table)
}

/// Makes a server have the page at hand, and shows that it can be measured.
fn warm_up(subject: &Subject) -> anyhow::Result<()> {
    page(subject)?;
    wrk::ask(&subject.server, &subject.index_path(PACKAGE), CONNECTIONS, WARM_UP_SECS).map(drop)
}

/// The page as a client gets it.
fn page(subject: &Subject) -> anyhow::Result<Vec<u8>> {
    let path = subject.index_path(PACKAGE);
    let answer =
        Connection::open(subject.server.address())?.fetch(&path, "Accept: text/html\r\n")?;
    ensure!(answer.status == 200, "{}: {path} was answered {}", subject.name, answer.status);
    Ok(answer.body)
}
