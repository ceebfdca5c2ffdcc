//! Changes to what is kept: yank, unyank, delete, quarantine, release. All take the one path.

use provender_domain::{Digest, FileName, NameError, Problem, ProblemCode};
use provender_ecosystem::{Change as Becomes, Ecosystem, Operation, Selection};

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
        (Some(version), None) => of_version(ecosystem.as_ref(), version)?,
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

/// All files of a version. Where files have none, people know the one that they mean by a tag or by
/// its digest.
fn of_version(ecosystem: &dyn Ecosystem, text: &str) -> Result<Selection, Problem> {
    let no_version = match ecosystem.version(text) {
        Ok(version) => return Ok(Selection::Version(version)),
        Err(error) => error,
    };
    let digest: Option<Digest> = text.parse().ok();
    if let Some(file) = digest.and_then(|digest| ecosystem.tagged_file(&digest)) {
        return Ok(Selection::File(file));
    }
    ecosystem.tag(text).map(Selection::Tagged).map_err(|_| invalid(&no_version))
}

fn invalid(error: &NameError) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, error.to_string())
}
