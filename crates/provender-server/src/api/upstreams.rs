//! Upstreams, and names that exist there too.

use provender_domain::Problem;

use super::endpoint::{Context, Created, Done, Found, Json, NoBody};
use super::types::{
    InRepository, Items, NameCheck, Namesake, NewUpstream, Upstream, UpstreamQuery,
};

pub(super) async fn list(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    NoBody: NoBody,
) -> Result<Found<Items<Upstream>>, Problem> {
    Ok(Found(Items::from_each(registry.upstreams(&caller, &repository)?)))
}

pub(super) async fn add(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    Json(new): Json<NewUpstream>,
) -> Result<Created<Upstream>, Problem> {
    let request = provender_registry::NewUpstream {
        repository,
        ecosystem: new.ecosystem,
        name: new.name,
        url: new.url,
        from_repository: new.from_repository,
        position: new.position,
        watch_names: new.watch_names,
        allow_private_addresses: new.allow_private_addresses,
        token_realm: new.token_realm,
    };
    Ok(Created(registry.add_upstream(&caller, request).await?.into()))
}

pub(super) async fn remove(
    Context { registry, caller }: Context,
    UpstreamQuery { repository, ecosystem, upstream }: UpstreamQuery,
    NoBody: NoBody,
) -> Result<Done, Problem> {
    registry.remove_upstream(&caller, &repository, &ecosystem, &upstream).await?;
    Ok(Done)
}

pub(super) async fn check_names(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    Json(NameCheck {}): Json<NameCheck>,
) -> Result<Found<Items<Namesake>>, Problem> {
    Ok(Found(Items::from_each(registry.check_names(&caller, &repository).await?)))
}
