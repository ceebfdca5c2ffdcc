//! Bytes that are kept beside a file: companions, and what is made of attestations.

use bytes::Bytes;
use provender_domain::{Companion, Digest, Problem, ProblemCode};
use provender_ecosystem::CompanionBytes;
use provender_store::Write;

use crate::Registry;
use crate::error::{blob_problem, store_problem};

impl Registry {
    /// Companions that were read out of an archive, and what the upstream lists beside them; what
    /// has to stand before their file in its commit.
    pub(crate) async fn keep_companions(
        &self,
        found: Vec<CompanionBytes>,
        listed: &[Companion],
    ) -> Result<(Vec<Companion>, Vec<Write>), Problem> {
        let mut companions = Vec::with_capacity(found.len() + listed.len());
        let mut writes = Vec::new();
        for companion in found {
            let (digest, keep) = self.keep_bytes_with_row(companion.bytes.into(), &[]).await?;
            writes.extend(keep);
            let kind = companion.kind.to_owned();
            companions.push(Companion { kind, url: None, digest: Some(digest) });
        }
        for companion in listed {
            if !companions.iter().any(|kept| kept.kind == companion.kind) {
                companions.push(companion.clone());
            }
        }
        Ok((companions, writes))
    }

    /// Commits a small piece of bytes that was held against these digests.
    pub(crate) async fn keep_bytes(
        &self,
        bytes: Bytes,
        digests: &[Digest],
    ) -> Result<Digest, Problem> {
        let (digest, keep) = self.keep_bytes_with_row(bytes, digests).await?;
        if let Some(keep) = keep {
            let kept = self.inner.metadata.commit(vec![keep], Vec::new()).await;
            kept.map_err(|error| store_problem(&error))?;
        }
        Ok(digest)
    }

    /// The same, for who is about to commit what refers to them: what is returned beside the digest
    /// has to stand before it there.
    pub(crate) async fn keep_bytes_with_row(
        &self,
        bytes: Bytes,
        digests: &[Digest],
    ) -> Result<(Digest, Option<Write>), Problem> {
        let blobs = &self.inner.blobs;
        let mut staging = blobs.stage().await.map_err(|error| blob_problem(&error))?;
        staging.write(bytes).await.map_err(|error| blob_problem(&error))?;
        let blob = staging.finish().await.map_err(|error| blob_problem(&error))?;
        let blob = blob.verify(digests).await.map_err(|error| {
            Problem::new(ProblemCode::UpstreamFailed, "its bytes are not what the index promises")
                .because(&error)
        })?;
        let digest = blob.id().digest();
        let keep = blobs.commit_with_row(blob).await.map_err(|error| blob_problem(&error))?;
        Ok((digest, keep))
    }
}
