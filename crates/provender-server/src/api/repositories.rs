//! Repositories and what they own.

use provender_domain::{NamePattern, Problem, ProblemCode};
use provender_registry::Registry;

use super::endpoint::{Context, Created, Done, Found, Json, NoBody};
use super::types::{
    ChangeRepository, InRepository, Items, NewOwnedName, NewRepository, NoParameters, OwnedName,
    OwnedNameQuery, Policy, PolicyReplaced, Repository,
};

pub(super) async fn list(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<Items<Repository>>, Problem> {
    let mut found: Items<Repository> = Items::from_each(registry.repositories(&caller));
    if caller.is_anonymous() {
        // Whose signatures are asked for is for those who are known here.
        found.items.iter_mut().for_each(|repository| {
            (repository.policy, repository.policy_revision) = (None, None);
        });
    }
    Ok(Found(found))
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

pub(super) async fn set_policy(
    Context { registry, caller }: Context,
    PolicyReplaced { repository, replaces }: PolicyReplaced,
    Json(policy): Json<Policy>,
) -> Result<Found<Repository>, Problem> {
    registry.may_read(&caller, &repository)?;
    let policy = policy.read(|ecosystem, pattern| names(&registry, ecosystem, pattern));
    let policy = policy.map_err(|Wrong(message)| invalid(message))?;
    let replaces = replaces.as_deref();
    Ok(Found(registry.replace_policy(&caller, &repository, policy, replaces).await?.into()))
}

/// Why a policy makes no sense.
struct Wrong(String);

impl From<&'static str> for Wrong {
    fn from(rule: &'static str) -> Self {
        Self(rule.to_owned())
    }
}

/// The pattern as its ecosystem normalizes names.
fn names(registry: &Registry, ecosystem: &str, pattern: &str) -> Result<NamePattern, Wrong> {
    let known = registry.ecosystem(ecosystem);
    let known =
        known.ok_or_else(|| Wrong(format!("this server knows no ecosystem {ecosystem:?}")))?;
    known.name_pattern(pattern).map_err(|error| Wrong(error.to_string()))
}

fn invalid(message: String) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, message)
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
