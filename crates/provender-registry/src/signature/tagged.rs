//! Signatures under tags, as cosign kept them before there were bundles: they are found by the name
//! of the tag, and count as far as the text that is signed names the file.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use provender_attest::{COSIGN_PAYLOAD_LIMIT_BYTES, CosignSignature, cosign_payload_digest};
use provender_domain::{FileName, KeptFile, Problem, ProblemCode, Tag, Upstream, UpstreamTarget};
use provender_ecosystem::TaggedSignature;
use provender_store::{FileKey, PackageKey};

use super::{BUNDLE_LIMIT_BYTES, Proof, is_evidence};
use crate::Registry;
use crate::error::store_problem;
use crate::resolve::Query;

/// Most signatures under one tag that count: the newest. Most different texts that are signed there
/// for it to be taken for nothing but signatures, and that are fetched.
pub(super) const SIGNATURES_LIMIT: usize = 32;
/// Largest such text, in bytes.
pub(super) const TEXT_LIMIT_BYTES: u64 = COSIGN_PAYLOAD_LIMIT_BYTES as u64;

/// A signature that is kept under a tag beside what it is about. Nothing of it is verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedBundle {
    /// What it is about.
    pub file: FileKey,
    /// The tag.
    pub tag: Tag,
    /// The signature and what proves it, as a Sigstore bundle over the text, in JSON.
    pub bundle: String,
    /// What is signed: JSON that names the file by its digest.
    pub text: String,
}

impl Registry {
    /// What is kept under the tag for signatures over this file, as far as it names the file.
    pub(super) async fn tagged_signatures(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Vec<Proof>, Problem> {
        let Some(ecosystem) = self.ecosystem(key.ecosystem.as_str()) else { return Ok(Vec::new()) };
        let Some(tag) = ecosystem.signatures_tag(name) else { return Ok(Vec::new()) };
        let row = self.inner.metadata.tag(key, &tag).await;
        let Some(row) = row.map_err(|error| store_problem(&error))? else { return Ok(Vec::new()) };
        let promised = ecosystem.digest_of_file(name);
        let mut proofs = Vec::new();
        let listed = self.signatures_in(key, &row.file).await?;
        for signature in listed.into_iter().rev().take(SIGNATURES_LIMIT) {
            let text = self.small_file(key, &signature.text, TEXT_LIMIT_BYTES).await?;
            let names_it = |text: &Bytes| cosign_payload_digest(text) == promised;
            proofs.extend(text.filter(names_it).and_then(|text| proof(&signature, text)));
        }
        Ok(proofs)
    }

    /// The same for whoever verifies them.
    pub(crate) async fn tagged_bundles(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Vec<TaggedBundle>, Problem> {
        let ecosystem = self.ecosystem(key.ecosystem.as_str());
        let Some(tag) = ecosystem.and_then(|ecosystem| ecosystem.signatures_tag(name)) else {
            return Ok(Vec::new());
        };
        let kept = |Proof { bundle, text }: Proof| {
            let text = String::from_utf8(text?.into()).ok()?;
            let file = FileKey::new(key, name.clone());
            Some(TaggedBundle { file, tag: tag.clone(), bundle: bundle.to_json(), text })
        };
        let proofs = self.tagged_signatures(key, name).await?;
        Ok(proofs.into_iter().filter_map(kept).collect())
    }

    /// The signatures in this file, the oldest first.
    pub(super) async fn signatures_in(
        &self,
        key: &PackageKey,
        list: &FileName,
    ) -> Result<Vec<TaggedSignature>, Problem> {
        let ecosystem = self.ecosystem(key.ecosystem.as_str());
        let bytes = self.small_file(key, list, BUNDLE_LIMIT_BYTES).await?;
        let read = ecosystem.zip(bytes).map(|(ecosystem, bytes)| ecosystem.read_signatures(&bytes));
        Ok(read.unwrap_or_default())
    }

    /// Brings in what upstreams keep under the tag for signatures over this file. Answers whether
    /// there is anything. Nothing that comes is held against a rule, which might ask for further
    /// signatures in turn.
    pub(crate) fn bring_in_tagged_signatures<'a>(
        &'a self,
        query: &'a Query,
        name: &'a FileName,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Problem>> + Send + 'a>> {
        Box::pin(async move {
            let Some(tag) = query.ecosystem.signatures_tag(name) else { return Ok(false) };
            let bound = self.name_origin(query).await?;
            for upstream in query.eligible_upstreams(bound.as_ref()) {
                match self.tag_at(query, name, &tag, &upstream).await {
                    Ok(Some(list)) => {
                        return self.bring_in_list(query, &tag, &list, &upstream).await;
                    }
                    Ok(None) if self.is_exclusive_behind(query, &upstream).await? => break,
                    Ok(None) => {}
                    Err(problem) if problem.code == ProblemCode::Internal => return Err(problem),
                    // One that fails has none for now.
                    Err(_) => break,
                }
            }
            Ok(false)
        })
    }

    /// Where this tag for signatures points at an upstream, which brings them in itself where it is
    /// another repository of this server.
    async fn tag_at(
        &self,
        query: &Query,
        name: &FileName,
        tag: &Tag,
        upstream: &Arc<Upstream>,
    ) -> Result<Option<FileName>, Problem> {
        if let UpstreamTarget::Repository { repository } = &upstream.target {
            let inner = self.nested(query, repository.as_str())?;
            self.bring_in_tagged_signatures(&inner, name).await?;
            let row = self.inner.metadata.tag(&inner.key(), tag).await;
            return Ok(row.map_err(|error| store_problem(&error))?.map(|row| row.file));
        }
        let Some(remote) = self.remote_of(upstream)? else { return Ok(None) };
        self.ask_for_tag(query, tag, upstream, &remote).await
    }

    async fn bring_in_list(
        &self,
        query: &Query,
        tag: &Tag,
        list: &FileName,
        upstream: &Arc<Upstream>,
    ) -> Result<bool, Problem> {
        let kept = self.bring_in_small(query, list, upstream, BUNDLE_LIMIT_BYTES).await?;
        let Some(kept) = kept.filter(is_evidence) else { return Ok(false) };
        self.bring_in_texts(query, &kept).await?;
        self.keep_tag_for_signatures(query, tag, list).await?;
        Ok(true)
    }

    /// Brings in the texts of a list from where it came from itself.
    async fn bring_in_texts(&self, query: &Query, list: &KeptFile) -> Result<(), Problem> {
        let Some(upstream) = query.upstream_of(&list.origin) else { return Ok(()) };
        let listed = self.signatures_in(&query.key(), &list.file.name).await?;
        for TaggedSignature { text, .. } in listed.iter().rev().take(SIGNATURES_LIMIT) {
            self.bring_in_small(query, text, &upstream, TEXT_LIMIT_BYTES).await?;
        }
        Ok(())
    }
}

/// `None` for what cannot be verified: its parts do not read, or it was made by somebody's key.
fn proof(signature: &TaggedSignature, text: Bytes) -> Option<Proof> {
    let TaggedSignature { signature, certificate, log_entry, timestamp, .. } = signature;
    let signature = CosignSignature {
        signature,
        certificate: certificate.as_deref(),
        log_entry: log_entry.as_deref(),
        timestamp: timestamp.as_deref(),
    };
    let bundle = signature.to_bundle(&text).ok()?;
    Some(Proof { bundle, text: Some(text) })
}
