//! Extension headers: pax records (POSIX.1 `pax`, "pax Header Block") and GNU's long names.

use std::borrow::Cow;

use super::header::{Extension, Header, SPARSE};
use crate::{ArchiveError, shown};

/// The most an octal size field of a header can say; only above it may pax say another size.
const OCTAL_SIZE_MAX: u64 = 0o77_777_777_777;

/// What the headers before an entry say of it.
#[derive(Debug, Default)]
pub(crate) struct Extensions {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    is_present: bool,
}

impl Extensions {
    /// Whether no header waits for its entry. Global ones need none.
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_present
    }

    /// Each property may be given once: tools differ in which of two they take.
    pub(crate) fn add(
        &mut self,
        extension: Extension,
        contents: Vec<u8>,
    ) -> Result<(), ArchiveError> {
        self.is_present |= extension != Extension::PaxGlobal;
        match extension {
            Extension::Pax => self.add_pax(&contents),
            Extension::PaxGlobal => check_global(&contents),
            Extension::GnuLongName => set(&mut self.name, without_nul(contents)),
            Extension::GnuLongTarget => set(&mut self.target, without_nul(contents)),
        }
    }

    pub(crate) fn name<'a>(&'a self, header: &'a Header) -> Cow<'a, [u8]> {
        self.name.as_deref().map_or_else(|| header.name(), Cow::Borrowed)
    }

    pub(crate) fn target<'a>(&'a self, header: &'a Header) -> Cow<'a, [u8]> {
        Cow::Borrowed(self.target.as_deref().unwrap_or_else(|| header.target()))
    }

    /// A pax size counts more than the header's, and some tools do not know: unless the header can
    /// not hold it, both must be the same.
    pub(crate) fn size(&self, header: &Header) -> Result<u64, ArchiveError> {
        let short = header.size()?;
        match self.size {
            Some(long) if long != short && long <= OCTAL_SIZE_MAX => {
                Err(ArchiveError::Contradiction { name: shown(self.name(header)), field: "size" })
            }
            Some(long) => Ok(long),
            None => Ok(short),
        }
    }

    fn add_pax(&mut self, contents: &[u8]) -> Result<(), ArchiveError> {
        for record in Records(contents) {
            let (key, value) = record?;
            match key {
                b"path" => set(&mut self.name, value.to_vec())?,
                b"linkpath" => set(&mut self.target, value.to_vec())?,
                b"size" => set(&mut self.size, decimal(value).ok_or_else(damaged)?)?,
                _ if key.starts_with(b"GNU.sparse.") => return Err(sparse()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A global header may hold what concerns no single entry, as the commit that `git archive` notes.
fn check_global(contents: &[u8]) -> Result<(), ArchiveError> {
    for record in Records(contents) {
        let (key, _) = record?;
        if matches!(key, b"path" | b"linkpath" | b"size") {
            return Err(ArchiveError::Ambiguous {
                what: "a global pax header gives the same name or size to all entries",
            });
        }
        if key.starts_with(b"GNU.sparse.") {
            return Err(sparse());
        }
    }
    Ok(())
}

fn set<T>(property: &mut Option<T>, value: T) -> Result<(), ArchiveError> {
    if property.replace(value).is_some() {
        return Err(ArchiveError::Ambiguous {
            what: "its extension headers give an entry two names, targets or sizes",
        });
    }
    Ok(())
}

fn without_nul(mut name: Vec<u8>) -> Vec<u8> {
    if name.last() == Some(&0) {
        name.pop();
    }
    name
}

fn sparse() -> ArchiveError {
    ArchiveError::UnsupportedFeature { name: "the archive".to_owned(), feature: SPARSE }
}

fn damaged() -> ArchiveError {
    ArchiveError::Damaged { what: "a pax extension header is invalid" }
}

/// The records of a pax header, each `length key=value\n`, the length in decimal and of the whole.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), ArchiveError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let Some((key, value, rest)) = split_record(self.0) else {
            self.0 = &[];
            return Some(Err(damaged()));
        };
        self.0 = rest;
        Some(Ok((key, value)))
    }
}

/// The key and value of the first record, and the records after it.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(&records[..space])?).ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let [pair @ .., b'\n'] = record.get(space + 1..)? else { return None };
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    Some((&pair[..equals], &pair[equals + 1..], rest))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    i64::try_from(value).is_ok().then_some(value)
}
