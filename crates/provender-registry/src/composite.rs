//! Publications that name other files of their package, or are pointed to by a tag.

use std::collections::HashSet;

use provender_domain::{
    Digest, EncodedText, EventKind, File, FileName, FileState, KeptFile, NewEvent, Origin, Problem,
    ProblemCode, Scope, TagRule,
};
use provender_ecosystem::{
    Ecosystem, Evidence, MadeFile, Operation, Publication, Reference, ReferenceRole, Signed,
};
use provender_store::{Attestation, PackageKey, StoreError, TagRow, Write};

use crate::Registry;
use crate::access::Authorized;
use crate::attestation::{PublisherAttestation, verify};
use crate::error::store_problem;
use crate::resolve::without_doubles;
use crate::signature::EVIDENCE;

/// Larger files that the server makes are different each time, in bytes: they speak of a digest.
const SHARED_MAX_BYTES: usize = 64;

impl Registry {
    /// Whether a tag may point to what is to be published: said before anything is signed.
    pub(crate) fn check_tag(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
        publication: &Publication,
        row: Option<&TagRow>,
    ) -> Result<(), Problem> {
        if operation.repository.repository.policy.tags == TagRule::Movable {
            return Ok(());
        }
        match row {
            // One that an upstream moved last is no longer served, as the name is ours.
            Some(row) if row.file != publication.file && row.checked_at.is_none() => {
                Err(self.immutable_tag_problem(operation, key, publication, &row.file))
            }
            _ => Ok(()),
        }
    }

    /// Tells that somebody would have moved a tag where tags are immutable.
    pub(crate) fn immutable_tag_problem(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
        publication: &Publication,
        points_to: &FileName,
    ) -> Problem {
        let tag = publication.tag.as_ref().map(ToString::to_string).unwrap_or_default();
        let message = format!(
            "tag {tag} of {} points to {points_to}, and tags are immutable in {}; publish under a new tag",
            key.package, key.repository
        );
        let kind = EventKind::ImmutableTagMoved;
        let mut event = self.package_event(kind, &operation.caller, key, message.clone());
        event.file = Some(publication.file.clone());
        event.detail.set_text("tag", tag);
        event.detail.set_text("points_to", points_to.as_str());
        self.record_in_background(event);
        Problem::new(ProblemCode::Conflict, message)
    }

    /// Points the publication's tag, where it names one, to the file: the write, and the event of
    /// a tag that pointed elsewhere when it was looked at.
    pub(crate) fn pointing(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
        publication: &Publication,
        row: Option<&TagRow>,
    ) -> Option<(Write, Option<NewEvent>)> {
        let tag = publication.tag.as_ref()?;
        let before = row.map(|row| &row.file).filter(|file| **file != publication.file);
        let moved = before.map(|before| {
            let message = format!(
                "tag {tag} of {} points to {} now, and pointed to {before} before",
                key.package, publication.file
            );
            let query = operation.query(&key.package);
            let (file, caller) = (&publication.file, &operation.caller);
            self.moved_event(&query, tag, file, Some(before), caller, message)
        });
        let put = Write::PutTag {
            key: key.clone(),
            tag: tag.clone(),
            file: publication.file.clone(),
            at: self.now(),
            actor: operation.caller.actor().to_string(),
            checked_at: None,
            rule: operation.repository.repository.policy.tags,
        };
        Some((put, moved))
    }

    /// Points the tag to a file that is here already, unless it did when both were looked at; `false`
    /// where the file is here no more.
    pub(crate) async fn point(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
        publication: &Publication,
        row: Option<&TagRow>,
    ) -> Result<bool, Problem> {
        let is_there = |row: &TagRow| row.file == publication.file && row.checked_at.is_none();
        if row.is_some_and(is_there) {
            return Ok(true);
        }
        let Some((put, moved)) = self.pointing(operation, key, publication, row) else {
            return Ok(true);
        };
        let outcome = self.inner.metadata.commit(vec![put], moved.into_iter().collect()).await;
        self.package_changed(key.ecosystem, &key.package);
        match outcome {
            Ok(_) => Ok(true),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(StoreError::TagTaken { file }) => {
                Err(self.immutable_tag_problem(operation, key, publication, &file))
            }
            Err(error) => Err(store_problem(&error)),
        }
    }

    /// Whether all that a file needs is here: said before anything is signed, and held to once
    /// more by the commit.
    pub(crate) async fn check_references(
        &self,
        key: &PackageKey,
        references: &[Reference],
    ) -> Result<(), Problem> {
        let required: Vec<&FileName> = references
            .iter()
            .filter(|reference| reference.role == ReferenceRole::Required)
            .map(|reference| &reference.file)
            .filter(|name| !self.was_recorded(key, Some(name)))
            .collect();
        let kept = self.inner.metadata.files_named(key, &required).await;
        let kept = kept.map_err(|error| store_problem(&error))?;
        // An upstream's is not served under a name that is ours: it has to come again.
        let ours: HashSet<&FileName> = kept
            .iter()
            .filter(|kept| kept.state == FileState::Present && kept.origin == Origin::Published)
            .map(|kept| &kept.file.name)
            .collect();
        match required.into_iter().find(|name| !ours.contains(name)) {
            Some(missing) => Err(missing_reference(key, missing)),
            None => Ok(()),
        }
    }

    /// What a kept file is about, if it says so.
    pub(crate) async fn subject_of(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Option<FileName>, Problem> {
        let references = self.inner.metadata.references_of(key, name).await;
        Ok(subject_among(&references.map_err(|error| store_problem(&error))?))
    }

    /// Verifies what a signature says about another file. One that does not hold for this server
    /// is kept as its publisher made it, for whoever trusts somebody else; it counts for nothing here.
    pub(crate) async fn verify_evidence(
        &self,
        key: &PackageKey,
        evidence: Option<&Evidence>,
        ecosystem: &dyn Ecosystem,
    ) -> Result<Option<Write>, Problem> {
        let Some(Evidence { about: Some(about), bundle: Some(bundle) }) = evidence else {
            return Ok(None);
        };
        let metadata = &self.inner.metadata;
        let subject = metadata.file(key, about).await.map_err(|error| store_problem(&error))?;
        let is_here = subject.is_some();
        let promised = ecosystem.digest_of_file(about).and_then(|digest| digest.blob_id());
        let Some(blob) = subject.map(|kept| kept.blob).or(promised) else { return Ok(None) };
        let Some(bundle) = self.bundle_in(key, bundle).await? else { return Ok(None) };
        let verifier = self.attestation_verifier()?;
        let verifying = tokio::task::spawn_blocking(move || verify(&verifier, &bundle, None, blob));
        let found = verifying.await.map_err(|error| Problem::internal(&error))?;
        match found {
            Ok(found) => {
                let attestation: PublisherAttestation = self.publisher_attestation(found);
                let about = is_here.then_some(about);
                Ok(Some(attestation.record_about(key, about, blob)))
            }
            Err(problem) => {
                tracing::debug!(file = %about, "a signature does not hold here: {}", problem.public);
                Ok(None)
            }
        }
    }

    /// The files in which clients look for what was signed about this one: what to write with the
    /// attestation. The caller holds the garbage gate.
    pub(crate) async fn made_evidence(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
        attestation: &Attestation,
        bundle: &dyn EncodedText,
    ) -> Result<Vec<Write>, Problem> {
        let Some(ecosystem) = self.ecosystem(key.ecosystem.as_str()) else { return Ok(Vec::new()) };
        let at = attestation.recorded_at.to_seconds();
        let signed = Signed {
            file: &kept.file,
            predicate_type: &attestation.predicate_type,
            bundle,
            at: &at,
        };
        let made = ecosystem.render_evidence(&signed);
        let about = KeptFile { recorded_at: attestation.recorded_at, ..kept.clone() };
        let keeping = made.into_iter().map(|made| self.keep_made(&**ecosystem, key, &about, made));
        Ok(futures_util::future::try_join_all(keeping).await?.into_iter().flatten().collect())
    }

    /// What to write for one of them.
    async fn keep_made(
        &self,
        ecosystem: &dyn Ecosystem,
        key: &PackageKey,
        about: &KeptFile,
        made: MadeFile,
    ) -> Result<Vec<Write>, Problem> {
        let MadeFile { name, bytes, mut attributes, references } = made;
        let size_bytes = bytes.len() as u64;
        let promised = ecosystem.digest_of_file(&name);
        // The same few bytes stand in the evidence of each; all else is new.
        let shared = promised.as_ref().filter(|_| bytes.len() <= SHARED_MAX_BYTES);
        let is_kept = match shared.and_then(Digest::blob_id) {
            Some(blob) => self.is_kept(blob).await?,
            None => false,
        };
        let (digest, keep) = match &promised {
            Some(promised) if is_kept => (promised.clone(), None),
            _ => self.keep_bytes_with_row(bytes.into(), promised.as_slice()).await?,
        };
        let Some(blob) = digest.blob_id() else { return Ok(Vec::new()) };
        if references.iter().any(|reference| reference.role == ReferenceRole::Subject) {
            attributes.0.insert(EVIDENCE.to_owned(), true.into());
        }
        let file = File {
            name: name.clone(),
            version: None,
            url: None,
            digests: without_doubles(promised.into_iter().chain([digest])),
            size_bytes: Some(size_bytes),
            uploaded_at: about.file.uploaded_at,
            yank: None,
            attributes,
            companions: Vec::new(),
        };
        let file = KeptFile { file, blob, publisher: None, ..about.clone() };
        let mut writes: Vec<Write> = keep.into_iter().collect();
        writes.push(Write::KeepFile { key: key.clone(), file });
        if !references.is_empty() {
            writes.push(Write::RecordReferences { key: key.clone(), file: name, references });
        }
        Ok(writes)
    }

    /// A tag, or what may be put back, is to be taken away: who may publish may do so where tags
    /// move, else only an administrator.
    pub(crate) fn check_removal(
        &self,
        operation: &Authorized<Operation>,
        key: &PackageKey,
    ) -> Result<(), Problem> {
        let is_free = operation.repository.repository.policy.tags == TagRule::Movable;
        let caller = &operation.caller;
        if is_free || caller.holds(Scope::Admin, Some(&key.repository), Some(&key.package)) {
            return Ok(());
        }
        Err(self.denied(caller, &key.repository, Scope::Admin))
    }
}

/// What a file says of itself that it is about.
pub(crate) fn subject_among(references: &[Reference]) -> Option<FileName> {
    let subject = references.iter().find(|reference| reference.role == ReferenceRole::Subject);
    subject.map(|reference| reference.file.clone())
}

pub(crate) fn missing_reference(key: &PackageKey, target: &FileName) -> Problem {
    let message =
        format!("it needs {target}, which is not in {} yet; push that first", key.package);
    Problem::new(ProblemCode::MissingReference, message)
}
