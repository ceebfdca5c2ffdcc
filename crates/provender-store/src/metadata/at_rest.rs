//! What `SQLite` has written to its log, brought into the database when nothing is written for a
//! moment, and the log's room given back: a part of it to what is held for a full disk.
//!
//! While there is traffic the writer does that, seldom, and overwrites the log from its beginning,
//! which is faster than to let it grow. So the log keeps tens of megabytes, which hold nothing that
//! is not in the database by then.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, Connection as _, Executor as _};

use super::room::Room;

/// How often is looked whether anything was written, and how long nothing must have been.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// A shorter log is left as it is, in bytes.
const WORTH_IT_BYTES: u64 = 1 << 20;
/// Most of it without keeping anybody from writing; what came meanwhile with the writer kept out,
/// who waits for that. Where somebody is in the way it is tried again later.
const BRING_IN: [&str; 3] = [
    "PRAGMA synchronous = FULL; PRAGMA busy_timeout = 100;",
    "PRAGMA wal_checkpoint(PASSIVE)",
    "PRAGMA wal_checkpoint(TRUNCATE)",
];

/// A log that was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Looked {
    bytes: u64,
    written_at: SystemTime,
}

/// Does so until it is dropped. `database` is the file, `options` connect to it.
pub(super) async fn bring_in_what_rests(
    database: PathBuf,
    options: AnyConnectOptions,
    room: Arc<Room>,
) {
    let log = log_of(database);
    let mut before = None;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let now = look(&log).filter(|now| now.bytes >= WORTH_IT_BYTES);
        if now.is_some() && now == before {
            // It costs some room where it fails, and nothing else.
            let _ = bring_in(&options).await;
            let _ = room.hold();
        }
        before = now;
    }
}

fn log_of(database: PathBuf) -> PathBuf {
    let mut log = database.into_os_string();
    log.push("-wal");
    log.into()
}

fn look(log: &Path) -> Option<Looked> {
    let facts = fs::metadata(log).ok()?;
    Some(Looked { bytes: facts.len(), written_at: facts.modified().ok()? })
}

/// Does so now.
pub(super) async fn bring_in(options: &AnyConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = AnyConnection::connect_with(options).await?;
    for step in BRING_IN {
        connection.execute(step).await?;
    }
    connection.close().await
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use provender_domain::{Repository, RepositoryName, RepositoryPolicy, Timestamp, Visibility};

    use super::*;
    use crate::{DatabaseUrl, Metadata, Write};

    #[tokio::test]
    async fn a_log_that_rests_is_brought_in() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metadata.sqlite");
        let metadata = Metadata::open(&DatabaseUrl::sqlite(&path)).await.unwrap();
        let log = log_of(path);
        let length = || look(&log).map_or(0, |log| log.bytes);
        let mut number = 0;
        while length() < WORTH_IT_BYTES {
            let repository = Repository {
                name: RepositoryName::new(&format!("r{number}")).unwrap(),
                visibility: Visibility::Public,
                created_at: Timestamp::from_microseconds(0),
                policy: RepositoryPolicy::default(),
            };
            metadata.commit(vec![Write::CreateRepository(repository)], vec![]).await.unwrap();
            number += 1;
        }
        let begun = Instant::now();
        while length() > 0 {
            assert!(begun.elapsed() < LOOK_INTERVAL * 30, "{} bytes are left", length());
            tokio::time::sleep(LOOK_INTERVAL / 10).await;
        }
        assert_eq!(metadata.settings().await.unwrap().repositories.len(), number);
        metadata.close().await;
    }
}
