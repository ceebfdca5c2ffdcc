//! Evidence: what is known of a file, with all that proves it, and what people add to that.

use provender_domain::Problem;

use provender_registry::FileNamed;

use super::endpoint::{Context, Created, Found, Json, NoBody};
use super::types::{
    Attestation, BytesQuery, EvidenceQuery, FileEvidence, InRepository, Items, KeptAttestation,
    NewAttestation, ReferenceQuery, Referenced, TaggedSignature,
};

pub(super) async fn show(
    Context { registry, caller }: Context,
    EvidenceQuery { subject, repository }: EvidenceQuery,
    NoBody: NoBody,
) -> Result<Found<Items<FileEvidence>>, Problem> {
    let found = registry.evidence(&caller, &subject, repository.as_deref()).await?;
    Ok(Found(Items::from_each(found)))
}

pub(super) async fn attestations(
    Context { registry, caller }: Context,
    BytesQuery { digest }: BytesQuery,
    NoBody: NoBody,
) -> Result<Found<Items<Attestation>>, Problem> {
    Ok(Found(Items::from_each(registry.attestations(&caller, &digest).await?)))
}

pub(super) async fn signatures(
    Context { registry, caller }: Context,
    BytesQuery { digest }: BytesQuery,
    NoBody: NoBody,
) -> Result<Found<Items<TaggedSignature>>, Problem> {
    Ok(Found(Items::from_each(registry.tagged_signatures_over(&caller, &digest).await?)))
}

pub(super) async fn reference(
    Context { registry, caller }: Context,
    ReferenceQuery { reference, host }: ReferenceQuery,
    NoBody: NoBody,
) -> Result<Found<Referenced>, Problem> {
    Ok(Found(registry.referenced(&caller, &reference, host.as_deref()).await?.into()))
}

pub(super) async fn attest(
    Context { registry, caller }: Context,
    InRepository { repository }: InRepository,
    Json(NewAttestation { ecosystem, package, file, bundle }): Json<NewAttestation>,
) -> Result<Created<KeptAttestation>, Problem> {
    let named = FileNamed {
        repository: &repository,
        ecosystem: &ecosystem,
        package: &package,
        file: &file,
    };
    let kept = registry.add_attestation(&caller, named, bundle.to_string()).await?;
    Ok(Created(kept.into()))
}
