//! Files whose names are their digests and that came in another size than what refers to them
//! promises. Where an answer does not say how long it is, one that was cut off looks whole.

use provender_domain::{FileState, Problem, ProblemCode, ReferenceRole};
use provender_store::{StoreError, VerifyError};

use crate::Registry;
use crate::error::store_problem;
use crate::mirror::Errand;
use crate::read::DOCUMENT_LIMIT_BYTES;

/// Most of what refers to one file that is asked what it promises, the newest.
const REFERRING_LIMIT: u32 = 16;

impl Registry {
    /// What to tell of bytes that are not what was wanted, and not as many either: they did not
    /// come right, and may the next time. `None` where their size is as promised, or nothing that
    /// is kept promises one.
    pub(crate) async fn came_in_another_size(
        &self,
        errand: &Errand,
        error: &VerifyError,
    ) -> Option<Problem> {
        let VerifyError::Mismatch { size_bytes, .. } = error else { return None };
        let promised = match self.promised_sizes(errand).await {
            Ok(promised) => promised,
            Err(error) => return Some(store_problem(&error)),
        };
        let expected = promised.first().filter(|_| !promised.contains(size_bytes))?;
        let (upstream, name) = (&errand.upstream.name, &errand.file.name);
        let message =
            format!("upstream {upstream} sent {size_bytes} bytes of {name}, which has {expected}");
        let problem = Problem::new(ProblemCode::UpstreamFailed, message);
        self.tell_of_failed_fetch(errand, &problem);
        Some(problem)
    }

    async fn promised_sizes(&self, errand: &Errand) -> Result<Vec<u64>, StoreError> {
        let (key, ecosystem) = (errand.query.key(), &errand.query.ecosystem);
        let roles = [ReferenceRole::Required, ReferenceRole::Optional];
        let metadata = &self.inner.metadata;
        let name = &errand.file.name;
        let referring = metadata.newest_referring(&key, name, roles, REFERRING_LIMIT).await?;
        let mut promised = Vec::new();
        for kept in referring {
            if kept.state != FileState::Present {
                continue;
            }
            let bytes = self.inner.blobs.read(&kept.blob, DOCUMENT_LIMIT_BYTES).await;
            let bytes = bytes.ok().flatten();
            promised.extend(bytes.and_then(|bytes| ecosystem.promised_size(&bytes, name)));
        }
        Ok(promised)
    }
}
