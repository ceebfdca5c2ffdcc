//! What says of itself that it is about a file: signatures, attestations, bills of materials.

use std::collections::HashSet;
use std::sync::Arc;

use provender_domain::{
    File, FileName, FileState, KeptFile, Origin, PackageName, Problem, ProblemCode, Timestamp,
    Upstream, UpstreamTarget,
};
use provender_ecosystem::{
    Document, Operation, ReferrersView, Rendition, UpstreamDocument, UpstreamRequest, View,
};
use provender_upstream::{Document as Answered, Page, Remote, Wanted};
use url::Url;

use crate::Registry;
use crate::access::Authorized;
use crate::cache::Stale;
use crate::error::{blob_problem, store_problem};
use crate::fetch_problem::{is_web_page, web_page_problem};
use crate::listing::{LINK, next_page};
use crate::read::DOCUMENT_LIMIT_BYTES;
use crate::remote::is_nothing_for_nobody;
use crate::resolve::{Query, Turn};

/// Most entries of a list under a tag that are looked for.
const LISTED_LIMIT: usize = 1_000;
/// Most pages of an upstream's list that are read.
const PAGES_LIMIT: usize = 16;

/// Which referrers somebody asks for.
pub(crate) struct Asked<'a> {
    /// About which file.
    pub(crate) of: &'a FileName,
    /// Of which kind alone.
    pub(crate) kind: Option<&'a str>,
    /// Behind which of them.
    pub(crate) after: Option<&'a FileName>,
}

/// Referrers of one file, and how long that is true.
struct Referring {
    files: Vec<File>,
    fresh_until: Timestamp,
    stale: Option<Stale>,
}

impl Registry {
    /// What refers to a file, here and at the upstream that its package is bound to. A file that
    /// nobody refers to, here or not, has an empty list.
    pub(crate) async fn render_referrers(
        &self,
        authorized: &Authorized<Operation>,
        package: &PackageName,
        asked: Asked<'_>,
    ) -> Result<(Document, Timestamp, Option<Stale>), Problem> {
        let query = authorized.query(package);
        let Referring { files, fresh_until, stale } = self.referring(&query, asked.of).await?;
        let view = ReferrersView {
            repository: query.repository.repository.name.clone(),
            package: package.clone(),
            of: asked.of.clone(),
            files,
            kind: asked.kind.map(str::to_owned),
            after: asked.after.cloned(),
        };
        let document = authorized.ecosystem.render(&View::Referrers(&view), Rendition(0));
        Ok((document, fresh_until, stale))
    }

    async fn referring(&self, query: &Query, of: &FileName) -> Result<Referring, Problem> {
        let kept = self.inner.metadata.referrers(&query.key(), of).await;
        let kept = kept.map_err(|error| store_problem(&error))?;
        let bound = self.name_origin(query).await?;
        let is_foreign = |origin: &Origin| bound.as_ref().is_some_and(|bound| bound != origin);
        let files = kept.into_iter().filter(|kept| !is_foreign(&kept.origin));
        let mut referring = Referring {
            files: files.map(|kept| kept.file).collect(),
            fresh_until: Timestamp::from_microseconds(i64::MAX),
            stale: None,
        };
        referring.add(self.listed_under_tag(query, of, is_foreign).await?);
        if bound == Some(Origin::Published) {
            return Ok(referring);
        }
        // Listing binds nothing, so those before the one that the client named need not be asked.
        let turns = self.turns(query, bound.as_ref()).await?;
        for Turn { upstream, .. } in turns.into_iter().filter(|turn| turn.may_answer) {
            let now = self.now();
            match self.referring_at(query, of, &upstream).await {
                Ok(Some(listed)) => {
                    referring.add(listed);
                    referring.fresh_until = now.plus(self.inner.tuning.tag_fresh);
                    break;
                }
                Ok(None) => referring.fresh_until = now.plus(self.inner.tuning.tag_fresh),
                Err(problem) if problem.code == ProblemCode::Internal => return Err(problem),
                // What is kept is shown without it.
                Err(_) => {
                    referring.stale = Some(Stale { since: now, upstream: upstream.name.clone() });
                    referring.fresh_until = now.plus(self.inner.tuning.stale_retry);
                    break;
                }
            }
        }
        Ok(referring)
    }

    /// What clients listed as referring to a file that take this for a registry that keeps no such
    /// lists: those files that are here and do not say themselves that they are about another.
    async fn listed_under_tag(
        &self,
        query: &Query,
        of: &FileName,
        is_foreign: impl Fn(&Origin) -> bool,
    ) -> Result<Vec<File>, Problem> {
        let (metadata, key) = (&self.inner.metadata, query.key());
        let Some(tag) = query.ecosystem.referrers_tag(of) else { return Ok(Vec::new()) };
        let row = metadata.tag(&key, &tag).await.map_err(|error| store_problem(&error))?;
        let Some(row) = row else { return Ok(Vec::new()) };
        let is_served =
            |kept: &KeptFile| kept.state == FileState::Present && !is_foreign(&kept.origin);
        let list = metadata.file(&key, &row.file).await.map_err(|error| store_problem(&error))?;
        let Some(list) = list.filter(is_served) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for file in self.read_list(query, &list).await?.into_iter().take(LISTED_LIMIT) {
            let kept = metadata.file(&key, &file.name).await;
            let kept = kept.map_err(|error| store_problem(&error))?.filter(is_served);
            let subject = self.subject_of(&key, &file.name).await?;
            if kept.is_some() && subject.is_none_or(|subject| subject == *of) {
                found.push(file);
            }
        }
        Ok(found)
    }

    /// What a kept list lists; nothing, if it is none.
    async fn read_list(&self, query: &Query, list: &KeptFile) -> Result<Vec<File>, Problem> {
        let bytes = self.inner.blobs.read(&list.blob, DOCUMENT_LIMIT_BYTES).await;
        let Some(bytes) = bytes.map_err(|error| blob_problem(&error))? else {
            return Ok(Vec::new());
        };
        let url = Url::parse(self.origin()).map_err(|error| Problem::internal(&error))?;
        let content_type = query.ecosystem.presentation(&list.file).content_type.into_owned();
        let document = UpstreamDocument {
            url,
            content_type: Some(content_type),
            body: bytes.into(),
            link: None,
        };
        Ok(query.ecosystem.read_upstream_referrers(&document).unwrap_or_default())
    }

    /// What one upstream lists; `None` where it lists nothing.
    pub(crate) async fn referring_at(
        &self,
        query: &Query,
        of: &FileName,
        upstream: &Arc<Upstream>,
    ) -> Result<Option<Vec<File>>, Problem> {
        if let UpstreamTarget::Repository { repository } = &upstream.target {
            let inner = self.nested(query, repository.as_str())?;
            let listed = Box::pin(self.referring(&inner, of)).await?;
            return Ok((!listed.files.is_empty()).then_some(listed.files));
        }
        let remote = self.remote_of(upstream)?.expect("every other target is remote");
        let ecosystem = &query.ecosystem;
        for request in ecosystem.upstream_referrers(remote.base(), &query.package, of) {
            let listed = self.listed_referrers(query, request, upstream, &remote).await?;
            if !listed.is_empty() {
                return Ok(Some(listed));
            }
        }
        Ok(None)
    }

    /// What an upstream lists in answer to this request, over all its pages: together they are no
    /// larger than one may be, and the page that exceeds that is the last.
    async fn listed_referrers(
        &self,
        query: &Query,
        request: UpstreamRequest,
        upstream: &Arc<Upstream>,
        remote: &Remote,
    ) -> Result<Vec<File>, Problem> {
        let ecosystem = &query.ecosystem;
        let mut left_bytes = self.inner.tuning.companion_limit_bytes;
        let mut listed = Vec::new();
        let mut next = Some(request);
        for _ in 0..PAGES_LIMIT {
            let Some(request) = next.take().filter(|_| left_bytes > 0) else { break };
            let page = self.upstream_document(&query.package, &request, upstream, remote).await?;
            let Some(page) = page else { break };
            next = next_page(ecosystem.as_ref(), &page);
            left_bytes = left_bytes.saturating_sub(page.body.len() as u64);
            let document = UpstreamDocument {
                url: page.final_url,
                content_type: page.content_type,
                body: page.body.into(),
                link: None,
            };
            let files = ecosystem.read_upstream_referrers(&document).map_err(|error| {
                let message = format!("upstream {} sent a list that makes no sense", upstream.name);
                Problem::new(ProblemCode::UpstreamFailed, message).because(&error)
            });
            listed.extend(files.inspect_err(|problem| {
                self.upstream_sent_nonsense(upstream, problem);
            })?);
        }
        Ok(listed)
    }

    /// A small document of an upstream, whole; `None` where it has none.
    pub(crate) async fn upstream_document(
        &self,
        package: &PackageName,
        request: &UpstreamRequest,
        upstream: &Arc<Upstream>,
        remote: &Remote,
    ) -> Result<Option<Page>, Problem> {
        let wanted = Wanted {
            accept: request.accept,
            fields: &[LINK],
            realm_key: request.access.as_deref(),
        };
        let limit = self.inner.tuning.companion_limit_bytes;
        let client = &self.inner.remotes.client;
        match client.document(remote, &request.url, wanted, None, limit).await {
            Ok(answer) => {
                self.upstream_answered(upstream);
                match answer {
                    Answered::Modified(page) if is_web_page(page.content_type.as_deref()) => {
                        Err(web_page_problem(upstream))
                    }
                    Answered::Modified(page) => Ok(Some(*page)),
                    Answered::Missing { .. } | Answered::NotModified => Ok(None),
                }
            }
            Err(error) if is_nothing_for_nobody(upstream, wanted.realm_key, &error) => {
                self.upstream_answered(upstream);
                Ok(None)
            }
            Err(error) => Err(self.upstream_failed(upstream, package, &error)),
        }
    }
}

impl Referring {
    /// Adds what is not listed yet.
    fn add(&mut self, listed: Vec<File>) {
        let mut known: HashSet<FileName> =
            self.files.iter().map(|file| file.name.clone()).collect();
        self.files.extend(listed.into_iter().filter(|file| known.insert(file.name.clone())));
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
    }
}
