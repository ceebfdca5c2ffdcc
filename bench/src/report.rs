//! What was measured, for people and for the record.

use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::machine::Workplace;
use crate::rounds::Series;

/// What one measurement found.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    targets: Vec<Target>,
    notes: Vec<String>,
}

/// The figures of one subject at one kind of work.
struct Row {
    work: String,
    subject: String,
    unit: &'static str,
    series: Series,
}

/// Something that was to be reached.
struct Target {
    what: String,
    reached: f64,
    bound: Bound,
}

/// On which side of a figure to stay.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn is_met(self, reached: f64) -> bool {
        match self {
            Self::AtLeast(bound) => reached >= bound,
            Self::AtMost(bound) => reached <= bound,
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("at least {}", figure(bound)),
            Self::AtMost(bound) => format!("at most {}", figure(bound)),
        }
    }
}

impl Table {
    /// Adds a subject's figures.
    pub(crate) fn row(&mut self, work: &str, subject: &str, unit: &'static str, series: Series) {
        let (work, subject) = (work.to_owned(), subject.to_owned());
        self.rows.push(Row { work, subject, unit, series });
    }

    /// The median of a subject at some work, if it was measured.
    pub(crate) fn median(&self, work: &str, subject: &str) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.work == work && row.subject == subject)?;
        Some(row.series.median())
    }

    /// Holds one subject against another at the same work. A subject that is missing is noted.
    pub(crate) fn ratio(&mut self, work: &str, subject: &str, other: &str, bound: Bound) {
        let what = format!("{work}: {subject} / {other}");
        match (self.median(work, subject), self.median(work, other)) {
            (Some(own), Some(others)) => self.target(&what, own / others, bound),
            _ => self.note(format!("{what}: not both were measured")),
        }
    }

    /// Holds a figure against its bound.
    pub(crate) fn target(&mut self, what: &str, reached: f64, bound: Bound) {
        self.targets.push(Target { what: what.to_owned(), reached, bound });
    }

    /// Says something that a reader should know.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    fn in_words(&self) -> String {
        let mut text = String::new();
        let width = |of: fn(&Row) -> &str| {
            self.rows.iter().map(|row| of(row).chars().count()).max().unwrap_or(0)
        };
        let (works, subjects) = (width(|row| &row.work), width(|row| &row.subject));
        for row in &self.rows {
            let _ = writeln!(
                text,
                "  {:<works$}  {:<subjects$}  {:>10} {:<8} ({} to {}, rounds: {})",
                row.work,
                row.subject,
                figure(row.series.median()),
                row.unit,
                figure(row.series.least()),
                figure(row.series.most()),
                row.series.figures().len(),
            );
        }
        for target in &self.targets {
            let verdict = if target.bound.is_met(target.reached) { "met" } else { "MISSED" };
            let (reached, bound) = (figure(target.reached), target.bound.in_words());
            let _ = writeln!(text, "  → {}: {reached}, {bound}: {verdict}", target.what);
        }
        for note in &self.notes {
            let _ = writeln!(text, "  note: {note}");
        }
        text
    }

    fn in_json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "work": row.work,
                "subject": row.subject,
                "unit": row.unit,
                "median": row.series.median(),
                "rounds": row.series.figures(),
            })
        });
        let targets = self.targets.iter().map(|target| {
            json!({
                "what": target.what,
                "reached": target.reached,
                "bound": target.bound.in_words(),
                "met": target.bound.is_met(target.reached),
            })
        });
        json!({
            "rows": rows.collect::<Vec<_>>(),
            "targets": targets.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

/// A figure with three digits that mean something.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

/// Everything that one run found.
#[derive(Default)]
pub(crate) struct Report {
    measurements: Vec<(String, Value)>,
    failed: usize,
}

impl Report {
    /// Prints a measurement's table and keeps it.
    pub(crate) fn add(&mut self, name: &str, table: &Table) {
        print!("{}", table.in_words());
        self.measurements.push((name.to_owned(), table.in_json()));
    }

    /// Keeps that a measurement could not be made.
    pub(crate) fn fail(&mut self, name: &str, error: &anyhow::Error) {
        self.failed += 1;
        self.measurements.push((name.to_owned(), json!({ "failed": format!("{error:#}") })));
    }

    /// Whether everything could be measured, whatever the figures.
    pub(crate) fn is_whole(&self) -> bool {
        self.failed == 0
    }

    /// Writes `target/bench/results.json`.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn write(&self, workplace: &Workplace) -> anyhow::Result<()> {
        let path = workplace.kept("results.json");
        let measurements: serde_json::Map<String, Value> =
            self.measurements.iter().cloned().collect();
        let whole = json!({ "machine": workplace.facts_json(), "measurements": measurements });
        fs::write(&path, format!("{whole:#}\n"))
            .with_context(|| format!("writing {}", path.display()))?;
        println!("\nwritten to {}", path.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Table, figure};

    #[test]
    fn figures_are_readable() {
        let check = |value: f64, expected: &str| assert_eq!(figure(value), expected);
        check(44_123.4, "44123");
        check(23.46, "23.5");
        check(1.0, "1.00");
        check(0.0214, "0.021");
    }

    #[test]
    fn subjects_are_held_against_each_other() {
        let mut table = Table::default();
        table.row("index", "provender", "req/s", [30.0].into_iter().collect());
        table.row("index", "peer", "req/s", [20.0].into_iter().collect());
        table.ratio("index", "provender", "peer", Bound::AtLeast(1.5));
        table.ratio("index", "peer", "provender", Bound::AtLeast(1.0));
        table.ratio("index", "provender", "absent", Bound::AtMost(1.0));
        let text = table.in_words();
        assert!(text.contains("index: provender / peer: 1.50, at least 1.50: met"), "{text}");
        assert!(text.contains("index: peer / provender: 0.667, at least 1.00: MISSED"), "{text}");
        assert!(text.contains("note: index: provender / absent: not both were measured"), "{text}");
    }
}
