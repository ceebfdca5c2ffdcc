//! How fast a large file leaves the server.

use std::time::Duration;

use crate::machine::Workplace;
use crate::peers::{self, NGINX, OURS, Provender, Subject};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};
use crate::shelf::Shelf;
use crate::transfer;

const PACKAGE: &str = "bench-wheel";
const WHEEL_BYTES: usize = 20_000_000;
const CONNECTIONS: [usize; 3] = [1, 4, 32];
const ROUND_TIME: Duration = Duration::from_secs(2);

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let shelf = Shelf::new(&workplace.fresh("shelf-wheel")?)?;
    let file = shelf.stocked(PACKAGE, WHEEL_BYTES)?;
    let upstream = peers::serve_folder(workplace, shelf.folder(), "upstream")?;
    let data = workplace.fresh("wheel")?.join("data");
    let address = upstream.index_url();
    let ours = Provender::new(workplace, &data, Some(&address)).start()?;
    let mut subjects = vec![ours, upstream];
    let warm_up = |subject: &Subject| warm_up(subject, &file);
    subjects.iter().try_for_each(warm_up)?;
    subjects.extend(peers::able(peers::all(workplace, &address), warm_up));

    let mut table = Table::default();
    let mut kept = Vec::new();
    for subject in subjects {
        let path = subject.file_path(PACKAGE, &file)?;
        kept.push((subject, path));
    }
    for connections in CONNECTIONS {
        let mut figures = vec![Series::default(); kept.len()];
        for _ in 0..ROUNDS {
            for ((subject, path), series) in kept.iter().zip(&mut figures) {
                let address = subject.server.address();
                series.push(transfer::megabytes_per_sec(address, path, connections, ROUND_TIME)?);
            }
        }
        let work = format!("{connections} connections");
        for ((subject, _), series) in kept.iter().zip(figures) {
            table.row(&work, subject.name, "MB/s", series);
        }
        table.ratio(&work, OURS, NGINX, Bound::AtLeast(0.9));
    }
    for (subject, _) in &kept {
        table.note(format!("{} then holds {:.0} MB", subject.name, subject.server.memory_mb()));
    }
    Ok(table)
}

/// Makes a server keep the file, on every connection that will ask for it. One peer answers the
/// first request before it has the file.
fn warm_up(subject: &Subject, file: &str) -> anyhow::Result<()> {
    let path = [subject.file_path(PACKAGE, file)?];
    let most = CONNECTIONS[CONNECTIONS.len() - 1];
    (0..2).try_for_each(|_| transfer::requests(subject.server.address(), &path, most, most))
}
