//! The names that the transparency log had over time.
//!
//! A log is named by the server's host. If that changes, a new log begins, and what was signed
//! before must still be found trustworthy: so every name is kept, with when it was used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use provender_tlog::note::NoteVerifier;
use serde::{Deserialize, Serialize};

use crate::keys::{KeyError, file};

/// A transparency log, and when it was in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogTerm {
    /// The name in its checkpoints.
    pub name: String,
    /// Where it is, or was.
    pub base_url: String,
    /// Its public key: `SubjectPublicKeyInfo` in DER, in base64.
    pub public_key: String,
    /// The whole hash of name and key (C2SP signed-note), in base64.
    pub log_id: String,
    /// When it began.
    pub since: Timestamp,
    /// When another took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl LogTerm {
    /// A log that begins now.
    pub(crate) fn new(
        verifier: &NoteVerifier,
        public_key_der: &[u8],
        base_url: String,
        since: Timestamp,
    ) -> Self {
        Self {
            name: verifier.name().to_owned(),
            base_url,
            public_key: STANDARD.encode(public_key_der),
            log_id: verifier.id().to_base64(),
            since,
            until: None,
        }
    }
}

/// Why the list of logs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TermsError {
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is not what was written.
    #[error("{} is damaged: bring back a copy, or clients lose trust in older logs", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] KeyError),
}

/// All logs, the oldest first, with `current` as the one in use. When this returns, it is kept.
pub(crate) fn record(
    path: &Path,
    current: LogTerm,
    now: Timestamp,
) -> Result<Vec<LogTerm>, TermsError> {
    let before = read(path)?;
    let after = with_current(before.clone(), current, now);
    if after != before {
        let json = serde_json::to_vec_pretty(&after).expect("a list of texts has a form");
        file::replace(path, &json, file::PUBLIC_MODE)?;
    }
    Ok(after)
}

fn read(path: &Path) -> Result<Vec<LogTerm>, TermsError> {
    match fs::read(path) {
        Ok(json) => serde_json::from_slice(&json)
            .map_err(|source| TermsError::Malformed { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(TermsError::Read { path: path.to_owned(), source }),
    }
}

/// The current one goes on if it was there before, even if it had ended; the others have ended.
fn with_current(mut terms: Vec<LogTerm>, current: LogTerm, now: Timestamp) -> Vec<LogTerm> {
    let mut is_known = false;
    for term in &mut terms {
        if term.log_id == current.log_id {
            is_known = true;
            // It began under a clock that was ahead.
            term.since = term.since.min(now);
            term.base_url.clone_from(&current.base_url);
            term.until = None;
        } else {
            term.until.get_or_insert(now.max(term.since));
        }
    }
    if !is_known {
        terms.push(current);
    }
    terms
}
