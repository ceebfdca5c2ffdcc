//! `RECORD`: a wheel's list of its files with their hashes (PEP 376, PEP 427), in CSV (RFC 4180).

use std::collections::HashMap;
use std::io::BufRead;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provender_archive::{ArchiveError, shown};
use sha2::{Sha256, Sha384, Sha512};

use crate::error::ArchiveFault;

/// Bytes hashed at a time are those of the reader's buffer; this is what a wheel may call a file
/// list. One line is some 120 bytes and the archive's own limit is 100,000 entries.
pub(super) const RECORD_LIMIT_BYTES: u64 = 32 * 1024 * 1024;

/// What RECORD says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim {
    hash: Option<Hash>,
    size_bytes: Option<u64>,
}

/// A hash that PEP 427 allows: SHA-256 or better.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hash {
    Sha256(Vec<u8>),
    Sha384(Vec<u8>),
    Sha512(Vec<u8>),
}

/// A parsed RECORD; files are struck off as they are found in the archive.
#[derive(Debug)]
pub(super) struct Record {
    path: String,
    claims: HashMap<String, Claim>,
}

impl Record {
    pub(super) fn parse(path: &str, bytes: &[u8]) -> Result<Self, ArchiveFault> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| ArchiveFault::NotUtf8 { path: path.to_owned() })?;
        let mut record = Self { path: path.to_owned(), claims: HashMap::new() };
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() {
                continue;
            }
            let malformed =
                || ArchiveFault::RecordMalformed { path: path.to_owned(), line: index + 1 };
            let [entry, hash, size] = split(line).ok_or_else(malformed)?;
            let claim = Claim {
                hash: if hash.is_empty() { None } else { parse_hash(&hash) },
                size_bytes: match size.as_str() {
                    "" => None,
                    size => Some(size.parse().map_err(|_| malformed())?),
                },
            };
            if record.claims.contains_key(&entry) {
                let (path, entry) = (path.to_owned(), shown(entry));
                return Err(ArchiveFault::RecordRepeated { path, entry });
            }
            record.claims.insert(entry, claim);
        }
        Ok(record)
    }

    /// Reads a file's contents and holds them against what is said of them.
    pub(super) fn check(
        &mut self,
        entry: &str,
        contents: &mut dyn BufRead,
    ) -> Result<(), ArchiveFault> {
        let claim = self.claims.remove(entry);
        if self.is_exempt(entry) {
            return Ok(());
        }
        let Some(claim) = claim else {
            return Err(ArchiveFault::RecordIncomplete {
                path: self.path.clone(),
                entry: shown(entry),
            });
        };
        let Some(hash) = claim.hash else {
            return Err(ArchiveFault::RecordWithoutHash {
                path: self.path.clone(),
                entry: shown(entry),
            });
        };
        let (actual, size_bytes) = hash.same_of(contents)?;
        if actual != hash {
            return Err(self.disagrees(entry, "hash"));
        }
        if claim.size_bytes.is_some_and(|claimed| claimed != size_bytes) {
            return Err(self.disagrees(entry, "size"));
        }
        Ok(())
    }

    /// That every file listed was found.
    pub(super) fn finish(mut self) -> Result<(), ArchiveFault> {
        let signatures = [".jws", ".p7s"].map(|suffix| format!("{}{suffix}", self.path));
        for exempt in [&self.path, &signatures[0], &signatures[1]] {
            self.claims.remove(exempt);
        }
        match self.claims.keys().min() {
            None => Ok(()),
            Some(entry) => {
                Err(ArchiveFault::RecordPhantom { path: self.path.clone(), entry: shown(entry) })
            }
        }
    }

    /// RECORD cannot hold its own hash, nor those of its signatures.
    fn is_exempt(&self, entry: &str) -> bool {
        entry
            .strip_prefix(self.path.as_str())
            .is_some_and(|suffix| matches!(suffix, "" | ".jws" | ".p7s"))
    }

    fn disagrees(&self, entry: &str, property: &'static str) -> ArchiveFault {
        let path = self.path.clone();
        ArchiveFault::RecordDisagrees { path, entry: shown(entry), property }
    }
}

impl Hash {
    /// The same hash function of these contents, and how many bytes they were.
    fn same_of(&self, contents: &mut dyn BufRead) -> Result<(Self, u64), ArchiveFault> {
        Ok(match self {
            Self::Sha256(_) => {
                let (hash, size) = hash_all::<Sha256>(contents)?;
                (Self::Sha256(hash), size)
            }
            Self::Sha384(_) => {
                let (hash, size) = hash_all::<Sha384>(contents)?;
                (Self::Sha384(hash), size)
            }
            Self::Sha512(_) => {
                let (hash, size) = hash_all::<Sha512>(contents)?;
                (Self::Sha512(hash), size)
            }
        })
    }
}

fn hash_all<D: sha2::Digest>(contents: &mut dyn BufRead) -> Result<(Vec<u8>, u64), ArchiveFault> {
    let mut hasher = D::new();
    let mut size_bytes = 0;
    loop {
        let chunk = contents.fill_buf().map_err(ArchiveError::from)?;
        if chunk.is_empty() {
            return Ok((hasher.finalize().to_vec(), size_bytes));
        }
        hasher.update(chunk);
        let length = chunk.len();
        size_bytes += length as u64;
        contents.consume(length);
    }
}

/// `sha256=<base64url without padding>`; `None` for weaker or unknown functions and wrong lengths.
fn parse_hash(text: &str) -> Option<Hash> {
    let (algorithm, encoded) = text.split_once('=')?;
    let hash = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?;
    match (algorithm, hash.len()) {
        ("sha256", 32) => Some(Hash::Sha256(hash)),
        ("sha384", 48) => Some(Hash::Sha384(hash)),
        ("sha512", 64) => Some(Hash::Sha512(hash)),
        _ => None,
    }
}

/// The three columns of a line. A quoted column cannot hold a line break: names in an archive have
/// none.
fn split(line: &str) -> Option<[String; 3]> {
    let (first, rest) = column(line)?;
    let (second, rest) = column(rest?)?;
    let (third, rest) = column(rest?)?;
    if rest.is_some() || first.is_empty() {
        return None;
    }
    Some([first, second, third])
}

/// One column, and what is behind its comma, if there is one.
fn column(text: &str) -> Option<(String, Option<&str>)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return Some(match text.split_once(',') {
            Some((column, rest)) => (column.to_owned(), Some(rest)),
            None => (text.to_owned(), None),
        });
    };
    let mut column = String::new();
    let mut rest = quoted;
    loop {
        let (before, behind) = rest.split_once('"')?;
        column.push_str(before);
        match behind.chars().next() {
            None => return Some((column, None)),
            Some(',') => return Some((column, Some(&behind[1..]))),
            Some('"') => column.push('"'),
            Some(_) => return None,
        }
        rest = &behind[1..];
    }
}

#[cfg(test)]
mod tests;
