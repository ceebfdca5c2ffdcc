//! Quarantine of what nobody asked for yet: who hears of a bad release closes it before it comes in.

use std::sync::Arc;

use provender_domain::{
    BlobId, Digest, File, FileName, FileState, KeptFile, Origin, Problem, ProblemCode, Upstream,
};
use provender_ecosystem::{Change, Operation, Selection};
use provender_store::{PackageKey, StoreError, Write};

use crate::Registry;
use crate::access::Authorized;
use crate::error::store_problem;
use crate::resolve::Query;
use crate::whole_version::is_of_version;

/// A file that an upstream has.
struct Offered {
    file: File,
    /// What it promises that the file is.
    blob: BlobId,
    upstream: Arc<Upstream>,
}

impl Registry {
    /// Puts into quarantine what upstreams have of a selection of which nothing is kept; `None`
    /// where some of it came in meanwhile.
    pub(crate) async fn close_beforehand(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        selection: &Selection,
        change: &Change,
    ) -> Result<Option<Vec<FileName>>, Problem> {
        let Change::Quarantine { reason } = change else {
            return Err(not_kept(key, selection, ""));
        };
        let query = authorized.query(&key.package);
        let offered = self.offered(&query, authorized, selection).await?;
        if offered.is_empty() {
            return Err(not_kept(key, selection, ", nor does an upstream list it with a SHA-256"));
        }
        let _gate = self.inner.changes_gate.lock().await;
        let alone = self.inner.garbage_gate.write().await;
        if !self.selected(&*authorized.ecosystem, key, selection).await?.is_empty() {
            return Ok(None);
        }
        let (mut names, mut writes, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for Offered { file, blob, upstream } in offered {
            let origin = Origin::Mirrored { upstream: upstream.name.clone() };
            let mut kept = KeptFile {
                // Nothing of it is here.
                file: File { size_bytes: None, yank: None, companions: Vec::new(), ..file },
                blob,
                origin: origin.clone(),
                recorded_at: self.now(),
                publisher: None,
                state: FileState::Quarantined,
                state_reason: reason.clone(),
            };
            kept.set_unseen();
            kept.close_version(matches!(selection, Selection::Version(_)));
            names.push(kept.file.name.clone());
            let mut event = self.change_event(authorized, key, change, &kept);
            event.message.push_str(" (before anybody fetched it)");
            events.push(event);
            writes.push(Write::BindName { key: key.clone(), origin, at: kept.recorded_at });
            writes.push(Write::RecordFile { key: key.clone(), file: kept });
        }
        let outcome = self.inner.metadata.commit_from_room(writes, events).await;
        self.inner.closings.note();
        drop(alone);
        self.catalogue_changed(key.ecosystem);
        self.package_changed(key.ecosystem, &key.package);
        match outcome {
            Ok(_) => Ok(Some(names)),
            Err(StoreError::OriginBound { .. }) => {
                let message = format!("{} was bound to another origin just now", key.package);
                Err(Problem::new(ProblemCode::Conflict, message))
            }
            Err(error) => Err(store_problem(&error)),
        }
    }

    async fn offered(
        &self,
        query: &Query,
        authorized: &Authorized<Operation>,
        selection: &Selection,
    ) -> Result<Vec<Offered>, Problem> {
        let ecosystem = &*authorized.ecosystem;
        match selection {
            Selection::File(name) if ecosystem.digest_of_file(name).is_some() => {
                for errand in self.errands_by_digest(query, name, &authorized.caller).await? {
                    if self.is_there(&errand).await? {
                        return Ok(offered(errand.file, errand.upstream).into_iter().collect());
                    }
                }
                Ok(Vec::new())
            }
            Selection::Tag(_) | Selection::Tagged(_) => Ok(Vec::new()),
            Selection::File(_) | Selection::Version(_) => {
                let is_meant = |file: &File| match selection {
                    Selection::File(name) => file.name == *name,
                    Selection::Version(version) => is_of_version(ecosystem, file, version),
                    Selection::Tag(_) | Selection::Tagged(_) => false,
                };
                let entries = self.resolve(query).await?.entries.into_iter();
                let meant = entries.filter(|entry| is_meant(&entry.file));
                Ok(meant.filter_map(|entry| offered(entry.file, entry.upstream?)).collect())
            }
        }
    }
}

/// `None` where nothing says of the file which bytes it is.
fn offered(file: File, upstream: Arc<Upstream>) -> Option<Offered> {
    let blob = file.digests.iter().find_map(Digest::blob_id)?;
    Some(Offered { file, blob, upstream })
}

fn not_kept(key: &PackageKey, selection: &Selection, besides: &str) -> Problem {
    let what = match selection {
        Selection::Version(version) => format!("version {version}"),
        Selection::File(name) => format!("file {name}"),
        Selection::Tag(tag) | Selection::Tagged(tag) => format!("tag {tag}"),
    };
    let (package, repository) = (&key.package, &key.repository);
    Problem::not_found(format!("no {what} of {package} is kept in {repository}{besides}"))
}
