//! How facts are printed: aligned for people, as JSON for programs.

use std::io::{IsTerminal as _, Write as _};

use anyhow::Result;
use provender_domain::is_deceptive;
use serde::Serialize;

/// What the caller wants to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// JSON instead of text.
    pub(crate) json: bool,
    /// Nothing but what was asked for.
    pub(crate) quiet: bool,
}

impl Output {
    /// Prints the value as JSON, or what `text` makes of it.
    pub(crate) fn show<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        let mut shown = if self.json { serde_json::to_string_pretty(value)? } else { text(value) };
        if !shown.is_empty() && !shown.ends_with('\n') {
            shown.push('\n');
        }
        print(&shown)
    }

    /// Prints the value as one line of JSON, or what `text` makes of it.
    pub(crate) fn show_line<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        let line = if self.json { serde_json::to_string(value)? } else { text(value) };
        print(&format!("{line}\n"))
    }

    /// Says that something was done: for people who did not ask to be left alone.
    pub(crate) fn done<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        if self.quiet && !self.json {
            return Ok(());
        }
        self.show(value, text)
    }
}

/// Writes to standard output at once; a closed pipe is an error that ends the command quietly.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// Text that a terminal may show with emphasis; elsewhere it stays plain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    emphasis: bool,
}

impl Style {
    /// For standard output: plain unless it is a terminal, and where `NO_COLOR` is set.
    pub(crate) fn of_stdout() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { emphasis: wanted && std::io::stdout().is_terminal() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("31", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.emphasis { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Rows under headings, each column as wide as its widest text. Without rows: `nothing`.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    nothing: &str,
) -> String {
    let rows: Vec<[String; N]> =
        rows.into_iter().map(|row| row.map(|cell| printable(&cell))).collect();
    if rows.is_empty() {
        return nothing.to_owned();
    }
    let mut widths = headings.map(|heading| heading.chars().count());
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let style = Style::of_stdout();
    let heading = line(&headings.map(str::to_owned), &widths);
    let mut text = style.dim(&heading);
    for row in &rows {
        text.push('\n');
        text.push_str(&line(row, &widths));
    }
    text
}

fn line<const N: usize>(cells: &[String; N], widths: &[usize; N]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
    }
    line.truncate(line.trim_end().len());
    line
}

/// How many the server tells of at most where it does not say where to go on.
pub(crate) const SHOWN_MAX: usize = 1_000;

/// A list, and that it may not be all where it is as long as it can be.
pub(crate) fn newest(list: String, shown: usize) -> String {
    match shown >= SHOWN_MAX {
        true => format!("{list}\nThese are the newest {shown}; there may be more."),
        false => list,
    }
}

/// The text without what a terminal would obey: names and reasons come from strangers.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if is_deceptive(c) { '\u{fffd}' } else { c }).collect()
}

/// `-` for nothing.
pub(crate) fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".to_owned(), |text| text.to_string())
}

/// A moment to the second: `2026-01-31 12:00:00`.
pub(crate) fn moment(at: provender_domain::Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).map_or(text.clone(), |seconds| seconds.replace('T', " "))
}

/// A size for people: `27 B`, `1.4 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    for (unit, worth) in UNITS {
        if bytes >= worth {
            return format!("{}.{} {unit}", bytes / worth, bytes % worth * 10 / worth);
        }
    }
    format!("{bytes} B")
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::{SHOWN_MAX, count, newest, or_dash, printable, size, table};

    #[test]
    fn tables_align_and_disarm() {
        let rows =
            [["a".to_owned(), "long one".to_owned()], ["bbb".to_owned(), "x\x1b[2J".to_owned()]];
        let text = table(["N", "WHAT"], rows, "none");
        assert_eq!(text, "N    WHAT\na    long one\nbbb  x\u{fffd}[2J");
        assert_eq!(table(["N"], [], "no packages"), "no packages");
    }

    #[test]
    fn numbers_for_people() {
        let check = |bytes: u64, expected: &str| assert_eq!(size(bytes), expected);
        check(0, "0 B");
        check(999, "999 B");
        check(1_000, "1.0 kB");
        check(1_449_999, "1.4 MB");
        check(5_000_000_000, "5.0 GB");
        assert_eq!((count(1, "file"), count(0, "file")), ("1 file".into(), "0 files".into()));
        assert_eq!((or_dash(Some(3)), or_dash(None::<u8>)), ("3".into(), "-".into()));
        assert_eq!(newest("a".to_owned(), SHOWN_MAX - 1), "a");
        assert!(
            newest("a".to_owned(), SHOWN_MAX)
                .ends_with("\nThese are the newest 1000; there may be more.")
        );
        assert_eq!(printable("a\nb"), "a\u{fffd}b");
        assert_eq!(printable("exe.\u{202e}gpj\u{200b}"), "exe.\u{fffd}gpj\u{fffd}");
    }
}
