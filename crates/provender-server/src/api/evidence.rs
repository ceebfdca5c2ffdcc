//! Evidence: what is known of a file, with all that proves it.

use provender_domain::Problem;

use super::endpoint::{Context, Found, NoBody};
use super::types::{Attestation, AttestationsQuery, EvidenceQuery, FileEvidence, Items};

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
    AttestationsQuery { digest }: AttestationsQuery,
    NoBody: NoBody,
) -> Result<Found<Items<Attestation>>, Problem> {
    Ok(Found(Items::from_each(registry.attestations(&caller, &digest).await?)))
}
