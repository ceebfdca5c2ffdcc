//! The state of a transparency log: swapped with the batch that leads to it, then published.

use std::fmt::Write as _;

use bytes::Bytes;
use provender_tlog::{LogState, StorageError};
use sqlx::AnyConnection;

use crate::metadata::statement::Statement;
use crate::{BlobError, StoreError};

/// One change of a log, with all that is written as the database takes it.
#[derive(Debug)]
pub(in crate::metadata) enum LogWrite {
    /// Puts a state in another's place, with the batch that leads there.
    Swap(Box<Swap>),
    /// Makes a checkpoint the published one and forgets the batches below it.
    Publish { origin: String, size: u64, checkpoint: String },
}

impl LogWrite {
    /// Whose it is.
    pub(in crate::metadata) fn origin(&self) -> &str {
        match self {
            Self::Swap(swap) => &swap.origin,
            Self::Publish { origin, .. } => origin,
        }
    }

    fn swap(&self) -> Option<&Swap> {
        match self {
            Self::Swap(swap) => Some(swap),
            Self::Publish { .. } => None,
        }
    }

    /// What its caller is told where it was not written.
    pub(in crate::metadata) fn failed(&self, error: StoreError) -> StorageError {
        let what = match self {
            Self::Swap(_) => "appending",
            Self::Publish { .. } => "publishing a checkpoint",
        };
        match BlobError::from(error) {
            BlobError::Full(full) => StorageError::new(what, full),
            BlobError::Database(error) => StorageError::new(what, error),
            other => StorageError::new(what, other),
        }
    }

    /// Whether it expects exactly what the other makes.
    fn follows(&self, before: &Self) -> bool {
        let (Self::Swap(swap), Self::Swap(before)) = (self, before) else { return false };
        let expected = swap.expected.as_ref();
        swap.origin == before.origin
            && expected.is_some_and(|expected| expected.is_same_tree(&before.next))
    }
}

/// A state in the place of the one that is expected there.
#[derive(Debug)]
pub(in crate::metadata) struct Swap {
    pub(in crate::metadata) origin: String,
    pub(in crate::metadata) expected: Option<LogState>,
    pub(in crate::metadata) next: LogState,
    pub(in crate::metadata) batch: Option<BatchRow>,
}

/// A batch as it is kept.
#[derive(Debug)]
pub(in crate::metadata) struct BatchRow {
    pub(in crate::metadata) first_index: u64,
    pub(in crate::metadata) end_index: u64,
    pub(in crate::metadata) bytes: Bytes,
}

/// Most batches that one statement keeps.
const BATCHES_PER_STATEMENT: usize = 16;
/// How many columns a batch has.
const BATCH_COLUMNS: usize = 4;

/// Whether each was written: a swap writes nothing where another state is in place than it expects.
/// No condition and no error comes of that, so it undoes nothing of those who share a transaction.
///
/// The logs are changed in the order of their names, each in the order in which its changes came.
pub(in crate::metadata) async fn apply_all(
    connection: &mut AnyConnection,
    writes: &[&LogWrite],
) -> Result<Vec<bool>, StoreError> {
    let order = in_order(writes);
    let mut written = vec![false; writes.len()];
    for chain in chains(writes, &order) {
        let chained: Vec<_> = chain.iter().map(|place| writes[*place]).collect();
        let is_written = match change(&chained) {
            Some((change, behind)) => apply(connection, change, behind).await?,
            None => false,
        };
        for place in chain {
            written[*place] = is_written;
        }
    }
    Ok(written)
}

/// The same as statements: each change, which writes one row where it can be made, with what is
/// written behind it then.
pub(in crate::metadata) fn changes(writes: &[&LogWrite]) -> Vec<(Statement, Vec<Statement>)> {
    let order = in_order(writes);
    let chained = |chain: &[usize]| chain.iter().map(|place| writes[*place]).collect::<Vec<_>>();
    chains(writes, &order).filter_map(|chain| change(&chained(chain))).collect()
}

fn in_order(writes: &[&LogWrite]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..writes.len()).collect();
    order.sort_by_key(|place| writes[*place].origin());
    order
}

/// Swaps that follow each other are one: they are made all, or none.
fn chains<'a>(writes: &'a [&LogWrite], order: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
    order.chunk_by(|before, place| writes[*place].follows(writes[*before]))
}

async fn apply(
    connection: &mut AnyConnection,
    change: Statement,
    behind: Vec<Statement>,
) -> Result<bool, StoreError> {
    if change.execute(connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    for statement in behind {
        statement.execute(connection).await?;
    }
    Ok(true)
}

fn change(chain: &[&LogWrite]) -> Option<(Statement, Vec<Statement>)> {
    Some(match chain.first()? {
        LogWrite::Publish { origin, size, checkpoint } => {
            (publishing(origin, *size, checkpoint), vec![forgetting(origin, *size)])
        }
        LogWrite::Swap(first) => {
            let swaps = || chain.iter().filter_map(|write| write.swap());
            let next = swaps().next_back().map_or(&first.next, |last| &last.next);
            let change = match &first.expected {
                Some(expected) => replacing(&first.origin, expected, next),
                None => beginning(&first.origin, next),
            };
            let batches: Vec<_> = swaps().filter_map(|swap| swap.batch.as_ref()).collect();
            (change, keeping(&first.origin, &batches))
        }
    })
}

/// The first state of a log.
fn beginning(origin: &str, next: &LogState) -> Statement {
    Statement::new(
        "INSERT INTO log_states (origin, size, root, frontier, checkpoint)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (origin) DO NOTHING",
    )
    .bind(origin)
    .bind(column(next.size))
    .bind(hex::encode(next.root))
    .bind(frontier(next))
    .bind(next.checkpoint.as_str())
}

fn replacing(origin: &str, expected: &LogState, next: &LogState) -> Statement {
    Statement::new(
        "UPDATE log_states SET size = $2, root = $3, frontier = $4, checkpoint = $5
         WHERE origin = $1 AND size = $6 AND root = $7 AND checkpoint = $8",
    )
    .bind(origin)
    .bind(column(next.size))
    .bind(hex::encode(next.root))
    .bind(frontier(next))
    .bind(next.checkpoint.as_str())
    .bind(column(expected.size))
    .bind(hex::encode(expected.root))
    .bind(expected.checkpoint.as_str())
}

fn keeping(origin: &str, batches: &[&BatchRow]) -> Vec<Statement> {
    let statement = |chunk: &[&BatchRow]| {
        chunk.iter().fold(Statement::new(insertion(chunk.len())), |statement, batch| {
            statement
                .bind(origin)
                .bind(column(batch.first_index))
                .bind(column(batch.end_index))
                .bind(&batch.bytes[..])
        })
    };
    batches.chunks(BATCHES_PER_STATEMENT).map(statement).collect()
}

/// A statement for so many batches.
fn insertion(rows: usize) -> String {
    let mut sql =
        "INSERT INTO log_batches (origin, first_index, end_index, batch) VALUES".to_owned();
    for row in 0..rows {
        let before = if row == 0 { " " } else { ", " };
        let [origin, first, end, batch] = [1, 2, 3, 4].map(|column| row * BATCH_COLUMNS + column);
        let _ = write!(sql, "{before}(${origin}, ${first}, ${end}, ${batch})");
    }
    sql
}

fn publishing(origin: &str, size: u64, checkpoint: &str) -> Statement {
    Statement::new(
        "UPDATE log_states SET published_size = $2, published_checkpoint = $3
         WHERE origin = $1 AND size >= $2 AND (published_size IS NULL OR published_size <= $2)",
    )
    .bind(origin)
    .bind(column(size))
    .bind(checkpoint)
}

fn forgetting(origin: &str, size: u64) -> Statement {
    Statement::new("DELETE FROM log_batches WHERE origin = $1 AND end_index <= $2")
        .bind(origin)
        .bind(column(size))
}

fn frontier(state: &LogState) -> String {
    state.frontier.iter().map(hex::encode).collect()
}

/// Sizes and indexes as the database has them; no log comes near the end of its numbers.
pub(in crate::metadata) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
