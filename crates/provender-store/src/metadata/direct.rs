//! The embedded database, called from the thread that writes.
//!
//! sqlx gives each of its connections a thread and tells it one statement after another. For the
//! one that all commits wait for, the changes of threads and what carries the answers across took
//! longer than the statements. Here they are calls.

use std::path::PathBuf;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql};

use super::connect::{Dialect, SQLITE_WRITER};
use super::statement::{Statement, Value};
use crate::StoreError;

/// How many statements stay prepared: more than there are texts.
const PREPARED_MAX: usize = 128;

/// A connection that is opened when it is first needed, and given up after an error.
pub(super) struct Direct {
    path: PathBuf,
    connection: Option<Connection>,
}

/// What came of one statement.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// What it answered.
    pub(super) rows: Vec<Vec<Value>>,
    /// How many rows it wrote, if it was to write any.
    pub(super) count: usize,
}

impl Written {
    /// The first column of the first row.
    pub(super) fn first(&self) -> Option<&Value> {
        self.rows.first()?.first()
    }
}

/// Why a transaction is not made this way.
pub(super) enum NotMade {
    /// Something is not as expected. Nothing is written, and step by step the cause is found.
    Unexpected,
    /// The database failed.
    Failed(StoreError),
}

/// A transaction under way, undone where it is dropped.
pub(super) struct DirectTransaction<'a> {
    connection: &'a Connection,
}

impl Direct {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, connection: None }
    }

    /// One transaction. Who returns an error leaves nothing of it, and the next has a connection of
    /// its own, since nobody knows what is left of this one.
    pub(super) fn transact<T>(
        &mut self,
        work: impl FnOnce(DirectTransaction<'_>) -> Result<T, NotMade>,
    ) -> Result<T, NotMade> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open()?,
        };
        let outcome = DirectTransaction::begin(&connection).and_then(work);
        // A transaction that could not be undone ends with its connection.
        if !matches!(outcome, Err(NotMade::Failed(_))) && connection.is_autocommit() {
            self.connection = Some(connection);
        }
        outcome
    }

    /// Takes another connection from now on: this one met an error at its end.
    pub(super) fn give_up(&mut self) {
        self.connection = None;
    }

    fn open(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.execute_batch(SQLITE_WRITER)?;
        connection.set_prepared_statement_cache_capacity(PREPARED_MAX);
        Ok(connection)
    }
}

impl<'a> DirectTransaction<'a> {
    fn begin(connection: &'a Connection) -> Result<Self, NotMade> {
        let transaction = Self { connection };
        transaction.execute(Dialect::Sqlite.begin_write())?;
        Ok(transaction)
    }

    pub(super) fn run(&self, statement: &Statement) -> Result<Written, NotMade> {
        let mut prepared = self.connection.prepare_cached(statement.sql())?;
        for place in 1..=prepared.parameter_count() {
            // `SQLite` numbers places by their first occurrence, whatever they are called.
            let name = prepared.parameter_name(place).and_then(|name| name.strip_prefix('$'));
            let number = name.and_then(|number| number.parse::<usize>().ok());
            let value = number.and_then(|number| statement.values().get(number.checked_sub(1)?));
            prepared.raw_bind_parameter(place, value)?;
        }
        let columns = prepared.column_count();
        if columns == 0 {
            return Ok(Written { rows: Vec::new(), count: prepared.raw_execute()? });
        }
        let mut written = Written::default();
        let mut rows = prepared.raw_query();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| row.get_ref(column)?.try_into());
            written.rows.push(values.collect::<Result<_, NotMade>>()?);
        }
        Ok(written)
    }

    /// Makes it durable.
    pub(super) fn commit(self) -> Result<(), StoreError> {
        Ok(self.execute("COMMIT")?)
    }

    fn execute(&self, sql: &str) -> Result<(), rusqlite::Error> {
        self.connection.prepare_cached(sql)?.raw_execute().map(drop)
    }
}

impl Drop for DirectTransaction<'_> {
    fn drop(&mut self) {
        if !self.connection.is_autocommit() {
            // Where it cannot be undone its connection is given up.
            let _ = self.execute("ROLLBACK");
        }
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Number(Some(number)) => ValueRef::Integer(*number),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
            Self::Text(None) | Self::Number(None) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl TryFrom<ValueRef<'_>> for Value {
    type Error = NotMade;

    fn try_from(value: ValueRef<'_>) -> Result<Self, NotMade> {
        match value {
            ValueRef::Null => Ok(Self::Text(None)),
            ValueRef::Integer(number) => Ok(Self::Number(Some(number))),
            ValueRef::Text(text) => {
                let text = str::from_utf8(text).map_err(|_| NotMade::Unexpected)?;
                Ok(Self::Text(Some(text.to_owned())))
            }
            ValueRef::Blob(bytes) => Ok(Self::Bytes(bytes.to_vec())),
            ValueRef::Real(_) => Err(NotMade::Unexpected),
        }
    }
}

impl From<rusqlite::Error> for NotMade {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            // A rule of the schema was broken, not the database.
            Some(ErrorCode::ConstraintViolation) => Self::Unexpected,
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<StoreError> for NotMade {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}
