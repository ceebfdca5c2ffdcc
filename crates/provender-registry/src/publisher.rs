//! What publishers are told of what they published, before anybody else gets it.
//!
//! They look before they push, and push what they are told is missing. What waits for a signature
//! is refused to everybody, but that it is here they are told: else nothing could be pushed a
//! second time. They get no byte of it by that. Who did not say who they are is asked to.

use provender_domain::{FileName, FileState, KeptFile, Origin, Problem, ProblemCode, Scope};
use provender_ecosystem::Operation;
use provender_store::Write;

use crate::access::Authorized;
use crate::error::store_problem;
use crate::head::FileHead;
use crate::read::Answer;
use crate::resolve::Query;
use crate::{Caller, Registry};

impl Caller {
    /// Whether they may publish the package that this question is about.
    fn may_publish_to(&self, query: &Query) -> bool {
        let (repository, package) = (&query.repository.repository.name, &query.package);
        self.holds(Scope::Publish, Some(repository), Some(package))
    }
}

impl Registry {
    /// What whoever asked for nothing but a head is answered instead of a refusal by policy.
    pub(crate) async fn unless_publisher(
        &self,
        authorized: &Authorized<Operation>,
        refused: Problem,
    ) -> Result<Answer, Problem> {
        let Some(package) = authorized.operation.package() else { return Err(refused) };
        let query = authorized.query(package);
        let (caller, repository) = (&authorized.caller, authorized.repository());
        let publishes = caller.may_publish_to(&query);
        if !publishes && !caller.might_hold(Scope::Publish, repository, Some(package)) {
            return Err(refused);
        }
        let kept = self.published_as_asked(&query, &authorized.operation).await?;
        match kept.and_then(|kept| own_head(&query, kept)) {
            Some(head) if publishes => Ok(Answer::Head(head)),
            Some(_) => Err(publishers_alone(&refused)),
            None => Err(refused),
        }
    }

    /// The file that is asked for, by its digest or a tag, if it is here and was published here:
    /// nothing but a missing signature refuses such a one.
    async fn published_as_asked(
        &self,
        query: &Query,
        operation: &Operation,
    ) -> Result<Option<KeptFile>, Problem> {
        let (metadata, key) = (&self.inner.metadata, query.key());
        let name = match operation {
            Operation::File { file, companion: None, .. } => Some(file.clone()),
            Operation::Tagged { tag, .. } => {
                let row = metadata.tag(&key, tag).await.map_err(|error| store_problem(&error))?;
                row.map(|row| row.file)
            }
            _ => None,
        };
        let is_digest = |name: &_| query.ecosystem.digest_of_file(name).is_some();
        let Some(name) = name.filter(is_digest) else { return Ok(None) };
        let kept = metadata.file(&key, &name).await.map_err(|error| store_problem(&error))?;
        let is_own =
            |kept: &KeptFile| kept.state == FileState::Present && kept.origin == Origin::Published;
        Ok(kept.filter(is_own))
    }

    /// Somebody who may publish asks whether a file is here, and will publish what needs it: it is
    /// no orphan for now.
    pub(crate) async fn keep_for_publisher(&self, query: &Query, name: &FileName, caller: &Caller) {
        if !caller.may_publish_to(query) {
            return;
        }
        let (metadata, key) = (&self.inner.metadata, query.key());
        if matches!(metadata.is_orphan(&key, name).await, Ok(true)) {
            let clear = Write::ClearOrphan { key, file: name.clone() };
            if let Err(error) = metadata.commit(vec![clear], Vec::new()).await {
                tracing::warn!(%error, file = %name, "an orphan's mark could not be taken away");
            }
        }
    }
}

/// Said to who showed no credential: many clients show theirs only where they are asked for one.
fn publishers_alone(refused: &Problem) -> Problem {
    let message = format!("{refused}; until then a token is needed that may publish here");
    Problem::new(ProblemCode::AuthenticationRequired, message).needing(Scope::Publish)
}

fn own_head(query: &Query, kept: KeptFile) -> Option<FileHead> {
    let presentation = query.ecosystem.presentation(&kept.file);
    Some(FileHead {
        size_bytes: kept.file.size_bytes?,
        name: kept.file.name,
        content_type: presentation.content_type,
        fields: presentation.fields,
        is_for_publisher: true,
    })
}
