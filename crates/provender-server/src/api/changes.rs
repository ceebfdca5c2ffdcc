//! Changes to what is kept: yank, unyank, delete, quarantine, release. All take the one path.

use provender_domain::{FileName, NameError, Problem, ProblemCode};
use provender_ecosystem::{Change as Becomes, Operation, Selection};

use super::endpoint::{Context, Found, Json};
use super::types::{Change, ChangedFiles, InRepository};

pub(super) async fn yank(
    context: Context,
    place: InRepository,
    Json(change): Json<Change>,
) -> Result<Found<ChangedFiles>, Problem> {
    let becomes = Becomes::Yank { reason: change.reason.clone() };
    make(context, place, change, becomes).await
}

pub(super) async fn unyank(
    context: Context,
    place: InRepository,
    Json(change): Json<Change>,
) -> Result<Found<ChangedFiles>, Problem> {
    let becomes = Becomes::Unyank { reason: change.reason.clone() };
    make(context, place, change, becomes).await
}

pub(super) async fn delete(
    context: Context,
    place: InRepository,
    Json(change): Json<Change>,
) -> Result<Found<ChangedFiles>, Problem> {
    let becomes = Becomes::Delete { reason: change.reason.clone() };
    make(context, place, change, becomes).await
}

pub(super) async fn quarantine(
    context: Context,
    place: InRepository,
    Json(change): Json<Change>,
) -> Result<Found<ChangedFiles>, Problem> {
    let becomes = Becomes::Quarantine { reason: change.reason.clone() };
    make(context, place, change, becomes).await
}

pub(super) async fn release(
    context: Context,
    place: InRepository,
    Json(change): Json<Change>,
) -> Result<Found<ChangedFiles>, Problem> {
    let becomes = Becomes::Release { reason: change.reason.clone() };
    make(context, place, change, becomes).await
}

async fn make(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    change: Change,
    becomes: Becomes,
) -> Result<Found<ChangedFiles>, Problem> {
    registry.may_read(&caller, &repository)?;
    let ecosystem = registry
        .ecosystem(&change.ecosystem)
        .ok_or_else(|| Problem::not_found("this server has no such ecosystem"))?;
    let package = ecosystem.package_name(&change.package).map_err(|error| invalid(&error))?;
    let selection = match (&change.version, &change.file) {
        (Some(version), None) => {
            Selection::Version(ecosystem.version(version).map_err(|error| invalid(&error))?)
        }
        (None, Some(file)) => {
            Selection::File(FileName::new(file).map_err(|error| invalid(&error))?)
        }
        _ => {
            let message = "say either which version or which file";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
    };
    let operation = Operation::Change { package, selection, change: becomes };
    let authorized = registry.authorize(&caller, &repository, &change.ecosystem, operation)?;
    let files = registry.change(authorized).await?;
    Ok(Found(ChangedFiles { files: files.into_iter().map(String::from).collect() }))
}

fn invalid(error: &NameError) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, error.to_string())
}
