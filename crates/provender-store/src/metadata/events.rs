//! The append-only record.

use std::fmt::Write as _;

use provender_domain::{Event, FileName, NewEvent, PackageName, RepositoryName, Severity};
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

use super::EventFilter;
use super::codec::{askable, from_json, to_json};
use super::statement::Statement;
use crate::StoreError;

/// Most events that one statement appends.
const EVENTS_PER_STATEMENT: usize = 16;
/// How many columns an event has.
const COLUMNS: usize = 8;

/// Appends events under consecutive numbers.
pub(super) async fn append(
    connection: &mut AnyConnection,
    first: i64,
    events: &[&NewEvent],
) -> Result<(), StoreError> {
    let mut numbers = first..;
    for chunk in events.chunks(EVENTS_PER_STATEMENT) {
        let insertion = Statement::new(insertion(chunk.len()));
        let numbered = chunk.iter().zip(&mut numbers);
        let insertion =
            numbered.fold(insertion, |insertion, (event, number)| bound(insertion, number, event));
        insertion.execute(connection).await?;
    }
    Ok(())
}

/// Appends one that follows the last one but so many, as the totals count them before they are
/// added to.
pub(super) fn appending(event: &NewEvent, behind: i64) -> Statement {
    let appending = Statement::new(
        "INSERT INTO events (number, kind, severity, repository, ecosystem, package, file, facts)
         SELECT events + $1, $2, $3, $4, $5, $6, $7, $8 FROM totals WHERE id = 1",
    );
    bound(appending, behind, event)
}

/// Binds a row: its number, or what it is made of, and the event.
fn bound(statement: Statement, number: i64, event: &NewEvent) -> Statement {
    statement
        .bind(number)
        .bind(event.kind.as_str())
        .bind(rank(event.kind.severity()))
        .bind(event.repository.as_ref().map(RepositoryName::as_str))
        .bind(event.ecosystem.as_deref())
        .bind(event.package.as_ref().map(PackageName::as_str))
        .bind(event.file.as_ref().map(FileName::as_str))
        .bind(to_json(event))
}

/// A statement for so many rows.
fn insertion(rows: usize) -> String {
    let mut sql = "INSERT INTO events
         (number, kind, severity, repository, ecosystem, package, file, facts) VALUES"
        .to_owned();
    for row in 0..rows {
        for column in 1..=COLUMNS {
            let before = match (row, column) {
                (0, 1) => " (",
                (_, 1) => "), (",
                _ => ", ",
            };
            let _ = write!(sql, "{before}${}", row * COLUMNS + column);
        }
    }
    sql.push(')');
    sql
}

/// The events that pass the filter, in its order.
pub(super) async fn select(
    connection: &mut AnyConnection,
    filter: &EventFilter,
) -> Result<Vec<Event>, StoreError> {
    let (sql, values) = Selection::new(filter).finish();
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let rows = values.into_iter().fold(query, bind).fetch_all(connection).await?;
    rows.iter()
        .map(|row| {
            let event: NewEvent = from_json("event", row.try_get::<&str, _>(2)?)?;
            Ok(Event { number: row.try_get(0)?, severity: severity(row.try_get(1)?), event })
        })
        .collect()
}

fn bind(query: Query<'_, Any, AnyArguments>, value: Value) -> Query<'_, Any, AnyArguments> {
    match value {
        Value::Number(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
    }
}

enum Value {
    Number(i64),
    Text(String),
}

/// A query under construction: fixed words with numbered places, and the values for them.
struct Selection {
    sql: String,
    values: Vec<Value>,
}

impl Selection {
    fn new(filter: &EventFilter) -> Self {
        let sql = "SELECT number, severity, facts FROM events WHERE number > ".to_owned();
        let mut selection = Self { sql, values: Vec::new() };
        selection.place(Value::Number(filter.after.unwrap_or(0)));
        if let Some(before) = filter.before {
            selection.and("number < ", Value::Number(before));
        }
        if let Some(minimum) = filter.minimum_severity {
            // The first half says again what the partial index says of itself.
            selection.and("severity > 0 AND severity >= ", Value::Number(rank(Some(minimum))));
        }
        let texts = [
            ("repository = ", filter.repository.as_ref().map(AsRef::as_ref)),
            ("ecosystem = ", filter.ecosystem.as_deref()),
            ("package = ", filter.package.as_ref().map(AsRef::as_ref)),
            ("file = ", filter.file.as_ref().map(AsRef::as_ref)),
        ];
        for (condition, text) in texts {
            if let Some(text) = text {
                selection.and(condition, Value::Text(askable(text)));
            }
        }
        selection.kinds(filter);
        selection.order(filter);
        selection
    }

    fn kinds(&mut self, filter: &EventFilter) {
        let Some((first, others)) = filter.kinds.split_first() else {
            return;
        };
        self.and("kind IN (", Value::Text(first.as_str().to_owned()));
        for kind in others {
            self.sql.push_str(", ");
            self.place(Value::Text(kind.as_str().to_owned()));
        }
        self.sql.push(')');
    }

    fn order(&mut self, filter: &EventFilter) {
        let order = if filter.newest_first { "DESC" } else { "ASC" };
        self.sql.push_str(" ORDER BY number ");
        self.sql.push_str(order);
        self.sql.push_str(" LIMIT ");
        self.place(Value::Number(i64::from(filter.limit)));
    }

    fn and(&mut self, condition: &'static str, value: Value) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.place(value);
    }

    fn place(&mut self, value: Value) {
        self.values.push(value);
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
    }

    fn finish(self) -> (String, Vec<Value>) {
        (self.sql, self.values)
    }
}

const fn rank(severity: Option<Severity>) -> i64 {
    match severity {
        None => 0,
        Some(Severity::Low) => 1,
        Some(Severity::Medium) => 2,
        Some(Severity::High) => 3,
    }
}

const fn severity(rank: i64) -> Option<Severity> {
    match rank {
        1 => Some(Severity::Low),
        2 => Some(Severity::Medium),
        3.. => Some(Severity::High),
        _ => None,
    }
}
