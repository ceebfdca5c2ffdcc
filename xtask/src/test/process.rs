//! Running programs: shown as they run, bounded in time, their lines kept for counting.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// Seconds a program told to end is left before it is killed.
const GRACE_SECS: u32 = 10;

/// What a program printed to its standard output, and whether it succeeded.
pub(super) struct Ran {
    pub(super) lines: Vec<String>,
    pub(super) success: bool,
}

/// A command that is ended after `limit_secs`.
pub(super) fn bounded(limit_secs: u32, program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command.arg(format!("--kill-after={GRACE_SECS}")).arg(limit_secs.to_string()).arg(program);
    command.stdin(Stdio::null());
    command
}

/// Runs a command, prints what it is and what it prints, and keeps the lines.
///
/// # Errors
/// Where it cannot be started or its output cannot be read.
pub(super) fn shown(command: &mut Command) -> anyhow::Result<Ran> {
    println!("$ {}", line_of(command));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", line_of(command)))?;
    let mut lines = Vec::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            println!("{line}");
            lines.push(line);
        }
    }
    Ok(Ran { lines, success: child.wait()?.success() })
}

/// Runs a command without showing it, and gives what it printed if it succeeded.
pub(super) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command as one would type it, without the bound on its time.
fn line_of(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    let bound = if words[0] == "timeout" { 3 } else { 0 };
    words[bound..].join(" ")
}

#[cfg(test)]
mod tests {
    use super::{answer, bounded, line_of, shown};
    use std::process::Command;

    #[test]
    fn lines_are_kept_and_time_is_bounded() {
        let ran = shown(bounded(10, "printf").arg("ok a\\nok b\\n")).unwrap();
        assert_eq!((ran.lines, ran.success), (vec!["ok a".to_owned(), "ok b".to_owned()], true));
        assert!(!shown(bounded(1, "sleep").arg("20")).unwrap().success);
    }

    #[test]
    fn a_command_is_shown_as_typed() {
        assert_eq!(line_of(bounded(10, "cargo").args(["test", "-p", "x"])), "cargo test -p x");
        assert_eq!(line_of(&Command::new("true")), "true");
    }

    #[test]
    fn only_success_answers() {
        assert_eq!(answer(Command::new("echo").arg("x")), Some("x".to_owned()));
        assert_eq!(answer(&mut Command::new("false")), None);
        assert_eq!(answer(&mut Command::new("/no/such/program")), None);
    }
}
