//! Decisions about all of a version: those of its files that are kept remember them, and they hold
//! for whatever else there is of it, at an upstream or on its way in.

use std::sync::atomic::{AtomicU64, Ordering};

use provender_domain::{File, FileState, KeptFile, Problem, ProblemCode, Version, Yank};
use provender_ecosystem::{Ecosystem, Operation, Publication};
use provender_store::PackageKey;

use crate::Registry;
use crate::access::Authorized;
use crate::decide::{decide, refusal};
use crate::error::store_problem;
use crate::mirror::Errand;
use crate::read::no_such_file;
use crate::resolve::{Entry, Query, kept_entry};

/// How many times versions were closed since the start: whoever looked whether one is open, and
/// records a file of it, looks again where this has grown meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Closings(AtomicU64);

impl Closings {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Called once it is written, by who holds the gate alone that recording waits for.
    pub(crate) fn note(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// What was decided of a version.
pub(crate) struct VersionDecision {
    version: Version,
    /// Not to be served, and why.
    closed: Option<(FileState, Option<String>)>,
    yank: Option<Yank>,
}

impl VersionDecision {
    /// What kept files tell of their versions, once for each.
    pub(crate) fn among(kept: &[KeptFile]) -> Vec<Self> {
        let mut decided: Vec<Self> = Vec::new();
        for kept in kept.iter().filter(|kept| kept.closes_version() || kept.yanks_version()) {
            let Some(version) = &kept.file.version else { continue };
            let closed = kept.closes_version().then(|| (kept.state, kept.state_reason.clone()));
            let yank = kept.file.yank.clone().filter(|_| kept.yanks_version());
            match decided.iter_mut().find(|decision| decision.version == *version) {
                Some(decision) => {
                    decision.closed = decision.closed.take().or(closed);
                    decision.yank = decision.yank.take().or(yank);
                }
                None => decided.push(Self { version: version.clone(), closed, yank }),
            }
        }
        decided
    }

    /// Closes and yanks what is listed of these versions: an upstream may have more of them than was
    /// kept then.
    pub(crate) fn apply(decided: &[Self], ecosystem: &dyn Ecosystem, entries: &mut [Entry]) {
        if decided.is_empty() {
            return;
        }
        for Entry { file, facts, .. } in entries {
            let Some(version) = &file.version else { continue };
            let is_meant = |one: &&Self| ecosystem.is_same_version(&one.version, version);
            for decision in decided.iter().filter(is_meant) {
                if let (None, Some((state, reason))) = (facts.state, &decision.closed) {
                    (facts.state, facts.state_reason) = (Some(*state), reason.clone());
                }
                if !file.was_unyanked() {
                    file.yank = file.yank.take().or_else(|| decision.yank.clone());
                }
            }
        }
    }
}

/// What an administrator closed with all of its version gets no new files: clients would take those.
pub(crate) fn check_open(
    ecosystem: &dyn Ecosystem,
    key: &PackageKey,
    version: Option<&Version>,
    not_served: &[KeptFile],
) -> Result<(), Problem> {
    let Some(version) = version else { return Ok(()) };
    let mut closing = closing(ecosystem, version, not_served);
    let Some(kept) = closing.find(|kept| kept.is_closed()) else { return Ok(()) };
    let why = kept.state_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = format!(
        "version {version} of {} is in quarantine{why}; an administrator has to release it first, or publish another",
        key.package
    );
    Err(Problem::new(ProblemCode::PolicyDenied, message))
}

/// The files with which all of a version was closed or deleted.
fn closing<'a>(
    ecosystem: &'a dyn Ecosystem,
    version: &'a Version,
    not_served: &'a [KeptFile],
) -> impl Iterator<Item = &'a KeptFile> {
    not_served
        .iter()
        .filter(move |kept| kept.closes_version() && is_of_version(ecosystem, &kept.file, version))
}

/// Whether a file is of this version, however either writes it.
pub(crate) fn is_of_version(ecosystem: &dyn Ecosystem, file: &File, version: &Version) -> bool {
    file.version.as_ref().is_some_and(|own| ecosystem.is_same_version(own, version))
}

impl Registry {
    /// What was decided of a publication's version since it was first looked at.
    pub(crate) async fn check_publication_still(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
        publication: &Publication,
    ) -> Result<(), Problem> {
        let (ecosystem, file) = (&*operation.ecosystem, &publication.file);
        if ecosystem.digest_of_file(file).is_some() {
            return Ok(());
        }
        let standing = self.inner.metadata.standing(key, file, None, true).await;
        let not_served = standing.map_err(|error| store_problem(&error))?.not_served;
        check_open(ecosystem, key, publication.version.as_ref(), &not_served)
    }

    /// What was decided of a package while a file of it was fetched: that its name belongs here, that
    /// the upstream is none any more, or that the upstream itself withholds it. Whoever asks holds
    /// the gate that such a decision waits for.
    pub(crate) fn check_errand_still(&self, errand: &Errand) -> Result<(), Problem> {
        let Errand { query, upstream, file, .. } = errand;
        let state = self.state();
        let name = query.repository.repository.name.as_str();
        let now = state.repository(name).ok_or_else(|| no_such_file(query, &file.name))?;
        let now = Query { repository: now.clone(), ..query.clone() };
        if now.owns() {
            let message = format!(
                "{} was claimed while {} was fetched; files from upstreams are not served under it",
                query.package, file.name
            );
            return Err(Problem::new(ProblemCode::PolicyDenied, message));
        }
        let mut upstreams = now.repository.upstreams_of(query.ecosystem.id().as_str());
        if !upstreams.any(|one| one.name == upstream.name && one.target == upstream.target) {
            return Err(no_such_file(query, &file.name));
        }
        match self.withheld_by_now(query, upstream)? {
            None => Ok(()),
            Some(reason) => {
                let message = format!("its upstream withholds it: {reason}");
                Err(Problem::new(ProblemCode::PolicyDenied, message))
            }
        }
    }

    /// What was decided of a file's version while the file was fetched. Whoever asks holds the gate
    /// that such a decision waits for.
    pub(crate) async fn check_open_still(&self, query: &Query, file: &File) -> Result<(), Problem> {
        let Some(version) = &file.version else { return Ok(()) };
        if query.ecosystem.digest_of_file(&file.name).is_some() {
            return Ok(());
        }
        let standing = self.inner.metadata.standing(&query.key(), &file.name, None, true).await;
        let not_served = standing.map_err(|error| store_problem(&error))?.not_served;
        let mut closing = closing(&*query.ecosystem, version, &not_served);
        closing.find_map(refusal_of).map_or(Ok(()), Err)
    }

    /// A file that somebody else recorded in the meantime: it may have been closed so.
    pub(crate) async fn recorded_before(
        &self,
        key: &PackageKey,
        kept: KeptFile,
    ) -> Result<KeptFile, Problem> {
        let there = self.inner.metadata.file(key, &kept.file.name).await;
        let Some(there) = there.map_err(|error| store_problem(&error))? else { return Ok(kept) };
        refusal_of(&there).map_or(Ok(there), Err)
    }
}

/// What whoever asks for a file is told that is closed or deleted.
fn refusal_of(kept: &KeptFile) -> Option<Problem> {
    refusal(&decide(&kept_entry(kept.clone(), None, None).facts))
}
