//! Private keys: made at the first start, kept in files that nobody else can read.

pub(crate) mod file;
mod ring;
mod signing;

pub use ring::{KeyName, KeyNameError, KeyRing};
pub use signing::{KeyAlgorithm, SigningFailed, SigningKey};

use std::io;
use std::path::PathBuf;

/// Why a private key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others than the owner may read or write it.
    #[error(
        "{} can be read or written by others than its owner (mode {mode:o}): \
         allow it to its owner alone (chmod {wanted:o}), and consider whether the key is still \
         secret",
        .path.display()
    )]
    OpenToOthers {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// It is not there, and a new one would be no replacement.
    #[error("the private key {} is not there", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file holds no PKCS #8 key of the expected kind.
    #[error("{} is not a private key of the kind {expected} in PKCS #8 PEM form", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: KeyAlgorithm,
    },
    /// The file or folder cannot be read or written.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No randomness could be had.
    #[error("no key could be generated: the system gave no randomness")]
    Generation,
}

#[cfg(test)]
mod tests;
