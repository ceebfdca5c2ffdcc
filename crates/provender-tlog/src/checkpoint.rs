//! Checkpoints (C2SP tlog-checkpoint): what a log signs about itself.

use crate::note::{NoteError, NoteSigner, NoteVerifier};
use crate::{Frontier, Hash};

/// A log's name, its size and its root at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

/// Why a text is not a checkpoint of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// It is not signed by the log's key.
    #[error("the checkpoint is not the log's: {0}")]
    Note(#[from] NoteError),
    /// Its text is not that of a checkpoint.
    #[error("this is no checkpoint: {0}")]
    Malformed(&'static str),
    /// It is one of another log.
    #[error("this is a checkpoint of `{found}`, not of `{expected}`")]
    OtherLog {
        /// Whose it should be.
        expected: String,
        /// Whose it is.
        found: String,
    },
}

impl Checkpoint {
    /// The checkpoint of a tree.
    pub fn of(origin: &str, tree: &Frontier) -> Self {
        Self { origin: origin.to_owned(), size: tree.size(), root: tree.root() }
    }

    /// Signs it.
    ///
    /// # Errors
    /// Where the origin cannot stand in a note.
    pub fn sign(&self, signer: &NoteSigner) -> Result<String, NoteError> {
        signer.sign(&self.text())
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64())
    }

    /// Checks the signature of a log's key, and that the checkpoint is of that log.
    ///
    /// # Errors
    /// Where it is not signed by that key, is of another log, or is none.
    pub fn verify(note: &str, origin: &str, key: &NoteVerifier) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(key.verify(note)?)?;
        if checkpoint.origin != origin {
            let (expected, found) = (origin.to_owned(), checkpoint.origin);
            return Err(CheckpointError::OtherLog { expected, found });
        }
        Ok(checkpoint)
    }

    /// Reads the text of a checkpoint, without any signature. Lines behind the third are left
    /// alone.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text
            .strip_suffix('\n')
            .ok_or(CheckpointError::Malformed("its last line has no end"))?
            .split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty());
        let origin = origin.ok_or(CheckpointError::Malformed("it has no origin"))?;
        let size = lines.next().and_then(decimal);
        let size = size.ok_or(CheckpointError::Malformed("it has no size"))?;
        let root = lines.next().and_then(Hash::from_base64);
        let root = root.ok_or(CheckpointError::Malformed("it has no root"))?;
        if lines.any(str::is_empty) {
            return Err(CheckpointError::Malformed("an extension line is empty"));
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }
}

/// A number in decimal digits without leading zeros.
fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading = text.len() > 1 && text.starts_with('0');
    if digits && !leading { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
