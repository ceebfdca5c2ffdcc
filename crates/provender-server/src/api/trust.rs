//! What signatures are checked by, and the keys to it.

use std::path::Path;

use provender_authority::RotatedService;
use provender_domain::{Problem, ProblemCode, Timestamp};

use super::endpoint::{Context, Created, Found, Json, NoBody};
use super::types::{
    ExportedRootKeys, KeyRotation, NoParameters, RootExport, RootRotation, RotatedKey, RotatedRoot,
    TrustDocument, TrustStatus, TrustedKey,
};

/// For everybody: what else signatures are checked by is public as well.
pub(super) async fn config(
    Context { registry, .. }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<serde_json::Value>, Problem> {
    Ok(Found(registry.authority().trust().client_trust_config()))
}

pub(super) async fn status(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    NoBody: NoBody,
) -> Result<Found<TrustStatus>, Problem> {
    let status = registry.trust_status(&caller)?;
    let documents = status.documents.into_iter().map(|document| TrustDocument {
        role: document.role.to_owned(),
        version: document.version,
        expires_at: moment(document.expires.as_microsecond()),
    });
    let keys = status.services.into_iter().map(|key| TrustedKey {
        service: key.service.to_owned(),
        since: moment(key.since.as_microsecond()),
        until: key.until.map(|until| moment(until.as_microsecond())),
        certificate_ends_at: key.certificate_end.map(|end| moment(end.as_microsecond())),
    });
    Ok(Found(TrustStatus {
        documents: documents.collect(),
        keys: keys.collect(),
        root_keys: status.root_keys.iter().map(|path| text(path)).collect(),
        root_directory: text(&status.root_directory),
        has_tuf_root_key: status.has_tuf_root_key,
    }))
}

pub(super) async fn export_root(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(RootExport { to, remove }): Json<RootExport>,
) -> Result<Created<ExportedRootKeys>, Problem> {
    let exported = registry.export_root_keys(&caller, to.into(), remove).await?;
    let files = exported.files.iter().map(|path| text(path)).collect();
    Ok(Created(ExportedRootKeys { files, removed: exported.is_removed }))
}

pub(super) async fn rotate_root(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(RootRotation { keys }): Json<RootRotation>,
) -> Result<Created<RotatedRoot>, Problem> {
    let rotated = registry.rotate_root(&caller, keys.map(Into::into)).await?;
    Ok(Created(RotatedRoot {
        version: rotated.version,
        expires_at: moment(rotated.expires.as_microsecond()),
        key: text(&rotated.key),
        former_key: text(&rotated.former_key),
    }))
}

pub(super) async fn rotate_key(
    Context { registry, caller }: Context,
    NoParameters {}: NoParameters,
    Json(KeyRotation { service, keys, new_root }): Json<KeyRotation>,
) -> Result<Created<RotatedKey>, Problem> {
    let service: RotatedService = service.parse().map_err(|()| {
        Problem::new(
            ProblemCode::InvalidRequest,
            "a service with a key to replace is ca, tsa or ct",
        )
    })?;
    let rotated = registry.rotate_key(&caller, service, keys.map(Into::into), new_root).await?;
    Ok(Created(RotatedKey {
        service: rotated.service.to_string(),
        generation: rotated.generation,
        key: rotated.key_id,
        former_until: moment(rotated.former_until.as_microsecond()),
    }))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn moment(microseconds: i64) -> Timestamp {
    Timestamp::from_microseconds(microseconds)
}
