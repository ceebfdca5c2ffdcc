//! Out: indexes and files.

use std::borrow::Cow;
use std::sync::Arc;

use provender_domain::{
    BlobId, Facts, FileName, FileState, KeptFile, Origin, PackageName, Problem, ProblemCode,
    Timestamp, Upstream,
};
use provender_ecosystem::{Document, Operation, Rendition, Subject, View};
use provender_store::OpenBlob;

use crate::access::Authorized;
use crate::cache::{IndexKey, RenderedIndex, Stale, Stamp};
use crate::decide::{decide, refusal};
use crate::error::{blob_problem, store_problem};
use crate::mirror::Errand;
use crate::resolve::{Entry, Query};
use crate::{Caller, Registry};

/// What a read returns.
pub enum Answer {
    /// A rendered index.
    Index(Arc<RenderedIndex>),
    /// A file.
    File(FileAnswer),
    /// A file that is still being fetched.
    Stream(FileStream),
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
}

/// A file that is being fetched from an upstream, of a kind whose clients hash what they get.
#[derive(Debug)]
pub struct FileStream {
    /// Its size, where the upstream says it.
    pub size_bytes: Option<u64>,
    /// Its name.
    pub name: FileName,
    /// Never a type that a browser would run.
    pub content_type: Cow<'static, str>,
    /// Further header fields, names in lower case.
    pub fields: Vec<(&'static str, String)>,
}

/// The bytes of such a file will not come to their end: its client must not take it for whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOff;

impl FileStream {
    /// The next bytes, when they are there; `None` at the end, when all were verified and kept.
    pub async fn next(&mut self) -> Option<Result<bytes::Bytes, CutOff>> {
        std::future::ready(Some(Err(CutOff))).await
    }
}

/// Every file but a companion leaves as bytes to keep, never as a page to show.
const FILE_CONTENT_TYPE: &str = "application/octet-stream";

impl Registry {
    /// Carries out a reading operation.
    pub async fn read(&self, authorized: Authorized<Operation>) -> Result<Answer, Problem> {
        match &authorized.operation {
            Operation::Index { subject, rendition } => {
                let (subject, rendition) = (subject.clone(), *rendition);
                self.index(&authorized, subject, rendition).await.map(Answer::Index)
            }
            Operation::File { package, file, companion } => {
                let (package, file, companion) = (package.clone(), file.clone(), *companion);
                let authorized = self.renewed(&authorized);
                self.file(&authorized, package, file, companion).await.map(Answer::File)
            }
            Operation::Redirect { location } => Ok(Answer::Redirect { location: location.clone() }),
            Operation::Tagged { .. } => Err(Problem::not_found("there are no tags here")),
            Operation::Publish { .. } | Operation::Upload { .. } | Operation::Change { .. } => {
                let message = "this operation changes something and is not a read";
                Err(Problem::new(ProblemCode::MethodNotAllowed, message))
            }
        }
    }

    async fn index(
        &self,
        authorized: &Authorized<Operation>,
        subject: Subject,
        rendition: Rendition,
    ) -> Result<Arc<RenderedIndex>, Problem> {
        let key = IndexKey {
            repository: authorized.repository.repository.name.clone(),
            ecosystem: authorized.ecosystem.id(),
            subject,
            rendition,
        };
        if let Some(rendered) = self.inner.index_cache.find(&key, self.now()) {
            return Ok(rendered);
        }
        // Both taken before anything is looked up, the counters first, so that a change of files or
        // of settings meanwhile is noticed.
        let stamp = self.inner.index_cache.stamp(key.ecosystem, &key.subject);
        let (registry, authorized) = (self.clone(), self.renewed(authorized));
        let flight = self.inner.index_flights.run((key.clone(), stamp), move || async move {
            registry.render(&authorized, key, stamp).await
        });
        flight.await.map_err(|error| crate::listing::shared_problem(&error))
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
        let (document, fresh_until, stale) = match &key.subject {
            Subject::Catalogue => self.render_catalogue(authorized, &key).await?,
            Subject::Package(package) => {
                self.render_package(authorized, package, key.rendition).await?
            }
            Subject::Tags { .. } | Subject::Referrers { .. } => {
                return Err(Problem::not_found("there are no tags here"));
            }
        };
        let rendered = Arc::new(RenderedIndex::new(document, stale));
        self.inner.index_cache.keep(key, rendered.clone(), stamp, fresh_until);
        Ok(rendered)
    }

    async fn render_catalogue(
        &self,
        authorized: &Authorized<Operation>,
        key: &IndexKey,
    ) -> Result<(Document, Timestamp, Option<Stale>), Problem> {
        let packages = self.inner.metadata.packages(&key.repository, key.ecosystem).await;
        let packages = packages.map_err(|error| store_problem(&error))?;
        let names: Vec<PackageName> = packages.into_iter().map(|package| package.name).collect();
        let document = authorized.ecosystem.render(&View::Catalogue(&names), key.rendition);
        Ok((document, Timestamp::from_microseconds(i64::MAX), None))
    }

    async fn render_package(
        &self,
        authorized: &Authorized<Operation>,
        package: &PackageName,
        rendition: Rendition,
    ) -> Result<(Document, Timestamp, Option<Stale>), Problem> {
        let resolution = self.resolve(&authorized.query(package)).await?;
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
    ) -> Result<FileAnswer, Problem> {
        let query = authorized.query(&package);
        let caller = &authorized.caller;
        match companion {
            None => {
                let kept = self.kept_file(&query, &name, caller).await?;
                self.open_kept(kept).await
            }
            Some(kind) => self.companion_answer(&query, name, kind, caller).await,
        }
    }

    /// The kept file, brought in first where an upstream lists it: what policy lets through.
    pub(crate) async fn kept_file(
        &self,
        query: &Query,
        name: &FileName,
        caller: &Caller,
    ) -> Result<KeptFile, Problem> {
        if let Some(kept) = self.kept_and_served(query, name).await? {
            return Ok(kept);
        }
        let entry = self.listed_entry(query, name).await?;
        match Errand::new(query, entry, caller) {
            Some(errand) => self.mirror(errand).await,
            None => Err(no_such_file(query, name)),
        }
    }

    /// A file that is here already: no upstream is asked anything.
    async fn kept_and_served(
        &self,
        query: &Query,
        name: &FileName,
    ) -> Result<Option<KeptFile>, Problem> {
        let kept = self.inner.metadata.file(&query.key(), name).await;
        let Some(kept) = kept.map_err(|error| store_problem(&error))? else {
            return Ok(None);
        };
        let facts = Facts {
            origin: kept.origin.clone(),
            name_origin: self.name_origin(query).await?,
            state: Some(kept.state),
            state_reason: kept.state_reason.clone(),
            uploaded_at: kept.file.uploaded_at,
            signatures_asked: Vec::new(),
            signers: Vec::new(),
        };
        match refusal(&decide(&facts)) {
            Some(problem) => Err(problem),
            None => Ok(Some(kept)),
        }
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

    async fn open_kept(&self, kept: KeptFile) -> Result<FileAnswer, Problem> {
        debug_assert_eq!(kept.state, FileState::Present, "policy serves nothing else");
        let open = self.inner.blobs.open_blob(&kept.blob).await;
        let open = open.map_err(|error| blob_problem(&error))?.ok_or_else(|| {
            tracing::error!(blob = %kept.blob, file = %kept.file.name, "a recorded file's bytes are missing from the store");
            Problem::new(ProblemCode::Internal, "this file's bytes are missing from the server's store")
        })?;
        Ok(FileAnswer {
            blob: kept.blob,
            size_bytes: open.size_bytes,
            open,
            name: kept.file.name,
            content_type: FILE_CONTENT_TYPE.into(),
            fields: Vec::new(),
            origin: kept.origin,
            evidence: Some(kept.blob),
        })
    }

    async fn companion_answer(
        &self,
        query: &Query,
        name: FileName,
        kind: &'static str,
        caller: &Caller,
    ) -> Result<FileAnswer, Problem> {
        let kept = self.kept_and_served(query, &name).await?;
        let (file, upstream, origin) = match &kept {
            Some(kept) => {
                (kept.file.clone(), upstream_of(query, &kept.origin), kept.origin.clone())
            }
            None => {
                let entry = self.listed_entry(query, &name).await?;
                (entry.file, entry.upstream, entry.facts.origin)
            }
        };
        let evidence = kept.as_ref().map(|kept| kept.blob);
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
        }
    }
}

/// The upstream that a kept file came from, if it is still one.
fn upstream_of(query: &Query, origin: &Origin) -> Option<Arc<Upstream>> {
    let Origin::Mirrored { upstream: name } = origin else {
        return None;
    };
    let ecosystem = query.ecosystem.id().as_str();
    query.repository.upstreams_of(ecosystem).find(|upstream| upstream.name == *name).cloned()
}

fn no_such_file(query: &Query, name: &FileName) -> Problem {
    Problem::not_found(format!("no file {name} of {}", query.package))
}
