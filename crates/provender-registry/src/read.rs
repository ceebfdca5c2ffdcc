//! Out: indexes and files.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use provender_domain::{
    BlobId, Facts, FileName, FileState, KeptFile, Origin, PackageName, Problem, ProblemCode,
    Timestamp, UpstreamTarget, Verdict,
};
use provender_ecosystem::{Delivery, Document, Operation, Rendition, Subject, View};
use provender_store::OpenBlob;

use crate::access::Authorized;
use crate::cache::{IndexKey, RenderedIndex, Stale, Stamp, Truth, Wanted};
use crate::decide::{decide, refusal, refused_behind};
use crate::error::{blob_problem, store_problem};
use crate::head::{Extent, FileHead};
use crate::mirror::Errand;
use crate::referrers::Asked;
use crate::resolve::{Entry, Query};
use crate::signature::Covered;
use crate::stream::FileStream;
use crate::{Caller, Registry};

/// What a read returns.
pub enum Answer {
    /// A rendered index; how long it is the answer for everybody, where everybody may have it and
    /// it was in memory.
    Index(Arc<RenderedIndex>, Option<Truth>),
    /// A file.
    File(FileAnswer),
    /// A file that is still being fetched.
    Stream(FileStream),
    /// The head of a file that is not kept, or not to be had yet, for who asks for no more.
    Head(FileHead),
    /// The same thing under its one right name.
    Redirect {
        /// Relative to the request's URL.
        location: String,
    },
}

/// A file, open.
#[derive(Debug)]
pub struct FileAnswer {
    /// Its SHA-256.
    pub blob: BlobId,
    /// Its size.
    pub size_bytes: u64,
    /// Its bytes.
    pub open: OpenBlob,
    /// Its name.
    pub name: FileName,
    /// Never a type that a browser would run.
    pub content_type: Cow<'static, str>,
    /// Further header fields, names in lower case.
    pub fields: Vec<(&'static str, String)>,
    /// Where it came from.
    pub origin: Origin,
    /// The bytes that evidence is about: its own, or those of the file that it accompanies, where
    /// they are kept.
    pub evidence: Option<BlobId>,
    /// Whether it can have no other bytes: it is kept, or stands beside a file that is, or an index
    /// promises its digest, to which the file is held when it comes.
    pub is_settled: bool,
}

/// Largest file that is kept in memory, in bytes; ecosystems take no larger ones of that kind.
pub(crate) const DOCUMENT_LIMIT_BYTES: u64 = 16 << 20;

impl Registry {
    /// Carries out a reading operation.
    pub async fn read(&self, authorized: Authorized<Operation>) -> Result<Answer, Problem> {
        let sought = self.sought(&authorized);
        let refused = match self.find(&authorized).await {
            Err(problem) => problem,
            found => return found,
        };
        match (refused.code, sought) {
            (ProblemCode::NotFound, Some(package)) => {
                Err(self.unless_sought(&authorized.query(package), refused).await)
            }
            // Boxed: it is seldom, and every request has room for its future.
            (ProblemCode::PolicyDenied, _) if authorized.extent == Extent::Head => {
                Box::pin(self.unless_publisher(&authorized, refused)).await
            }
            _ => Err(refused),
        }
    }

    async fn find(&self, authorized: &Authorized<Operation>) -> Result<Answer, Problem> {
        match &authorized.operation {
            Operation::Index { subject, rendition } => {
                let (subject, rendition) = (subject.clone(), *rendition);
                let wanted = Wanted::Index { subject, rendition };
                self.ready(authorized, wanted).await
            }
            Operation::Tagged { package, tag } => {
                let wanted = Wanted::Tagged { package: package.clone(), tag: tag.clone() };
                self.ready(authorized, wanted).await
            }
            Operation::File { package, file, companion } => {
                let (package, file, companion) = (package.clone(), file.clone(), *companion);
                if companion.is_none()
                    && authorized.ecosystem.delivery(&file) == Delivery::FromMemory
                {
                    if authorized.extent == Extent::Head {
                        let query = authorized.query(&package);
                        let caller = &authorized.caller;
                        Box::pin(self.keep_for_publisher(&query, &file, caller)).await;
                    }
                    let wanted = Wanted::Document { package, file };
                    return self.ready(authorized, wanted).await;
                }
                let authorized = self.renewed(authorized);
                self.file(&authorized, package, file, companion).await
            }
            Operation::Redirect { location } => Ok(Answer::Redirect { location: location.clone() }),
            Operation::Publish { .. } | Operation::Upload { .. } | Operation::Change { .. } => {
                let message = "this operation changes something and is not a read";
                Err(Problem::new(ProblemCode::MethodNotAllowed, message))
            }
        }
    }

    /// From memory while it is true, else made once however many wait for it.
    async fn ready(
        &self,
        authorized: &Authorized<Operation>,
        wanted: Wanted,
    ) -> Result<Answer, Problem> {
        let key = IndexKey {
            repository: authorized.repository.repository.name.clone(),
            ecosystem: authorized.ecosystem.id(),
            wanted,
            host: authorized.wanted_host.clone(),
        };
        if let Some((rendered, truth)) = self.inner.index_cache.find(&key, self.now()) {
            let is_for_all = authorized.is_for_all() && truth.is_under(authorized.settings);
            return Ok(Answer::Index(rendered, is_for_all.then_some(truth)));
        }
        // Both taken before anything is looked up, the counters first, so that a change of files or
        // of settings meanwhile is noticed.
        let stamp = self.inner.index_cache.stamp(&key);
        let (registry, authorized) = (self.clone(), self.renewed(authorized));
        let flight = self.inner.index_flights.run((key.clone(), stamp), move || async move {
            registry.render(&authorized, key, stamp).await
        });
        match flight.await {
            Ok(rendered) => Ok(Answer::Index(rendered, None)),
            Err(error) => Err(crate::listing::shared_problem(&error)),
        }
    }

    /// Whether an answer that was read with this is what a stranger who asks the same now would
    /// get: no setting changed, nor the package, nor has the time come to look again.
    pub fn is_still_true(&self, truth: &Truth) -> bool {
        self.inner.index_cache.holds(truth, self.now())
    }

    /// A file for bytes that are to be sent again and again: without a name, in the data
    /// directory, gone when it is closed.
    pub fn unnamed_file(&self) -> io::Result<File> {
        self.inner.blobs.unnamed_file()
    }

    /// The same operation with its repository's present settings.
    pub(crate) fn renewed(&self, authorized: &Authorized<Operation>) -> Authorized<Operation> {
        let name = &authorized.repository.repository.name;
        let repository = self.state().repository(name.as_str()).cloned();
        let repository = repository.unwrap_or_else(|| authorized.repository.clone());
        Authorized { repository, ..authorized.clone() }
    }

    async fn render(
        &self,
        authorized: &Authorized<Operation>,
        key: IndexKey,
        stamp: Stamp,
    ) -> Result<Arc<RenderedIndex>, Problem> {
        let (rendered, fresh_until) = match &key.wanted {
            Wanted::Index { subject, rendition } => {
                let (document, fresh_until, stale) =
                    self.render_index(authorized, subject, *rendition).await?;
                (RenderedIndex::new(document, stale), fresh_until)
            }
            Wanted::Tagged { package, tag } => {
                let query = authorized.query(package);
                let pointed = self.pointed(&query, tag, &authorized.caller).await?;
                let document = self.document(&query, &pointed.file, &authorized.caller).await?;
                (document.marked(pointed.stale), pointed.fresh_until)
            }
            Wanted::Document { package, file } => {
                let query = authorized.query(package);
                let document = self.document(&query, file, &authorized.caller).await?;
                (document, Timestamp::from_microseconds(i64::MAX))
            }
        };
        let rendered = Arc::new(rendered);
        self.inner.index_cache.keep(key, rendered.clone(), stamp, fresh_until);
        Ok(rendered)
    }

    async fn render_index(
        &self,
        authorized: &Authorized<Operation>,
        subject: &Subject,
        rendition: Rendition,
    ) -> Result<(Document, Timestamp, Option<Stale>), Problem> {
        match subject {
            Subject::Catalogue => self.render_catalogue(authorized, rendition).await,
            Subject::Package(package) => self.render_package(authorized, package, rendition).await,
            Subject::Tags { package, page } => self.render_tags(authorized, package, page).await,
            Subject::Referrers { package, of, kind, after } => {
                let asked = Asked { of, kind: kind.as_deref(), after: after.as_ref() };
                self.render_referrers(authorized, package, asked).await
            }
        }
    }

    /// A small kept file, whole.
    async fn document(
        &self,
        query: &Query,
        name: &FileName,
        caller: &Caller,
    ) -> Result<RenderedIndex, Problem> {
        let kept = self.kept_file(query, name, caller).await?;
        let bytes = self.inner.blobs.read(&kept.blob, DOCUMENT_LIMIT_BYTES).await;
        let bytes = bytes.map_err(|error| blob_problem(&error))?;
        let bytes = bytes.ok_or_else(|| bytes_are_missing(&kept))?;
        Ok(RenderedIndex::of_file(query.ecosystem.presentation(&kept.file), kept.blob, bytes))
    }

    async fn render_catalogue(
        &self,
        authorized: &Authorized<Operation>,
        rendition: Rendition,
    ) -> Result<(Document, Timestamp, Option<Stale>), Problem> {
        let repository = &authorized.repository.repository.name;
        let packages = self.inner.metadata.packages(repository, authorized.ecosystem.id()).await;
        let packages = packages.map_err(|error| store_problem(&error))?;
        let names: Vec<PackageName> = packages.into_iter().map(|package| package.name).collect();
        let document = authorized.ecosystem.render(&View::Catalogue(&names), rendition);
        Ok((document, Timestamp::from_microseconds(i64::MAX), None))
    }

    async fn render_package(
        &self,
        authorized: &Authorized<Operation>,
        package: &PackageName,
        rendition: Rendition,
    ) -> Result<(Document, Timestamp, Option<Stale>), Problem> {
        let resolution = self.resolve_to_list(&authorized.query(package)).await?;
        if !resolution.is_known {
            let message = match resolution.is_exclusive {
                true => format!("nothing is published under {package}, a name owned here"),
                false => format!("no package {package} here, nor at any upstream"),
            };
            return Err(Problem::not_found(message));
        }
        let (fresh_until, stale) = (resolution.fresh_until, resolution.stale.clone());
        let ecosystem = authorized.ecosystem.clone();
        let repository = &authorized.repository.repository.name;
        let root = format!("{}/{repository}/{}/", self.inner.origin, ecosystem.id());
        let view = resolution.into_view(package.clone(), root);
        let render = move || ecosystem.render(&View::Package(&view), rendition);
        let document = tokio::task::spawn_blocking(render).await;
        Ok((document.map_err(|error| Problem::internal(&error))?, fresh_until, stale))
    }

    async fn file(
        &self,
        authorized: &Authorized<Operation>,
        package: PackageName,
        name: FileName,
        companion: Option<&'static str>,
    ) -> Result<Answer, Problem> {
        let query = authorized.query(&package);
        let caller = &authorized.caller;
        match companion {
            None if query.ecosystem.delivery(&name) == Delivery::WhileFetched => {
                // Boxed: it is large, and every request has room for its future.
                Box::pin(self.layer(&query, &name, caller, authorized.extent)).await
            }
            None => {
                let kept = self.kept_file(&query, &name, caller).await?;
                self.open_kept(&query, &kept).await.map(Answer::File)
            }
            Some(kind) => self.companion_answer(&query, name, kind, caller).await.map(Answer::File),
        }
    }

    /// A file that clients may get while it is fetched.
    async fn layer(
        &self,
        query: &Query,
        name: &FileName,
        caller: &Caller,
        extent: Extent,
    ) -> Result<Answer, Problem> {
        self.keep_for_publisher(query, name, caller).await;
        self.file_or_stream(query, name, caller, extent).await
    }

    /// The kept file, brought in first where an upstream lists it: what policy lets through.
    pub(crate) async fn kept_file(
        &self,
        query: &Query,
        name: &FileName,
        caller: &Caller,
    ) -> Result<Arc<KeptFile>, Problem> {
        if let Some(kept) = self.kept_and_served(query, name).await? {
            return Ok(kept);
        }
        if query.ecosystem.digest_of_file(name).is_some() {
            return self.bring_in_by_digest(query, name, caller).await;
        }
        let entry = self.listed_entry(query, name).await?;
        match Errand::new(query, entry, caller) {
            Some(errand) => {
                self.mirror(errand).await?;
                // Only now is known who signed it, and whether it was closed meanwhile.
                let kept = self.kept_and_served(query, name).await?;
                kept.ok_or_else(|| no_such_file(query, name))
            }
            None => Err(no_such_file(query, name)),
        }
    }

    /// What [`Registry::kept_and_served`] remembers.
    pub(crate) async fn find_kept_and_served(
        &self,
        query: &Query,
        name: &FileName,
    ) -> Result<Option<KeptFile>, Problem> {
        let kept = self.inner.metadata.file(&query.key(), name).await;
        let Some(kept) = kept.map_err(|error| store_problem(&error))? else {
            return Ok(None);
        };
        let name_origin = self.name_origin(query).await?;
        if name_origin == Some(Origin::Published) && may_come_to_belong_here(query, &kept) {
            return Ok(None);
        }
        let verdict = self.own_verdict(query, &kept, name_origin, None).await?;
        if let Some(problem) = refusal(&verdict) {
            return Err(problem);
        }
        self.check_behind(query, &kept).await?;
        Ok(Some(kept))
    }

    /// What policy says of serving a kept file now, that of the repository behind included: what
    /// whoever asks for it is told.
    pub(crate) async fn verdict_on(
        &self,
        query: &Query,
        kept: &KeptFile,
        name_origin: Option<Origin>,
        covered: Option<&Covered>,
    ) -> Result<Verdict, Problem> {
        let verdict = self.own_verdict(query, kept, name_origin, covered).await?;
        if !verdict.is_served() {
            return Ok(verdict);
        }
        match self.check_behind(query, kept).await {
            Err(problem) if problem.code == ProblemCode::Internal => Err(problem),
            Err(problem) => Ok(Verdict::Deny(vec![refused_behind(problem.public)])),
            Ok(()) => Ok(verdict),
        }
    }

    async fn own_verdict(
        &self,
        query: &Query,
        kept: &KeptFile,
        name_origin: Option<Origin>,
        covered: Option<&Covered>,
    ) -> Result<Verdict, Problem> {
        // Boxed: it goes far, and almost nobody asks for signatures.
        let (signatures_asked, signers) =
            Box::pin(self.signature_facts(query, kept, covered)).await?;
        let facts = Facts::of(kept, name_origin);
        Ok(decide(&Facts { signatures_asked, signers, ..facts }))
    }

    /// What was taken over from another repository of this server is served as long as policy does
    /// not refuse it there. One that was deleted there stays.
    fn check_behind<'a>(
        &'a self,
        query: &'a Query,
        kept: &'a KeptFile,
    ) -> Pin<Box<dyn Future<Output = Result<(), Problem>> + Send + 'a>> {
        // Boxed: the repository behind has others behind it.
        Box::pin(async move {
            let upstream = query.upstream_of(&kept.origin);
            let target = upstream.as_deref().map(|upstream| &upstream.target);
            let Some(UpstreamTarget::Repository { repository }) = target else { return Ok(()) };
            let behind = self.nested(query, repository.as_str())?;
            match self.kept_and_served(&behind, &kept.file.name).await {
                Err(problem) if problem.code == ProblemCode::Gone => {
                    let there = self.inner.metadata.file(&behind.key(), &kept.file.name).await;
                    let there = there.map_err(|error| store_problem(&error))?;
                    match there.is_some_and(|there| there.is_closed()) {
                        true => Err(closed_behind(&kept.file.name, repository.as_str())),
                        false => Ok(()),
                    }
                }
                served => served.map(drop),
            }
        })
    }

    async fn listed_entry(&self, query: &Query, name: &FileName) -> Result<Entry, Problem> {
        let resolution = self.resolve(query).await?;
        let entry = resolution.entries.into_iter().find(|entry| entry.file.name == *name);
        let entry = entry.ok_or_else(|| no_such_file(query, name))?;
        match refusal(&decide(&entry.facts)) {
            Some(problem) => Err(problem),
            None => Ok(entry),
        }
    }

    pub(crate) async fn open_kept(
        &self,
        query: &Query,
        kept: &KeptFile,
    ) -> Result<FileAnswer, Problem> {
        debug_assert_eq!(kept.state, FileState::Present, "policy serves nothing else");
        let open = self.inner.blobs.open_blob(&kept.blob).await;
        let open = open.map_err(|error| blob_problem(&error))?;
        let open = open.ok_or_else(|| bytes_are_missing(kept))?;
        let presentation = query.ecosystem.presentation(&kept.file);
        Ok(FileAnswer {
            blob: kept.blob,
            size_bytes: open.size_bytes,
            open,
            name: kept.file.name.clone(),
            content_type: presentation.content_type,
            fields: presentation.fields,
            origin: kept.origin.clone(),
            evidence: Some(kept.blob),
            is_settled: true,
        })
    }

    async fn companion_answer(
        &self,
        query: &Query,
        name: FileName,
        kind: &'static str,
        caller: &Caller,
    ) -> Result<FileAnswer, Problem> {
        let kept = match query.asks_for_signatures() {
            // What is not here yet may be refused once it is.
            true => Some(self.kept_file(query, &name, caller).await?),
            false => self.kept_and_served(query, &name).await?,
        };
        let (file, upstream, origin) = match &kept {
            Some(kept) => (kept.file.clone(), query.upstream_of(&kept.origin), kept.origin.clone()),
            None => {
                let entry = self.listed_entry(query, &name).await?;
                (entry.file, entry.upstream, entry.facts.origin)
            }
        };
        let evidence = kept.as_ref().map(|kept| kept.blob);
        let promised = file.companion(kind).and_then(|companion| companion.digest.as_ref());
        let is_settled = kept.is_some() || promised.is_some();
        let (blob, open) =
            self.companion(query, &file, kind, upstream.as_deref(), kept, caller).await?;
        Ok(FileAnswer {
            blob,
            size_bytes: open.size_bytes,
            open,
            name,
            content_type: query.ecosystem.companion_type(kind).into(),
            fields: Vec::new(),
            origin,
            evidence,
            is_settled,
        })
    }
}

impl Authorized<Operation> {
    /// The question that resolving a package of this operation's repository begins with.
    pub(crate) fn query(&self, package: &PackageName) -> Query {
        Query {
            repository: self.repository.clone(),
            ecosystem: self.ecosystem.clone(),
            package: package.clone(),
            depth: 0,
            host: self.wanted_host.clone(),
        }
    }
}

/// An upstream's file under a name that is ours by now, and that is its digest: it is not here
/// until somebody publishes the same bytes. Clients look before they push, and push only what
/// they are told is missing.
fn may_come_to_belong_here(query: &Query, kept: &KeptFile) -> bool {
    kept.state == FileState::Present
        && kept.origin != Origin::Published
        && query.ecosystem.digest_of_file(&kept.file.name).is_some()
}

fn bytes_are_missing(kept: &KeptFile) -> Problem {
    tracing::error!(blob = %kept.blob, file = %kept.file.name, "a recorded file's bytes are missing from the store");
    Problem::new(ProblemCode::Internal, "this file's bytes are missing from the server's store")
}

pub(crate) fn no_such_file(query: &Query, name: &FileName) -> Problem {
    Problem::not_found(format!("no file {name} of {}", query.package))
}

fn closed_behind(name: &FileName, repository: &str) -> Problem {
    let message = format!("{name} was in quarantine in {repository} when it was deleted there");
    Problem::new(ProblemCode::PolicyDenied, message)
}
