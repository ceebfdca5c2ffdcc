//! Where a database is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::StoreError;

/// A database's address. Its [`fmt::Debug`] form masks a password.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub(super) Address);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// The file, which is made if it is not there.
    Sqlite(PathBuf),
    /// The whole URL, with credentials.
    Postgres(String),
}

impl DatabaseUrl {
    /// An `SQLite` database in this file, which is made if it is not there.
    ///
    /// The file belongs to one process alone; the caller sees to that.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Address::Sqlite(path.into()))
    }

    /// Reads `postgres://…`, `postgresql://…` or `sqlite:PATH`.
    ///
    /// # Errors
    /// [`StoreError::UnknownDatabase`] for anything else.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self(Address::Postgres(text.to_owned())));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::sqlite(path)),
            _ => Err(StoreError::UnknownDatabase),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        Self::parse(text)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Address::Postgres(url) => formatter.write_str(&masked(url)),
        }
    }
}

/// The URL without what stands between the scheme and the host, nor its query.
fn masked(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", ""));
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    match rest.rsplit_once('@') {
        Some((_, place)) => format!("{scheme}://***@{place}"),
        None => format!("{scheme}://{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseUrl;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = DatabaseUrl::parse(text).ok().map(|url| format!("{url:?}"));
            assert_eq!(parsed.as_deref(), expected, "{text:?}");
        };
        check("postgres://user:secret@host/db", Some("postgres://***@host/db"));
        check("postgresql://host:5432/db", Some("postgresql://host:5432/db"));
        check("postgres:///db?user=u&password=secret", Some("postgres:///db"));
        check("postgres://u:se@cret@host/db", Some("postgres://***@host/db"));
        check("sqlite:data/metadata.db", Some("sqlite:data/metadata.db"));
        check("sqlite:", None);
        check("file.db", None);
        check("", None);
    }
}
