//! Taking tags away, and what goes and stays with the files that they pointed to.

use provender_domain::{EventKind, FileName, KeptFile, NewEvent, Problem, ProblemCode, Tag};
use provender_ecosystem::{Change, Operation, ReferenceRole};
use provender_store::{PackageKey, StoreError, Write};

use crate::Registry;
use crate::access::Authorized;
use crate::error::store_problem;
use crate::signature::EVIDENCE;

impl Registry {
    /// Takes a tag away; the file that it pointed to stays. Answers with that file.
    pub(crate) async fn remove_tag(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        tag: &Tag,
        change: &Change,
    ) -> Result<Vec<FileName>, Problem> {
        if !matches!(change, Change::Remove | Change::Delete { .. }) {
            let message = "a tag can be taken away, and nothing else";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let row = self.inner.metadata.tag(key, tag).await.map_err(|error| store_problem(&error))?;
        let none = || Problem::not_found(format!("no tag {tag} of {} is kept here", key.package));
        let row = row.ok_or_else(none)?;
        let remove = Write::RemoveTag {
            key: key.clone(),
            tag: tag.clone(),
            at: self.now(),
            actor: authorized.caller.actor().to_string(),
            unless_moved: None,
        };
        let event = self.untagged_event(authorized, key, tag, &row.file);
        let outcome = self.inner.metadata.commit_from_room(vec![remove], vec![event]).await;
        self.package_changed(key.ecosystem, &key.package);
        match outcome {
            Ok(_) => Ok(vec![row.file]),
            Err(StoreError::Missing { .. }) => Err(none()),
            Err(error) => Err(store_problem(&error)),
        }
    }

    /// The tags of a file that is to be deleted go with it.
    pub(crate) async fn tag_removals(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        file: &FileName,
    ) -> Result<(Option<Write>, Vec<NewEvent>), Problem> {
        let tags = self.inner.metadata.tags_of_file(key, file).await;
        let tags = tags.map_err(|error| store_problem(&error))?;
        let events: Vec<NewEvent> =
            tags.iter().map(|tag| self.untagged_event(authorized, key, tag, file)).collect();
        // Also where there are none now: somebody may point one there before the commit.
        let write = authorized.ecosystem.digest_of_file(file).map(|_| Write::RemoveTagsOf {
            key: key.clone(),
            file: file.clone(),
            at: self.now(),
            actor: authorized.caller.actor().to_string(),
        });
        Ok((write, events))
    }

    /// What other files need stays until those are gone: else whoever pulls them gets half of them.
    pub(crate) async fn check_not_needed(
        &self,
        key: &PackageKey,
        selected: &[KeptFile],
    ) -> Result<(), Problem> {
        for kept in selected {
            let name = &kept.file.name;
            let roles = [ReferenceRole::Required];
            let needing = self.inner.metadata.referring(key, name, &roles).await;
            if let Some(by) = needing.map_err(|error| store_problem(&error))?.first() {
                let message = format!("{name} is needed by {by}; delete that first");
                return Err(Problem::new(ProblemCode::MethodNotAllowed, message));
            }
        }
        Ok(())
    }

    /// What this server itself made about these files: nobody else will take it away.
    pub(crate) async fn made_about(
        &self,
        key: &PackageKey,
        selected: &[KeptFile],
    ) -> Result<Vec<KeptFile>, Problem> {
        let mut made = Vec::new();
        for kept in selected {
            let referrers = self.inner.metadata.referrers(key, &kept.file.name).await;
            let referrers = referrers.map_err(|error| store_problem(&error))?;
            made.extend(referrers.into_iter().filter(|referrer| {
                referrer.publisher.is_none() && referrer.file.attributes.0.contains_key(EVIDENCE)
            }));
        }
        Ok(made)
    }

    fn untagged_event(
        &self,
        authorized: &Authorized<Operation>,
        key: &PackageKey,
        tag: &Tag,
        file: &FileName,
    ) -> NewEvent {
        let message = format!("tag {tag} of {} was taken away; it pointed to {file}", key.package);
        let mut event = self.package_event(EventKind::TagRemoved, &authorized.caller, key, message);
        event.file = Some(file.clone());
        event.detail.set_text("tag", tag.as_str());
        event
    }
}
