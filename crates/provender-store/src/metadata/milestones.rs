//! What is done once for all.

use provender_domain::Timestamp;
use sqlx::{AnyConnection, Row};

use crate::StoreError;

/// Something that is done once for a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Milestone {
    /// The clients installed where the server runs were asked for upstreams, or nobody wanted that.
    UpstreamsDiscovered,
}

impl Milestone {
    const fn as_str(self) -> &'static str {
        match self {
            Self::UpstreamsDiscovered => "upstreams-discovered",
        }
    }
}

/// Whether it was done.
pub(super) async fn is_reached(
    connection: &mut AnyConnection,
    milestone: Milestone,
) -> Result<bool, StoreError> {
    let found = sqlx::query("SELECT COUNT(*) FROM milestones WHERE name = $1")
        .bind(milestone.as_str())
        .fetch_one(connection)
        .await?
        .try_get::<i64, _>(0)?;
    Ok(found > 0)
}

pub(super) async fn reach(
    connection: &mut AnyConnection,
    milestone: Milestone,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO milestones (name, reached_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
    )
    .bind(milestone.as_str())
    .bind(at.microseconds())
    .execute(connection)
    .await?;
    Ok(())
}
