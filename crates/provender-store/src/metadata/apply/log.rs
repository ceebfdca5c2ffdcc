//! The state of a transparency log: swapped with the batch that leads to it, then published.

use bytes::Bytes;
use provender_tlog::LogState;
use sqlx::AnyConnection;

use crate::StoreError;

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

/// Whether it was written: a swap writes nothing where another state is in place than it expects.
/// No condition and no error comes of that, so it undoes nothing of those who share a transaction.
pub(in crate::metadata) async fn apply(
    connection: &mut AnyConnection,
    write: &LogWrite,
) -> Result<bool, StoreError> {
    match write {
        LogWrite::Swap(swap) => {
            let Swap { origin, expected, next, batch } = &**swap;
            let is_ours = match expected {
                Some(expected) => replace(connection, origin, expected, next).await?,
                None => begin(connection, origin, next).await?,
            };
            if let (true, Some(batch)) = (is_ours, batch) {
                keep(connection, origin, batch).await?;
            }
            Ok(is_ours)
        }
        LogWrite::Publish { origin, size, checkpoint } => {
            publish(connection, origin, *size, checkpoint).await
        }
    }
}

/// The first state of a log.
async fn begin(
    connection: &mut AnyConnection,
    origin: &str,
    next: &LogState,
) -> Result<bool, StoreError> {
    let result = sqlx::query(
        "INSERT INTO log_states (origin, size, root, frontier, checkpoint)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (origin) DO NOTHING",
    )
    .bind(origin)
    .bind(column(next.size))
    .bind(hex::encode(next.root))
    .bind(frontier(next))
    .bind(next.checkpoint.as_str())
    .execute(connection)
    .await?;
    Ok(result.rows_affected() > 0)
}

async fn replace(
    connection: &mut AnyConnection,
    origin: &str,
    expected: &LogState,
    next: &LogState,
) -> Result<bool, StoreError> {
    let result = sqlx::query(
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
    .execute(connection)
    .await?;
    Ok(result.rows_affected() > 0)
}

async fn keep(
    connection: &mut AnyConnection,
    origin: &str,
    batch: &BatchRow,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO log_batches (origin, first_index, end_index, batch) VALUES ($1, $2, $3, $4)",
    )
    .bind(origin)
    .bind(column(batch.first_index))
    .bind(column(batch.end_index))
    .bind(&batch.bytes[..])
    .execute(connection)
    .await?;
    Ok(())
}

async fn publish(
    connection: &mut AnyConnection,
    origin: &str,
    size: u64,
    checkpoint: &str,
) -> Result<bool, StoreError> {
    let result = sqlx::query(
        "UPDATE log_states SET published_size = $2, published_checkpoint = $3
         WHERE origin = $1 AND size >= $2 AND (published_size IS NULL OR published_size <= $2)",
    )
    .bind(origin)
    .bind(column(size))
    .bind(checkpoint)
    .execute(&mut *connection)
    .await?;
    if result.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("DELETE FROM log_batches WHERE origin = $1 AND end_index <= $2")
        .bind(origin)
        .bind(column(size))
        .execute(connection)
        .await?;
    Ok(true)
}

fn frontier(state: &LogState) -> String {
    state.frontier.iter().map(hex::encode).collect()
}

/// Sizes and indexes as the database has them; no log comes near the end of its numbers.
pub(in crate::metadata) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
