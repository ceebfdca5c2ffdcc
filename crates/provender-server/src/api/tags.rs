//! Tags, and what need not be kept.

use provender_domain::Problem;

use super::endpoint::{Context, Found, Json, NoBody};
use super::types::{
    Expired, Items, NoParameters, Retention, Tag, TagChange, TagHistoryQuery, TagsQuery,
};

pub(super) async fn list(
    Context { registry, caller }: Context,
    TagsQuery { repository, ecosystem, package, after }: TagsQuery,
    NoBody: NoBody,
) -> Result<Found<Items<Tag>>, Problem> {
    let after = after.as_deref();
    let found = registry.tags(&caller, &repository, &ecosystem, &package, after).await?;
    Ok(Found(Items::from_each(found)))
}

pub(super) async fn history(
    Context { registry, caller }: Context,
    TagHistoryQuery { repository, ecosystem, package, tag }: TagHistoryQuery,
    NoBody: NoBody,
) -> Result<Found<Items<TagChange>>, Problem> {
    let tag = tag.as_deref();
    let found = registry.tag_history(&caller, &repository, &ecosystem, &package, tag).await?;
    Ok(Found(Items::from_each(found)))
}

pub(super) async fn apply_retention(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(Retention { repository, dry_run }): Json<Retention>,
) -> Result<Found<Expired>, Problem> {
    let expired = registry.apply_retention(&caller, repository.as_deref(), dry_run).await?;
    Ok(Found(expired.into()))
}
