//! Tags: which file each points to, here or at the upstream that its package is bound to.
//!
//! What an upstream says of a tag is asked by a request for nothing but its head, at most once a
//! minute for each tag however many clients wait. A tag that an upstream has no more, does not
//! answer for, or points to what cannot be had of it or kept here, points where it pointed last.

use std::pin::Pin;
use std::sync::Arc;

use provender_domain::{
    BlobId, Digest, EventKind, File, FileName, FileState, KeptFile, NewEvent, Origin, PackageName,
    Problem, ProblemCode, Tag, TagRule, Timestamp, Upstream, UpstreamTarget,
};
use provender_ecosystem::{Document, Operation, Page, Rendition, TagsView, UpstreamRequest, View};
use provender_store::{EventFilter, PackageKey, StoreError, TagRow, Write};
use provender_upstream::{Class, FetchError, Remote};

use crate::access::Authorized;
use crate::cache::Stale;
use crate::error::store_problem;
use crate::resolve::{Query, Turn, bound_origin};
use crate::{Caller, Registry};

/// Where a tag points.
#[derive(Debug, Clone)]
pub(crate) struct Pointed {
    /// To which file.
    pub(crate) file: FileName,
    /// When time itself may change that.
    pub(crate) fresh_until: Timestamp,
    /// Set where an upstream fails and this is old.
    pub(crate) stale: Option<Stale>,
}

impl Pointed {
    fn here(file: FileName) -> Self {
        Self { file, fresh_until: Timestamp::from_microseconds(i64::MAX), stale: None }
    }
}

impl Registry {
    /// Where a tag points, at this moment: here alone where the name belongs here, else at the
    /// first upstream that has the tag. One that fails ends the search, as for packages.
    pub(crate) fn pointed<'a>(
        &'a self,
        query: &'a Query,
        tag: &'a Tag,
        caller: &'a Caller,
    ) -> Pin<Box<dyn Future<Output = Result<Pointed, Problem>> + Send + 'a>> {
        Box::pin(async move {
            let key = query.key();
            let kept = self.inner.metadata.tag(&key, tag).await;
            let kept = kept.map_err(|error| store_problem(&error))?;
            let bound = self.name_origin(query).await?;
            if bound == Some(Origin::Published) {
                return kept.map(|row| Pointed::here(row.file)).ok_or_else(|| no_such(query, tag));
            }
            for Turn { upstream, may_answer, goes_before } in
                self.turns(query, bound.as_ref()).await?
            {
                if may_answer {
                    let pointed =
                        self.pointed_at(query, tag, &upstream, kept.as_ref(), caller).await;
                    if let Some(pointed) = pointed? {
                        return Ok(pointed);
                    }
                }
                if goes_before && self.has_tag(query, tag, &upstream).await? {
                    break;
                }
            }
            // No upstream has it any more, or may be asked: what was kept goes on being served.
            match kept {
                Some(row) if self.is_meant(query, bound.as_ref()).await? => {
                    Ok(self.kept_longer(row))
                }
                _ => Err(no_such(query, tag)),
            }
        })
    }

    /// Whether an upstream has a tag, whichever upstream the client named. Nothing is brought in.
    fn has_tag<'a>(
        &'a self,
        query: &'a Query,
        tag: &'a Tag,
        upstream: &'a Arc<Upstream>,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Problem>> + Send + 'a>> {
        Box::pin(async move {
            let UpstreamTarget::Repository { repository } = &upstream.target else {
                let remote = self.remote_of(upstream)?.expect("every other target is remote");
                return Ok(self.ask_for_tag(query, tag, upstream, &remote).await?.is_some());
            };
            let inner = self.nested(&query.of_any_host(), repository.as_str())?;
            let kept = self.inner.metadata.tag(&inner.key(), tag).await;
            if kept.map_err(|error| store_problem(&error))?.is_some() {
                return Ok(true);
            }
            let bound = self.name_origin(&inner).await?;
            for Turn { upstream, .. } in self.turns(&inner, bound.as_ref()).await? {
                if self.has_tag(&inner, tag, &upstream).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }

    fn kept_longer(&self, row: TagRow) -> Pointed {
        let fresh_until = self.now().plus(self.inner.tuning.tag_fresh);
        Pointed { file: row.file, fresh_until, stale: None }
    }

    async fn pointed_at(
        &self,
        query: &Query,
        tag: &Tag,
        upstream: &Arc<Upstream>,
        kept: Option<&TagRow>,
        caller: &Caller,
    ) -> Result<Option<Pointed>, Problem> {
        if let UpstreamTarget::Repository { repository } = &upstream.target {
            let inner = self.nested(query, repository.as_str())?;
            return match self.pointed(&inner, tag, caller).await {
                Ok(pointed) => {
                    self.follow(query, tag, upstream, kept, pointed, caller).await.map(Some)
                }
                Err(problem) if problem.code == ProblemCode::NotFound => Ok(None),
                Err(problem) => Err(problem),
            };
        }
        let remote = self.remote_of(upstream)?.expect("every other target is remote");
        let now = self.now();
        let fresh_until = |row: &TagRow| {
            let checked_at = row.checked_at.filter(|checked_at| *checked_at <= now)?;
            Some(checked_at.plus(self.inner.tuning.tag_fresh)).filter(|until| now < *until)
        };
        if let Some((row, fresh_until)) = kept.and_then(|row| Some((row, fresh_until(row)?))) {
            return Ok(Some(Pointed { file: row.file.clone(), fresh_until, stale: None }));
        }
        let failed = match self.ask_for_tag(query, tag, upstream, &remote).await {
            Ok(None) => return Ok(None),
            Ok(Some(file)) => {
                let fresh_until = now.plus(self.inner.tuning.tag_fresh);
                let pointed = Pointed { file: file.clone(), fresh_until, stale: None };
                match self.follow(query, tag, upstream, kept, pointed, caller).await {
                    Ok(pointed) => return Ok(Some(pointed)),
                    Err(problem) if self.cannot_be_had(query, &file, &problem).await? => problem,
                    Err(problem) => return Err(problem),
                }
            }
            Err(problem) if is_upstreams(problem.code) => problem,
            Err(problem) => return Err(problem),
        };
        let row = kept.ok_or(failed)?;
        let stale = Stale {
            since: row.checked_at.unwrap_or(row.moved_at),
            upstream: upstream.name.clone(),
        };
        let fresh_until = now.plus(self.inner.tuning.stale_retry);
        Ok(Some(Pointed { file: row.file.clone(), fresh_until, stale: Some(stale) }))
    }

    /// Whether a file does not come for a reason that says nothing about what the tag pointed to:
    /// there is no room for it here or too much else to fetch, or its upstream fails (and limits what is fetched before what
    /// is asked for by its head), has not what it points to, or sent other bytes or what nobody can use.
    async fn cannot_be_had(
        &self,
        query: &Query,
        file: &FileName,
        problem: &Problem,
    ) -> Result<bool, Problem> {
        if problem.code != ProblemCode::PolicyDenied {
            let is_for_now = matches!(problem.code, ProblemCode::StorageFull | ProblemCode::Busy);
            let is_not_there = problem.code == ProblemCode::NotFound;
            return Ok(is_for_now || is_not_there || is_upstreams(problem.code));
        }
        let kept = self.inner.metadata.file(&query.key(), file).await;
        let kept = kept.map_err(|error| store_problem(&error))?;
        // Bytes that are kept have their own digest among those of their file, and what was read of
        // them among its attributes, whoever closed it later.
        let is_other = |file: &File, blob: BlobId| !file.digests.contains(&blob.digest());
        Ok(kept.is_some_and(|KeptFile { file, blob, state, .. }| {
            let is_unusable = is_other(&file, blob) || file.attributes.0.is_empty();
            state == FileState::Quarantined && is_unusable
        }))
    }

    /// What an upstream says of a tag; `None` where it has none of that name.
    pub(crate) async fn ask_for_tag(
        &self,
        query: &Query,
        tag: &Tag,
        upstream: &Arc<Upstream>,
        remote: &Remote,
    ) -> Result<Option<FileName>, Problem> {
        let (ecosystem, package) = (&query.ecosystem, &query.package);
        let Some(request) = ecosystem.upstream_tag(remote.base(), package, tag) else {
            return Ok(None);
        };
        let digest = match self.head_digest(package, &request, upstream, remote).await? {
            Answered::Missing => return Ok(None),
            Answered::Digest(digest) => digest,
            // It does not say so in the head: the bytes tell.
            Answered::Unsaid => {
                match self.document_digest(package, &request, upstream, remote).await? {
                    Some(digest) => digest,
                    None => return Ok(None),
                }
            }
        };
        let file = ecosystem.tagged_file(&digest).ok_or_else(|| {
            let message = format!(
                "upstream {} names {tag} by a digest of no kind that is known here",
                upstream.name
            );
            Problem::new(ProblemCode::UpstreamFailed, message)
        })?;
        Ok(Some(file))
    }

    async fn head_digest(
        &self,
        package: &PackageName,
        request: &UpstreamRequest,
        upstream: &Arc<Upstream>,
        remote: &Remote,
    ) -> Result<Answered, Problem> {
        let Some(field) = request.digest_field else { return Ok(Answered::Unsaid) };
        match self.head_field(upstream, remote, request, field).await {
            Ok(Some(fields)) => {
                let digest = fields.first(field).and_then(|text| text.parse().ok());
                Ok(digest.map_or(Answered::Unsaid, Answered::Digest))
            }
            Ok(None) => Ok(Answered::Missing),
            Err(error) if is_for_other_methods(&error) => Ok(Answered::Unsaid),
            Err(error) => Err(self.upstream_failed(upstream, package, &error)),
        }
    }

    async fn document_digest(
        &self,
        package: &PackageName,
        request: &UpstreamRequest,
        upstream: &Arc<Upstream>,
        remote: &Remote,
    ) -> Result<Option<Digest>, Problem> {
        use sha2::Digest as _;
        let page = self.upstream_document(package, request, upstream, remote).await?;
        Ok(page.map(|page| {
            let hash: [u8; 32] = sha2::Sha256::digest(&page.body).into();
            BlobId::from_bytes(hash).digest()
        }))
    }

    /// The tag points there now: the file is brought in, then the tag is kept. Where tags may not
    /// move it stays where it was, and somebody is told.
    async fn follow(
        &self,
        query: &Query,
        tag: &Tag,
        upstream: &Upstream,
        kept: Option<&TagRow>,
        pointed: Pointed,
        caller: &Caller,
    ) -> Result<Pointed, Problem> {
        let key = query.key();
        let now = self.now();
        let policy = &query.repository.repository.policy;
        match kept {
            Some(row) if row.file == pointed.file => {
                let touch = Write::TouchTag { key, tag: tag.clone(), checked_at: now };
                self.commit_tag(vec![touch], Vec::new(), query).await;
                return Ok(pointed);
            }
            Some(row) if policy.tags == TagRule::Immutable => {
                let touch = Write::TouchTag { key: key.clone(), tag: tag.clone(), checked_at: now };
                let message = format!(
                    "tag {tag} of {} was moved upstream, to {}; tags are immutable here, so it stays at {}",
                    query.package, pointed.file, row.file
                );
                let mut event =
                    self.package_event(EventKind::ImmutableTagMoved, caller, &key, message);
                event.detail.set_text("tag", tag.as_str());
                event.detail.set_text("moved_to", pointed.file.as_str());
                event.file = Some(row.file.clone());
                let is_news = !self.was_told_of_move(&key, tag, &pointed.file).await?;
                let events = if is_news { vec![event] } else { Vec::new() };
                self.commit_tag(vec![touch], events, query).await;
                return Ok(Pointed { file: row.file.clone(), ..pointed });
            }
            _ => {}
        }
        self.kept_file(query, &pointed.file, caller).await?;
        // Somebody may claim the name meanwhile: then it has no tags of an upstream.
        let origin = Origin::Mirrored { upstream: upstream.name.clone() };
        let bind = Write::BindName { key, origin, at: now };
        let put = put_tag(query, tag, &pointed.file, now, caller, policy.tags);
        let events = kept.map(|row| {
            let message = format!(
                "tag {tag} of {} points to {} now, and pointed to {} before; it was moved upstream",
                query.package, pointed.file, row.file
            );
            self.moved_event(query, tag, &pointed.file, Some(&row.file), caller, message)
        });
        self.commit_tag(vec![bind, put], events.into_iter().collect(), query).await;
        Ok(pointed)
    }

    /// A tag for signatures points there now. It moves with each signature that is added, also where
    /// tags of images may not.
    pub(crate) async fn keep_tag_for_signatures(
        &self,
        query: &Query,
        tag: &Tag,
        file: &FileName,
    ) -> Result<(), Problem> {
        let row = self.inner.metadata.tag(&query.key(), tag).await;
        if row.map_err(|error| store_problem(&error))?.is_none_or(|row| row.file != *file) {
            let caller = Caller::system();
            let put = put_tag(query, tag, file, self.now(), &caller, TagRule::Movable);
            self.commit_tag(vec![put], Vec::new(), query).await;
        }
        Ok(())
    }

    /// Whether the last that was told of an immutable tag is that it was moved there: it is asked
    /// for again and again.
    async fn was_told_of_move(
        &self,
        key: &PackageKey,
        tag: &Tag,
        moved_to: &FileName,
    ) -> Result<bool, Problem> {
        /// A package has a handful of immutable tags that were moved, if any.
        const EARLIER_EVENTS_LIMIT: u32 = 100;
        let filter = EventFilter {
            kinds: vec![EventKind::ImmutableTagMoved],
            repository: Some(key.repository.clone()),
            ecosystem: Some(key.ecosystem.to_string()),
            package: Some(key.package.clone()),
            limit: EARLIER_EVENTS_LIMIT,
            newest_first: true,
            ..EventFilter::default()
        };
        let events = self.inner.metadata.events(&filter).await;
        let events = events.map_err(|error| store_problem(&error))?;
        let of_tag = events.iter().map(|event| &event.event.detail).filter(|detail| {
            detail.text("tag") == Some(tag.as_str()) && detail.text("moved_to").is_some()
        });
        let last = of_tag.map(|detail| detail.text("moved_to")).next();
        Ok(last.flatten() == Some(moved_to.as_str()))
    }

    /// Keeping what an upstream says of a tag is a convenience: a full disk must not stop reading.
    async fn commit_tag(&self, writes: Vec<Write>, events: Vec<NewEvent>, query: &Query) {
        let moves = writes.iter().any(|write| matches!(write, Write::PutTag { .. }));
        match self.inner.metadata.commit(writes, events).await {
            // Gone or claimed meanwhile: it is asked for again.
            Ok(_)
            | Err(
                StoreError::Missing { .. }
                | StoreError::TagTaken { .. }
                | StoreError::OriginBound { .. },
            ) => {}
            Err(error) => {
                tracing::error!(%error, package = %query.package, "a tag could not be kept");
            }
        }
        if moves {
            self.package_changed(query.ecosystem.id(), &query.package);
        }
    }

    /// That a tag was moved.
    pub(crate) fn moved_event(
        &self,
        query: &Query,
        tag: &Tag,
        file: &FileName,
        before: Option<&FileName>,
        caller: &Caller,
        message: String,
    ) -> NewEvent {
        let mut event = self.package_event(EventKind::TagMoved, caller, &query.key(), message);
        event.file = Some(file.clone());
        event.detail.set_text("tag", tag.as_str());
        if let Some(before) = before {
            event.detail.set_text("before", before.as_str());
        }
        event
    }

    /// The first of the tags that are kept here behind `after`, as far as the client means them.
    pub(crate) async fn kept_tags(
        &self,
        query: &Query,
        bound: Option<&Origin>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Tag>, Problem> {
        if !self.is_meant(query, bound).await? {
            return Ok(Vec::new());
        }
        let tags = self.inner.metadata.tags(&query.key(), after, limit).await;
        Ok(tags.map_err(|error| store_problem(&error))?.into_iter().map(|row| row.tag).collect())
    }

    /// A part of a package's tags: those kept here and those that its upstream lists.
    pub(crate) async fn render_tags(
        &self,
        authorized: &Authorized<Operation>,
        package: &PackageName,
        page: &Page,
    ) -> Result<(Document, Timestamp, Option<Stale>), Problem> {
        let query = authorized.query(package);
        let key = query.key();
        let limit = page.limit.unwrap_or(TAGS_LIMIT).min(TAGS_LIMIT);
        let after = page.after.as_deref();
        let row = self.inner.metadata.package(&key).await.map_err(|error| store_problem(&error))?;
        let bound = bound_origin(query.owns(), row.as_ref());
        let is_here = bound == Some(Origin::Published);
        let take = if is_here { limit + 1 } else { u32::MAX };
        let mut tags = self.kept_tags(&query, bound.as_ref(), after, take).await?;
        let mut fresh_until = Timestamp::from_microseconds(i64::MAX);
        let mut stale = None;
        if is_here {
            if row.is_none_or(|row| row.origin.is_none()) && tags.is_empty() {
                return Err(no_package(&query));
            }
        } else {
            let resolution = self.resolve(&query).await?;
            if !resolution.is_known {
                return Err(no_package(&query));
            }
            tags.extend(
                resolution.tags.into_iter().filter(|tag| {
                    after.is_none_or(|after| Tag::compare(tag.as_str(), after).is_gt())
                }),
            );
            tags.sort_by(|a, b| Tag::compare(a.as_str(), b.as_str()));
            tags.dedup();
            (fresh_until, stale) = (resolution.fresh_until, resolution.stale);
        }
        let limit_tags = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = tags.len() > limit_tags;
        tags.truncate(limit_tags);
        let view = TagsView {
            repository: query.repository.repository.name.clone(),
            package: package.clone(),
            more: (has_more && limit > 0).then_some(limit),
            tags,
        };
        let document = authorized.ecosystem.render(&View::Tags(&view), Rendition(0));
        Ok((document, fresh_until, stale))
    }
}

/// Most tags in one page.
const TAGS_LIMIT: u32 = 10_000;

/// Whether it is an upstream's failure, and not ours or policy.
fn is_upstreams(code: ProblemCode) -> bool {
    matches!(code, ProblemCode::UpstreamFailed | ProblemCode::UpstreamTimeout)
}

/// Whether an upstream has no answer to HEAD, and may have one to GET (RFC 9110, sections 15.5.6
/// and 15.6.2).
fn is_for_other_methods(error: &FetchError) -> bool {
    matches!(error.class(), Class::Status(405 | 501))
}

enum Answered {
    Missing,
    Digest(Digest),
    Unsaid,
}

/// Points a tag to a file that an upstream says it points to.
fn put_tag(
    query: &Query,
    tag: &Tag,
    file: &FileName,
    at: Timestamp,
    caller: &Caller,
    rule: TagRule,
) -> Write {
    Write::PutTag {
        key: query.key(),
        tag: tag.clone(),
        file: file.clone(),
        at,
        actor: caller.actor().to_string(),
        checked_at: Some(at),
        rule,
    }
}

fn no_such(query: &Query, tag: &Tag) -> Problem {
    Problem::not_found(format!("no tag {tag} of {}", query.package))
}

fn no_package(query: &Query) -> Problem {
    Problem::not_found(format!("no package {} here, nor at any upstream", query.package))
}
