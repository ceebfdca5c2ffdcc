//! The schema and how it comes to be.
//!
//! One portable script per version; where the two databases have no common words (triggers, bytes,
//! the order by bytes), a small script for each beside it. A script that has been released is never changed.

use sqlx::{AnyConnection, Connection, Row};

use super::connect::Dialect;
use crate::StoreError;

struct Migration {
    portable: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

macro_rules! migration {
    ($version:literal) => {
        Migration {
            portable: include_str!(concat!("schema/", $version, ".sql")),
            sqlite: include_str!(concat!("schema/", $version, "-sqlite.sql")),
            postgres: include_str!(concat!("schema/", $version, "-postgres.sql")),
        }
    };
}

const MIGRATIONS: &[Migration] = &[
    migration!("0001"),
    migration!("0002"),
    migration!("0003"),
    migration!("0004"),
    migration!("0005"),
    migration!("0006"),
    migration!("0007"),
    migration!("0008"),
    migration!("0009"),
];

/// Serializes migrations of several servers that start at once; any number will do.
const LOCK_POSTGRES: &str = "SELECT pg_advisory_xact_lock(7811887440)";

/// What every text can be kept in. A database has its encoding for good.
const ENCODING_POSTGRES: &str = "UTF8";

/// Refuses a database that takes only some texts, before anything is kept there.
///
/// # Errors
/// [`StoreError::Encoding`] for such.
pub(super) async fn check_encoding(connection: &mut AnyConnection) -> Result<(), StoreError> {
    let row = sqlx::query("SHOW server_encoding").fetch_one(connection).await?;
    let found: String = row.try_get(0)?;
    if found == ENCODING_POSTGRES { Ok(()) } else { Err(StoreError::Encoding { found }) }
}

/// Brings the schema to the newest version that this program knows.
///
/// # Errors
/// [`StoreError::NewerSchema`] if it is newer than that already; nothing is changed then.
pub(super) async fn migrate(
    connection: &mut AnyConnection,
    dialect: Dialect,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with(dialect.begin_write()).await?;
    if dialect == Dialect::Postgres {
        sqlx::raw_sql(LOCK_POSTGRES).execute(&mut *transaction).await?;
    }
    sqlx::query("CREATE TABLE IF NOT EXISTS schema_versions (version BIGINT PRIMARY KEY NOT NULL)")
        .execute(&mut *transaction)
        .await?;
    let found = sqlx::query("SELECT MAX(version) FROM schema_versions")
        .fetch_one(&mut *transaction)
        .await?
        .try_get::<Option<i64>, _>(0)?
        .unwrap_or(0);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    for (version, migration) in (1..).zip(MIGRATIONS) {
        if version <= found {
            continue;
        }
        let own_words = match dialect {
            Dialect::Sqlite => migration.sqlite,
            Dialect::Postgres => migration.postgres,
        };
        for script in [migration.portable, own_words] {
            sqlx::raw_sql(script).execute(&mut *transaction).await?;
        }
        sqlx::query("INSERT INTO schema_versions (version) VALUES ($1)")
            .bind(version)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}
