//! `provender whoami`.

use anyhow::Result;
use provender_server::api::types::{NoParameters, WhoAmI};

use crate::api::Api;
use crate::output::Output;

pub(crate) async fn run(api: &Api, output: Output) -> Result<()> {
    let who: WhoAmI = api.get(&["whoami"], &NoParameters::default()).await?;
    output.show(&who, |who| who.actor.to_string())
}
