//! Tokens.

use std::time::Duration;

use provender_domain::Problem;

use super::endpoint::{Context, Created, Found, Json, NoBody};
use super::types::{CreatedToken, Items, NewToken, NoParameters, Token, TokenQuery};

pub(super) async fn list(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<Items<Token>>, Problem> {
    Ok(Found(Items::from_each(registry.tokens(&caller)?)))
}

pub(super) async fn create(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(new): Json<NewToken>,
) -> Result<Created<CreatedToken>, Problem> {
    let request = provender_registry::NewToken {
        name: new.name,
        repository: new.repository,
        scope: new.scope,
        pattern: new.pattern,
        lifetime: new.lifetime_seconds.map(Duration::from_secs),
    };
    let created = registry.create_token(&caller, request).await?;
    Ok(Created(CreatedToken { token: created.token.into(), secret: created.secret }))
}

pub(super) async fn revoke(
    Context { registry, caller }: Context,
    TokenQuery { token }: TokenQuery,
    NoBody: NoBody,
) -> Result<Found<Token>, Problem> {
    Ok(Found(registry.revoke_token(&caller, &token).await?.into()))
}
