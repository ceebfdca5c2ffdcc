//! Statements of upstreams about mirrored files, brought in where a rule asks for a signature.
//!
//! Lists of referrers are passed on as they are asked for, and what they list comes when somebody
//! asks for that. A rule cannot wait for it: what an upstream lists about a file that nobody
//! signed, as far as is known here, is fetched, bounded in number and size, and kept as any other
//! mirrored file. Whether it proves anything is found out where signatures are verified.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use provender_domain::{
    File, FileName, FileState, KeptFile, Origin, Problem, ProblemCode, Timestamp, Upstream,
    UpstreamTarget,
};
use provender_store::PackageKey;

use crate::error::store_problem;
use crate::resolve::Query;
use crate::signature::{BUNDLE_LIMIT_BYTES, is_about};
use crate::{Caller, Registry};

/// Most statements about one file that are fetched at once.
const FETCHED_LIMIT: usize = 32;
/// Largest statement that is fetched, in bytes: it names its parts, and has few.
const STATEMENT_LIMIT_BYTES: u64 = 256 << 10;
/// Most files of which is known when their upstream was asked last.
const REMEMBERED_LIMIT: usize = 10_000;

/// When upstreams were asked last what says something of a file.
#[derive(Default)]
pub(crate) struct Statements(Mutex<HashMap<(PackageKey, FileName), Timestamp>>);

impl Statements {
    /// Whether it is time to ask, which is then taken for done.
    fn is_due(&self, key: &PackageKey, name: &FileName, now: Timestamp, every: Duration) -> bool {
        let mut asked = self.0.lock().expect("nothing panics while it holds this lock");
        let file = (key.clone(), name.clone());
        if asked.get(&file).is_some_and(|at| now.since(*at) < every) {
            return false;
        }
        if asked.len() >= REMEMBERED_LIMIT {
            asked.clear();
        }
        asked.insert(file, now);
        true
    }
}

impl Registry {
    /// Brings in what upstreams list as being about these files, at most once in a while for each.
    /// Answers whether anything is here by now that may not have been before. An upstream that fails
    /// has no statements for now.
    pub(crate) async fn bring_in_statements(
        &self,
        query: &Query,
        files: &[KeptFile],
    ) -> Result<bool, Problem> {
        let bound = self.name_origin(query).await?;
        if bound == Some(Origin::Published) {
            return Ok(false);
        }
        let key = query.key();
        let mut came = false;
        for kept in files {
            let name = &kept.file.name;
            if !self.may_ask_about(&key, name) {
                continue;
            }
            for upstream in query.eligible_upstreams(bound.as_ref()) {
                match self.referring_at(query, name, &upstream).await {
                    Ok(Some(listed)) => {
                        came |= self.bring_in_listed(query, listed, &upstream).await?;
                        break;
                    }
                    Ok(None) if self.is_exclusive_behind(query, &upstream).await? => break,
                    Ok(None) => {}
                    Err(problem) if problem.code == ProblemCode::Internal => return Err(problem),
                    // One that fails has none for now.
                    Err(_) => break,
                }
            }
            came |= self.bring_in_tagged_signatures(query, name).await?;
        }
        Ok(came)
    }

    /// Whether it is time to ask upstreams what says something of this file, which is then taken for
    /// done.
    pub(crate) fn may_ask_about(&self, key: &PackageKey, name: &FileName) -> bool {
        let every = self.inner.tuning.tag_fresh;
        self.inner.statements.is_due(key, name, self.now(), every)
    }

    async fn bring_in_listed(
        &self,
        query: &Query,
        listed: Vec<File>,
        upstream: &Arc<Upstream>,
    ) -> Result<bool, Problem> {
        let mut came = false;
        for file in listed.into_iter().take(FETCHED_LIMIT) {
            let statement =
                self.bring_in_small(query, &file.name, upstream, STATEMENT_LIMIT_BYTES).await?;
            let Some(statement) = statement.filter(is_about) else { continue };
            for part in self.parts_of(&query.key(), &statement.file.name).await? {
                let part = self.bring_in_small(query, &part, upstream, BUNDLE_LIMIT_BYTES).await?;
                came |= part.is_some();
            }
        }
        Ok(came)
    }

    /// A file of this upstream whose name is its digest; `None` where it cannot be had, or is larger.
    pub(crate) async fn bring_in_small(
        &self,
        query: &Query,
        name: &FileName,
        upstream: &Arc<Upstream>,
        limit_bytes: u64,
    ) -> Result<Option<KeptFile>, Problem> {
        let kept = self.inner.metadata.file(&query.key(), name).await;
        if let Some(kept) = kept.map_err(|error| store_problem(&error))? {
            return Ok((kept.state == FileState::Present).then_some(kept));
        }
        if let UpstreamTarget::Repository { repository } = &upstream.target
            && !self.is_small_behind(query, repository.as_str(), name, limit_bytes).await?
        {
            return Ok(None);
        }
        let errands = self.errands_by_digest(query, name, &Caller::system()).await;
        let errands = match errands {
            Err(problem) if problem.code != ProblemCode::Internal => return Ok(None),
            errands => errands?,
        };
        let errand = errands.into_iter().find(|errand| errand.upstream.name == upstream.name);
        let Some(mut errand) = errand else { return Ok(None) };
        errand.file.size_bytes = Some(limit_bytes);
        match self.mirror(errand).await {
            Ok(kept) => Ok((kept.state == FileState::Present).then_some(kept)),
            Err(problem) => {
                tracing::debug!(file = %name, "a statement did not come: {}", problem.public);
                Ok(None)
            }
        }
    }

    /// Whether a repository of this server has the file and it is small, brought in there under the
    /// same limit: what is taken over from there has none of its own.
    async fn is_small_behind(
        &self,
        query: &Query,
        repository: &str,
        name: &FileName,
        limit_bytes: u64,
    ) -> Result<bool, Problem> {
        let inner = self.nested(query, repository)?;
        let kept = self.inner.metadata.file(&inner.key(), name).await;
        if let Some(kept) = kept.map_err(|error| store_problem(&error))? {
            return Ok(kept.file.size_bytes.is_some_and(|size_bytes| size_bytes <= limit_bytes));
        }
        let bound = self.name_origin(&inner).await?;
        for upstream in inner.eligible_upstreams(bound.as_ref()) {
            let came = Box::pin(self.bring_in_small(&inner, name, &upstream, limit_bytes)).await?;
            if came.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use provender_domain::{EcosystemId, FileName, PackageName, RepositoryName, Timestamp};
    use provender_store::PackageKey;

    use super::{REMEMBERED_LIMIT, Statements};

    #[test]
    fn a_file_is_asked_about_once_in_a_while() {
        let statements = Statements::default();
        let key = PackageKey {
            repository: RepositoryName::new("main").unwrap(),
            ecosystem: EcosystemId::new("demo"),
            package: PackageName::new("app").unwrap(),
        };
        let (every, start) = (Duration::from_mins(1), Timestamp::from_microseconds(0));
        let check = |name: &str, seconds: u64, expected: bool| {
            let (name, now) =
                (FileName::new(name).unwrap(), start.plus(Duration::from_secs(seconds)));
            assert_eq!(statements.is_due(&key, &name, now, every), expected, "{name} {seconds}");
        };
        check("a", 0, true);
        check("a", 59, false);
        check("b", 59, true);
        check("a", 60, true);
        check("a", 61, false);
        for number in 0..REMEMBERED_LIMIT {
            check(&format!("n{number}"), 62, true);
        }
        assert!(statements.0.lock().unwrap().len() <= REMEMBERED_LIMIT);
    }
}
