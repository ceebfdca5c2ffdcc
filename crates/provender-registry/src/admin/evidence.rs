//! Evidence: what is known of a file, from where it came to its place in the log.

use std::collections::{BTreeSet, HashMap};

use provender_domain::{
    Actor, BlobId, EcosystemId, EventKind, FileName, KeptFile, PackageName, Problem, ProblemCode,
    Purl, Scope, Timestamp, Visibility,
};
use provender_ecosystem::PurlSubject;
use provender_store::{
    Attestation, AttestationSource, EventFilter, FileKey, PackageKey, StoredKey,
};

use super::packages::FileReport;
use crate::error::{shown, store_problem};
use crate::resolve::{Query, bound_origin};
use crate::{Caller, Registry, TaggedBundle};

/// Most files that one question is answered with.
const FILES_LIMIT: usize = 64;
/// Most files with the same bytes that are looked at for those that the caller may see.
const SEEN_LIMIT: u32 = 4_096;
/// Most events about one file that are shown; the newest.
const EVENTS_LIMIT: u32 = 100;

/// What a question for evidence is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    Bytes(BlobId),
    Purl(Purl),
    File(FileName),
}

/// What can happen to a file.
const FILE_EVENTS: [EventKind; 11] = [
    EventKind::Published,
    EventKind::Mirrored,
    EventKind::Yanked,
    EventKind::Unyanked,
    EventKind::Deleted,
    EventKind::Quarantined,
    EventKind::Released,
    EventKind::Attested,
    EventKind::DigestMismatch,
    EventKind::UpstreamChanged,
    EventKind::ArchiveRefused,
];

/// Something that happened to a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEvent {
    /// Its place in the record of events.
    pub number: i64,
    /// What.
    pub kind: EventKind,
    /// When, by this server's clock.
    pub at: Timestamp,
    /// Whose doing it was; `None` towards callers who are not known here.
    pub actor: Option<Actor>,
    /// One sentence for people.
    pub message: String,
}

/// All that is known of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEvidence {
    /// Its package URL.
    pub purl: String,
    /// The file, where it came from, and what policy says of it.
    pub report: FileReport,
    /// What happened to it, oldest first.
    pub events: Vec<FileEvent>,
    /// What is attested of it, oldest first.
    pub attestations: Vec<Attestation>,
    /// Signatures under a tag beside it, the newest first.
    pub signatures: Vec<TaggedBundle>,
}

impl Registry {
    /// What is known of the files that the subject names: bytes by `sha256:<hex>`, a version or a
    /// file by its package URL, or files by their name. Files that the caller may not read do not
    /// exist for them.
    pub async fn evidence(
        &self,
        caller: &Caller,
        subject: &str,
        repository: Option<&str>,
    ) -> Result<Vec<FileEvidence>, Problem> {
        let keys = match read_subject(subject)? {
            Subject::Bytes(blob) => self.files_with(&blob).await?,
            Subject::Purl(purl) => self.files_of_purl(caller, &purl).await?,
            Subject::File(name) => self.files_named(caller, &name).await?,
        };
        let mut found = Vec::new();
        for key in keys {
            let in_repository =
                repository.is_none_or(|name| key.package.repository.as_str() == name);
            if in_repository && self.may_see(caller, &key.package) {
                found.extend(self.file_evidence(caller, &key).await?);
            }
            if found.len() == FILES_LIMIT {
                break;
            }
        }
        if found.is_empty() {
            let message = format!("nothing is kept here of {}", shown(subject));
            return Err(Problem::not_found(message));
        }
        Ok(found)
    }

    /// What is attested of these bytes, of whichever file that the caller may read.
    pub async fn attestations(
        &self,
        caller: &Caller,
        digest: &str,
    ) -> Result<Vec<Attestation>, Problem> {
        let blob = read_digest(digest)?;
        let attestations = self.inner.metadata.attestations_of_blob(&blob).await;
        let attestations = attestations.map_err(|error| store_problem(&error))?;
        let seen = |attestation: &Attestation| match &attestation.file {
            Some(file) => self.may_see(caller, &file.package),
            None => caller.holds(Scope::Admin, None, None),
        };
        let visible: Vec<Attestation> = attestations.into_iter().filter(seen).collect();
        let files = visible.iter().filter_map(|attestation| attestation.file.clone()).collect();
        let visible = self.not_taken_away(visible, &files).await?;
        if visible.is_empty() {
            return Err(Problem::not_found("nothing is attested here of these bytes"));
        }
        Ok(visible)
    }

    /// The signatures under tags beside files with these bytes that the caller may read. There may be
    /// none.
    pub async fn tagged_signatures_over(
        &self,
        caller: &Caller,
        digest: &str,
    ) -> Result<Vec<TaggedBundle>, Problem> {
        let mut signatures = Vec::new();
        for file in self.files_with(&read_digest(digest)?).await?.into_iter().take(FILES_LIMIT) {
            if self.may_see(caller, &file.package)
                && let Some(key) = self.key_of(&file.package)
            {
                signatures.extend(self.tagged_bundles(&key, &file.name).await?);
            }
        }
        Ok(signatures)
    }

    /// Without those of other people that are files of their own beside what they are about, and were
    /// taken away since. One that came before what it is about is known of the bytes alone: it is
    /// there if it is beside any of these files.
    async fn not_taken_away(
        &self,
        mut attestations: Vec<Attestation>,
        files: &BTreeSet<FileKey>,
    ) -> Result<Vec<Attestation>, Problem> {
        let is_ours = |attestation: &Attestation| attestation.source == AttestationSource::Ours;
        if attestations.iter().all(is_ours) {
            return Ok(attestations);
        }
        let mut attached = HashMap::new();
        for file in files {
            if let Some(key) = self.attached_to(file) {
                attached.insert(file, self.attached_bundles(&key, &file.name).await?);
            }
        }
        attestations.retain(|attestation| match &attestation.file {
            _ if is_ours(attestation) => true,
            Some(file) => {
                attached.get(file).is_none_or(|bundles| bundles.contains(&attestation.bundle))
            }
            None => {
                let mut all = attached.values().flatten();
                attached.is_empty() || all.any(|bundle| *bundle == attestation.bundle)
            }
        });
        Ok(attestations)
    }

    /// What is attested of a file now, also by who said it of the bytes alone, before they came.
    async fn attestations_about(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
    ) -> Result<Vec<Attestation>, Problem> {
        let file = FileKey::new(key, kept.file.name.clone());
        let mut attestations = self.attestations_of(key, &file.name).await?;
        if self.attached_to(&file).is_some() {
            let of_bytes = self.inner.metadata.attestations_of_blob(&kept.blob).await;
            let of_bytes = of_bytes.map_err(|error| store_problem(&error))?;
            attestations.extend(of_bytes.into_iter().filter(|of_bytes| of_bytes.file.is_none()));
            attestations.sort_by_key(|attestation| attestation.recorded_at);
        }
        self.not_taken_away(attestations, &BTreeSet::from([file])).await
    }

    /// The package of a file to which whatever is attested of it is attached, if it is of that kind.
    fn attached_to(&self, file: &FileKey) -> Option<PackageKey> {
        self.ecosystem(&file.package.ecosystem)?.digest_of_file(&file.name)?;
        self.key_of(&file.package)
    }

    async fn files_with(&self, blob: &BlobId) -> Result<Vec<FileKey>, Problem> {
        let files = self.inner.metadata.files_with_blob(blob, SEEN_LIMIT).await;
        files.map_err(|error| store_problem(&error))
    }

    async fn files_of_purl(&self, caller: &Caller, purl: &Purl) -> Result<Vec<FileKey>, Problem> {
        let ecosystem = self.ecosystem(&purl.kind).cloned();
        let subject = ecosystem.as_ref().and_then(|ecosystem| ecosystem.read_purl(purl));
        let Some((ecosystem, PurlSubject { package, version, file })) = ecosystem.zip(subject)
        else {
            let message = format!("{purl} names no package of an ecosystem that is known here");
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        };
        let mut keys = Vec::new();
        for key in self.visible_packages(caller, ecosystem.id(), &package) {
            let files = self.inner.metadata.files(&key).await;
            let files = files.map_err(|error| store_problem(&error))?;
            let is_meant = |kept: &KeptFile| {
                version.as_ref().is_none_or(|version| {
                    let own = kept.file.version.as_ref();
                    own.is_some_and(|own| ecosystem.is_same_version(own, version))
                }) && file.is_none_or_equal(Some(&kept.file.name))
            };
            let names = files.into_iter().filter(is_meant).map(|kept| kept.file.name);
            keys.extend(names.map(|name| FileKey::new(&key, name)));
        }
        Ok(keys)
    }

    async fn files_named(&self, caller: &Caller, name: &FileName) -> Result<Vec<FileKey>, Problem> {
        let mut keys = Vec::new();
        for ecosystem in self.ecosystems() {
            for package in ecosystem.packages_of_file(name) {
                for key in self.visible_packages(caller, ecosystem.id(), &package) {
                    let kept = self.inner.metadata.file(&key, name).await;
                    if kept.map_err(|error| store_problem(&error))?.is_some() {
                        keys.push(FileKey::new(&key, name.clone()));
                    }
                }
            }
        }
        Ok(keys)
    }

    /// The package of this name in each repository in which the caller may read it.
    fn visible_packages(
        &self,
        caller: &Caller,
        ecosystem: EcosystemId,
        package: &PackageName,
    ) -> Vec<PackageKey> {
        let state = self.state();
        let keys = state.repositories().map(|found| PackageKey {
            repository: found.repository.name.clone(),
            ecosystem,
            package: package.clone(),
        });
        keys.filter(|key| self.may_see(caller, &key.into())).collect()
    }

    /// Whether the caller may read this package. Asking is no attempt to, so it is not recorded.
    fn may_see(&self, caller: &Caller, key: &StoredKey) -> bool {
        let state = self.state();
        let Some(found) = state.repository(key.repository.as_str()) else {
            return false;
        };
        found.repository.visibility == Visibility::Public
            || caller.holds(Scope::Read, Some(&key.repository), Some(&key.package))
    }

    pub(super) async fn file_evidence(
        &self,
        caller: &Caller,
        file: &FileKey,
    ) -> Result<Option<FileEvidence>, Problem> {
        let ecosystem = self.ecosystem(&file.package.ecosystem);
        let Some((ecosystem, key)) = ecosystem.zip(self.key_of(&file.package)) else {
            return Ok(None);
        };
        let metadata = &self.inner.metadata;
        let kept = metadata.file(&key, &file.name).await.map_err(|error| store_problem(&error))?;
        let Some(mut kept) = kept else {
            return Ok(None);
        };
        let row = metadata.package(&key).await.map_err(|error| store_problem(&error))?;
        let attestations = self.attestations_about(&key, &kept).await?;
        let signatures = self.tagged_bundles(&key, &file.name).await?;
        let events = self.events_about(caller, &key, &file.name).await?;
        let version = kept.file.version.as_ref();
        let purl = ecosystem.purl(&key.package, version, Some(&file.name)).to_string();
        if caller.is_anonymous() {
            // Who publishes is for those who are known here.
            kept.publisher = None;
        }
        let Some(repository) = self.state().repository(key.repository.as_str()).cloned() else {
            return Ok(None);
        };
        let (ecosystem, package) = (ecosystem.clone(), key.package.clone());
        let query = Query { repository, ecosystem, package, depth: 0, host: None };
        let origin = bound_origin(query.owns(), row.as_ref());
        let report = self.report_on(&query, kept, origin).await?;
        Ok(Some(FileEvidence { purl, report, events, attestations, signatures }))
    }

    /// What happened to a file; who did it is for those who are known here.
    async fn events_about(
        &self,
        caller: &Caller,
        key: &PackageKey,
        file: &FileName,
    ) -> Result<Vec<FileEvent>, Problem> {
        let filter = EventFilter {
            limit: EVENTS_LIMIT,
            newest_first: true,
            kinds: FILE_EVENTS.to_vec(),
            repository: Some(key.repository.clone()),
            ecosystem: Some(key.ecosystem.to_string()),
            package: Some(key.package.clone()),
            file: Some(file.clone()),
            ..EventFilter::default()
        };
        let events = self.inner.metadata.events(&filter).await;
        let events = events.map_err(|error| store_problem(&error))?.into_iter().rev();
        let shown = events.map(|found| FileEvent {
            number: found.number,
            kind: found.event.kind,
            at: found.event.at,
            actor: (!caller.is_anonymous()).then_some(found.event.actor),
            message: found.event.message,
        });
        Ok(shown.collect())
    }
}

/// A wish that leaves open what it does not say.
trait Wish<T> {
    fn is_none_or_equal(&self, found: Option<&T>) -> bool;
}

impl<T: PartialEq> Wish<T> for Option<T> {
    fn is_none_or_equal(&self, found: Option<&T>) -> bool {
        self.is_none() || self.as_ref() == found
    }
}

fn read_digest(text: &str) -> Result<BlobId, Problem> {
    match read_subject(text)? {
        Subject::Bytes(blob) => Ok(blob),
        Subject::Purl(_) | Subject::File(_) => {
            let message = "bytes are named by sha256:<64 hexadecimal digits>";
            Err(Problem::new(ProblemCode::InvalidRequest, message))
        }
    }
}

fn read_subject(text: &str) -> Result<Subject, Problem> {
    let invalid = |error: &dyn std::fmt::Display| {
        let message = format!(
            "{}: {error}; a subject is sha256:<64 hexadecimal digits>, a package URL or a file's name",
            shown(text)
        );
        Problem::new(ProblemCode::InvalidRequest, message)
    };
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    if let Ok(blob) = hex.to_ascii_lowercase().parse() {
        return Ok(Subject::Bytes(blob));
    }
    if text.starts_with("sha256:") {
        return Err(invalid(&"this is no digest"));
    }
    if text.starts_with("pkg:") {
        return text.parse().map(Subject::Purl).map_err(|error| invalid(&error));
    }
    FileName::new(text).map(Subject::File).map_err(|error| invalid(&error))
}
