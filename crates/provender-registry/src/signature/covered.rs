//! Which files of a package a signature may cover at all.
//!
//! Who signed a file is asked in several places, above it too. Of ten thousand files of which nobody
//! signed any that took five seconds; here it is a few questions about all of them.

use std::collections::HashSet;

use provender_domain::{FileName, KeptFile, Origin, Problem};

use super::{DEPTH_LIMIT, is_evidence};
use crate::Registry;
use crate::error::store_problem;
use crate::resolve::Query;

/// The files that somebody may have signed, themselves or by what refers to them, and those that
/// may belong to a signature. Of every other file nobody is a signer.
pub(crate) struct Covered(HashSet<FileName>);

impl Covered {
    pub(crate) fn has(&self, name: &FileName) -> bool {
        self.0.contains(name)
    }
}

impl Registry {
    /// By all that is here of a package now; `None` where no rule asks, where an upstream may know of
    /// more, and where it would be all files.
    pub(crate) async fn covered(
        &self,
        query: &Query,
        files: &[KeptFile],
        name_origin: Option<&Origin>,
    ) -> Result<Option<Covered>, Problem> {
        // Beside each file that a tag may point to there is what this server itself says of it.
        let is_any_left_out =
            name_origin == Some(&Origin::Published) && !query.ecosystem.has_tags();
        if !query.asks_for_signatures() || !is_any_left_out {
            return Ok(None);
        }
        let (metadata, key) = (&self.inner.metadata, query.key());
        let spoken_of = metadata.files_spoken_of(&key).await;
        let mut level: HashSet<FileName> =
            spoken_of.map_err(|error| store_problem(&error))?.into_iter().collect();
        let statements = files.iter().filter(|kept| is_evidence(kept));
        level.extend(statements.map(|kept| kept.file.name.clone()));
        if level.is_empty() {
            return Ok(Some(Covered(level)));
        }
        let references = metadata.references_within(&key).await;
        let references = references.map_err(|error| store_problem(&error))?;
        let mut covered = level.clone();
        for _ in 1..DEPTH_LIMIT {
            let below = references.iter().filter(|(file, _)| level.contains(file));
            level = below.map(|(_, target)| target.clone()).collect();
            covered.extend(level.iter().cloned());
        }
        Ok(Some(Covered(covered)))
    }
}
