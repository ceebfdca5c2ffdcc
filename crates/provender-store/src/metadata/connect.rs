//! Connections: one that writes, a few that read.

use std::io;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Executor};

use self::embedded::{EmbeddedReader, EmbeddedReaders};
use super::room::Room;
use super::schema;
use super::url::{Address, DatabaseUrl};
use crate::StoreError;

mod embedded;

/// How many connections read from `SQLite` at once; each is a thread and a page cache.
const SQLITE_READERS: u32 = 3;
/// How many connections one server reads with from `PostgreSQL` at once.
const POSTGRES_READERS: u32 = 8;
/// How long a caller waits for a free connection before it gets an error.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to look once more, to learn why there is no connection.
const REASON_TIMEOUT: Duration = Duration::from_secs(2);

/// `synchronous=FULL` fsyncs the log at every commit: what is acknowledged survives a power cut.
/// The log is brought into the database after 32 MiB, so that a page which many commits change is
/// written there once; the size limit gives space back after a burst has made the log longer still.
/// The cache holds the pages that each publication touches, and no more: a commit that split a page
/// goes through all of it.
pub(super) const SQLITE_WRITER: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA busy_timeout = 10000;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA wal_autocheckpoint = 8192;
    PRAGMA cache_size = -4096;
    PRAGMA temp_store = MEMORY;";
const SQLITE_READER: &str = "
    PRAGMA busy_timeout = 10000;
    PRAGMA temp_store = MEMORY;
    PRAGMA query_only = ON;";

/// Which database it is, for the few places where their words differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// Begins a transaction that will write. `SQLite` takes its one write lock at once, since
    /// taking it halfway can fail for good.
    pub(super) const fn begin_write(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// Begins a transaction that reads several tables as of one moment.
    pub(super) const fn begin_read(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }
}

/// The connections to one database, its schema up to date.
pub(super) struct Pools {
    pub(super) dialect: Dialect,
    pub(super) writer: AnyPool,
    readers: Readers,
    room: Option<Arc<Room>>,
}

enum Readers {
    Embedded(EmbeddedReaders),
    Pool(AnyPool),
}

/// A connection for reading, as long as this lives.
pub(super) enum Reader<'a> {
    Embedded(EmbeddedReader<'a>),
    Pooled(PoolConnection<Any>),
}

impl Pools {
    pub(super) async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let pools = match &url.0 {
            Address::Sqlite(path) => Self::sqlite(path)?,
            Address::Postgres(url) => Self::postgres(url)?,
        };
        let first = pools.first().await?;
        let mut connection = acquire(&pools.writer).await?;
        drop(first);
        if pools.dialect == Dialect::Postgres {
            schema::check_encoding(&mut connection).await?;
        }
        schema::migrate(&mut connection, pools.dialect).await?;
        drop(connection);
        Ok(pools)
    }

    /// Opens the embedded database outside the pool, which would try a damaged one again and again
    /// and not say what is wrong with it. Whoever lets this go as the last has the log written back.
    async fn first(&self) -> Result<Option<AnyConnection>, StoreError> {
        match self.dialect {
            Dialect::Sqlite => {
                let mut first = self.writer.connect_options().connect().await?;
                first.execute(SQLITE_WRITER).await?;
                Ok(Some(first))
            }
            Dialect::Postgres => Ok(None),
        }
    }

    fn sqlite(path: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(sqlx::Error::Io)?;
        create_private(&path).map_err(sqlx::Error::Io)?;
        let room = Arc::new(Room::beside(&path));
        room.give();
        let options = AnyConnectOptions::from_str(&format!("sqlite://{}", percent_encoded(&path)))?
            .disable_statement_logging();
        // The connections are to a file, not to a server: they do not go away by themselves, and
        // asking each time would cost a change of threads.
        let pool = || {
            AnyPoolOptions::new()
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .idle_timeout(None)
                .max_lifetime(None)
        };
        let writer = pool().max_connections(1).after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SQLITE_WRITER).await.map(drop) })
        });
        Ok(Self {
            dialect: Dialect::Sqlite,
            writer: writer.connect_lazy_with(options.clone()),
            readers: Readers::Embedded(EmbeddedReaders::new(options)),
            room: Some(room),
        })
    }

    fn postgres(url: &str) -> Result<Self, StoreError> {
        let options = AnyConnectOptions::from_str(url)?.disable_statement_logging();
        let pool = || AnyPoolOptions::new().acquire_timeout(ACQUIRE_TIMEOUT);
        Ok(Self {
            dialect: Dialect::Postgres,
            writer: pool().max_connections(1).connect_lazy_with(options.clone()),
            readers: Readers::Pool(
                pool().max_connections(POSTGRES_READERS).connect_lazy_with(options),
            ),
            room: None,
        })
    }

    /// A connection for reading; waits for one that is free.
    pub(super) async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        Ok(match &self.readers {
            Readers::Embedded(readers) => Reader::Embedded(readers.acquire().await?),
            Readers::Pool(pool) => Reader::Pooled(acquire(pool).await?),
        })
    }

    pub(super) async fn close(&self) {
        self.writer.close().await;
        match &self.readers {
            Readers::Embedded(readers) => readers.close().await,
            Readers::Pool(pool) => pool.close().await,
        }
        // Nothing else depends on it.
        let _ = self.hold_room();
    }

    /// Holds the room that there is for what has to go on on a full disk; the embedded database alone
    /// has such.
    pub(super) fn hold_room(&self) -> io::Result<()> {
        self.room.as_ref().map_or(Ok(()), |room| room.hold())
    }

    pub(super) fn room(&self) -> Option<&Arc<Room>> {
        self.room.as_ref()
    }
}

/// A connection of the pool. Where it finds none in time, the pool does not say why: the database does,
/// asked directly.
pub(super) async fn acquire(pool: &AnyPool) -> Result<PoolConnection<Any>, sqlx::Error> {
    match pool.acquire().await {
        Err(sqlx::Error::PoolTimedOut) => {
            let options = pool.connect_options();
            let asked = tokio::time::timeout(REASON_TIMEOUT, options.connect()).await;
            match asked {
                Ok(Err(reason)) => Err(reason),
                // All are in use.
                Ok(Ok(_)) | Err(_) => Err(sqlx::Error::PoolTimedOut),
            }
        }
        acquired => acquired,
    }
}

impl Deref for Reader<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        match self {
            Self::Embedded(reader) => reader,
            Self::Pooled(connection) => connection,
        }
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        match self {
            Self::Embedded(reader) => reader,
            Self::Pooled(connection) => connection,
        }
    }
}

/// Makes the database's file before `SQLite` does, for its owner alone: it holds upstreams'
/// credentials. `SQLite` gives the files beside it the same mode.
fn create_private(path: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The path as a URL's, so that no byte of it is taken for a query.
fn percent_encoded(path: &Path) -> String {
    let mut encoded = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                encoded.push(char::from(*byte));
            }
            _ => {
                encoded.push('%');
                encoded.push_str(&hex::encode([*byte]));
            }
        }
    }
    encoded
}
