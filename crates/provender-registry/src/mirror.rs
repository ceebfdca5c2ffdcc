//! Files from upstreams: fetched once however many wait, verified, inspected, recorded, kept.

use std::pin::Pin;
use std::sync::Arc;

use provender_domain::{
    Algorithm, Attributes, Companion, Digest, EventKind, File, FileName, FileState, KeptFile,
    NewEvent, Origin, Problem, ProblemCode, Upstream, UpstreamTarget, Version,
};
use provender_ecosystem::{
    Delivery, Depth, Expected, InspectError, InspectErrorClass, Inspection, Reference,
    ReferenceRole, UpstreamRequest,
};
use provender_store::{Blob, PackageKey, StoreError, Unverified, Verified, VerifyError, Write};
use provender_upstream::{FetchError, SingleFlight, Wanted};

use crate::error::{blob_problem, store_problem};
use crate::failure::Lately;
use crate::fetch_problem::is_web_page;
use crate::listing::shared_problem;
use crate::oversized::Oversized;
use crate::read::no_such_file;
use crate::remote::is_nothing_for_nobody;
use crate::resolve::{Entry, Query, Turn, without_doubles};
use crate::signature::EVIDENCE;
use crate::signing::{CHECKS, Check, Task};
use crate::slots::Slots;
use crate::stream::{Broadcast, Streams};
use crate::{Caller, Registry};

/// What a file on its way in is known by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct MirrorKey {
    package: PackageKey,
    file: FileName,
}

/// Files on their way in.
pub(crate) struct Mirrors {
    flights: SingleFlight<MirrorKey, KeptFile, Problem>,
    pub(crate) slots: Slots,
    /// Those of them that clients are sent meanwhile.
    pub(crate) streams: Streams,
    /// Those of which it was told that they could not be fetched.
    pub(crate) failures: Lately<MirrorKey>,
    pub(crate) oversized: Oversized,
}

impl Mirrors {
    pub(crate) fn new(concurrent_fetches: usize) -> Self {
        Self {
            flights: SingleFlight::new(),
            slots: Slots::new(concurrent_fetches),
            streams: Streams::default(),
            failures: Lately::default(),
            oversized: Oversized::default(),
        }
    }
}

/// One file to bring in.
#[derive(Clone)]
pub(crate) struct Errand {
    pub(crate) query: Query,
    pub(crate) file: File,
    pub(crate) upstream: Arc<Upstream>,
    /// The request for it, where its address follows from its name.
    pub(crate) request: Option<UpstreamRequest>,
    /// Who asked first, for the event.
    pub(crate) caller: Caller,
}

impl Errand {
    /// Brings in an entry of a resolution; `None` for one that only exists here.
    pub(crate) fn new(query: &Query, entry: Entry, caller: &Caller) -> Option<Self> {
        let upstream = entry.upstream?;
        let (query, caller) = (query.clone(), caller.clone());
        Some(Self { query, file: entry.file, upstream, request: None, caller })
    }

    /// Brings in a file whose name is its digest, listed or not.
    fn by_digest(
        query: &Query,
        name: &FileName,
        upstream: Arc<Upstream>,
        request: Option<UpstreamRequest>,
        caller: &Caller,
    ) -> Self {
        let file = File {
            name: name.clone(),
            version: None,
            url: request.as_ref().map(|request| request.url.to_string()),
            digests: query.ecosystem.digest_of_file(name).into_iter().collect(),
            size_bytes: None,
            uploaded_at: None,
            yank: None,
            attributes: Attributes::default(),
            companions: Vec::new(),
        };
        Self { query: query.clone(), file, upstream, request, caller: caller.clone() }
    }

    pub(crate) fn key(&self) -> MirrorKey {
        MirrorKey { package: self.query.key(), file: self.file.name.clone() }
    }

    /// Whether it is of a kind that only its digest says what it is: no event tells of it and
    /// nothing is signed about it, as what refers to it by that digest is told of and signed.
    fn is_content(&self) -> bool {
        self.query.ecosystem.delivery(&self.file.name) == Delivery::WhileFetched
    }

    fn origin(&self) -> Origin {
        Origin::Mirrored { upstream: self.upstream.name.clone() }
    }

    pub(crate) fn event(&self, registry: &Registry, kind: EventKind, message: String) -> NewEvent {
        let mut event = registry.package_event(kind, &self.caller, &self.query.key(), message);
        event.file = Some(self.file.name.clone());
        event.version.clone_from(&self.file.version);
        event.detail.set_text("upstream", self.upstream.name.as_str());
        event
    }
}

impl Registry {
    /// Brings a file in, or waits for whoever is already doing so. Whoever asks, the file is kept
    /// when this returns, or nothing of it is.
    pub(crate) fn mirror<'a>(
        &'a self,
        errand: Errand,
    ) -> Pin<Box<dyn Future<Output = Result<KeptFile, Problem>> + Send + 'a>> {
        // Boxed: a repository behind this one comes back here.
        Box::pin(self.mirror_once(errand))
    }

    /// The errands to the upstreams that may have a file whose name is its digest, in order.
    pub(crate) async fn errands_by_digest(
        &self,
        query: &Query,
        name: &FileName,
        caller: &Caller,
    ) -> Result<Vec<Errand>, Problem> {
        let bound = self.name_origin(query).await?;
        let mut errands = Vec::new();
        for Turn { upstream, may_answer, goes_before } in self.turns(query, bound.as_ref()).await? {
            let request = match self.remote_of(&upstream)? {
                None => None,
                Some(remote) => {
                    let request =
                        query.ecosystem.upstream_file(remote.base(), &query.package, name);
                    if request.is_none() {
                        continue;
                    }
                    request
                }
            };
            let errand = Errand::by_digest(query, name, upstream, request, caller);
            let has_it_before = goes_before && self.is_there(&errand).await?;
            errands.extend(may_answer.then_some(errand));
            if has_it_before {
                break;
            }
        }
        Ok(errands)
    }

    /// Brings in a file whose name is its digest from the first upstream that has it. One that
    /// fails ends the search, as for packages.
    pub(crate) async fn bring_in_by_digest(
        &self,
        query: &Query,
        name: &FileName,
        caller: &Caller,
    ) -> Result<Arc<KeptFile>, Problem> {
        for errand in self.errands_by_digest(query, name, caller).await? {
            match self.mirror(errand).await {
                Ok(_) => {
                    let kept = self.kept_and_served(query, name).await?;
                    return kept.ok_or_else(|| no_such_file(query, name));
                }
                Err(problem) if problem.code == ProblemCode::NotFound => {}
                Err(problem) => return Err(problem),
            }
        }
        Err(no_such_file(query, name))
    }

    async fn mirror_once(&self, errand: Errand) -> Result<KeptFile, Problem> {
        let key = errand.key();
        let registry = self.clone();
        let flight = self.inner.mirrors.flights.run(key, move || async move {
            match &errand.upstream.target {
                UpstreamTarget::Repository { repository } => {
                    let name = repository.to_string();
                    registry.take_over(errand, &name).await
                }
                UpstreamTarget::Remote { .. } => registry.fetch_and_keep(errand).await,
            }
        });
        flight.await.map_err(|error| shared_problem(&error))
    }

    /// From another repository of this server: the same blob, a row and an event of its own.
    async fn take_over(&self, errand: Errand, repository: &str) -> Result<KeptFile, Problem> {
        let inner = self.nested(&errand.query, repository)?;
        let there = self.kept_file(&inner, &errand.file.name, &errand.caller).await?;
        let companions = self.companions_to_take(&inner, &there).await;
        let _gate = self.inner.garbage_gate.clone().read_owned().await;
        // It may have been deleted there before the gate was held.
        let open = self.inner.blobs.open_blob(&there.blob).await;
        if open.map_err(|error| blob_problem(&error))?.is_none() {
            let message = format!("{} was deleted from {repository} just now", there.file.name);
            return Err(Problem::not_found(message));
        }
        let there = Arc::unwrap_or_clone(there);
        let kept = KeptFile {
            file: File { yank: None, companions, ..there.file },
            origin: errand.origin(),
            recorded_at: self.now(),
            publisher: None,
            ..there
        };
        let message = format!("{} was taken over from repository {repository}", kept.file.name);
        let references = self.inner.metadata.references_of(&inner.key(), &errand.file.name).await;
        let references = at_leisure(references.map_err(|error| store_problem(&error))?);
        let found = Found { kept, references, bytes: Vec::new() };
        self.record_checked(&errand, found, &[Check::CheckedBehind], message).await
    }

    async fn fetch_and_keep(&self, errand: Errand) -> Result<KeptFile, Problem> {
        if let Some(problem) = self.known_to_be_oversized(&errand) {
            return Err(problem);
        }
        let _slot = self.slot_for(&errand).await?;
        let broadcast = Broadcast::begin(&self.inner.mirrors.streams, errand.key());
        let kept = self.fetch_and_keep_one(errand, &broadcast).await;
        broadcast.end(kept.is_ok());
        kept
    }

    async fn fetch_and_keep_one(
        &self,
        errand: Errand,
        broadcast: &Broadcast<'_>,
    ) -> Result<KeptFile, Problem> {
        let (staged, is_web_page) = self.download(&errand, broadcast).await?;
        let blob = match staged.verify(&errand.file.digests).await {
            Ok(blob) => blob,
            Err(error) => match self.did_not_come(&errand, &error, is_web_page).await {
                Some(problem) => return Err(problem),
                None => return Err(self.refuse_mismatch(&errand, error).await),
            },
        };
        let (blob, inspected) = self.inspect_mirrored(&errand, blob).await?;
        match inspected {
            Ok(inspection) => self.keep_mirrored(&errand, blob, inspection).await,
            Err(error) => Err(self.quarantine(&errand, blob, &error).await),
        }
    }

    /// The bytes, and whether they came as a web page.
    async fn download(
        &self,
        errand: &Errand,
        broadcast: &Broadcast<'_>,
    ) -> Result<(Blob<Unverified>, bool), Problem> {
        let upstream = &errand.upstream;
        let remote = self.remote_of(upstream)?.expect("the caller matched a remote target");
        let url = errand
            .file
            .url
            .as_deref()
            .and_then(|url| url::Url::parse(url).ok())
            .ok_or_else(|| Problem::not_found("the upstream lists this file without a URL"))?;
        let limit = self.listed_size(errand).unwrap_or_else(|| self.size_limit(errand));
        let access = errand.request.as_ref().and_then(|request| request.access.as_deref());
        let failed = |error| {
            if is_nothing_for_nobody(upstream, access, &error) {
                return no_such_file(&errand.query, &errand.file.name);
            }
            let (package, file) = (Some(&errand.query.package), Some(&errand.file.name));
            let problem = self.failed_to_fetch(upstream, package, file, &error);
            self.tell_of_failed_fetch(errand, &problem);
            problem
        };
        let client = &self.inner.remotes.client;
        let request = errand.request.as_ref();
        let wanted = request.map_or(Wanted::accepting("*/*"), |request| Wanted {
            accept: request.accept,
            fields: &[],
            realm_key: request.access.as_deref(),
        });
        let mut download = client.file(&remote, &url, wanted, limit).await.map_err(failed)?;
        let is_web_page = is_web_page(download.content_type());
        let mut staging = self.inner.blobs.stage().await.map_err(|error| blob_problem(&error))?;
        if errand.is_content() {
            broadcast.open(staging.tail(), download.content_length());
        }
        let broken = |error| {
            let is_too_large = matches!(error, FetchError::TooLarge { .. });
            let problem = failed(error);
            if is_too_large {
                self.remember_oversized(errand, &problem);
            }
            problem
        };
        while let Some(chunk) = download.chunk().await.map_err(broken)? {
            staging.write(chunk).await.map_err(|error| blob_problem(&error))?;
        }
        let staged = staging.finish().await.map_err(|error| blob_problem(&error))?;
        Ok((staged, is_web_page))
    }

    /// Bytes that are not what the index promised: none are kept, and the file is closed until an
    /// administrator releases it, so that a liar does not get to try until somebody is careless.
    async fn refuse_mismatch(&self, errand: &Errand, error: VerifyError) -> Problem {
        let VerifyError::Mismatch { expected, actual, id, size_bytes } = &error else {
            return Problem::internal(&error);
        };
        let name = &errand.file.name;
        let reason = format!(
            "upstream {} sent bytes with {actual} where {expected} was promised",
            errand.upstream.name
        );
        let kept = KeptFile {
            file: File {
                size_bytes: Some(*size_bytes),
                yank: None,
                companions: Vec::new(),
                ..errand.file.clone()
            },
            blob: *id,
            origin: errand.origin(),
            recorded_at: self.now(),
            publisher: None,
            state: FileState::Quarantined,
            state_reason: Some(reason.clone()),
        };
        let message = format!("{name} was refused: {reason}");
        let event = errand.event(self, EventKind::DigestMismatch, message);
        let found = Found { kept, references: Vec::new(), bytes: Vec::new() };
        match self.record_mirrored(errand, found, Some(event), None).await {
            Ok(_) => Problem::new(
                ProblemCode::PolicyDenied,
                format!("this file is in quarantine: {reason}"),
            ),
            Err(problem) => problem,
        }
    }

    async fn inspect_mirrored(
        &self,
        errand: &Errand,
        blob: Blob<Verified>,
    ) -> Result<(Blob<Verified>, Result<Inspection, InspectError>), Problem> {
        let query = &errand.query;
        let (ecosystem, package) = (query.ecosystem.clone(), query.package.clone());
        let file = errand.file.name.clone();
        let inspect = move || {
            let mut archive = blob.reader().map_err(|error| blob_problem(&error))?;
            let expected =
                Expected { package: &package, version: None, file: &file, attributes: None };
            let inspected = ecosystem.inspect(&expected, &mut archive, Depth::Structure);
            Ok((blob, inspected))
        };
        let (blob, inspected) = tokio::task::spawn_blocking(inspect)
            .await
            .map_err(|error| Problem::internal(&error))??;
        match inspected {
            Err(error) if error.class == InspectErrorClass::Unreadable => {
                Err(Problem::internal(&error))
            }
            Ok(inspection) => Ok((blob, agrees_with_index(&errand.file, inspection))),
            Err(error) => Ok((blob, Err(error))),
        }
    }

    async fn keep_mirrored(
        &self,
        errand: &Errand,
        blob: Blob<Verified>,
        inspection: Inspection,
    ) -> Result<KeptFile, Problem> {
        let _gate = self.inner.garbage_gate.clone().read_owned().await;
        let references = at_leisure(inspection.references);
        let (companions, mut bytes) =
            self.keep_companions(inspection.companions, &errand.file.companions).await?;
        let mut attributes = inspection.attributes;
        if let Some(evidence) = &inspection.evidence {
            attributes.0.insert(EVIDENCE.to_owned(), evidence.about.is_some().into());
        }
        let file = kept_facts(errand, &blob, inspection.version, attributes, companions);
        let kept = KeptFile {
            file,
            blob: blob.id(),
            origin: errand.origin(),
            recorded_at: self.now(),
            publisher: None,
            state: FileState::Present,
            state_reason: None,
        };
        let keep = self.inner.blobs.commit_with_row(blob).await;
        bytes.extend(keep.map_err(|error| blob_problem(&error))?);
        let (check, how) = Check::of_promise(&errand.file.digests);
        let message =
            format!("{} was fetched from upstream {}: {how}", kept.file.name, errand.upstream.name);
        let checks = &[check, Check::ArchiveInspected];
        let found = Found { kept, references, bytes };
        self.record_checked(errand, found, checks, message).await
    }

    /// An archive that is hostile or contradicts its index: kept as evidence, never served.
    async fn quarantine(
        &self,
        errand: &Errand,
        blob: Blob<Verified>,
        error: &InspectError,
    ) -> Problem {
        let _gate = self.inner.garbage_gate.clone().read_owned().await;
        let reason = format!("{}: {error}", error.class.as_str());
        let kept = KeptFile {
            file: kept_facts(errand, &blob, None, Attributes::default(), Vec::new()),
            blob: blob.id(),
            origin: errand.origin(),
            recorded_at: self.now(),
            publisher: None,
            state: FileState::Quarantined,
            state_reason: Some(reason.clone()),
        };
        let bytes = match self.inner.blobs.commit_with_row(blob).await {
            Ok(keep) => keep.into_iter().collect(),
            Err(error) => return blob_problem(&error),
        };
        let message = format!(
            "{} from upstream {} was refused: {reason}",
            kept.file.name, errand.upstream.name
        );
        let event = errand.event(self, EventKind::ArchiveRefused, message);
        let found = Found { kept, references: Vec::new(), bytes };
        match self.record_mirrored(errand, found, Some(event), None).await {
            Ok(_) => Problem::new(
                ProblemCode::PolicyDenied,
                format!("this file is in quarantine: {reason}"),
            ),
            Err(problem) => problem,
        }
    }

    /// A file that passed these checks. That it did is signed, which nobody waits for.
    async fn record_checked(
        &self,
        errand: &Errand,
        found: Found,
        checks: &[Check],
        message: String,
    ) -> Result<KeptFile, Problem> {
        if errand.is_content() {
            return self.record_mirrored(errand, found, None, None).await;
        }
        let mut event = errand.event(self, EventKind::Mirrored, message);
        let checks: Vec<&str> = checks.iter().map(|check| check.as_str()).collect();
        event.detail.0.insert(CHECKS.to_owned(), checks.into());
        let task = Task::summary(&errand.query.key(), &found.kept);
        let kept = self.record_mirrored(errand, found, Some(event), Some(&task)).await?;
        self.wake_signing();
        Ok(kept)
    }

    /// The row, the name's origin, the event and what is to be signed, in one commit.
    async fn record_mirrored(
        &self,
        errand: &Errand,
        found: Found,
        mut event: Option<NewEvent>,
        task: Option<&Task>,
    ) -> Result<KeptFile, Problem> {
        let Found { kept, references, bytes: mut writes } = found;
        let key = errand.query.key();
        if kept.state == FileState::Present {
            self.check_errand_still(errand)?;
            self.check_open_still(&errand.query, &kept.file).await?;
        }
        if let Some(event) = &mut event {
            event.detail.set_text("sha256", kept.blob.to_hex());
            if let Some(url) = &kept.file.url {
                event.detail.set_text("url", url.as_str());
            }
        }
        let bind =
            Write::BindName { key: key.clone(), origin: errand.origin(), at: kept.recorded_at };
        let record = Write::RecordFile { key: key.clone(), file: kept.clone() };
        writes.extend([bind, record]);
        if !references.is_empty() {
            let (key, file) = (key.clone(), kept.file.name.clone());
            writes.push(Write::RecordReferences { key, file, references });
        }
        writes.extend(task.map(|task| task.queue(kept.recorded_at)));
        let outcome = self.inner.metadata.commit(writes, event.into_iter().collect()).await;
        self.catalogue_changed(key.ecosystem);
        let is_as_listed =
            outcome.is_ok() && kept.state == FileState::Present && kept.file == errand.file;
        if !is_as_listed {
            self.package_changed(key.ecosystem, &key.package);
        }
        match outcome {
            Ok(_) => Ok(kept),
            Err(StoreError::SameFile) => self.recorded_before(&key, kept).await,
            Err(StoreError::OriginBound { bound }) => Err(self.origin_conflict(errand, &bound)),
            Err(error) => Err(store_problem(&error)),
        }
    }

    fn origin_conflict(&self, errand: &Errand, bound: &Origin) -> Problem {
        let bound = match bound {
            Origin::Published => "what is published here".to_owned(),
            Origin::Mirrored { upstream } => format!("upstream {upstream}"),
        };
        let message = format!(
            "{} is bound to {bound}; upstream {} offers files under the same name",
            errand.query.package, errand.upstream.name
        );
        let event = errand.event(self, EventKind::OriginConflict, message.clone());
        self.record_in_background(event);
        Problem::new(ProblemCode::PolicyDenied, message)
    }
}

/// A file that is to be recorded.
struct Found {
    kept: KeptFile,
    references: Vec<Reference>,
    /// What keeps those of its bytes that are not durable yet.
    bytes: Vec<Write>,
}

/// What a mirrored file refers to comes in when somebody asks for it.
fn at_leisure(mut references: Vec<Reference>) -> Vec<Reference> {
    for reference in &mut references {
        if reference.role == ReferenceRole::Required {
            reference.role = ReferenceRole::Optional;
        }
    }
    references
}

fn kept_facts(
    errand: &Errand,
    blob: &Blob<Verified>,
    version: Option<Version>,
    found: Attributes,
    companions: Vec<Companion>,
) -> File {
    let listed = errand.file.clone();
    let mut attributes = found;
    attributes.0.extend(listed.attributes.0);
    File {
        version: version.or(listed.version),
        digests: without_doubles(listed.digests.into_iter().chain([blob.id().digest()])),
        size_bytes: Some(blob.size_bytes()),
        // What the upstream says of it may change; a kept yank is an administrator's.
        yank: None,
        attributes,
        companions,
        ..listed
    }
}

/// Where an index promises a companion by digest, the archive must hold the same bytes: else the
/// index would tell resolvers one thing and the archive install another.
fn agrees_with_index(listed: &File, inspection: Inspection) -> Result<Inspection, InspectError> {
    for companion in &inspection.companions {
        let promised = listed.companion(companion.kind).and_then(|listed| listed.digest.as_ref());
        if promised.is_some_and(|promised| !has_digest(&companion.bytes, promised)) {
            let message = format!(
                "the {} inside the archive is not the one that the upstream's index promises",
                companion.kind
            );
            return Err(InspectError {
                class: InspectErrorClass::Contradiction,
                message,
                source: None,
            });
        }
    }
    Ok(inspection)
}

/// Whether bytes have a promised digest; only SHA-256 is ever promised of companions.
pub(crate) fn has_digest(bytes: &[u8], promised: &Digest) -> bool {
    use sha2::Digest as _;
    promised.algorithm() != Algorithm::Sha256
        || hex::encode(sha2::Sha256::digest(bytes)) == promised.hex()
}
