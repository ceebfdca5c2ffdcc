//! Decisions about all of a version: those of its files that are kept remember them, and they hold
//! for whatever else there is of it, at an upstream or on its way in.

use provender_domain::{FileState, KeptFile, Problem, ProblemCode, Version, Yank};
use provender_ecosystem::Ecosystem;
use provender_store::PackageKey;

use crate::resolve::Entry;

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
    let closes = |kept: &&KeptFile| {
        let own = kept.file.version.as_ref();
        let is_same = own.is_some_and(|own| ecosystem.is_same_version(own, version));
        is_same && kept.closes_version() && kept.is_closed()
    };
    let Some(kept) = not_served.iter().find(closes) else { return Ok(()) };
    let why = kept.state_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let message = format!(
        "version {version} of {} is in quarantine{why}; an administrator has to release it first, or publish another",
        key.package
    );
    Err(Problem::new(ProblemCode::PolicyDenied, message))
}
