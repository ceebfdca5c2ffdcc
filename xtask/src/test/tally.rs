//! Counts of what passed, failed and was skipped, read off what test programs print.

use std::fmt;
use std::ops::AddAssign;

/// How many passed, failed, and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Tally {
    pub(super) fn passed(count: u64) -> Self {
        Self { passed: count, ..Self::default() }
    }

    pub(super) fn failed(count: u64) -> Self {
        Self { failed: count, ..Self::default() }
    }

    pub(super) fn skipped(count: u64) -> Self {
        Self { skipped: count, ..Self::default() }
    }

    /// One check that passed or failed.
    pub(super) fn of(success: bool) -> Self {
        if success { Self::passed(1) } else { Self::failed(1) }
    }

    /// What a program's lines count, when it ended as `success` says. A program that failed
    /// without counting a failure, and one that counted nothing at all, has failed once more.
    pub(super) fn of_lines(lines: &[String], success: bool, counted: fn(&str) -> Self) -> Self {
        let mut tally = Self::default();
        for line in lines {
            tally += counted(line);
        }
        if tally == Self::default() || (!success && tally.failed == 0) {
            tally += Self::failed(1);
        }
        tally
    }

    /// What a line of `cargo test` counts: the closing line of each test program, and each test
    /// that it left out.
    pub(super) fn cargo_test(line: &str) -> Self {
        if line.starts_with("test ") && line.contains(" ... ignored") {
            return Self::skipped(1);
        }
        let Some(counts) = line.strip_prefix("test result: ") else { return Self::default() };
        let count = |what: &str| {
            let before = counts.split([';', '.']).find_map(|part| part.trim().strip_suffix(what));
            before.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        Self { passed: count("passed"), failed: count("failed"), skipped: 0 }
    }

    /// What a line of a script counts: `ok NAME`, `not ok NAME`, `skip NAME: why`.
    pub(super) fn script(line: &str) -> Self {
        match line.split_once(' ') {
            Some(("ok", _)) => Self::passed(1),
            Some(("not", rest)) if rest.starts_with("ok ") => Self::failed(1),
            Some(("skip", _)) => Self::skipped(1),
            _ => Self::default(),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn closing_lines_of_cargo_are_read() {
        let check = |line: &str, expected: [u64; 3]| {
            let tally = Tally::cargo_test(line);
            assert_eq!([tally.passed, tally.failed, tally.skipped], expected, "{line}");
        };
        let tail = "0 measured; 0 filtered out; finished in 0.00s";
        check(&format!("test result: ok. 12 passed; 0 failed; 1 ignored; {tail}"), [12, 0, 0]);
        check(&format!("test result: FAILED. 3 passed; 2 failed; 0 ignored; {tail}"), [3, 2, 0]);
        check("test names::a_name ... ok", [0, 0, 0]);
        check("running 3 tests", [0, 0, 0]);
        check("test slow ... ignored", [0, 0, 1]);
        check("test slow ... ignored, for some reason", [0, 0, 1]);
    }

    #[test]
    fn lines_of_scripts_are_read() {
        let check = |line: &str, expected: [u64; 3]| {
            let tally = Tally::script(line);
            assert_eq!([tally.passed, tally.failed, tally.skipped], expected, "{line}");
        };
        check("ok installs", [1, 0, 0]);
        check("not ok installs", [0, 1, 0]);
        check("skip installs: no upstream", [0, 0, 1]);
        check("    ok indented", [0, 0, 0]);
        check("okay", [0, 0, 0]);
        check("not at all", [0, 0, 0]);
    }

    #[test]
    fn silence_is_no_success() {
        let check = |lines: &[&str], success: bool, expected: &str| {
            let lines: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
            let tally = Tally::of_lines(&lines, success, Tally::script);
            assert_eq!(tally.to_string(), expected, "{lines:?}");
        };
        check(&["ok a", "ok b"], true, "2 passed, 0 failed, 0 skipped");
        check(&["ok a"], false, "1 passed, 1 failed, 0 skipped");
        check(&["ok a", "not ok b"], false, "1 passed, 1 failed, 0 skipped");
        check(&[], true, "0 passed, 1 failed, 0 skipped");
        check(&["skip a: why"], true, "0 passed, 0 failed, 1 skipped");
    }
}
