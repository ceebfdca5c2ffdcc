//! Statements with their values, to be carried out one by one or several in one go.
//!
//! Each call of the embedded database goes to the thread that has its connection and back, which
//! takes far longer than most statements do. It takes a text of several statements in one call;
//! `PostgreSQL` takes one statement each.

use std::borrow::Cow;

use futures_util::TryStreamExt as _;
use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Either, Executor as _};

use super::connect::Dialect;

/// One statement of SQL.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    sql: Cow<'static, str>,
    values: Vec<Value>,
}

/// What stands in one of its places.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Vec<u8>),
}

impl Value {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.as_deref(),
            _ => None,
        }
    }

    pub(super) fn as_number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => *number,
            _ => None,
        }
    }
}

impl Statement {
    /// One whose places `$1`, `$2`, … are to be bound, in order.
    pub(super) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self { sql: sql.into(), values: Vec::new() }
    }

    pub(super) fn sql(&self) -> &str {
        &self.sql
    }

    /// What stands in its places, in the order of their numbers.
    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    pub(super) async fn execute(
        self,
        connection: &mut AnyConnection,
    ) -> Result<AnyQueryResult, sqlx::Error> {
        self.query().execute(connection).await
    }

    pub(super) async fn fetch_one(
        self,
        connection: &mut AnyConnection,
    ) -> Result<AnyRow, sqlx::Error> {
        self.query().fetch_one(connection).await
    }

    pub(super) async fn fetch_optional(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Option<AnyRow>, sqlx::Error> {
        self.query().fetch_optional(connection).await
    }

    pub(super) async fn fetch_all(
        self,
        connection: &mut AnyConnection,
    ) -> Result<Vec<AnyRow>, sqlx::Error> {
        self.query().fetch_all(connection).await
    }

    fn query(self) -> Query<'static, Any, AnyArguments> {
        let query = match self.sql {
            Cow::Borrowed(sql) => sqlx::query(sql),
            Cow::Owned(sql) => sqlx::query(AssertSqlSafe(sql)),
        };
        self.values.into_iter().fold(query, |query, value| match value {
            Value::Text(text) => query.bind(text),
            Value::Number(number) => query.bind(number),
            Value::Bytes(bytes) => query.bind(bytes),
        })
    }
}

/// Asks them all, in as few calls as the database has for that: the rows of each.
pub(super) async fn ask_all(
    connection: &mut AnyConnection,
    dialect: Dialect,
    questions: Vec<Statement>,
) -> Result<Vec<Vec<AnyRow>>, sqlx::Error> {
    match dialect {
        Dialect::Sqlite => ask_together(connection, questions).await,
        Dialect::Postgres => {
            let mut answers = Vec::with_capacity(questions.len());
            for question in questions {
                answers.push(question.fetch_all(connection).await?);
            }
            Ok(answers)
        }
    }
}

async fn ask_together(
    connection: &mut AnyConnection,
    questions: Vec<Statement>,
) -> Result<Vec<Vec<AnyRow>>, sqlx::Error> {
    let expected = questions.len();
    let mut answers = Vec::with_capacity(expected);
    let mut rows = Vec::new();
    let mut results = connection.fetch_many(joined(questions).query());
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Right(row) => rows.push(row),
            Either::Left(_) => answers.push(std::mem::take(&mut rows)),
        }
    }
    debug_assert_eq!(answers.len(), expected, "one answer to each");
    Ok(answers)
}

/// One text whose places are numbered through.
fn joined(statements: Vec<Statement>) -> Statement {
    let mut sql = String::with_capacity(statements.iter().map(|one| one.sql.len() + 16).sum());
    let mut values = Vec::with_capacity(statements.iter().map(|one| one.values.len()).sum());
    for statement in statements {
        renumber(&statement.sql, values.len(), &mut sql);
        sql.push_str(";\n");
        values.extend(statement.values);
    }
    Statement { sql: sql.into(), values }
}

/// Adds to the number of each place. No text here has a `$` that is none.
fn renumber(sql: &str, offset: usize, into: &mut String) {
    use std::fmt::Write as _;
    let mut parts = sql.split('$');
    into.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number: usize = number.parse().expect("a place has a number");
        let _ = write!(into, "${}{rest}", number + offset);
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        Self::Text(text.map(str::to_owned))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::{Statement, joined};

    #[test]
    fn places_are_numbered_through() {
        let statements = vec![
            Statement::new("A $1, $2 $1").bind("a").bind(1),
            Statement::new("B"),
            Statement::new("$11$1x").bind(2),
        ];
        let joined = joined(statements);
        assert_eq!(joined.sql, "A $1, $2 $1;\nB;\n$13$3x;\n");
        assert_eq!(joined.values.len(), 3);
    }
}
