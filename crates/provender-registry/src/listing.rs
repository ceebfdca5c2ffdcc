//! What upstreams say of packages: kept, revalidated, served stale where an upstream fails.

use std::collections::HashMap;
use std::sync::Arc;

use provender_domain::{
    EventKind, File, FileState, KeptFile, Listing, NewEvent, Origin, Problem, ProblemCode,
    Timestamp, Upstream, UpstreamName, Yank,
};
use provender_ecosystem::{Ecosystem, UpstreamDocument, UpstreamRequest};
use provender_store::{ListingOutcome, PackageKey, StoredListing, Write};
use provender_upstream::{Document, FlightError, Page, Remote, SingleFlight, Validators, Wanted};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::error::store_problem;
use crate::remote::is_nothing_for_nobody;
use crate::resolve::Query;
use crate::{Caller, Registry};

/// What one upstream says of one package.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// `None`: the upstream has no such package.
    pub(crate) listing: Option<Arc<Listing>>,
    /// When the upstream last said so.
    pub(crate) fetched_at: Timestamp,
    /// Set while the upstream fails: until when this is served without asking again.
    pub(crate) stale_until: Option<Timestamp>,
    validators: Validators,
}

/// What a listing is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ListingKey {
    package: PackageKey,
    upstream: UpstreamName,
    /// Another upstream may come to have the name of one that was removed.
    base: String,
}

#[derive(Clone)]
struct ByFiles;

impl Weighter<ListingKey, Listed> for ByFiles {
    fn weight(&self, _: &ListingKey, listed: &Listed) -> u64 {
        let entries = |listing: &Arc<Listing>| listing.files.len() + listing.tags.len();
        1 + listed.listing.as_ref().map_or(0, entries) as u64
    }
}

/// A package lists some dozens of files; only sizes the cache's tables.
const EXPECTED_ENTRIES: usize = 1_000;

/// Listings in memory, and those being fetched.
pub(crate) struct Listings {
    cache: Cache<ListingKey, Listed, ByFiles>,
    flights: SingleFlight<ListingKey, Listed, Problem>,
}

impl Listings {
    pub(crate) fn new(capacity_files: u64) -> Self {
        Self {
            cache: Cache::with_weighter(EXPECTED_ENTRIES, capacity_files, ByFiles),
            flights: SingleFlight::new(),
        }
    }
}

/// Everything that asking one upstream about one package takes.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) key: PackageKey,
    pub(crate) upstream: Arc<Upstream>,
    pub(crate) ecosystem: Arc<dyn Ecosystem>,
    pub(crate) remote: Remote,
}

impl Question {
    fn listing_key(&self) -> ListingKey {
        ListingKey {
            package: self.key.clone(),
            upstream: self.upstream.name.clone(),
            base: self.remote.base().to_string(),
        }
    }
}

impl Registry {
    /// What a remote upstream says of a package: from memory or the database while it is fresh,
    /// else asked for; stale where asking fails. A failure without anything kept is a problem,
    /// never "there is no such package".
    pub(crate) async fn listing(&self, question: Question) -> Result<Listed, Problem> {
        let key = question.listing_key();
        if let Some(listed) = self.inner.listings.cache.get(&key)
            && self.is_fresh(&listed)
        {
            return Ok(listed);
        }
        let registry = self.clone();
        let flight = self.inner.listings.flights.run(key, move || async move {
            let listed = registry.load_or_fetch(&question).await?;
            registry.inner.listings.cache.insert(question.listing_key(), listed.clone());
            Ok(listed)
        });
        flight.await.map_err(|error| shared_problem(&error))
    }

    /// Until when a listing may be used without asking.
    pub(crate) fn fresh_until(&self, listed: &Listed) -> Timestamp {
        let tuning = &self.inner.tuning;
        let lifetime =
            if listed.listing.is_some() { tuning.listing_fresh } else { tuning.missing_fresh };
        let fresh_until = listed.fetched_at.plus(lifetime);
        listed.stale_until.map_or(fresh_until, |stale_until| stale_until.max(fresh_until))
    }

    /// What was heard later than now was heard by a clock that was ahead.
    fn is_fresh(&self, listed: &Listed) -> bool {
        let now = self.now();
        listed.fetched_at <= now && now < self.fresh_until(listed)
    }

    async fn load_or_fetch(&self, question: &Question) -> Result<Listed, Problem> {
        let stored = self
            .inner
            .metadata
            .listing(&question.key, &question.upstream.name)
            .await
            .map_err(|error| store_problem(&error))?
            .map(Listed::from_stored);
        match stored {
            Some(listed) if self.is_fresh(&listed) => Ok(listed),
            stored => self.fetch_listing(question, stored).await,
        }
    }

    async fn fetch_listing(
        &self,
        question: &Question,
        stored: Option<Listed>,
    ) -> Result<Listed, Problem> {
        match self.ask(question, stored.as_ref()).await {
            Ok(listed) => Ok(listed),
            Err(problem) if problem.code == ProblemCode::Internal => Err(problem),
            Err(problem) => {
                let mut stale = stored.filter(|listed| listed.listing.is_some()).ok_or(problem)?;
                stale.stale_until = Some(self.now().plus(self.inner.tuning.stale_retry));
                Ok(stale)
            }
        }
    }

    async fn ask(&self, question: &Question, stored: Option<&Listed>) -> Result<Listed, Problem> {
        let document = self.ask_upstream(question, stored).await?;
        let now = self.now();
        match (document, stored) {
            (Document::NotModified, Some(stored)) => {
                self.touch_listing(question, now).await;
                Ok(Listed { fetched_at: now, stale_until: None, ..stored.clone() })
            }
            (Document::Modified(page), _) => self.take_page(question, stored, *page, now).await,
            (Document::Missing { .. } | Document::NotModified, _) => {
                let listed = Listed::missing(now);
                self.keep_last_yanks(question, stored, &listed).await?;
                // Of names that nobody ever had nothing is kept: there is no end of them.
                if stored.is_some() {
                    self.put_listing(question, &listed, Vec::new()).await;
                }
                Ok(listed)
            }
        }
    }

    async fn ask_upstream(
        &self,
        question: &Question,
        stored: Option<&Listed>,
    ) -> Result<Document, Problem> {
        let Question { key, ecosystem, remote, .. } = question;
        let request = ecosystem.upstream_index(remote.base(), &key.package);
        self.ask_for(question, &request, stored.and_then(Listed::usable_validators)).await
    }

    async fn ask_for(
        &self,
        question: &Question,
        request: &UpstreamRequest,
        validators: Option<&Validators>,
    ) -> Result<Document, Problem> {
        let Question { upstream, remote, .. } = question;
        let limit = self.inner.tuning.document_limit_bytes;
        let client = &self.inner.remotes.client;
        let access = request.access.as_deref();
        let wanted = Wanted { accept: request.accept, fields: &[LINK], realm_key: access };
        let answer = client.document(remote, &request.url, wanted, validators, limit).await;
        match answer {
            Ok(document) => {
                self.upstream_answered(upstream);
                Ok(document)
            }
            Err(error) if is_nothing_for_nobody(upstream, access, &error) => {
                self.upstream_answered(upstream);
                Ok(Document::Missing { status: 401 })
            }
            Err(error) => Err(self.upstream_failed(upstream, &question.key.package, &error)),
        }
    }

    async fn parsed(&self, question: &Question, page: Page) -> Result<Listing, Problem> {
        parse_page(question, page).await.inspect_err(|problem| {
            self.upstream_sent_nonsense(&question.upstream, problem);
        })
    }

    async fn take_page(
        &self,
        question: &Question,
        stored: Option<&Listed>,
        page: Page,
        now: Timestamp,
    ) -> Result<Listed, Problem> {
        let mut validators = page.validators.clone();
        let mut next = next_page(question.ecosystem.as_ref(), &page);
        if next.is_some() {
            // That its first page is the same says nothing of the others.
            validators = Validators::default();
        }
        let mut listing = self.parsed(question, page).await?;
        let mut pages = 1;
        while let Some(request) = next.take().filter(|_| pages < PAGES_LIMIT) {
            let Document::Modified(page) = self.ask_for(question, &request, None).await? else {
                break;
            };
            next = next_page(question.ecosystem.as_ref(), &page);
            let more = self.parsed(question, *page).await?;
            let is_empty = more.files.is_empty() && more.tags.is_empty();
            listing.files.extend(more.files);
            listing.tags.extend(more.tags);
            pages += 1;
            if is_empty {
                break;
            }
        }
        let listed = Listed {
            listing: Some(Arc::new(listing)),
            fetched_at: now,
            stale_until: None,
            validators,
        };
        let events = self.changed_files(question, stored, &listed).await?;
        self.close_withheld(question, stored, &listed).await?;
        self.keep_last_yanks(question, stored, &listed).await?;
        self.put_listing(question, &listed, events).await;
        Ok(listed)
    }

    /// Keeps what an upstream said last of files that it lists no more: a yank must not end because
    /// the file, or its whole package, was taken away.
    async fn keep_last_yanks(
        &self,
        question: &Question,
        stored: Option<&Listed>,
        fresh: &Listed,
    ) -> Result<(), Problem> {
        let yanks = last_yanks(stored, fresh);
        if yanks.is_empty() {
            return Ok(());
        }
        let _gate = self.inner.changes_gate.lock().await;
        let kept = self.inner.metadata.files(&question.key).await;
        let kept = kept.map_err(|error| store_problem(&error))?.into_iter();
        let writes = kept.filter(|kept| kept.file.yank.is_none()).filter_map(|mut file| {
            let yank = yanks.get(file.file.name.as_str())?;
            file.file.yank = Some(Yank::clone(yank));
            Some(Write::UpdateFile { key: question.key.clone(), file })
        });
        let outcome = self.inner.metadata.commit(writes.collect(), Vec::new()).await;
        self.package_changed(question.key.ecosystem, &question.key.package);
        outcome.map(drop).map_err(|error| store_problem(&error))
    }

    /// Closes what is kept of a package that its upstream withholds since it was asked last, as
    /// somebody there suspects it. An administrator may let it out again, file by file.
    async fn close_withheld(
        &self,
        question: &Question,
        stored: Option<&Listed>,
        fresh: &Listed,
    ) -> Result<(), Problem> {
        let withheld = |listed: &Listed| {
            let listing = listed.listing.as_deref()?;
            question.ecosystem.withheld(&listing.attributes)
        };
        let Some(reason) = withheld(fresh).filter(|_| stored.and_then(withheld).is_none()) else {
            return Ok(());
        };
        let Question { key, upstream, .. } = question;
        let reason = format!("upstream {} withholds it: {reason}", upstream.name);
        let origin = Origin::Mirrored { upstream: upstream.name.clone() };
        let _gate = self.inner.changes_gate.lock().await;
        // Whoever records a file of it next sees what is withheld.
        let _alone = self.inner.garbage_gate.write().await;
        self.inner.listings.cache.insert(question.listing_key(), fresh.clone());
        let kept = self.inner.metadata.files(key).await.map_err(|error| store_problem(&error))?;
        let open = |kept: &KeptFile| kept.state == FileState::Present && kept.origin == origin;
        let closed = kept.into_iter().filter(open).map(|kept| {
            let (state, state_reason) = (FileState::Quarantined, Some(reason.clone()));
            Write::UpdateFile { key: key.clone(), file: KeptFile { state, state_reason, ..kept } }
        });
        let closed: Vec<Write> = closed.collect();
        let message = match closed.len() {
            0 => format!("nothing of {} is served: {reason}", key.package),
            files => format!("{files} files of {} were put into quarantine: {reason}", key.package),
        };
        let kind = EventKind::UpstreamQuarantined;
        let mut event = self.package_event(kind, &Caller::system(), key, message);
        event.detail.set_text("upstream", upstream.name.as_str());
        let outcome = self.inner.metadata.commit_from_room(closed, vec![event]).await;
        self.package_changed(key.ecosystem, &key.package);
        outcome.map(drop).map_err(|error| store_problem(&error))
    }

    /// Why an upstream withholds a package, as far as it has been heard.
    pub(crate) fn withheld_by_now(
        &self,
        query: &Query,
        upstream: &Arc<Upstream>,
    ) -> Result<Option<String>, Problem> {
        let Some(remote) = self.remote_of(upstream)? else { return Ok(None) };
        let (key, ecosystem) = (query.key(), query.ecosystem.clone());
        let question = Question { key, upstream: upstream.clone(), ecosystem, remote };
        let listed = self.inner.listings.cache.get(&question.listing_key());
        let listing = listed.and_then(|listed| listed.listing);
        Ok(listing.and_then(|listing| query.ecosystem.withheld(&listing.attributes)))
    }

    async fn put_listing(&self, question: &Question, listed: &Listed, events: Vec<NewEvent>) {
        let write = Write::PutListing {
            key: question.key.clone(),
            upstream: question.upstream.name.clone(),
            listing: listed.to_stored(),
        };
        self.commit_listing(question, write, events).await;
    }

    async fn touch_listing(&self, question: &Question, fetched_at: Timestamp) {
        let write = Write::TouchListing {
            key: question.key.clone(),
            upstream: question.upstream.name.clone(),
            fetched_at,
        };
        self.commit_listing(question, write, Vec::new()).await;
    }

    /// Keeping a listing is a convenience: a full disk must not stop reading.
    async fn commit_listing(&self, question: &Question, write: Write, events: Vec<NewEvent>) {
        if let Err(error) = self.inner.metadata.commit(vec![write], events).await {
            let package = &question.key.package;
            tracing::error!(%error, %package, "an upstream's index could not be kept");
        }
    }

    /// Red flags for files of which the upstream now promises other bytes than it did, or than
    /// those that are kept. A promise that was there the last time has been told of already.
    async fn changed_files(
        &self,
        question: &Question,
        stored: Option<&Listed>,
        fresh: &Listed,
    ) -> Result<Vec<NewEvent>, Problem> {
        let kept = self.inner.metadata.files(&question.key).await;
        let kept = kept.map_err(|error| store_problem(&error))?;
        let before = stored.and_then(|listed| listed.listing.as_deref());
        let promised: HashMap<&str, &File> =
            before.map(|listing| by_name(&listing.files)).unwrap_or_default();
        let kept_files: HashMap<&str, &KeptFile> =
            kept.iter().map(|kept| (kept.file.name.as_str(), kept)).collect();
        let listed = fresh.listing.as_deref().map(|listing| &listing.files[..]).unwrap_or_default();
        let mut events = Vec::new();
        for file in listed {
            let promised = promised.get(file.name.as_str());
            let kept = kept_files.get(file.name.as_str()).copied();
            if promised.is_some_and(|promised| promised.digests == file.digests) {
                continue;
            }
            let is_changed = promised.is_some_and(|promised| contradict(promised, file))
                || kept.is_some_and(|kept| contradict(&kept.file, file));
            if is_changed {
                events.push(self.changed_event(question, file, kept));
            }
        }
        Ok(events)
    }

    fn changed_event(&self, question: &Question, file: &File, kept: Option<&KeptFile>) -> NewEvent {
        let upstream = &question.upstream.name;
        let consequence = match kept {
            Some(_) => "the bytes kept here stay as they are",
            None => "it was not kept here before",
        };
        let message = format!(
            "upstream {upstream} now promises other bytes for {}; {consequence}",
            file.name
        );
        let mut event = self.package_event(
            EventKind::UpstreamChanged,
            &Caller::system(),
            &question.key,
            message,
        );
        event.file = Some(file.name.clone());
        event.version.clone_from(&file.version);
        event.detail.set_text("upstream", upstream.as_str());
        if let Some(digest) = file.digests.first() {
            event.detail.set_text("promised", digest.to_string());
        }
        if let Some(kept) = kept {
            event.detail.set_text("kept", kept.blob.digest().to_string());
        }
        event
    }
}

/// The field in which lists say where they go on (RFC 8288).
pub(crate) const LINK: &str = "link";
/// Most pages of one list that are read: registries give a hundred entries or a thousand in each.
const PAGES_LIMIT: usize = 200;

/// The request for the page behind this one, if there is one.
pub(crate) fn next_page(ecosystem: &dyn Ecosystem, page: &Page) -> Option<UpstreamRequest> {
    let link = page.fields.first(LINK)?.to_owned();
    ecosystem.upstream_next(&UpstreamDocument {
        url: page.final_url.clone(),
        content_type: None,
        body: Vec::new(),
        link: Some(link),
    })
}

/// Documents up to this size are parsed where they arrive; larger ones off the threads that serve.
const PARSE_INLINE_BYTES: usize = 64 << 10;

async fn parse_page(question: &Question, page: Page) -> Result<Listing, Problem> {
    let ecosystem = question.ecosystem.clone();
    let package = question.key.package.clone();
    let is_small = page.body.len() <= PARSE_INLINE_BYTES;
    let document = UpstreamDocument {
        link: None,
        url: page.final_url,
        content_type: page.content_type,
        body: page.body.into(),
    };
    let parse = move || ecosystem.read_upstream_index(&package, &document);
    let parsed = match is_small {
        true => parse(),
        false => {
            tokio::task::spawn_blocking(parse).await.map_err(|error| Problem::internal(&error))?
        }
    };
    parsed.map_err(|error| {
        let message =
            format!("upstream {} sent an index that makes no sense", question.upstream.name);
        Problem::new(ProblemCode::UpstreamFailed, message).because(&error)
    })
}

/// The yanks of files that are listed no more.
fn last_yanks<'a>(stored: Option<&'a Listed>, fresh: &Listed) -> HashMap<&'a str, &'a Yank> {
    let before = stored.and_then(|listed| listed.listing.as_deref());
    let before = before.map(|listing| &listing.files[..]).unwrap_or_default();
    let mut yanks: HashMap<&str, &Yank> =
        before.iter().filter_map(|file| Some((file.name.as_str(), file.yank.as_ref()?))).collect();
    for file in fresh.listing.iter().flat_map(|listing| &listing.files) {
        yanks.remove(file.name.as_str());
    }
    yanks
}

fn by_name(files: &[File]) -> HashMap<&str, &File> {
    files.iter().map(|file| (file.name.as_str(), file)).collect()
}

/// Whether two promises of one file cannot both be true.
fn contradict(old: &File, new: &File) -> bool {
    old.digests.iter().any(|digest| {
        new.digests.iter().any(|other| other.algorithm() == digest.algorithm() && other != digest)
    })
}

/// The problem of a shared piece of work, for each who waited for it.
pub(crate) fn shared_problem(error: &FlightError<Problem>) -> Problem {
    match error {
        FlightError::Failed(problem) => Problem::clone(problem),
        FlightError::Lost => Problem::internal(error),
    }
}

impl Listed {
    fn missing(fetched_at: Timestamp) -> Self {
        Self { listing: None, fetched_at, stale_until: None, validators: Validators::default() }
    }

    /// What to ask with, where there is something that an answer "not modified" could mean.
    fn usable_validators(&self) -> Option<&Validators> {
        (self.listing.is_some() && self.validators != Validators::default())
            .then_some(&self.validators)
    }

    fn from_stored(stored: StoredListing) -> Self {
        let listing = match stored.outcome {
            ListingOutcome::Found(listing) => Some(Arc::new(listing)),
            ListingOutcome::Missing => None,
        };
        let validators = Validators { etag: stored.etag, last_modified: stored.last_modified };
        Self { listing, fetched_at: stored.fetched_at, stale_until: None, validators }
    }

    fn to_stored(&self) -> StoredListing {
        let outcome = match &self.listing {
            Some(listing) => ListingOutcome::Found(Listing::clone(listing)),
            None => ListingOutcome::Missing,
        };
        let Validators { etag, last_modified } = self.validators.clone();
        StoredListing { outcome, etag, last_modified, fetched_at: self.fetched_at }
    }
}
