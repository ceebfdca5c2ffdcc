//! Each [`Write`] as SQL that both databases take.

use std::collections::HashSet;

use provender_domain::{EcosystemId, FileName, FileState, RepositoryName};
use sqlx::AnyConnection;
use sqlx::error::ErrorKind;

use super::{FileKey, PackageKey, StoredKey, Write, milestones};
use crate::StoreError;

pub(super) mod at_once;
mod attestations;
mod files;
mod identities;
mod listings;
pub(super) mod log;
mod orphans;
mod packages;
mod references;
mod settings;
mod signing;
mod small_blobs;
mod tags;

/// How much a transaction adds to the running totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) packages: i64,
    pub(super) files: i64,
    pub(super) bytes: i64,
}

/// The packages whose generation has grown already in the same commit: once is enough.
#[derive(Debug, Default)]
pub(super) struct Changed(HashSet<PackageKey>);

/// Applies one write. On an error the transaction, or the savepoint around, must be rolled back.
pub(super) async fn apply(
    connection: &mut AnyConnection,
    write: &Write,
    changed: &mut Changed,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    if let Some(key) = write.changed_package() {
        packages::bump(connection, key, changed).await?;
    }
    match write {
        Write::CreateRepository(repository) => {
            settings::create_repository(connection, repository).await
        }
        Write::SetVisibility { repository, visibility } => {
            settings::set_visibility(connection, repository, *visibility).await
        }
        Write::SetPolicy { repository, policy } => {
            settings::set_policy(connection, repository, policy).await
        }
        Write::Own(owned) => settings::own(connection, owned).await,
        Write::Disown { repository, ecosystem, pattern } => {
            settings::disown(connection, repository, ecosystem, pattern).await
        }
        Write::AddUpstream(upstream) => {
            let (repository, ecosystem) = (&upstream.repository, &upstream.ecosystem);
            listings::forget(connection, repository, ecosystem, &upstream.name).await?;
            settings::add_upstream(connection, upstream).await
        }
        Write::RemoveUpstream { repository, ecosystem, name } => {
            listings::forget(connection, repository, ecosystem, name).await?;
            settings::remove_upstream(connection, repository, ecosystem, name).await
        }
        Write::Reach { milestone, at } => milestones::reach(connection, *milestone, *at).await,
        Write::CreateToken(token) => settings::create_token(connection, token).await,
        Write::RevokeToken { id, at } => settings::revoke_token(connection, id, *at).await,
        Write::BindName { key, origin, at } => {
            packages::bind(connection, key, origin, *at, growth).await?;
            changed.note(key);
            Ok(())
        }
        Write::RebindName { key, origin, at, actor } => {
            packages::rebind(connection, key, origin, (*at, actor), growth).await?;
            changed.note(key);
            Ok(())
        }
        Write::RecordFile { key, file } => files::record(connection, key, file, growth).await,
        Write::UpdateFile { key, file } => files::update(connection, key, file, growth).await,
        Write::RemoveFile { key, name } => {
            tags::none_points_to(connection, key, name).await?;
            forget_all_of(connection, key, name, FileState::Quarantined, growth).await
        }
        Write::KeepFile { key, file } => files::keep(connection, key, file, growth).await,
        Write::RecordReferences { key, file, references } => {
            references::record(connection, key, file, references).await
        }
        Write::MarkOrphan { key, file, since } => {
            orphans::mark(connection, key, file, *since).await
        }
        Write::ClearOrphan { key, file } => orphans::clear(connection, key, file).await,
        Write::ForgetFile { key, name, marked_before } => {
            orphans::may_be_forgotten(connection, key, name, *marked_before).await?;
            orphans::mark_what_is_about(connection, key, name, *marked_before).await?;
            forget_all_of(connection, key, name, FileState::Present, growth).await
        }
        Write::PutTag { key, tag, file, at, actor, checked_at, rule } => {
            let step = tags::Step { key, tag, at: *at, actor };
            tags::put(connection, step, file, *checked_at, *rule, changed).await
        }
        Write::TouchTag { key, tag, checked_at } => {
            tags::touch(connection, key, tag, *checked_at).await
        }
        Write::RemoveTag { key, tag, at, actor, unless_moved } => {
            let step = tags::Step { key, tag, at: *at, actor };
            tags::remove(connection, step, unless_moved.as_ref(), changed).await
        }
        Write::RemoveTagsOf { key, file, at, actor } => {
            tags::remove_all_of(connection, key, file, *at, actor, changed).await
        }
        Write::PutListing { key, upstream, listing } => {
            listings::put(connection, key, upstream, listing).await
        }
        Write::TouchListing { key, upstream, fetched_at } => {
            listings::touch(connection, key, upstream, *fetched_at).await
        }
        Write::RecordAttestation(attestation) => {
            attestations::record(connection, attestation).await
        }
        Write::QueueSigning { file, kind, at } => {
            signing::queue(connection, file, *kind, *at).await
        }
        Write::PostponeSigning { file, kind, next_try_at, error } => {
            signing::postpone(connection, file, *kind, *next_try_at, error).await
        }
        Write::EndSigning { file, kind } => signing::end(connection, file, *kind).await,
        // Whoever commits has looked: nothing is written.
        Write::Follow(_) => Ok(()),
        Write::KeepBytes(blob) => small_blobs::keep(connection, blob).await,
        Write::RemoveBytes { blob, before } => small_blobs::remove(connection, blob, *before).await,
        Write::CreateAccount(account) => identities::create_account(connection, account).await,
        Write::UpdateAccount(account) => identities::update_account(connection, account).await,
        Write::RemoveAccount { name } => identities::remove_account(connection, name).await,
        Write::PutIssuer(issuer) => identities::put_issuer(connection, issuer).await,
        Write::RemoveIssuer { url } => identities::remove_issuer(connection, url).await,
    }
}

impl Write {
    /// The package whose files it changes, if it does nothing else.
    fn changed_package(&self) -> Option<&PackageKey> {
        match self {
            Self::RecordFile { key, .. }
            | Self::UpdateFile { key, .. }
            | Self::RemoveFile { key, .. }
            | Self::KeepFile { key, .. }
            | Self::RecordReferences { key, .. }
            | Self::ForgetFile { key, .. } => Some(key),
            _ => None,
        }
    }
}

/// Forgets a file of this state with what belongs to it, but for its tags.
async fn forget_all_of(
    connection: &mut AnyConnection,
    key: &PackageKey,
    name: &FileName,
    state: FileState,
    growth: &mut Growth,
) -> Result<(), StoreError> {
    let file = FileKey::new(key, name.clone());
    attestations::forget(connection, &file).await?;
    signing::forget(connection, &file).await?;
    references::forget(connection, key, name).await?;
    orphans::clear(connection, key, name).await?;
    files::remove(connection, key, name, state, growth).await
}

/// Says `Missing` where a foreign key was violated: whatever points to a file points to nothing
/// else.
fn needs_file(error: sqlx::Error, file: &FileKey) -> StoreError {
    if is_dangling(&error) { missing("file", &file.name) } else { error.into() }
}

/// Says `Missing` where a foreign key was violated: nothing else here can violate one but a
/// repository that is not there.
fn needs_repository(error: sqlx::Error, repository: &RepositoryName) -> StoreError {
    if is_dangling(&error) { missing("repository", repository) } else { error.into() }
}

fn is_dangling(error: &sqlx::Error) -> bool {
    let violated = error.as_database_error().map(sqlx::error::DatabaseError::kind);
    matches!(violated, Some(ErrorKind::ForeignKeyViolation))
}

fn missing(what: &'static str, name: impl std::fmt::Display) -> StoreError {
    StoreError::Missing { what, name: name.to_string() }
}

fn exists(what: &'static str, name: impl std::fmt::Display) -> StoreError {
    StoreError::Exists { what, name: name.to_string() }
}

/// `Missing` unless a row was hit.
fn hit(
    result: &sqlx::any::AnyQueryResult,
    what: &'static str,
    name: impl std::fmt::Display,
) -> Result<(), StoreError> {
    if result.rows_affected() == 0 {
        return Err(missing(what, name));
    }
    Ok(())
}

impl PackageKey {
    /// The three columns that name a package, in their order.
    pub(super) fn columns(&self) -> (&str, &'static str, &str) {
        (self.repository.as_str(), EcosystemId::as_str(self.ecosystem), self.package.as_str())
    }
}

impl StoredKey {
    /// The three columns that name a package, in their order.
    pub(super) fn columns(&self) -> (&str, &str, &str) {
        (self.repository.as_str(), self.ecosystem.as_str(), self.package.as_str())
    }
}
