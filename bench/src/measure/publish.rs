//! Publishing: every answer means that the file is durable.

use crate::machine::Workplace;
use crate::peers::{OURS, Provender, UPLOADS};
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series, median};
use crate::uploads::{self, Target};

const WHEELS: usize = 1000;
const MANY_WHEELS: usize = 10_000;
const AT_ONCE: usize = 8;
/// The data in each wheel, beside its metadata.
const WHEEL_BYTES: usize = 1000;
/// How many publications at the start and at the end of the long run are held against each other.
const COMPARED: usize = 500;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let forms: Vec<Vec<u8>> = (0..MANY_WHEELS).map(form).collect();
    let mut rates = Series::default();
    for round in 0..ROUNDS {
        let rate = {
            let data = workplace.fresh(&format!("publish-{round}"))?.join("data");
            let server = Provender::new(workplace, &data, None);
            let ours = server.start()?;
            let target = Target::new(ours.server.address(), UPLOADS, &server.token()?);
            let published = target.publish(&forms[..WHEELS], AT_ONCE)?;
            per_sec(published.each_secs.len(), published.elapsed_secs)
        };
        rates.push(rate);
    }
    let data = workplace.fresh("publish-many")?.join("data");
    let server = Provender::new(workplace, &data, None);
    let ours = server.start()?;
    let target = Target::new(ours.server.address(), UPLOADS, &server.token()?);
    let published = target.publish(&forms, AT_ONCE)?;
    let early = median(&published.each_secs[10..10 + COMPARED]) * 1e3;
    let late = median(&published.each_secs[MANY_WHEELS - COMPARED..]) * 1e3;

    let mut table = Table::default();
    let reached = rates.median();
    table.row("1,000 wheels", OURS, "/s", rates);
    let whole = per_sec(MANY_WHEELS, published.elapsed_secs);
    table.row("10,000 wheels", OURS, "/s", [whole].into_iter().collect());
    table.row("the 10th and those after it", OURS, "ms", [early].into_iter().collect());
    table.row("the last before the 10,000th", OURS, "ms", [late].into_iter().collect());
    table.target("published per second", reached, Bound::AtLeast(200.0));
    table.target("the 10,000th as slow as the 10th, times", late / early, Bound::AtMost(1.1));
    Ok(table)
}

/// A package's first wheel; every tenth package has ten.
fn form(index: usize) -> Vec<u8> {
    uploads::form(&format!("bench-{}", index / 10), &format!("1.{}.0", index % 10), WHEEL_BYTES)
}

fn per_sec(count: usize, secs: f64) -> f64 {
    f64::from(u32::try_from(count).expect("a count of wheels")) / secs
}
