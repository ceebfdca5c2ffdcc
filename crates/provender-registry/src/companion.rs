//! Small files that belong to others: metadata, provenance.

use provender_domain::{BlobId, Companion, File, KeptFile, Problem, Upstream, UpstreamTarget};
use provender_store::{OpenBlob, Write};
use provender_upstream::Document;
use url::Url;

use crate::error::{blob_problem, store_problem};
use crate::mirror::Errand;
use crate::remote::fetch_problem;
use crate::resolve::Query;
use crate::{Caller, Registry};

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
        kept: Option<KeptFile>,
        caller: &Caller,
    ) -> Result<(BlobId, OpenBlob), Problem> {
        let companion = file
            .companion(kind)
            .ok_or_else(|| Problem::not_found(format!("this file has no {kind}")))?;
        if let Some(found) = self.open_companion(companion).await? {
            return Ok(found);
        }
        let upstream = upstream.ok_or_else(|| {
            Problem::not_found(format!("the {kind} of this file is not kept here"))
        })?;
        if matches!(upstream.target, UpstreamTarget::Repository { .. }) {
            return self.companion_by_file(query, file, kind, upstream, caller).await;
        }
        let id = self.fetch_companion(companion, upstream).await?;
        if let Some(kept) = kept {
            self.remember_companion(query, kept, companion, id).await?;
        }
        let open = self.inner.blobs.open_blob(&id).await.map_err(|error| blob_problem(&error))?;
        open.map(|open| (id, open)).ok_or_else(|| Problem::not_found("it was removed just now"))
    }

    async fn open_companion(
        &self,
        companion: &Companion,
    ) -> Result<Option<(BlobId, OpenBlob)>, Problem> {
        let Some(id) = companion.digest.as_ref().and_then(|digest| digest.hex().parse().ok())
        else {
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
        companion: &Companion,
        upstream: &Upstream,
    ) -> Result<BlobId, Problem> {
        let missing = || Problem::not_found(format!("the upstream offers no {}", companion.kind));
        let remote = self.remote_of(upstream)?.ok_or_else(missing)?;
        let url =
            companion.url.as_deref().and_then(|url| Url::parse(url).ok()).ok_or_else(missing)?;
        let limit = self.inner.tuning.companion_limit_bytes;
        let document = self
            .inner
            .remotes
            .client
            .document(&remote, &url, "*/*", None, limit)
            .await
            .map_err(|error| fetch_problem(upstream, &error))?;
        let Document::Modified(page) = document else {
            return Err(missing());
        };
        let digests: Vec<_> = companion.digest.iter().cloned().collect();
        let _gate = self.inner.garbage_gate.clone().read_owned().await;
        let kept = self.keep_bytes(page.body, &digests).await?;
        kept.hex().parse().map_err(|error| Problem::internal(&error))
    }

    async fn remember_companion(
        &self,
        query: &Query,
        mut kept: KeptFile,
        companion: &Companion,
        id: BlobId,
    ) -> Result<(), Problem> {
        if companion.digest.is_some() {
            return Ok(());
        }
        let found = kept.file.companions.iter_mut().find(|other| other.kind == companion.kind);
        match found {
            Some(found) => found.digest = Some(id.digest()),
            None => return Ok(()),
        }
        let write = Write::UpdateFile { key: query.key(), file: kept };
        let outcome = self.inner.metadata.commit(vec![write], Vec::new()).await;
        outcome.map(drop).map_err(|error| store_problem(&error))
    }
}
