//! Accounts and trusted issuers, read.

use provender_domain::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

use super::read::moment;
use super::{Account, Issuer};
use crate::StoreError;

pub(super) async fn accounts(connection: &mut AnyConnection) -> Result<Vec<Account>, StoreError> {
    let rows = sqlx::query(
        "SELECT name, email, password_hash, created_at, sign_ins_since, disabled_at FROM accounts",
    )
    .fetch_all(connection)
    .await?;
    let account = |row: &AnyRow| {
        Ok(Account {
            name: row.try_get(0)?,
            email: row.try_get(1)?,
            password_hash: row.try_get(2)?,
            created_at: moment(row, 3)?,
            sign_ins_since: moment(row, 4)?,
            disabled_at: row.try_get::<Option<i64>, _>(5)?.map(Timestamp::from_microseconds),
        })
    };
    rows.iter().map(account).collect()
}

pub(super) async fn issuers(connection: &mut AnyConnection) -> Result<Vec<Issuer>, StoreError> {
    let rows = sqlx::query("SELECT url, definition, created_at FROM trusted_issuers")
        .fetch_all(connection)
        .await?;
    let issuer = |row: &AnyRow| {
        Ok(Issuer {
            url: row.try_get(0)?,
            definition: row.try_get(1)?,
            created_at: moment(row, 2)?,
        })
    };
    rows.iter().map(issuer).collect()
}
