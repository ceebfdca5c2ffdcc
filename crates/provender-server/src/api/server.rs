//! The server itself.

use provender_domain::Problem;

use super::endpoint::{Context, Found, Json, NoBody};
use super::types::{Collected, GarbageCollection, NoParameters, Status, WhoAmI};

pub(super) async fn whoami(
    Context { caller, .. }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<WhoAmI>, Problem> {
    Ok(Found(WhoAmI { actor: caller.actor().into() }))
}

/// Names upstreams and counts what is private, so it is for administrators.
pub(super) async fn status(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<Status>, Problem> {
    Ok(Found(registry.status_for(&caller).await?.into()))
}

pub(super) async fn collect_garbage(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(GarbageCollection { dry_run }): Json<GarbageCollection>,
) -> Result<Found<Collected>, Problem> {
    let collected = registry.collect_garbage(&caller, dry_run).await?;
    Ok(Found(Collected {
        blobs: collected.blobs,
        bytes: collected.bytes,
        dry_run: collected.dry_run,
    }))
}
