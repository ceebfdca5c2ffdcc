//! Versions: PEP 440, in its normal form.

use std::str::FromStr as _;

use pep440_rs::Version as Pep440;
use provender_domain::{NameError, VERSION_LIMIT_BYTES, Version};

const WHAT: &str = "version";
const RULE: &str = "PEP 440 wants numbers with dots between them, then optionally a pre-release, \
                    .postN, .devN and +local, as in 1.2.0rc1";

/// The version in PEP 440's normal form: `1.0-RC.1` is `1.0rc1`. Trailing zeros stay as they are.
pub(crate) fn normalize(raw: &str) -> Result<Version, NameError> {
    if raw.is_empty() {
        return Err(NameError::Empty { what: WHAT });
    }
    if raw.len() > VERSION_LIMIT_BYTES {
        let (limit_bytes, actual_bytes) = (VERSION_LIMIT_BYTES, raw.len());
        return Err(NameError::TooLong { what: WHAT, limit_bytes, actual_bytes });
    }
    let version =
        Pep440::from_str(raw).map_err(|_| NameError::Malformed { what: WHAT, rule: RULE })?;
    Version::new(&version.to_string())
}

/// As [`normalize`], for the version in a file's or folder's name, where old tools wrote `_` for
/// `-` (PEP 427, escaping).
pub(crate) fn from_file_name(raw: &str) -> Option<Version> {
    normalize(raw).ok().or_else(|| {
        let unescaped = raw.contains('_').then(|| raw.replace('_', "-"))?;
        normalize(&unescaped).ok()
    })
}

/// Whether both are one version by PEP 440, for which `1.0` and `1.0.0` are.
pub(crate) fn are_equal(one: &Version, other: &Version) -> bool {
    one == other
        || match (Pep440::from_str(one.as_str()), Pep440::from_str(other.as_str())) {
            (Ok(one), Ok(other)) => one == other,
            _ => false,
        }
}

#[cfg(test)]
mod tests;
