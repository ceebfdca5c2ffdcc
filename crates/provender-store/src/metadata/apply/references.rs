//! Which files a file names.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use provender_domain::FileState::{Deleted, Present};
use provender_domain::{FileName, Reference, ReferenceRole};
use sqlx::{AnyConnection, Row};

use super::missing;
use crate::StoreError;
use crate::metadata::PackageKey;
use crate::metadata::read::state_name;
use crate::metadata::standing::{FILES_PER_QUERY, KEY_PLACES, asking_files_named, of_files_named};
use crate::metadata::statement::{Statement, Value};

/// How many references one statement keeps.
const REFERENCES_PER_STATEMENT: usize = 16;

pub(super) async fn record(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
    references: &[Reference],
) -> Result<(), StoreError> {
    let needed = Needed::of(file, references);
    needed.check(&states(connection, key, &needed.names).await?)?;
    for insertion in insertions(key, file, references) {
        insertion.execute(connection).await?;
    }
    ending_orphanage(key, file).execute(connection).await?;
    Ok(())
}

/// A file and what it requires: all of it has to be recorded, and the latter to be present.
pub(super) struct Needed<'a> {
    /// The file's own name first.
    names: Vec<&'a FileName>,
}

impl<'a> Needed<'a> {
    pub(super) fn of(file: &'a FileName, references: &'a [Reference]) -> Self {
        let needed = references
            .iter()
            .filter(|reference| reference.role == ReferenceRole::Required)
            .map(|reference| &reference.file);
        Self { names: std::iter::once(file).chain(needed).collect() }
    }

    /// For the states of all of them, if one question is enough.
    pub(super) fn question(&self, key: &PackageKey) -> Option<Statement> {
        (self.names.len() <= FILES_PER_QUERY).then(|| asking_files_named(&STATES, key, &self.names))
    }

    /// Whether all is there, by the answer to that.
    pub(super) fn is_met(&self, rows: &[Vec<Value>]) -> bool {
        let state = |row: &Vec<Value>| match row.as_slice() {
            [name, state] => Some((name.as_text()?.to_owned(), state.as_text()?.to_owned())),
            _ => None,
        };
        let states: Option<HashMap<_, _>> = rows.iter().map(state).collect();
        states.is_some_and(|states| self.check(&states).is_ok())
    }

    fn check(&self, states: &HashMap<String, String>) -> Result<(), StoreError> {
        let is_present = |name: &&FileName| {
            states.get(name.as_str()).is_some_and(|state| state == state_name(Present))
        };
        let [file, needed @ ..] = self.names.as_slice() else { return Ok(()) };
        match states.get(file.as_str()) {
            Some(state) if state != state_name(Deleted) => {}
            _ => return Err(missing("file", file)),
        }
        match needed.iter().find(|name| !is_present(name)) {
            Some(target) => Err(StoreError::MissingReference { target: (*target).clone() }),
            None => Ok(()),
        }
    }
}

static STATES: LazyLock<String> = LazyLock::new(|| of_files_named("name, state"));

/// The states of those of these files that are recorded.
async fn states(
    connection: &mut AnyConnection,
    key: &PackageKey,
    names: &[&FileName],
) -> Result<HashMap<String, String>, StoreError> {
    let mut states = HashMap::with_capacity(names.len());
    for chunk in names.chunks(FILES_PER_QUERY) {
        for row in asking_files_named(&STATES, key, chunk).fetch_all(&mut *connection).await? {
            states.insert(row.try_get(0)?, row.try_get(1)?);
        }
    }
    Ok(states)
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let mut sql = "INSERT INTO file_references
         (repository, ecosystem, package, file, role, target) VALUES"
        .to_owned();
    for row in 0..REFERENCES_PER_STATEMENT {
        let comma = if row == 0 { "" } else { "," };
        let role = KEY_PLACES + 2 + row * 2;
        let _ = write!(sql, "{comma} ($1, $2, $3, $4, ${role}, ${})", role + 1);
    }
    sql.push_str(" ON CONFLICT (repository, ecosystem, package, file, role, target) DO NOTHING");
    sql
});

/// What keeps these references.
pub(super) fn insertions(
    key: &PackageKey,
    file: &FileName,
    references: &[Reference],
) -> impl Iterator<Item = Statement> {
    let (repository, ecosystem, package) = key.columns();
    references.chunks(REFERENCES_PER_STATEMENT).map(move |chunk| {
        let statement = Statement::new(INSERT.as_str())
            .bind(repository)
            .bind(ecosystem)
            .bind(package)
            .bind(file.as_str());
        (0..REFERENCES_PER_STATEMENT).fold(statement, |statement, place| {
            let reference = &chunk[place.min(chunk.len() - 1)];
            statement.bind(reference.role.as_str()).bind(reference.file.as_str())
        })
    })
}

/// Takes the marks from what the file refers to, and from itself, if it is about another.
pub(super) fn ending_orphanage(key: &PackageKey, file: &FileName) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    Statement::new(
        "DELETE FROM orphans WHERE repository = $1 AND ecosystem = $2 AND package = $3
         AND file IN (SELECT CASE WHEN role = 'subject' THEN file ELSE target END
         FROM file_references
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4)",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
}

/// Forgets what a file names that goes away.
pub(super) async fn forget(
    connection: &mut AnyConnection,
    key: &PackageKey,
    file: &FileName,
) -> Result<(), StoreError> {
    let (repository, ecosystem, package) = key.columns();
    sqlx::query(
        "DELETE FROM file_references
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND file = $4",
    )
    .bind(repository)
    .bind(ecosystem)
    .bind(package)
    .bind(file.as_str())
    .execute(connection)
    .await?;
    Ok(())
}
