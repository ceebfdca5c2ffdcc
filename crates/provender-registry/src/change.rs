//! Changes to what is kept: yank, unyank, delete, quarantine, release.

use provender_domain::{
    EventKind, FileName, FileState, KeptFile, NewEvent, Problem, ProblemCode, Scope, Yank,
};
use provender_ecosystem::{Change, Ecosystem, Operation, Selection};
use provender_store::{PackageKey, Write};

use crate::Registry;
use crate::access::Authorized;
use crate::error::{blob_problem, store_problem};
use crate::journal::to_the_end;
use crate::signature::is_evidence;
use crate::whole_version::is_of_version;

/// What a change makes of one file.
enum Outcome {
    Updated(Box<KeptFile>),
    /// Forgotten, so that it is fetched anew when somebody asks.
    Forgotten(FileName),
}

impl Registry {
    /// Carries out a change and returns the files that it changed. All of them change, or none.
    pub async fn change(
        &self,
        authorized: Authorized<Operation>,
    ) -> Result<Vec<FileName>, Problem> {
        let registry = self.clone();
        to_the_end(async move {
            let Operation::Change { package, selection, change } = &authorized.operation else {
                return Err(Problem::new(ProblemCode::MethodNotAllowed, "this is not a change"));
            };
            let key = authorized.key(package);
            loop {
                let changed = registry.change_kept(&authorized, &key, selection, change).await?;
                if let Some(names) = changed {
                    return Ok(names);
                }
                let closed = registry.close_beforehand(&authorized, &key, selection, change);
                if let Some(names) = closed.await? {
                    return Ok(names);
                }
                // It has come in meanwhile.
            }
        })
        .await
    }

    /// Changes what is kept; `None` where nothing that is meant is.
    async fn change_kept(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        selection: &Selection,
        change: &Change,
    ) -> Result<Option<Vec<FileName>>, Problem> {
        let _gate = self.inner.changes_gate.lock().await;
        if *change == Change::Remove {
            self.check_removal(authorized, key)?;
        }
        if let Selection::Tag(tag) = selection {
            return self.remove_tag(authorized, key, tag, change).await.map(Some);
        }
        // Nobody publishes what needs a file between the look and the commit, nor more of a version
        // that is closed.
        let alone = match change {
            Change::Remove | Change::Delete { .. } | Change::Quarantine { .. } => {
                Some(self.inner.garbage_gate.write().await)
            }
            Change::Yank { .. } | Change::Unyank { .. } | Change::Release { .. } => None,
        };
        let mut selected = self.selected(&*authorized.ecosystem, key, selection).await?;
        if selected.is_empty() {
            return Ok(None);
        }
        let is_yank = matches!(change, Change::Yank { .. });
        let is_asked_for =
            |kept: &KeptFile| authorized.ecosystem.digest_of_file(&kept.file.name).is_some();
        if is_yank && selected.iter().any(is_asked_for) {
            let message = "nobody chooses this from an index, so that a yank would hide it from nobody: \
                           take its tag away, delete it, or put it into quarantine";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        if *change == Change::Remove {
            self.check_not_in_quarantine(authorized, key, &selected)?;
            self.check_not_needed(key, &selected).await?;
            selected.extend(self.made_about(key, &selected).await?);
        }
        let is_version_yanked = match (change, selection, &selected[..]) {
            (Change::Unyank { .. }, Selection::File(_), [kept]) => {
                let others = self.others_of_version(authorized, key, kept).await?;
                !kept.file.was_unyanked() && others.iter().any(KeptFile::yanks_version)
            }
            _ => false,
        };
        let mut names = Vec::new();
        let mut writes = Vec::new();
        let mut events = Vec::new();
        let mut freed = Vec::new();
        let is_about_another = selected.iter().any(is_evidence);
        for kept in selected {
            let before = kept.clone();
            let applied = self.apply(change, kept).await?;
            let Some(mut outcome) =
                for_version(change, selection, &before, applied, is_version_yanked)
            else {
                continue;
            };
            if let Outcome::Updated(after) = &mut outcome
                && after.state == FileState::Deleted
                && before.state == FileState::Quarantined
            {
                // Its bytes would be let in again by whoever pushes them, and served where a
                // repository in front took them over.
                after.close();
            }
            names.push(before.file.name.clone());
            if is_removal(change) {
                let (removals, told) =
                    self.tag_removals(authorized, key, &before.file.name).await?;
                writes.extend(removals);
                events.extend(told);
            }
            events.push(self.change_event(authorized, key, change, &before));
            writes.push(match outcome {
                Outcome::Updated(file) => Write::UpdateFile { key: key.clone(), file: *file },
                Outcome::Forgotten(name) => {
                    self.check_opens(authorized, key, selection, &before).await?;
                    Write::RemoveFile { key: key.clone(), name }
                }
            });
            if is_removal(change) {
                freed.push(before.blob);
            }
        }
        if writes.is_empty() {
            let code = match change {
                // What may be put back is simply not there.
                Change::Remove => ProblemCode::NotFound,
                _ => ProblemCode::Conflict,
            };
            return Err(Problem::new(code, nothing_to_do(change)));
        }
        let outcome = self.inner.metadata.commit_from_room(writes, events).await;
        if alone.is_some() {
            self.inner.closings.note();
        }
        drop(alone);
        self.package_changed(key.ecosystem, &key.package);
        if is_about_another {
            // The same bytes may be served under other names because of that signature.
            self.inner.index_cache.settings_changed();
        }
        outcome.map_err(|error| store_problem(&error))?;
        self.remove_unreferenced(&freed).await?;
        Ok(Some(names))
    }

    /// The other kept files of a file's version.
    async fn others_of_version(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        kept: &KeptFile,
    ) -> Result<Vec<KeptFile>, Problem> {
        let Some(version) = &kept.file.version else { return Ok(Vec::new()) };
        let selection = Selection::Version(version.clone());
        let mut all = self.selected(&*authorized.ecosystem, key, &selection).await?;
        all.retain(|other| other.file.name != kept.file.name);
        Ok(all)
    }

    /// What is forgotten by its release would be closed by what is left of its version.
    async fn check_opens(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        selection: &Selection,
        forgotten: &KeptFile,
    ) -> Result<(), Problem> {
        let Selection::File(name) = selection else { return Ok(()) };
        let others = self.others_of_version(authorized, key, forgotten).await?;
        match forgotten
            .file
            .version
            .as_ref()
            .filter(|_| others.iter().any(KeptFile::closes_version))
        {
            None => Ok(()),
            Some(version) => {
                let message = format!(
                    "{name} is not here, and all of version {version} is in quarantine: release the version"
                );
                Err(Problem::new(ProblemCode::Conflict, message))
            }
        }
    }

    /// Whoever may publish takes away what an administrator closed no more than they open it.
    fn check_not_in_quarantine(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        selected: &[KeptFile],
    ) -> Result<(), Problem> {
        let closed = selected.iter().find(|kept| kept.state == FileState::Quarantined);
        let Some(closed) = closed else { return Ok(()) };
        let caller = &authorized.caller;
        if caller.holds(Scope::Admin, Some(&key.repository), Some(&key.package)) {
            return Ok(());
        }
        let name = &closed.file.name;
        let public = format!("{name} is in quarantine; only an administrator may take it away");
        Err(Problem { public, ..self.denied(caller, &key.repository, Scope::Admin) })
    }

    /// The kept files that a selection means.
    pub(crate) async fn selected(
        &self,
        ecosystem: &dyn Ecosystem,
        key: &PackageKey,
        selection: &Selection,
    ) -> Result<Vec<KeptFile>, Problem> {
        let metadata = &self.inner.metadata;
        let files = metadata.files(key).await.map_err(|error| store_problem(&error))?;
        let tagged = match selection {
            Selection::Tagged(tag) => {
                metadata.tag(key, tag).await.map_err(|error| store_problem(&error))?
            }
            _ => None,
        };
        let selected = files
            .into_iter()
            .filter(|kept| match selection {
                Selection::Version(version) => is_of_version(ecosystem, &kept.file, version),
                Selection::File(name) => kept.file.name == *name,
                Selection::Tag(_) => false,
                Selection::Tagged(_) => {
                    tagged.as_ref().is_some_and(|row| row.file == kept.file.name)
                }
            })
            .collect();
        Ok(selected)
    }

    /// `None` where the file is that way already.
    async fn apply(&self, change: &Change, mut kept: KeptFile) -> Result<Option<Outcome>, Problem> {
        match change {
            Change::Yank { reason } if kept.state != FileState::Deleted => {
                let yank = Some(Yank { reason: reason.clone() });
                if kept.file.yank == yank {
                    return Ok(None);
                }
                kept.file.yank = yank;
            }
            Change::Unyank { .. } if kept.file.yank.is_some() => kept.file.yank = None,
            Change::Delete { reason } if kept.state != FileState::Deleted => {
                kept.state = FileState::Deleted;
                kept.state_reason.clone_from(reason);
            }
            Change::Remove if kept.state != FileState::Deleted => {
                kept.state = FileState::Deleted;
                kept.state_reason = None;
            }
            Change::Quarantine { reason } if kept.state == FileState::Present => {
                kept.state = FileState::Quarantined;
                kept.state_reason.clone_from(reason);
            }
            // It is not here, and is not to come back.
            Change::Quarantine { reason } if !kept.is_closed() => {
                kept.close();
                if reason.is_some() {
                    kept.state_reason.clone_from(reason);
                }
            }
            Change::Release { .. } if kept.state == FileState::Quarantined => {
                if !self.is_evidence(&kept).await? {
                    return Ok(Some(Outcome::Forgotten(kept.file.name)));
                }
                kept.state = FileState::Present;
                kept.state_reason = None;
            }
            // It is not here, but may be put back.
            Change::Release { .. } if kept.is_closed() => kept.open(),
            _ => return Ok(None),
        }
        Ok(Some(Outcome::Updated(Box::new(kept))))
    }

    /// Whether the quarantined bytes are those that were promised, and are kept. Others never
    /// are for this file's sake, but the same bytes may be here for another's.
    async fn is_evidence(&self, kept: &KeptFile) -> Result<bool, Problem> {
        if kept.is_unseen() || !kept.file.digests.contains(&kept.blob.digest()) {
            return Ok(false);
        }
        let open = self.inner.blobs.open_blob(&kept.blob).await;
        Ok(open.map_err(|error| blob_problem(&error))?.is_some())
    }

    pub(crate) fn change_event(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        change: &Change,
        before: &KeptFile,
    ) -> NewEvent {
        let (kind, verb, reason) = match change {
            Change::Yank { reason } => (EventKind::Yanked, "yanked", reason.as_ref()),
            Change::Unyank { reason } => (EventKind::Unyanked, "unyanked", reason.as_ref()),
            Change::Delete { reason } => (EventKind::Deleted, "deleted", reason.as_ref()),
            Change::Remove => (EventKind::Deleted, "removed", None),
            Change::Quarantine { reason } => {
                (EventKind::Quarantined, "put into quarantine", reason.as_ref())
            }
            Change::Release { reason } => {
                (EventKind::Released, "released from quarantine", reason.as_ref())
            }
        };
        let name = &before.file.name;
        let message = match reason {
            Some(reason) => format!("{name} was {verb}: {reason}"),
            None => format!("{name} was {verb}"),
        };
        let mut event = self.package_event(kind, &authorized.caller, key, message);
        event.file = Some(name.clone());
        event.version.clone_from(&before.file.version);
        event.detail.set_text("sha256", before.blob.to_hex());
        event
    }
}

/// What is decided of a version holds for all of it: also for its files that are not here yet, so
/// that those that are remember it. `None` where nothing changes.
fn for_version(
    change: &Change,
    selection: &Selection,
    before: &KeptFile,
    applied: Option<Outcome>,
    is_version_yanked: bool,
) -> Option<Outcome> {
    let is_applied = applied.is_some();
    let mut kept = match applied {
        Some(Outcome::Updated(kept)) => *kept,
        Some(forgotten) => return Some(forgotten),
        None => before.clone(),
    };
    let is_all = matches!(selection, Selection::Version(_));
    match change {
        Change::Quarantine { .. } | Change::Delete { .. } if is_all => kept.close_version(true),
        Change::Release { .. } if is_applied => kept.close_version(false),
        Change::Yank { .. } if is_all && kept.state != FileState::Deleted => {
            kept.yank_version(Some(true));
        }
        Change::Yank { .. } if is_applied && kept.file.was_unyanked() => kept.yank_version(None),
        Change::Unyank { .. } if is_all && is_applied => kept.yank_version(None),
        Change::Unyank { .. } if !is_all && (is_applied || is_version_yanked) => {
            kept.yank_version(Some(false));
        }
        _ => {}
    }
    (kept != *before).then(|| Outcome::Updated(Box::new(kept)))
}

fn is_removal(change: &Change) -> bool {
    matches!(change, Change::Delete { .. } | Change::Remove)
}

fn nothing_to_do(change: &Change) -> &'static str {
    match change {
        Change::Yank { .. } => "already yanked for this reason, or deleted",
        Change::Unyank { .. } => "not yanked",
        Change::Delete { .. } | Change::Remove => "already deleted",
        Change::Quarantine { .. } => "already in quarantine",
        Change::Release { .. } => "not in quarantine",
    }
}
