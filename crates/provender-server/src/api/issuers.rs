//! Issuers whose identity tokens are believed.

use provender_domain::Problem;

use super::endpoint::{Context, Created, Done, Found, Json, NoBody};
use super::types::{Issuer, IssuerQuery, Items, NewIssuer, NoParameters};

pub(super) async fn list(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<Items<Issuer>>, Problem> {
    let found = registry.issuers(&caller)?;
    let items = found.iter().map(Issuer::new).collect::<Result<_, _>>()?;
    Ok(Found(Items { items }))
}

pub(super) async fn put(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(new): Json<NewIssuer>,
) -> Result<Created<Issuer>, Problem> {
    let definition = serde_json::to_value(new).map_err(|error| Problem::internal(&error))?;
    Ok(Created(Issuer::new(&registry.put_issuer(&caller, definition).await?)?))
}

pub(super) async fn remove(
    Context { registry, caller }: Context,
    IssuerQuery { url }: IssuerQuery,
    NoBody: NoBody,
) -> Result<Done, Problem> {
    registry.remove_issuer(&caller, &url).await?;
    Ok(Done)
}
