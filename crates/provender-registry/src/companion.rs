//! Small files that belong to others: metadata, provenance.

use std::sync::Arc;

use provender_domain::{
    Algorithm, BlobId, Companion, EventKind, File, FileName, FileState, KeptFile, NewEvent,
    Problem, ProblemCode, RepositoryName, Upstream, UpstreamTarget,
};
use provender_ecosystem::Attested;
use provender_store::{Attestation, AttestationSource, EventFilter, OpenBlob, Write};
use provender_upstream::Document;
use url::Url;

use crate::error::{blob_problem, store_problem};
use crate::mirror::{Errand, has_digest};
use crate::resolve::Query;
use crate::{Caller, Registry};

/// A file has a handful of companions and upstreams at most.
const EARLIER_EVENTS_LIMIT: u32 = 100;

const REMOVED: &str = "it was removed just now";

impl Registry {
    /// A companion's bytes: what is kept, else what the upstream offers, held against the digest
    /// that its index promises. A companion without one carries its own proof and is passed on
    /// unchanged, and kept once its file is.
    pub(crate) async fn companion(
        &self,
        query: &Query,
        file: &File,
        kind: &str,
        upstream: Option<&Upstream>,
        kept: Option<Arc<KeptFile>>,
        caller: &Caller,
    ) -> Result<(BlobId, OpenBlob), Problem> {
        let companion = file
            .companion(kind)
            .ok_or_else(|| Problem::not_found(format!("this file has no {kind}")))?;
        if self.is_ours_to_show(companion).await?
            && let Some(found) = self.open_companion(companion).await?
        {
            return Ok(found);
        }
        if let Some(kept) = &kept
            && is_made_here(query, companion)
        {
            let id = self.own_provenance(query, kept).await?;
            let open =
                self.inner.blobs.open_blob(&id).await.map_err(|error| blob_problem(&error))?;
            return open.map(|open| (id, open)).ok_or_else(|| Problem::not_found(REMOVED));
        }
        let upstream = upstream.ok_or_else(|| {
            Problem::not_found(format!("the {kind} of this file is not kept here"))
        })?;
        if matches!(upstream.target, UpstreamTarget::Repository { .. }) {
            return self.companion_by_file(query, file, kind, upstream, caller).await;
        }
        let id = self.fetch_companion(query, file, companion, upstream).await?;
        if let Some(kept) = kept {
            self.remember_companion(query, &kept.file.name, kind, id).await?;
        }
        let open = self.inner.blobs.open_blob(&id).await.map_err(|error| blob_problem(&error))?;
        open.map(|open| (id, open)).ok_or_else(|| Problem::not_found(REMOVED))
    }

    /// What this server itself attests of a file, as its ecosystem passes attestations on; made
    /// once, then kept.
    async fn own_provenance(&self, query: &Query, kept: &KeptFile) -> Result<BlobId, Problem> {
        let name = &kept.file.name;
        let attestations = self.attestations_of(&query.key(), name).await?;
        let attested: Vec<Attested> = attestations
            .into_iter()
            .filter(|attestation| attestation.source == AttestationSource::Ours)
            .map(|attestation| self.attested(&query.repository.repository.name, attestation))
            .collect();
        let rendered = match attested.as_slice() {
            [] => None,
            attested => query.ecosystem.render_attestations(attested),
        };
        let rendered =
            rendered.ok_or_else(|| Problem::not_found(format!("{name} is not signed yet")))?;
        let digest = {
            let _gate = self.inner.garbage_gate.clone().read_owned().await;
            self.keep_bytes(rendered.into(), &[]).await?
        };
        let id = digest.hex().parse().map_err(|error| Problem::internal(&error))?;
        let kind = query.ecosystem.attestations_companion().expect("something was rendered");
        self.remember_companion(query, name, kind, id).await?;
        Ok(id)
    }

    fn attested(&self, repository: &RepositoryName, attestation: Attestation) -> Attested {
        Attested {
            bundle: attestation.bundle,
            identity: self.authority().origin().repository(repository.as_str()),
            issuer: self.authority().origin().oidc(),
        }
    }

    /// The companions of a file of another repository, as they can be taken over: what that
    /// repository would make when asked is made there first, and left out where that fails.
    pub(crate) async fn companions_to_take(
        &self,
        query: &Query,
        there: &KeptFile,
    ) -> Vec<Companion> {
        let mut companions = Vec::with_capacity(there.file.companions.len());
        for companion in &there.file.companions {
            let mut companion = companion.clone();
            if is_made_here(query, &companion) {
                match self.own_provenance(query, there).await {
                    Ok(id) => companion.digest = Some(id.digest()),
                    Err(_) => continue,
                }
            }
            companions.push(companion);
        }
        companions
    }

    /// Whether the bytes of this name in the store may be shown for this companion. A digest that
    /// an upstream merely lists is no right to bytes that are recorded somewhere: they may be of
    /// a repository that the caller must not read. Such an upstream has to send them itself.
    async fn is_ours_to_show(&self, companion: &Companion) -> Result<bool, Problem> {
        let Some(id) = blob_of(companion).filter(|_| companion.url.is_some()) else {
            return Ok(true);
        };
        let is_recorded = self.inner.metadata.references(&id).await;
        Ok(!is_recorded.map_err(|error| store_problem(&error))?)
    }

    async fn open_companion(
        &self,
        companion: &Companion,
    ) -> Result<Option<(BlobId, OpenBlob)>, Problem> {
        let Some(id) = blob_of(companion) else {
            return Ok(None);
        };
        let open = self.inner.blobs.open_blob(&id).await.map_err(|error| blob_problem(&error))?;
        Ok(open.map(|open| (id, open)))
    }

    /// Behind another repository: taking the file over brings its companions along.
    async fn companion_by_file(
        &self,
        query: &Query,
        file: &File,
        kind: &str,
        upstream: &Upstream,
        caller: &Caller,
    ) -> Result<(BlobId, OpenBlob), Problem> {
        let errand = Errand {
            query: query.clone(),
            file: file.clone(),
            upstream: upstream.clone().into(),
            request: None,
            caller: caller.clone(),
        };
        let kept = self.mirror(errand).await?;
        let found = match kept.file.companion(kind) {
            Some(companion) => self.open_companion(companion).await?,
            None => None,
        };
        found.ok_or_else(|| Problem::not_found(format!("the {kind} of this file is not kept here")))
    }

    async fn fetch_companion(
        &self,
        query: &Query,
        file: &File,
        companion: &Companion,
        upstream: &Upstream,
    ) -> Result<BlobId, Problem> {
        let missing = || Problem::not_found(format!("the upstream offers no {}", companion.kind));
        let remote = self.remote_of(upstream)?.ok_or_else(missing)?;
        let url =
            companion.url.as_deref().and_then(|url| Url::parse(url).ok()).ok_or_else(missing)?;
        let limit = self.inner.tuning.companion_limit_bytes;
        let client = &self.inner.remotes.client;
        let document = client.document(&remote, &url, "*/*", None, limit).await;
        let (package, name) = (Some(&query.package), Some(&file.name));
        let failed = |error| self.failed_to_fetch(upstream, package, name, &error);
        let Document::Modified(page) = document.map_err(failed)? else {
            return Err(missing());
        };
        if let Some(promised) = &companion.digest
            && !has_digest(&page.body, promised)
        {
            return Err(self.refuse_companion(query, file, companion, upstream).await?);
        }
        let digests: Vec<_> = companion.digest.iter().cloned().collect();
        let _gate = self.inner.garbage_gate.clone().read_owned().await;
        let kept = self.keep_bytes(page.body, &digests).await?;
        kept.hex().parse().map_err(|error| Problem::internal(&error))
    }

    /// Bytes that are not what the index promised: nobody gets them, and it is told of once for each
    /// file. The file itself is held against what is promised of it when it comes.
    async fn refuse_companion(
        &self,
        query: &Query,
        file: &File,
        companion: &Companion,
        upstream: &Upstream,
    ) -> Result<Problem, Problem> {
        let message = format!(
            "the {} of {} was refused: upstream {} sent other bytes than its index promises",
            companion.kind, file.name, upstream.name
        );
        let mut event = self.package_event(
            EventKind::DigestMismatch,
            &Caller::system(),
            &query.key(),
            message.clone(),
        );
        event.file = Some(file.name.clone());
        event.version.clone_from(&file.version);
        event.detail.set_text("upstream", upstream.name.as_str());
        event.detail.set_text("companion", companion.kind.as_str());
        if !self.was_told_of_companion(query, &event).await? {
            let outcome = self.inner.metadata.commit(Vec::new(), vec![event]).await;
            outcome.map_err(|error| store_problem(&error))?;
        }
        Ok(Problem::new(ProblemCode::UpstreamFailed, message))
    }

    async fn was_told_of_companion(
        &self,
        query: &Query,
        event: &NewEvent,
    ) -> Result<bool, Problem> {
        let key = query.key();
        let filter = EventFilter {
            kinds: vec![event.kind],
            repository: Some(key.repository),
            ecosystem: Some(key.ecosystem.to_string()),
            package: Some(key.package),
            file: event.file.clone(),
            limit: EARLIER_EVENTS_LIMIT,
            ..EventFilter::default()
        };
        let events = self.inner.metadata.events(&filter).await;
        let events = events.map_err(|error| store_problem(&error))?;
        let is_same = |told: &NewEvent, key| told.detail.text(key) == event.detail.text(key);
        Ok(events
            .iter()
            .any(|told| ["upstream", "companion"].iter().all(|key| is_same(&told.event, key))))
    }

    /// From now on it is kept here, for as long as its file is.
    async fn remember_companion(
        &self,
        query: &Query,
        file: &FileName,
        kind: &str,
        id: BlobId,
    ) -> Result<(), Problem> {
        let key = query.key();
        let _gate = self.inner.changes_gate.lock().await;
        let kept = self.inner.metadata.file(&key, file).await;
        let kept = kept.map_err(|error| store_problem(&error))?;
        let Some(mut kept) = kept.filter(|kept| kept.state == FileState::Present) else {
            return Ok(());
        };
        let mut companions = kept.file.companions.iter_mut();
        let Some(found) = companions.find(|companion| companion.kind == kind) else {
            return Ok(());
        };
        found.url = None;
        found.digest = Some(id.digest());
        let write = Write::UpdateFile { key, file: kept };
        let outcome = self.inner.metadata.commit(vec![write], Vec::new()).await;
        self.package_changed(query.ecosystem.id(), &query.package);
        outcome.map(drop).map_err(|error| store_problem(&error))
    }
}

/// Whether it is neither kept nor offered by an upstream, but made when somebody asks.
fn is_made_here(query: &Query, companion: &Companion) -> bool {
    companion.url.is_none()
        && companion.digest.is_none()
        && query.ecosystem.attestations_companion() == Some(companion.kind.as_str())
}

fn blob_of(companion: &Companion) -> Option<BlobId> {
    let digest = companion.digest.as_ref()?;
    (digest.algorithm() == Algorithm::Sha256).then(|| digest.hex().parse().ok())?
}
