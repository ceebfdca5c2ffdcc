//! What this server signs: a release attestation for each publication, a verification summary for
//! each first mirror.
//!
//! A publication is signed while its bytes are made durable, and kept with its attestation in one
//! commit, which follows the log's: both are on their way to the disk at once, and the row is there
//! only if the entry is. What is to be signed later (a first mirror, for which nobody waits, or a publication that
//! could not be signed at once) is queued in the same commit as the row that it is about, so nothing
//! is forgotten over a crash. One task is worked on once at a time in
//! this process, however many ask, and where another process was faster its attestation stands.

mod bundle;
mod statement;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use provender_attest::{Bundle, Statement};
use provender_authority::Authority;
use provender_domain::{
    Actor, EventKind, FileState, KeptFile, NewEvent, Problem, ProblemCode, Timestamp,
};
use provender_ecosystem::Ecosystem;
use provender_store::{
    Attestation, AttestationSource, FileKey, PackageKey, PackedAttestation, SigningKind,
    SigningTask, StoreError, Write,
};
use provender_tlog::Settlement;
use provender_upstream::SingleFlight;
use tokio::sync::Notify;

use crate::Registry;
use crate::error::store_problem;
use crate::listing::shared_problem;

pub(crate) use bundle::SigningFailure;
pub(crate) use statement::{CHECKS, Check};

/// How often something is signed whose entry did not get into the log after all, because its commit
/// failed or another server's was first. From the second time on the log waits for its commit.
pub(crate) const SIGNINGS_MAX: u32 = 3;
/// Tasks that the background works on at once.
const WINDOW: usize = 32;
/// How often the queue is looked at without being told to.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
/// How long a task that failed waits before it is tried again; doubled each time.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest that it waits.
const BACKOFF_MAX: Duration = Duration::from_mins(5);
/// When a publisher whose file could not be signed may try again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What is to be signed about which file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    file: FileKey,
    kind: SigningKind,
}

impl Task {
    /// That a file was published.
    pub(crate) fn release(key: &PackageKey, kept: &KeptFile) -> Self {
        Self { file: FileKey::new(key, kept.file.name.clone()), kind: SigningKind::Release }
    }

    /// What was checked when a file was mirrored.
    pub(crate) fn summary(key: &PackageKey, kept: &KeptFile) -> Self {
        let file = FileKey::new(key, kept.file.name.clone());
        Self { file, kind: SigningKind::VerificationSummary }
    }

    /// Queues it, behind the file's own row in the same commit.
    pub(crate) fn queue(&self, at: Timestamp) -> Write {
        Write::QueueSigning { file: self.file.clone(), kind: self.kind, at }
    }

    pub(crate) fn end(&self) -> Write {
        Write::EndSigning { file: self.file.clone(), kind: self.kind }
    }
}

/// An attestation whose entry has its place in the log, and may not be in it yet.
struct Signed {
    /// All but the bundle, which is empty here.
    attestation: Attestation,
    bundle: Bundle,
    settlement: Settlement,
}

impl Signed {
    /// Keeps it, with its evidence before it, if its entry is in the log.
    fn recording(self, mut evidence: Vec<Write>) -> Vec<Write> {
        let attestation = PackedAttestation::of(&self.attestation, &self.bundle, &evidence);
        evidence.extend([Write::Follow(self.settlement), Write::RecordAttestation(attestation)]);
        evidence
    }
}

/// What signing needs, and how it is doing.
pub(crate) struct Signing {
    authority: Arc<Authority>,
    flights: SingleFlight<Task, (), Problem>,
    wake: Arc<Notify>,
    is_failing: AtomicBool,
}

impl Signing {
    pub(crate) fn new(authority: Arc<Authority>) -> Self {
        Self {
            authority,
            flights: SingleFlight::new(),
            wake: Arc::default(),
            is_failing: AtomicBool::new(false),
        }
    }
}

impl Registry {
    /// The certificate authority, the logs and all else of this server's own Sigstore.
    pub fn authority(&self) -> &Arc<Authority> {
        &self.inner.signing.authority
    }

    /// Something was queued that nobody waits for.
    pub(crate) fn wake_signing(&self) {
        self.inner.signing.wake.notify_one();
    }

    /// Signs what was queued about this file, or waits for whoever is doing so. When this returns
    /// well, the attestation and its inclusion proof are kept; else the task stays queued, and the
    /// background goes on trying.
    pub(crate) async fn sign(&self, task: Task, kept: &KeptFile) -> Result<(), Problem> {
        self.sign_again(task, kept, 0).await
    }

    /// Does so after as many failures.
    async fn sign_again(&self, task: Task, kept: &KeptFile, tries: u32) -> Result<(), Problem> {
        let (registry, kept, key) = (self.clone(), kept.clone(), task.clone());
        let flight = self
            .inner
            .signing
            .flights
            .run(key, move || async move { registry.sign_kept(&task, &kept, tries).await });
        flight.await.map_err(|error| shared_problem(&error))
    }

    async fn sign_kept(&self, task: &Task, kept: &KeptFile, tries: u32) -> Result<(), Problem> {
        let signed = self.sign_and_record(task, kept).await;
        self.note_signing(task, signed.as_ref().err());
        match signed {
            Ok(()) => Ok(()),
            // What is queued is found at the next start.
            Err(failure) if failure.is_the_end() => Err(not_signed(task, &failure)),
            Err(failure) => {
                self.postpone(task, tries, &failure.to_string()).await;
                Err(not_signed(task, &failure))
            }
        }
    }

    async fn sign_and_record(&self, task: &Task, kept: &KeptFile) -> Result<(), SigningFailure> {
        let mut signings = 1;
        loop {
            let _gate = self.inner.garbage_gate.clone().read_owned().await;
            let signed = self.attest(task, kept).await?;
            let mut writes = vec![task.end()];
            let evidence = self.evidence_of(task, kept, &signed).await?;
            writes.extend(signed.recording(evidence));
            let outcome = self.inner.metadata.commit(writes, Vec::new()).await;
            if let Some(ecosystem) = self.ecosystem(&task.file.package.ecosystem) {
                self.package_changed(ecosystem.id(), &task.file.package.package);
            }
            match outcome {
                // Missing: another server ended the task, and its attestation stands.
                Ok(_) | Err(StoreError::Missing { .. }) => return Ok(()),
                Err(StoreError::NotLogged) if signings < SIGNINGS_MAX => signings += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What to write so that clients find the attestation beside its file.
    async fn evidence_of(
        &self,
        task: &Task,
        kept: &KeptFile,
        signed: &Signed,
    ) -> Result<Vec<Write>, SigningFailure> {
        let key = self.key_of(&task.file.package).ok_or(SigningFailure::UnknownEcosystem)?;
        // What was deleted meanwhile needs no evidence beside it.
        let now = self.inner.metadata.file(&key, &kept.file.name).await?;
        if now.is_none_or(|now| now.state != FileState::Present) {
            return Ok(Vec::new());
        }
        let made = self.made_evidence(&key, kept, &signed.attestation, &signed.bundle).await;
        made.map_err(SigningFailure::Evidence)
    }

    /// Signs a file that is being recorded: what to write behind its row, in the same commit. To be
    /// called while the file's bytes are made durable, so that a publication waits for both at once.
    /// [`StoreError::NotLogged`] says that it has to be signed anew.
    pub(crate) async fn sign_with_row(
        &self,
        key: &PackageKey,
        task: &Task,
        kept: &KeptFile,
    ) -> Result<Vec<Write>, SigningFailure> {
        let signed = self.attest(task, kept).await?;
        let evidence = self.made_evidence(key, kept, &signed.attestation, &signed.bundle).await;
        Ok(signed.recording(evidence.map_err(SigningFailure::Evidence)?))
    }

    /// Signs; what is returned has its place in the log, and is to be kept in a commit that follows
    /// the log's. A crash between the log's and the file's leaves an entry in the log about a
    /// publication that was never acknowledged, as it would where a publisher signed.
    async fn attest(&self, task: &Task, kept: &KeptFile) -> Result<Signed, SigningFailure> {
        let ecosystem = self.ecosystem(&task.file.package.ecosystem).cloned();
        let ecosystem = ecosystem.ok_or(SigningFailure::UnknownEcosystem)?;
        let statement = self.statement(task, kept, &*ecosystem).await?;
        let predicate_type = statement.predicate_type.clone();
        let repository = task.file.package.repository.as_str();
        let (bundle, settlement) = bundle::sign(self.authority(), repository, &statement).await?;
        let attestation = Attestation {
            blob: kept.blob,
            file: Some(task.file.clone()),
            source: AttestationSource::Ours,
            predicate_type,
            log_index: bundle.log_entries.first().map(|entry| entry.index),
            bundle: String::new(),
            recorded_at: self.now(),
        };
        Ok(Signed { attestation, bundle, settlement })
    }

    async fn statement(
        &self,
        task: &Task,
        kept: &KeptFile,
        ecosystem: &dyn Ecosystem,
    ) -> Result<Statement, SigningFailure> {
        let package = &task.file.package;
        let version = kept.file.version.as_ref();
        match task.kind {
            SigningKind::Release => {
                // Where there are no versions, the release is that of the file.
                let file = version.is_none().then_some(&kept.file.name);
                statement::release(&ecosystem.purl(&package.package, version, file), kept)
            }
            SigningKind::VerificationSummary => {
                let file = Some(&kept.file.name);
                let purl = ecosystem.purl(&package.package, version, file);
                let verifier = self.authority().origin().repository(package.repository.as_str());
                let checks = self.checks_of(task).await?;
                Ok(statement::summary(&verifier, &purl, kept, checks))
            }
        }
    }

    async fn postpone(&self, task: &Task, tries: u32, error: &str) {
        let backoff = BACKOFF_MIN.saturating_mul(1 << tries.min(16)).min(BACKOFF_MAX);
        let write = Write::PostponeSigning {
            file: task.file.clone(),
            kind: task.kind,
            next_try_at: self.now().plus(backoff),
            error: error.to_owned(),
        };
        if let Err(error) = self.inner.metadata.commit(vec![write], Vec::new()).await {
            tracing::warn!(%error, file = %task.file.name, "a failure to sign could not be recorded");
        }
    }

    /// Remembers whether signing fails, and tells where that is news. The server's end is none.
    pub(crate) fn note_signing(&self, task: &Task, failure: Option<&SigningFailure>) {
        match failure {
            None => self.note_signed(),
            Some(failure) if failure.is_the_end() => {}
            Some(failure) => self.note_signing_failure(task, failure),
        }
    }

    fn note_signing_failure(&self, task: &Task, failure: &SigningFailure) {
        let problem = Problem::internal(failure);
        tracing::error!(
            file = %task.file.name,
            kind = task.kind.as_str(),
            cause = problem.internal,
            "signing failed"
        );
        if !self.inner.signing.is_failing.swap(true, Ordering::Relaxed) {
            let message = format!("{} could not be signed: {failure}", task.file.name);
            let kind = EventKind::SigningFailing;
            self.record_in_background(NewEvent::new(kind, self.now(), Actor::System, message));
        }
    }

    fn note_signed(&self) {
        let is_failing = &self.inner.signing.is_failing;
        if is_failing.load(Ordering::Relaxed) && is_failing.swap(false, Ordering::Relaxed) {
            let (kind, message) = (EventKind::SigningRecovered, "files are signed again");
            self.record_in_background(NewEvent::new(kind, self.now(), Actor::System, message));
        }
    }

    /// Works on the queue until the registry is closed: what mirrors left there, and what an
    /// earlier process did not get to.
    pub(crate) fn sign_in_background(&self) {
        let weak = Arc::downgrade(&self.inner);
        self.spawn_watcher(async move {
            while let Some(inner) = weak.upgrade() {
                let registry = Self { inner };
                if registry.sign_what_is_due().await {
                    continue;
                }
                let wake = registry.inner.signing.wake.clone();
                drop(registry);
                // Either way it is time to look.
                let _ = tokio::time::timeout(POLL_INTERVAL, wake.notified()).await;
            }
        });
    }

    /// Whether there was something, all of it was signed, and there may be more.
    async fn sign_what_is_due(&self) -> bool {
        let limit = u32::try_from(WINDOW).expect("a small number");
        let due = match self.inner.metadata.signing_tasks_due(self.now(), limit).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "the signing queue could not be read");
                return false;
            }
        };
        let is_full = due.len() == WINDOW;
        let mut under_way: FuturesUnordered<_> =
            due.into_iter().map(|task| self.sign_due(task)).collect();
        let mut all_signed = true;
        while let Some(is_signed) = under_way.next().await {
            all_signed &= is_signed;
        }
        is_full && all_signed
    }

    async fn sign_due(&self, due: SigningTask) -> bool {
        let task = Task { file: due.file, kind: due.kind };
        let Some(key) = self.key_of(&task.file.package) else {
            self.postpone(&task, u32::MAX, "this program has no such ecosystem").await;
            return false;
        };
        match self.inner.metadata.file(&key, &task.file.name).await {
            Ok(Some(kept)) => self.sign_again(task, &kept, due.tries).await.is_ok(),
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(cause = ?store_problem(&error).internal, "a file to sign could not be read");
                false
            }
        }
    }
}

/// What a publisher is told whose file is kept and not signed.
pub(crate) fn not_signed(task: &Task, failure: &SigningFailure) -> Problem {
    let name = &task.file.name;
    let message = format!("{name} is kept but could not be signed yet; try again in a moment");
    Problem::new(ProblemCode::Busy, message).because(failure).retry_after(RETRY_AFTER)
}
