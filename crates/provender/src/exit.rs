//! How a command ends: a message for people on stderr, a status for scripts.

use std::io::ErrorKind;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::api::Refusal;
use crate::output::printable;

/// Something failed.
const FAILED: u8 = 1;
/// The command line is wrong; what clap exits with too.
const USAGE: u8 = 2;
/// The server or the data directory cannot be reached.
const UNREACHABLE: u8 = 3;
/// Not allowed.
const REFUSED: u8 = 4;
/// There is no such thing.
const NOT_FOUND: u8 = 5;
/// It is there already, or belongs to somebody else.
const CONFLICT: u8 = 6;
/// Ended by SIGINT: 128 and the signal's number.
const INTERRUPTED: u8 = 130;

/// Conditions of the command line itself that have a status of their own.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Neither a server nor a data directory answers.
    #[error("{0}")]
    Unreachable(String),
    /// What was typed makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Something does not prove what it should, or nobody says who asks.
    #[error("{0}")]
    Refused(String),
    /// By this trust root nothing can be verified.
    #[error("{0}")]
    TrustRoot(String),
    /// There is no such file here.
    #[error("{0}")]
    NotFound(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// Prints the error with its causes, and says how to exit.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    // Where nobody can be told, the status says it.
    // A server's words may be a stranger's.
    let lines: Vec<String> = format!("{error:#}").split('\n').map(printable).collect();
    let _ = writeln!(std::io::stderr(), "error: {}", lines.join("\n"));
    ExitCode::from(status(error))
}

/// Whether there is no such thing, here or on the server.
pub(crate) fn is_not_found(error: &anyhow::Error) -> bool {
    status(error) == NOT_FOUND
}

/// What is wrong with a file here.
pub(crate) fn unread(path: &Path, error: std::io::Error) -> anyhow::Error {
    let shown = path.display().to_string();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            Failure::NotFound(format!("{shown}: {error}")).into()
        }
        _ => anyhow::Error::new(error).context(shown),
    }
}

fn status(error: &anyhow::Error) -> u8 {
    // What a service refused may lie deep in the error of whoever asked it.
    if let Some(failure) = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()) {
        return match failure {
            Failure::Unreachable(_) => UNREACHABLE,
            Failure::Usage(_) => USAGE,
            Failure::Refused(_) | Failure::TrustRoot(_) => REFUSED,
            Failure::NotFound(_) => NOT_FOUND,
            Failure::Interrupted => INTERRUPTED,
        };
    }
    let refusal = error.chain().find_map(|cause| cause.downcast_ref::<Refusal>());
    let Some(refusal) = refusal else { return FAILED };
    match refusal.code.as_str() {
        "invalid-request" => USAGE,
        "authentication-required" | "permission-denied" | "policy-denied" => REFUSED,
        "not-found" | "gone" => NOT_FOUND,
        "conflict" => CONFLICT,
        _ => FAILED,
    }
}

/// Whoever read our output has seen enough, as in `provender events | head`.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::{Failure, status, unread};
    use crate::api::Refusal;

    #[test]
    fn statuses() {
        let check = |error: anyhow::Error, expected: u8| assert_eq!(status(&error), expected);
        let refusal = |code: &str| Refusal { code: code.to_owned(), message: "because".to_owned() };
        check(anyhow::anyhow!("broken"), 1);
        check(refusal("internal").into(), 1);
        check(refusal("invalid-request").into(), 2);
        check(Failure::Usage("no".to_owned()).into(), 2);
        check(Failure::Unreachable("no".to_owned()).into(), 3);
        check(refusal("permission-denied").into(), 4);
        check(refusal("authentication-required").into(), 4);
        check(refusal("not-found").into(), 5);
        check(refusal("conflict").into(), 6);
        check(Failure::Refused("no".to_owned()).into(), 4);
        check(Failure::TrustRoot("no".to_owned()).into(), 4);
        check(Failure::Interrupted.into(), 130);
        let absent = std::path::Path::new("/no/such/file");
        check(unread(absent, std::fs::read(absent).unwrap_err()), 5);
        let folder = std::path::Path::new("/");
        check(unread(folder, std::fs::read(folder).unwrap_err()), 1);
        let wrapped: anyhow::Result<()> = Err(refusal("gone")).context("cannot yank");
        check(wrapped.unwrap_err(), 5);
    }
}
