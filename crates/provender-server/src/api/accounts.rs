//! People's accounts.

use provender_domain::Problem;

use super::endpoint::{Context, Created, Done, Found, Json, NoBody};
use super::types::{
    Account, AccountQuery, ChangeAccount, Items, NewAccount, NoParameters, Password,
};

pub(super) async fn list(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<Items<Account>>, Problem> {
    Ok(Found(Items::from_each(registry.accounts(&caller)?)))
}

pub(super) async fn create(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(new): Json<NewAccount>,
) -> Result<Created<Account>, Problem> {
    let request = provender_registry::NewAccount {
        name: new.name,
        email: new.email,
        password: password(new.password),
    };
    Ok(Created(registry.create_account(&caller, request).await?.into()))
}

pub(super) async fn change(
    Context { registry, caller }: Context,
    AccountQuery { account }: AccountQuery,
    Json(change): Json<ChangeAccount>,
) -> Result<Found<Account>, Problem> {
    let change = provender_registry::AccountChange {
        email: change.email,
        password: change.password.map(password),
        disabled: change.disabled,
    };
    Ok(Found(registry.change_account(&caller, &account, change).await?.into()))
}

pub(super) async fn remove(
    Context { registry, caller }: Context,
    AccountQuery { account }: AccountQuery,
    NoBody: NoBody,
) -> Result<Done, Problem> {
    registry.remove_account(&caller, &account).await?;
    Ok(Done)
}

fn password(Password(text): Password) -> provender_registry::Password {
    provender_registry::Password::new(text)
}
