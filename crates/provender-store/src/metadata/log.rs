//! What a transparency log keeps in the database.

use async_trait::async_trait;
use bytes::Bytes;
use provender_tlog::{
    Batch, Hash, Haste, LogState, Published, Settlement, StateStore, StorageError,
};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use tokio::sync::mpsc;

use super::Metadata;
use super::apply::log::{BatchRow, LogWrite, Swap, column};
use super::codec::corrupt;
use super::commit::LogMember;
use super::read::Rule;
use crate::StoreError;

/// A batch of 4 MiB is one row and one commit, which whatever else waits to be committed shares.
/// A swap waits behind one commit at most: the one under way. A commit may follow a swap that is
/// not durable yet ([`Write::Follow`](super::Write::Follow)).
#[async_trait]
impl StateStore for Metadata {
    async fn load(&self, origin: &str) -> Result<Option<LogState>, StorageError> {
        let load = async { load(&mut *self.reader().await?, origin).await };
        load.await.map_err(|error| failed("reading the state", error))
    }

    async fn begin_swap(
        &self,
        origin: &str,
        expected: Option<&LogState>,
        next: &LogState,
        batch: Option<&Batch>,
        haste: Haste,
    ) -> Settlement {
        let batch = batch.map(|batch| BatchRow {
            first_index: batch.first_index,
            end_index: batch.end(),
            bytes: batch.to_bytes(),
        });
        let swap = Swap {
            origin: origin.to_owned(),
            expected: expected.cloned(),
            next: next.clone(),
            batch,
        };
        self.write_log(LogWrite::Swap(Box::new(swap)), haste).await
    }

    async fn batches(&self, origin: &str, from: u64) -> Result<Vec<Batch>, StorageError> {
        let batches = async { batches(&mut *self.reader().await?, origin, from).await };
        batches.await.map_err(|error| failed("reading batches", error))
    }

    async fn publish(&self, origin: &str, size: u64, checkpoint: &str) -> Result<(), StorageError> {
        let write = LogWrite::Publish {
            origin: origin.to_owned(),
            size,
            checkpoint: checkpoint.to_owned(),
        };
        self.write_log(write, Haste::AtOnce).await.outcome().await.map(drop)
    }
}

impl Metadata {
    /// Hands it in behind all that was handed in before. It happens whole or not at all, whoever
    /// still waits for it.
    async fn write_log(&self, write: LogWrite, haste: Haste) -> Settlement {
        let queue = self.queues().as_ref().map(|queues| queues.log.clone());
        let (settler, settlement) = Settlement::pair();
        let Some(queue) = queue else {
            settler.settle(Err(write.failed(StoreError::Closed)));
            return settlement;
        };
        let member = LogMember { write, haste, settler };
        if let Err(mpsc::error::SendError(member)) = queue.send(member).await {
            member.settle(Err(StoreError::Closed));
        }
        settlement
    }
}

async fn load(
    connection: &mut AnyConnection,
    origin: &str,
) -> Result<Option<LogState>, StoreError> {
    let row = sqlx::query(
        "SELECT size, root, frontier, checkpoint, published_size, published_checkpoint
         FROM log_states WHERE origin = $1",
    )
    .bind(origin)
    .fetch_optional(connection)
    .await?;
    row.as_ref().map(state).transpose()
}

fn state(row: &AnyRow) -> Result<LogState, StoreError> {
    let published = row.try_get::<Option<i64>, _>(4)?;
    let published = match published {
        Some(size) => Some(Published { size: number(size)?, checkpoint: row.try_get(5)? }),
        None => None,
    };
    let root = hashes(row.try_get(1)?)?;
    let [root] = root[..] else {
        return Err(corrupt("log state", Rule("its root is no hash")));
    };
    Ok(LogState {
        size: number(row.try_get(0)?)?,
        root,
        frontier: hashes(row.try_get(2)?)?,
        checkpoint: row.try_get(3)?,
        published,
    })
}

async fn batches(
    connection: &mut AnyConnection,
    origin: &str,
    from: u64,
) -> Result<Vec<Batch>, StoreError> {
    let rows = sqlx::query(
        "SELECT batch FROM log_batches WHERE origin = $1 AND first_index >= $2
         ORDER BY first_index",
    )
    .bind(origin)
    .bind(column(from))
    .fetch_all(connection)
    .await?;
    let batch = |row: AnyRow| {
        let bytes = Bytes::from(row.try_get::<Vec<u8>, _>(0)?);
        Batch::from_bytes(bytes).map_err(|error| corrupt("batch", error))
    };
    rows.into_iter().map(batch).collect()
}

/// The hashes that stand behind each other in hexadecimal.
fn hashes(text: &str) -> Result<Vec<Hash>, StoreError> {
    let bytes = hex::decode(text).map_err(|error| corrupt("log state", error))?;
    let chunks = bytes.chunks(Hash::BYTES).map(Hash::from_slice);
    chunks.collect::<Option<_>>().ok_or_else(|| corrupt("log state", Rule("a hash is cut off")))
}

fn number(column: i64) -> Result<u64, StoreError> {
    u64::try_from(column).map_err(|error| corrupt("log state", error))
}

fn failed(what: &str, error: StoreError) -> StorageError {
    StorageError::new(what, error)
}
