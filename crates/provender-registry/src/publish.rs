//! In from people: publications.

use provender_attest::PREDICATE_RELEASE;
use provender_domain::{
    Attributes, BlobId, Companion, EventKind, File, FileName, FileState, KeptFile, NewEvent,
    Origin, PackageName, Problem, ProblemCode, Scope, Timestamp, Version,
};
use provender_ecosystem::{
    CompanionBytes, Depth, Expected, Form, InspectErrorClass, Inspection, Operation, Publication,
};
use provender_store::{
    Attestation, AttestationSource, Blob, PackageKey, Staging, StoreError, Unverified, Verified,
    VerifyError, Write,
};
use serde::Serialize;

use crate::Registry;
use crate::access::Authorized;
use crate::attestation::{PublisherAttestation, check_kept_already};
use crate::error::{blob_problem, store_problem};
use crate::journal::to_the_end;
use crate::resolve::{bound_origin, without_doubles};
use crate::signing::{Task, not_signed};

/// What was published.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    /// Its package.
    pub package: PackageName,
    /// Its version.
    pub version: Version,
    /// Its name.
    pub file: FileName,
    /// Its bytes.
    pub blob: BlobId,
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
        to_the_end(async move { registry.publish_staged(&operation, &form, blob).await }).await
    }

    async fn publish_staged(
        &self,
        operation: &Authorized<Operation>,
        form: &Form,
        blob: Blob<Unverified>,
    ) -> Result<Published, Problem> {
        let publication = operation.ecosystem.read_publication(form)?;
        let outcome = self.admit(operation, &publication, blob).await;
        if let Err(problem) = &outcome
            && is_worth_telling(problem.code)
        {
            self.record_refusal(operation, &publication, problem);
        }
        outcome
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
        self.check_origin(operation, &key).await?;
        let blob = blob.verify(&publication.digests).await.map_err(|error| mismatch(&error))?;
        if let Some(kept) = self.is_there_already(&key, publication, blob.id()).await? {
            self.complete(&key, &kept, publication).await?;
            return Ok(published(publication, kept.blob, true));
        }
        let attested = self.verify_attestations(publication, blob.id()).await?;
        let (blob, inspection) = inspect(operation, publication, blob).await?;
        self.record(operation, key, publication, Checked { blob, inspection, attested }).await
    }

    /// What an earlier attempt did not get to: its signature.
    async fn complete(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
        publication: &Publication,
    ) -> Result<(), Problem> {
        let attestations = self.inner.metadata.attestations_of_file(key, &kept.file.name).await;
        let attestations = attestations.map_err(|error| store_problem(&error))?;
        check_kept_already(publication, &attestations)?;
        if attestations.iter().any(is_release) {
            return Ok(());
        }
        let task = Task::release(key, kept);
        let queued = self.inner.metadata.commit(vec![task.queue(self.now())], Vec::new()).await;
        queued.map_err(|error| store_problem(&error))?;
        self.sign(task, kept).await
    }

    /// A name that was mirrored first stays its upstream's until somebody claims it: else a
    /// publication could silently replace what everybody has been installing.
    async fn check_origin(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
    ) -> Result<(), Problem> {
        let is_owned = operation.repository.owns(key.ecosystem.as_str(), &key.package);
        let row = self.inner.metadata.package(key).await.map_err(|error| store_problem(&error))?;
        match bound_origin(is_owned, row.as_ref()) {
            None | Some(Origin::Published) => Ok(()),
            Some(Origin::Mirrored { upstream }) => Err(claim_first(key, upstream.as_str())),
        }
    }

    async fn is_there_already(
        &self,
        key: &PackageKey,
        publication: &Publication,
        blob: BlobId,
    ) -> Result<Option<KeptFile>, Problem> {
        let existing = self.inner.metadata.file(key, &publication.file).await;
        match existing.map_err(|error| store_problem(&error))? {
            None => Ok(None),
            Some(kept)
                if kept.blob == blob
                    && kept.state == FileState::Present
                    && kept.origin == Origin::Published =>
            {
                Ok(Some(kept))
            }
            Some(kept) => Err(name_taken(&publication.file, kept.state, kept.blob == blob)),
        }
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
        let Checked { blob, inspection, attested } = checked;
        let Inspection { attributes, companions, .. } = inspection;
        let mut kept = Self::kept_facts(operation, publication, &blob, attributes, now);
        let id = kept.blob;
        let event = self.published_event(operation, &key, publication, id, &attested);
        let task = Task::release(&key, &kept);
        let bytes = self.keep_all_bytes(operation, blob, companions, &attested);
        let (companions, signed) = tokio::join!(bytes, self.attest(&task, &kept));
        kept.file.companions = companions?;
        let failure = signed.as_ref().err().map(|failure| not_signed(&task, failure));
        self.note_signing(&task, signed.as_ref().err());
        let mut writes = vec![
            Write::BindName { key: key.clone(), origin: Origin::Published, at: now },
            Write::RecordFile { key: key.clone(), file: kept.clone() },
            signed.map_or_else(|_| task.queue(now), Write::RecordAttestation),
        ];
        writes.extend(attested.iter().map(|one| one.record(&key, &kept)));
        let outcome = self.inner.metadata.commit(writes, vec![event]).await;
        drop(gate);
        self.package_changed(key.ecosystem, &key.package);
        match outcome {
            Ok(_) => match failure {
                None => Ok(published(publication, id, false)),
                Some(problem) => {
                    self.wake_signing();
                    Err(problem)
                }
            },
            // Somebody else published the same at the same time.
            Err(StoreError::SameFile) => {
                self.complete(&key, &kept, publication).await?;
                Ok(published(publication, id, true))
            }
            Err(StoreError::FileExists { state, existing }) => {
                Err(name_taken(&publication.file, state, existing == id))
            }
            Err(StoreError::OriginBound { bound: Origin::Mirrored { upstream } }) => {
                Err(claim_first(&key, upstream.as_str()))
            }
            Err(error) => Err(store_problem(&error)),
        }
    }

    /// The archive and what belongs to it, durable. Returns the companions.
    async fn keep_all_bytes(
        &self,
        operation: &Authorized<Operation>,
        blob: Blob<Verified>,
        companions: Vec<CompanionBytes>,
        attested: &[PublisherAttestation],
    ) -> Result<Vec<Companion>, Problem> {
        let mut kept = self.keep_companions(companions, &[]).await?;
        kept.extend(self.keep_provenance(&*operation.ecosystem, attested).await?);
        self.inner.blobs.commit(blob).await.map_err(|error| blob_problem(&error))?;
        Ok(kept)
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
                version: Some(publication.version.clone()),
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
        event.version = Some(publication.version.clone());
        event.detail.set_text("sha256", id.to_hex());
        if !attested.is_empty() {
            let by = attested.iter().map(|one| one.identity.as_str()).collect::<Vec<_>>();
            event.detail.0.insert("attested_by".to_owned(), by.into());
        }
        event
    }

    fn record_refusal(
        &self,
        operation: &Authorized<Operation>,
        publication: &Publication,
        problem: &Problem,
    ) {
        let key = operation.key(&publication.package);
        let message = format!("{} was refused: {}", publication.file, problem.public);
        let kind = EventKind::PublicationRefused;
        let mut event = self.package_event(kind, &operation.caller, &key, message);
        event.file = Some(publication.file.clone());
        event.version = Some(publication.version.clone());
        event.detail.set_text("code", problem.code.as_str());
        self.record_in_background(event);
    }
}

/// Refusals that somebody should know of; a lack of rights has an event of its own.
fn is_worth_telling(code: ProblemCode) -> bool {
    matches!(code, ProblemCode::Conflict | ProblemCode::InvalidPackage | ProblemCode::TooLarge)
}

/// A publication that may be recorded.
struct Checked {
    blob: Blob<Verified>,
    inspection: Inspection,
    attested: Vec<PublisherAttestation>,
}

fn is_release(attestation: &Attestation) -> bool {
    attestation.source == AttestationSource::Ours && attestation.predicate_type == PREDICATE_RELEASE
}

fn published(publication: &Publication, blob: BlobId, already_there: bool) -> Published {
    Published {
        package: publication.package.clone(),
        version: publication.version.clone(),
        file: publication.file.clone(),
        blob,
        already_there,
    }
}

fn name_taken(file: &FileName, state: FileState, has_same_bytes: bool) -> Problem {
    let why = match state {
        FileState::Deleted => {
            "was published once and deleted; a file name is never reused, publish a new version"
        }
        FileState::Present | FileState::Quarantined if has_same_bytes => {
            "came from an upstream before the name was claimed; publish a new version"
        }
        FileState::Present | FileState::Quarantined => {
            "has other bytes; a file never changes, publish a new version"
        }
    };
    Problem::new(ProblemCode::Conflict, format!("File already exists: {file} {why}"))
}

fn claim_first(key: &PackageKey, upstream: &str) -> Problem {
    let message = format!(
        "{} comes from upstream {upstream} here; to publish under this name an administrator has to claim it first: provender own add --repo {} {} {}",
        key.package, key.repository, key.ecosystem, key.package
    );
    Problem::new(ProblemCode::Conflict, message)
}

fn mismatch(error: &VerifyError) -> Problem {
    match error {
        VerifyError::Mismatch { expected, actual, .. } => {
            let message = format!(
                "the upload arrived with {actual}, its form says {expected}; nothing was stored, try again"
            );
            Problem::new(ProblemCode::InvalidPackage, message)
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
    let inspect = move || {
        let mut archive = blob.reader().map_err(|error| blob_problem(&error))?;
        let expected = Expected {
            package: &publication.package,
            version: Some(&publication.version),
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
    tokio::task::spawn_blocking(inspect).await.map_err(|error| Problem::internal(&error))?
}
