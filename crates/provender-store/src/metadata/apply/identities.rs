//! Accounts, and issuers whose tokens are taken.

use provender_domain::Timestamp;
use sqlx::AnyConnection;

use super::{exists, hit};
use crate::StoreError;
use crate::metadata::codec::askable;
use crate::metadata::{Account, Issuer};

pub(super) async fn create_account(
    connection: &mut AnyConnection,
    account: &Account,
) -> Result<(), StoreError> {
    let result = sqlx::query(
        "INSERT INTO accounts (name, email, password_hash, created_at, sign_ins_since, disabled_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(account.name.as_str())
    .bind(account.email.as_str())
    .bind(account.password_hash.as_str())
    .bind(account.created_at.microseconds())
    .bind(account.sign_ins_since.microseconds())
    .bind(account.disabled_at.map(Timestamp::microseconds))
    .execute(connection)
    .await?;
    if result.rows_affected() == 0 {
        return Err(exists("account", &account.name));
    }
    Ok(())
}

pub(super) async fn update_account(
    connection: &mut AnyConnection,
    account: &Account,
) -> Result<(), StoreError> {
    let result = sqlx::query(
        "UPDATE accounts SET email = $2, password_hash = $3, sign_ins_since = $4, disabled_at = $5
         WHERE name = $1",
    )
    .bind(account.name.as_str())
    .bind(account.email.as_str())
    .bind(account.password_hash.as_str())
    .bind(account.sign_ins_since.microseconds())
    .bind(account.disabled_at.map(Timestamp::microseconds))
    .execute(connection)
    .await?;
    hit(&result, "account", &account.name)
}

pub(super) async fn remove_account(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<(), StoreError> {
    let result = sqlx::query("DELETE FROM accounts WHERE name = $1")
        .bind(askable(name))
        .execute(connection)
        .await?;
    hit(&result, "account", name)
}

pub(super) async fn put_issuer(
    connection: &mut AnyConnection,
    issuer: &Issuer,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO trusted_issuers (url, definition, created_at) VALUES ($1, $2, $3)
         ON CONFLICT (url) DO UPDATE SET definition = excluded.definition",
    )
    .bind(issuer.url.as_str())
    .bind(issuer.definition.as_str())
    .bind(issuer.created_at.microseconds())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn remove_issuer(
    connection: &mut AnyConnection,
    url: &str,
) -> Result<(), StoreError> {
    let result = sqlx::query("DELETE FROM trusted_issuers WHERE url = $1")
        .bind(askable(url))
        .execute(connection)
        .await?;
    hit(&result, "trusted issuer", url)
}
