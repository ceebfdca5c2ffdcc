//! Files that did not come, though something did in their place: a web page, or what has another
//! size than what refers to them promises. Where an answer does not say how long it is, one that was
//! cut off looks whole.

use provender_domain::{FileState, Problem, ProblemCode, ReferenceRole};
use provender_store::{StoreError, VerifyError};

use crate::Registry;
use crate::error::store_problem;
use crate::fetch_problem::web_page_problem;
use crate::mirror::Errand;
use crate::read::DOCUMENT_LIMIT_BYTES;

/// Most of what refers to one file that is asked what it promises, the newest.
const REFERRING_LIMIT: u32 = 16;

impl Registry {
    /// What to tell of bytes that are not what was wanted, and are a web page or not as many: nobody
    /// lies so plainly, and the file may come right the next time. `None` where their size is as
    /// promised, or nothing that is kept promises one.
    pub(crate) async fn did_not_come(
        &self,
        errand: &Errand,
        error: &VerifyError,
        is_web_page: bool,
    ) -> Option<Problem> {
        let VerifyError::Mismatch { size_bytes, .. } = error else { return None };
        let problem = match is_web_page {
            true => web_page_problem(&errand.upstream),
            false => self.in_another_size(errand, *size_bytes).await?,
        };
        // What failed here is no news of the upstream.
        if problem.code == ProblemCode::UpstreamFailed {
            self.tell_of_failed_fetch(errand, &problem);
        }
        Some(problem)
    }

    async fn in_another_size(&self, errand: &Errand, size_bytes: u64) -> Option<Problem> {
        let promised = match self.promised_sizes(errand).await {
            Ok(promised) => promised,
            Err(error) => return Some(store_problem(&error)),
        };
        let expected = promised.first().filter(|_| !promised.contains(&size_bytes))?;
        let (upstream, name) = (&errand.upstream.name, &errand.file.name);
        let message =
            format!("upstream {upstream} sent {size_bytes} bytes of {name}, which has {expected}");
        Some(Problem::new(ProblemCode::UpstreamFailed, message))
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
