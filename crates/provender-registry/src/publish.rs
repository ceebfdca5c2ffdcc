//! In from people: publications.

use provender_attest::PREDICATE_RELEASE;
use provender_domain::{
    Attributes, BlobId, Companion, EventKind, File, FileName, FileState, KeptFile, NewEvent,
    Origin, PackageName, Problem, ProblemCode, Scope, Tag, Timestamp, Version,
};
use provender_ecosystem::{
    CompanionBytes, Delivery, Depth, Expected, Form, Framing, InspectErrorClass, Inspection,
    Operation, Publication,
};
use provender_store::{
    Attestation, AttestationSource, Blob, PackageKey, PackageRow, Staging, StoreError, TagRow,
    Unverified, Verified, VerifyError, Write,
};
use serde::Serialize;

use crate::Registry;
use crate::access::Authorized;
use crate::attestation::{PublisherAttestation, check_kept_already};
use crate::composite::{missing_reference, subject_among};
use crate::error::{blob_problem, store_problem};
use crate::journal::to_the_end;
use crate::resolve::{bound_origin, without_doubles};
use crate::signature::EVIDENCE;
use crate::signing::{SIGNINGS_MAX, SigningFailure, Task, not_signed};
use crate::whole_version::check_open;

/// What was published.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    /// Its package.
    pub package: PackageName,
    /// Its version, where it has one.
    pub version: Option<Version>,
    /// Its name.
    pub file: FileName,
    /// Its bytes.
    pub blob: BlobId,
    /// The tag that points to it, where one was named.
    pub tag: Option<Tag>,
    /// What it says of itself that it is about.
    pub subject: Option<FileName>,
    /// Whether the same bytes had been published under this name before.
    pub already_there: bool,
}

impl Registry {
    /// Where a publication's archive goes while its body is read.
    pub async fn stage(&self, operation: &Authorized<Operation>) -> Result<Staging, Problem> {
        match operation.operation {
            Operation::Publish { .. } => {
                self.inner.blobs.stage().await.map_err(|error| blob_problem(&error))
            }
            _ => Err(Problem::new(ProblemCode::MethodNotAllowed, "this is not a publication")),
        }
    }

    /// Publishes a staged archive: its form is read, its name's rights and origin checked, its
    /// digests and attestations verified, its bytes read to the bottom; then it is recorded and
    /// signed. When this returns, the publication and the proof that it is in the log survive any
    /// crash. When it fails, nothing of it is visible, but for one failure: where it could be kept
    /// but not yet signed ([`ProblemCode::Busy`]), trying again completes it.
    pub async fn publish(
        &self,
        operation: Authorized<Operation>,
        form: Form,
        blob: Blob<Unverified>,
    ) -> Result<Published, Problem> {
        let registry = self.clone();
        // Uploads take their time, and rights may end meanwhile.
        self.check_still_valid(&operation.caller)?;
        let operation = self.renewed(&operation);
        let publishing = async move { registry.publish_staged(&operation, &form, blob).await };
        to_the_end(publishing).await
    }

    async fn publish_staged(
        &self,
        operation: &Authorized<Operation>,
        form: &Form,
        blob: Blob<Unverified>,
    ) -> Result<Published, Problem> {
        let publication = match &operation.operation {
            Operation::Publish { framing: Framing::Whole { .. }, .. } => {
                let mut form = form.clone();
                form.fields.push((Form::SHA256.to_owned(), blob.id().to_hex()));
                operation.ecosystem.read_publication(&form)
            }
            _ => operation.ecosystem.read_publication(form),
        };
        let publication = publication
            .inspect_err(|problem| self.tell_of_unread_publication(operation, form, problem))?;
        let outcome = self.admit(operation, &publication, blob).await;
        outcome.inspect_err(|problem| {
            self.tell_of_refused_publication(operation, &publication, problem);
        })
    }

    async fn admit(
        &self,
        operation: &Authorized<Operation>,
        publication: &Publication,
        blob: Blob<Unverified>,
    ) -> Result<Published, Problem> {
        let key = operation.key(&publication.package);
        if !operation.caller.holds(Scope::Publish, Some(&key.repository), Some(&key.package)) {
            return Err(self.denied(&operation.caller, &key.repository, Scope::Publish));
        }
        let (file, tag) = (&publication.file, publication.tag.as_ref());
        let _turn = match operation.ecosystem.digest_of_file(file) {
            Some(_) => Some(self.inner.same_file_turns.take(&key, file).await),
            None => None,
        };
        let has_versions = operation.ecosystem.digest_of_file(file).is_none();
        let version = publication.version.as_ref().filter(|_| has_versions);
        let closings = self.inner.closings.now();
        let standing = self.inner.metadata.standing(&key, file, tag, version.is_some());
        let (standing, blob) = tokio::join!(standing, blob.verify(&publication.digests));
        let standing = standing.map_err(|error| store_problem(&error))?;
        check_origin_of(operation, &key, standing.package.as_ref())?;
        self.check_tag(operation, &key, publication, standing.tag.as_ref())?;
        let code = match operation.ecosystem.digest_of_file(&publication.file) {
            Some(_) => ProblemCode::DigestMismatch,
            None => ProblemCode::InvalidPackage,
        };
        let blob = blob.map_err(|error| mismatch(&error, code))?;
        let there = is_there_already(operation, publication, standing.file, blob.id())?;
        if let Some(kept) = there {
            let subject = self.subject_of(&key, &kept.file.name).await?;
            self.complete(&key, &kept, publication).await?;
            if self.point(operation, &key, publication, standing.tag.as_ref()).await? {
                return Ok(published(publication, kept.blob, subject, true));
            }
            // It was taken away since it was looked for; its bytes are at hand.
        }
        check_open(&*operation.ecosystem, &key, version, &standing.not_served)?;
        let attested = self.verify_attestations(publication, blob.id()).await?;
        let (blob, inspection) = inspect(operation, publication, blob).await?;
        self.check_references(&key, &inspection.references).await?;
        let checked = Checked { blob, inspection, attested, tag: standing.tag, closings };
        self.record(operation, key, publication, checked).await
    }

    /// What an earlier attempt did not get to: its signature.
    async fn complete(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
        publication: &Publication,
    ) -> Result<(), Problem> {
        let attestations = self.attestations_of(key, &kept.file.name).await?;
        check_kept_already(publication, &attestations)?;
        let is_evidence = kept.file.attributes.0.contains_key(EVIDENCE);
        if is_evidence || attestations.iter().any(is_release) {
            return Ok(());
        }
        let task = Task::release(key, kept);
        let queued = self.inner.metadata.commit(vec![task.queue(self.now())], Vec::new()).await;
        queued.map_err(|error| store_problem(&error))?;
        // The background may have signed it since it was looked for, and have ended the task that
        // was queued then.
        if self.attestations_of(key, &kept.file.name).await?.iter().any(is_release) {
            let ended = self.inner.metadata.commit(vec![task.end()], Vec::new()).await;
            return match ended {
                Ok(_) | Err(StoreError::Missing { .. }) => Ok(()),
                Err(error) => Err(store_problem(&error)),
            };
        }
        self.sign(task, kept).await
    }

    /// What is attested of a file, oldest first.
    pub(crate) async fn attestations_of(
        &self,
        key: &PackageKey,
        file: &FileName,
    ) -> Result<Vec<Attestation>, Problem> {
        let attestations = self.inner.metadata.attestations_of_file(key, file).await;
        attestations.map_err(|error| store_problem(&error))
    }

    /// A name that was mirrored first stays its upstream's until somebody claims it: else a
    /// publication could silently replace what everybody has been installing.
    pub(crate) async fn check_origin(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
    ) -> Result<(), Problem> {
        if self.was_recorded(key, None) {
            return Ok(());
        }
        let row = self.inner.metadata.package(key).await.map_err(|error| store_problem(&error))?;
        check_origin_of(operation, key, row.as_ref())
    }

    async fn record(
        &self,
        operation: &Authorized<Operation>,
        key: PackageKey,
        publication: &Publication,
        checked: Checked,
    ) -> Result<Published, Problem> {
        let gate = self.inner.garbage_gate.clone().read_owned().await;
        let now = self.now();
        let Checked { blob, inspection, attested, tag, closings } = checked;
        if closings != self.inner.closings.now() {
            self.check_publication_still(operation, &key, publication).await?;
        }
        let Inspection { mut attributes, companions, references, evidence, .. } = inspection;
        let is_evidence = evidence.is_some();
        if let Some(evidence) = &evidence {
            attributes.0.insert(EVIDENCE.to_owned(), evidence.about.is_some().into());
        }
        let subject = subject_among(&references);
        let mut kept = Self::kept_facts(operation, publication, &blob, attributes, now);
        let id = kept.blob;
        let mut events = vec![self.published_event(operation, &key, publication, id, &attested)];
        let task = Task::release(&key, &kept);
        let bytes = self.keep_all_bytes(operation, blob, companions, &attested);
        let signing = async {
            // Nothing is said about what is itself a statement.
            match is_evidence {
                true => Ok(Vec::new()),
                false => self.sign_with_row(&key, &task, &kept).await,
            }
        };
        let (bytes, signed) = tokio::join!(bytes, signing);
        let (companions, mut writes) = bytes?;
        kept.file.companions = companions;
        writes.extend([
            Write::BindName { key: key.clone(), origin: Origin::Published, at: now },
            Self::recording(operation, &key, &kept),
        ]);
        if !references.is_empty() {
            let (key, file) = (key.clone(), kept.file.name.clone());
            writes.push(Write::RecordReferences { key, file, references });
        }
        writes.extend(attested.iter().map(|one| one.record(&key, &kept)));
        writes.extend(self.verify_evidence(&key, evidence.as_ref(), &*operation.ecosystem).await?);
        if let Some((put, moved)) = self.pointing(operation, &key, publication, tag.as_ref()) {
            writes.push(put);
            events.extend(moved);
        }
        let signing = PublicationSigning { key: &key, task: &task, kept: &kept };
        let (outcome, failure) = self.commit_signed(signing, signed, writes, events).await?;
        drop(gate);
        self.package_changed(key.ecosystem, &key.package);
        match outcome {
            Ok(()) => match failure {
                None => Ok(published(publication, id, subject, false)),
                Some(problem) => {
                    self.wake_signing();
                    Err(problem)
                }
            },
            // Somebody else published the same at the same time.
            Err(StoreError::SameFile) => {
                self.complete(&key, &kept, publication).await?;
                Ok(published(publication, id, subject, true))
            }
            Err(error) => Err(self.refused_by_store(operation, &key, publication, id, error)),
        }
    }

    /// Commits what is written about a publication with its signature. Where the log did not take
    /// that after all, it is signed anew; where it cannot be signed, that is queued.
    async fn commit_signed(
        &self,
        signing: PublicationSigning<'_>,
        mut signed: Result<Vec<Write>, SigningFailure>,
        writes: Vec<Write>,
        events: Vec<NewEvent>,
    ) -> Result<(Result<(), StoreError>, Option<Problem>), Problem> {
        let PublicationSigning { key, task, kept } = signing;
        let mut signings = 1;
        loop {
            let mut all = writes.clone();
            let failure = match signed {
                Ok(behind) => {
                    all.extend(behind);
                    None
                }
                Err(SigningFailure::Evidence(problem)) => return Err(problem),
                Err(failure) => {
                    all.push(task.queue(kept.recorded_at));
                    Some(failure)
                }
            };
            self.note_signing(task, failure.as_ref());
            let problem = failure.map(|failure| not_signed(task, &failure));
            match self.inner.metadata.commit(all, events.clone()).await {
                Err(error @ StoreError::NotLogged) => {
                    signed = match signings < SIGNINGS_MAX {
                        true => self.sign_with_row(key, task, kept).await,
                        false => Err(error.into()),
                    };
                    signings += 1;
                }
                outcome => return Ok((outcome.map(drop), problem)),
            }
        }
    }

    /// Where names are digests the same bytes may come again, and come back.
    fn recording(operation: &Authorized<Operation>, key: &PackageKey, kept: &KeptFile) -> Write {
        let (key, file) = (key.clone(), kept.clone());
        match operation.ecosystem.digest_of_file(&file.file.name) {
            Some(_) => Write::KeepFile { key, file },
            None => Write::RecordFile { key, file },
        }
    }

    /// A condition that came about since it was checked.
    fn refused_by_store(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
        publication: &Publication,
        id: BlobId,
        error: StoreError,
    ) -> Problem {
        match error {
            StoreError::FileExists { state, existing } => {
                name_taken(&publication.file, state, existing == id)
            }
            StoreError::OriginBound { bound: Origin::Mirrored { upstream } } => {
                claim_first(key, upstream.as_str())
            }
            StoreError::MissingReference { target } => missing_reference(key, &target),
            StoreError::TagTaken { file } => {
                self.immutable_tag_problem(operation, key, publication, &file)
            }
            error => store_problem(&error),
        }
    }

    /// The archive and what belongs to it. Returns the companions, and what has to stand before
    /// the file in its commit, for what is not durable yet.
    async fn keep_all_bytes(
        &self,
        operation: &Authorized<Operation>,
        blob: Blob<Verified>,
        companions: Vec<CompanionBytes>,
        attested: &[PublisherAttestation],
    ) -> Result<(Vec<Companion>, Vec<Write>), Problem> {
        let archive = async {
            let keep = self.inner.blobs.commit_with_row(blob).await;
            keep.map_err(|error| blob_problem(&error))
        };
        let companions = self.keep_companions(companions, &[]);
        let provenance = self.keep_provenance(&*operation.ecosystem, attested);
        // To the end, all of them, also where one fails: nothing is left half-done behind.
        let (archive, companions, provenance) = tokio::join!(archive, companions, provenance);
        let (mut kept, mut writes) = companions?;
        if let Some((provenance, keep)) = provenance? {
            kept.push(provenance);
            writes.extend(keep);
        }
        writes.extend(archive?);
        Ok((kept, writes))
    }

    /// What is known of the file, but for its companions.
    fn kept_facts(
        operation: &Authorized<Operation>,
        publication: &Publication,
        blob: &Blob<Verified>,
        mut attributes: Attributes,
        now: Timestamp,
    ) -> KeptFile {
        let id = blob.id();
        attributes.0.extend(publication.attributes.0.clone());
        KeptFile {
            file: File {
                name: publication.file.clone(),
                version: publication.version.clone(),
                url: None,
                digests: without_doubles(publication.digests.iter().cloned().chain([id.digest()])),
                size_bytes: Some(blob.size_bytes()),
                uploaded_at: Some(now),
                yank: None,
                attributes,
                companions: Vec::new(),
            },
            blob: id,
            origin: Origin::Published,
            recorded_at: now,
            publisher: Some(operation.caller.actor().to_string()),
            state: FileState::Present,
            state_reason: None,
        }
    }

    fn published_event(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
        publication: &Publication,
        id: BlobId,
        attested: &[PublisherAttestation],
    ) -> NewEvent {
        let message = format!("{} was published", publication.file);
        let kind = EventKind::Published;
        let mut event = self.package_event(kind, &operation.caller, key, message);
        event.file = Some(publication.file.clone());
        event.version.clone_from(&publication.version);
        event.detail.set_text("sha256", id.to_hex());
        if !attested.is_empty() {
            let by = attested.iter().map(|one| one.identity.as_str()).collect::<Vec<_>>();
            event.detail.0.insert("attested_by".to_owned(), by.into());
        }
        event
    }
}

fn check_origin_of(
    operation: &Authorized<Operation>,
    key: &PackageKey,
    row: Option<&PackageRow>,
) -> Result<(), Problem> {
    let is_owned = operation.repository.owns(key.ecosystem.as_str(), &key.package);
    match bound_origin(is_owned, row) {
        None | Some(Origin::Published) => Ok(()),
        Some(Origin::Mirrored { upstream }) => Err(claim_first(key, upstream.as_str())),
    }
}

/// Whether what has the file's name is what is published now.
fn is_there_already(
    operation: &Authorized<Operation>,
    publication: &Publication,
    existing: Option<KeptFile>,
    blob: BlobId,
) -> Result<Option<KeptFile>, Problem> {
    let is_digest = operation.ecosystem.digest_of_file(&publication.file).is_some();
    match existing {
        None => Ok(None),
        Some(kept)
            if kept.blob == blob
                && kept.state == FileState::Present
                && kept.origin == Origin::Published =>
        {
            match is_digest.then(|| sent_otherwise(publication, &kept)).flatten() {
                Some(problem) => Err(problem),
                None => Ok(Some(kept)),
            }
        }
        // The same bytes come back, or stay when their name was claimed.
        Some(kept) if is_digest && kept.blob == blob && !kept.is_closed() => Ok(None),
        Some(kept) => {
            let state = if kept.is_closed() { FileState::Quarantined } else { kept.state };
            Err(name_taken(&publication.file, state, kept.blob == blob))
        }
    }
}

/// The same bytes, of which something else is said than when they came first, such as their type.
fn sent_otherwise(publication: &Publication, kept: &KeptFile) -> Option<Problem> {
    let mut sent = publication.attributes.0.iter();
    let (attribute, value) =
        sent.find(|(attribute, value)| kept.file.attributes.0.get(*attribute) != Some(value))?;
    let was = kept.file.attributes.0.get(attribute).map_or_else(|| "none".to_owned(), said);
    let message =
        format!("{} is kept with the {attribute} {was}, not {}", publication.file, said(value));
    Some(Problem::new(ProblemCode::InvalidPackage, message))
}

fn said(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Which publication is signed.
#[derive(Clone, Copy)]
struct PublicationSigning<'a> {
    key: &'a PackageKey,
    task: &'a Task,
    kept: &'a KeptFile,
}

/// A publication that may be recorded.
struct Checked {
    blob: Blob<Verified>,
    inspection: Inspection,
    attested: Vec<PublisherAttestation>,
    /// Where its tag points.
    tag: Option<TagRow>,
    /// When its version was open.
    closings: u64,
}

fn is_release(attestation: &Attestation) -> bool {
    attestation.source == AttestationSource::Ours && attestation.predicate_type == PREDICATE_RELEASE
}

fn published(
    publication: &Publication,
    blob: BlobId,
    subject: Option<FileName>,
    already_there: bool,
) -> Published {
    Published {
        package: publication.package.clone(),
        version: publication.version.clone(),
        file: publication.file.clone(),
        blob,
        tag: publication.tag.clone(),
        subject,
        already_there,
    }
}

fn name_taken(file: &FileName, state: FileState, has_same_bytes: bool) -> Problem {
    let why = match state {
        FileState::Deleted => {
            "was published once and deleted; a file name is never reused, publish a new version"
        }
        FileState::Quarantined => {
            "is in quarantine; an administrator has to release it first, or publish a new version"
        }
        FileState::Present if has_same_bytes => {
            "came from an upstream before the name was claimed; publish a new version"
        }
        FileState::Present => "has other bytes; a file never changes, publish a new version",
    };
    Problem::new(ProblemCode::Conflict, format!("File already exists: {file} {why}"))
}

pub(crate) fn claim_first(key: &PackageKey, upstream: &str) -> Problem {
    let message = format!(
        "{} comes from upstream {upstream} here; to publish under this name an administrator has to claim it first: provender own add --repo {} {} {}",
        key.package, key.repository, key.ecosystem, key.package
    );
    Problem::new(ProblemCode::Conflict, message)
}

/// `code` says whether the digest is the file's name, or stood in a form.
pub(crate) fn mismatch(error: &VerifyError, code: ProblemCode) -> Problem {
    match error {
        VerifyError::Mismatch { expected, actual, .. } => {
            let message = format!(
                "the upload arrived with {actual} where {expected} was said; nothing was stored, try again"
            );
            Problem::new(code, message)
        }
        VerifyError::Io(source) => blob_problem(source),
    }
}

async fn inspect(
    operation: &Authorized<Operation>,
    publication: &Publication,
    blob: Blob<Verified>,
) -> Result<(Blob<Verified>, Inspection), Problem> {
    let (ecosystem, publication) = (operation.ecosystem.clone(), publication.clone());
    // A small document is read sooner than another thread would begin with it; an archive may
    // become a thousand times as much.
    let is_brief = blob.is_small() && ecosystem.delivery(&publication.file) == Delivery::FromMemory;
    let inspect = move || {
        let mut archive = blob.reader().map_err(|error| blob_problem(&error))?;
        let expected = Expected {
            package: &publication.package,
            version: publication.version.as_ref(),
            file: &publication.file,
            attributes: Some(&publication.attributes),
        };
        let inspection = ecosystem.inspect(&expected, &mut archive, Depth::Full);
        inspection.map(|inspection| (blob, inspection)).map_err(|error| match error.class {
            InspectErrorClass::Unreadable => Problem::internal(&error),
            InspectErrorClass::Limit => Problem::new(ProblemCode::TooLarge, error.to_string()),
            _ => Problem::new(ProblemCode::InvalidPackage, error.to_string()),
        })
    };
    if is_brief {
        return inspect();
    }
    tokio::task::spawn_blocking(inspect).await.map_err(|error| Problem::internal(&error))?
}
