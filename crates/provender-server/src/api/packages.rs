//! Packages and their files.

use provender_domain::Problem;
use provender_registry::FilesWanted;

use super::endpoint::{Context, Done, Found, Json, NoBody};
use super::types::{
    File, InRepository, Items, Package, PackageQuery, PackageSummary, PackagesQuery,
    QuarantineQuery, SetOrigin,
};

/// Most files of one answer: who signed each may have to be found out.
const FILES_MAX: u32 = 1000;

pub(super) async fn list(
    Context { registry, caller }: Context,
    PackagesQuery { repository, ecosystem }: PackagesQuery,
    NoBody: NoBody,
) -> Result<Found<Items<PackageSummary>>, Problem> {
    Ok(Found(Items::from_each(registry.packages(&caller, &repository, &ecosystem).await?)))
}

pub(super) async fn show(
    Context { registry, caller }: Context,
    PackageQuery { repository, ecosystem, name, after, limit }: PackageQuery,
    NoBody: NoBody,
) -> Result<Found<Package>, Problem> {
    let limit = limit.unwrap_or(FILES_MAX).clamp(1, FILES_MAX);
    let limit = usize::try_from(limit).expect("a small number");
    let wanted = FilesWanted { after: after.as_deref(), limit };
    let mut found: Package =
        registry.package(&caller, &repository, &ecosystem, &name, wanted).await?.into();
    if caller.is_anonymous() {
        // Who publishes is for those who are known here.
        found.files.iter_mut().for_each(|file| file.publisher = None);
    }
    Ok(Found(found))
}

pub(super) async fn quarantine(
    Context { registry, caller }: Context,
    QuarantineQuery { repository }: QuarantineQuery,
    NoBody: NoBody,
) -> Result<Found<Items<File>>, Problem> {
    Ok(Found(Items::from_each(registry.quarantined(&caller, repository.as_deref()).await?)))
}

pub(super) async fn set_origin(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    Json(SetOrigin { ecosystem, package, upstream }): Json<SetOrigin>,
) -> Result<Done, Problem> {
    let upstream = upstream.as_deref();
    registry.set_origin(&caller, &repository, &ecosystem, &package, upstream).await?;
    Ok(Done)
}
