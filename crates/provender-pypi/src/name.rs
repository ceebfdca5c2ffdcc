//! Package names: the grammar of PEP 508, normalized as PEP 503 says.

use provender_domain::{NameError, NamePattern, PACKAGE_NAME_LIMIT_BYTES, PackageName};

const WHAT: &str = "package name";
const RULE: &str =
    "ASCII letters, digits, '-', '_' and '.', with a letter or digit at both ends (PEP 508)";
const PATTERN_RULE: &str = "a name, or the beginning of one followed by '*', or '*' alone";

/// The name in lower case, each run of `-`, `_` and `.` as one `-`.
pub(crate) fn normalize(raw: &str) -> Result<PackageName, NameError> {
    check_length(raw)?;
    let ends_well = raw.starts_with(|c: char| c.is_ascii_alphanumeric())
        && raw.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !ends_well || !raw.bytes().all(is_name_byte) {
        return Err(NameError::Malformed { what: WHAT, rule: RULE });
    }
    if is_normal(raw) {
        return PackageName::new(raw);
    }
    PackageName::new(&normal_bytes(raw).map(char::from).collect::<String>())
}

/// Normalizes a name, a prefix with `*` behind it, or `*`.
pub(crate) fn pattern(raw: &str) -> Result<NamePattern, NameError> {
    let Some(prefix) = raw.strip_suffix('*') else {
        return normalize(raw).map(|name| NamePattern::Exact(name.as_str().to_owned()));
    };
    if prefix.is_empty() {
        return Ok(NamePattern::Prefix(String::new()));
    }
    check_length(prefix)?;
    let begins_well = prefix.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins_well || !prefix.bytes().all(is_name_byte) {
        return Err(NameError::Malformed { what: "name pattern", rule: PATTERN_RULE });
    }
    Ok(NamePattern::Prefix(normal_bytes(prefix).map(char::from).collect()))
}

/// Whether `raw` is a spelling of the package's name; allocates nothing.
pub(crate) fn spells(raw: &str, package: &PackageName) -> bool {
    normal_bytes(raw).eq(package.as_str().bytes())
}

/// The name as file names spell it (PEP 427, PEP 625): normalized, with `_` for `-`.
pub(crate) fn file_stem(package: &PackageName) -> String {
    package.as_str().replace('-', "_")
}

fn check_length(raw: &str) -> Result<(), NameError> {
    if raw.is_empty() {
        return Err(NameError::Empty { what: WHAT });
    }
    if raw.len() > PACKAGE_NAME_LIMIT_BYTES {
        let (limit_bytes, actual_bytes) = (PACKAGE_NAME_LIMIT_BYTES, raw.len());
        return Err(NameError::TooLong { what: WHAT, limit_bytes, actual_bytes });
    }
    Ok(())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || is_separator(byte)
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.')
}

fn is_normal(raw: &str) -> bool {
    let mut previous = 0;
    raw.bytes().all(|byte| {
        let doubled = byte == b'-' && previous == b'-';
        previous = byte;
        !doubled && !byte.is_ascii_uppercase() && !matches!(byte, b'_' | b'.')
    })
}

fn normal_bytes(raw: &str) -> impl Iterator<Item = u8> {
    let mut in_run = false;
    raw.bytes().filter_map(move |byte| {
        let separator = is_separator(byte);
        let repeated = separator && in_run;
        in_run = separator;
        match separator {
            true if repeated => None,
            true => Some(b'-'),
            false => Some(byte.to_ascii_lowercase()),
        }
    })
}

#[cfg(test)]
mod tests;
