//! The server itself.

use provender_domain::Problem;

use super::endpoint::{Context, Found, Json, NoBody};
use super::types::{Collected, GarbageCollection, NoParameters, Status, WhoAmI};

pub(super) async fn whoami(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<WhoAmI>, Problem> {
    let (actor, origin) = (caller.actor().into(), registry.origin().to_owned());
    Ok(Found(WhoAmI { actor, origin }))
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
        files: collected.files,
        uploads: collected.uploads,
        dry_run: collected.dry_run,
    }))
}
