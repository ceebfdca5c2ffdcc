//! Repositories and what they own.

use provender_domain::Problem;

use super::endpoint::{Context, Created, Done, Found, Json, NoBody};
use super::types::{
    ChangeRepository, InRepository, Items, NewOwnedName, NewRepository, NoParameters, OwnedName,
    OwnedNameQuery, Repository,
};

pub(super) async fn list(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<Items<Repository>>, Problem> {
    Ok(Found(Items::from_each(registry.repositories(&caller))))
}

pub(super) async fn create(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(new): Json<NewRepository>,
) -> Result<Created<Repository>, Problem> {
    let made = registry.create_repository(&caller, &new.name, new.visibility).await?;
    Ok(Created(made.into()))
}

pub(super) async fn change(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    Json(change): Json<ChangeRepository>,
) -> Result<Found<Repository>, Problem> {
    let changed = registry.set_visibility(&caller, &repository, change.visibility).await?;
    Ok(Found(changed.into()))
}

pub(super) async fn owned_names(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    NoBody: NoBody,
) -> Result<Found<Items<OwnedName>>, Problem> {
    Ok(Found(Items::from_each(registry.owned_names(&caller, &repository)?)))
}

pub(super) async fn own(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    Json(new): Json<NewOwnedName>,
) -> Result<Created<OwnedName>, Problem> {
    let owned = registry.own(&caller, &repository, &new.ecosystem, &new.pattern).await?;
    Ok(Created(owned.into()))
}

pub(super) async fn disown(
    Context { registry, caller }: Context,
    OwnedNameQuery { repository, ecosystem, pattern }: OwnedNameQuery,
    NoBody: NoBody,
) -> Result<Done, Problem> {
    registry.disown(&caller, &repository, &ecosystem, &pattern).await?;
    Ok(Done)
}
