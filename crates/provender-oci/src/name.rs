//! Image names: the grammar of the distribution specification 1.1 ("Pulling manifests"). They are
//! normal as they are; upper case is refused, since clients refuse it too.

use provender_domain::{NameError, NamePattern, PACKAGE_NAME_LIMIT_BYTES, PackageName};

const WHAT: &str = "image name";
const RULE: &str = "components of lower-case letters and digits, joined by '.', '_', '__' or \
                    dashes, with '/' between components";
const PATTERN_RULE: &str = "an image name, or the beginning of one followed by '*', or '*' alone";

/// Checks a name: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, several of them with `/` between.
pub(crate) fn normalize(raw: &str) -> Result<PackageName, NameError> {
    check_length(raw)?;
    if !raw.split('/').all(is_component) {
        return Err(NameError::Malformed { what: WHAT, rule: RULE });
    }
    PackageName::new(raw)
}

/// Checks a name, a prefix with `*` behind it, or `*`.
pub(crate) fn pattern(raw: &str) -> Result<NamePattern, NameError> {
    let Some(prefix) = raw.strip_suffix('*') else {
        return normalize(raw).map(|name| NamePattern::Exact(name.as_str().to_owned()));
    };
    if prefix.is_empty() {
        return Ok(NamePattern::Prefix(String::new()));
    }
    check_length(prefix)?;
    let mut components = prefix.split('/');
    let last = components.next_back().unwrap_or_default();
    if !components.all(is_component) || !is_beginning_of_component(last) {
        return Err(NameError::Malformed { what: "name pattern", rule: PATTERN_RULE });
    }
    Ok(NamePattern::Prefix(prefix.to_owned()))
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

fn is_component(text: &str) -> bool {
    is_beginning_of_component(text) && text.ends_with(is_alphanumeric)
}

/// Whether a component can begin so; nothing at all can be the beginning of any.
fn is_beginning_of_component(text: &str) -> bool {
    (text.is_empty() || text.starts_with(is_alphanumeric))
        && text.split(is_alphanumeric).all(is_separator)
}

fn is_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// What may stand between two letters or digits.
fn is_separator(text: &str) -> bool {
    matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
}

#[cfg(test)]
mod tests;
