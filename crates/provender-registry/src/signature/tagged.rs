//! Signatures under tags, as cosign kept them before there were bundles: they are found by the name
//! of the tag, and count as far as the text that is signed names the file.

use std::collections::HashSet;

use bytes::Bytes;
use provender_attest::{COSIGN_PAYLOAD_LIMIT_BYTES, CosignSignature, cosign_payload_digest};
use provender_domain::{FileName, KeptFile, Origin, Problem};
use provender_ecosystem::TaggedSignature;
use provender_store::PackageKey;

use super::{BUNDLE_LIMIT_BYTES, Proof, is_about, is_evidence};
use crate::error::store_problem;
use crate::resolve::Query;
use crate::{Caller, Registry};

/// Most signatures under one tag that count: the newest.
const SIGNATURES_LIMIT: usize = 32;
/// Most texts that may stand under one tag for it to be served as nothing but signatures.
const TEXTS_LIMIT: usize = 64;
/// Largest such text, in bytes.
const TEXT_LIMIT_BYTES: u64 = COSIGN_PAYLOAD_LIMIT_BYTES as u64;

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
        for signature in self.listed_signatures(key, &row.file).await? {
            let text = self.small_file(key, &signature.text, TEXT_LIMIT_BYTES).await?;
            let names_it = |text: &Bytes| cosign_payload_digest(text) == promised;
            proofs.extend(text.filter(names_it).and_then(|text| proof(&signature, text)));
        }
        Ok(proofs)
    }

    /// The newest of the signatures in this file.
    async fn listed_signatures(
        &self,
        key: &PackageKey,
        list: &FileName,
    ) -> Result<Vec<TaggedSignature>, Problem> {
        let Some(bytes) = self.small_file(key, list, BUNDLE_LIMIT_BYTES).await? else {
            return Ok(Vec::new());
        };
        let ecosystem = self.ecosystem(key.ecosystem.as_str());
        let mut listed =
            ecosystem.map_or_else(Vec::new, |ecosystem| ecosystem.read_signatures(&bytes));
        listed.drain(..listed.len().saturating_sub(SIGNATURES_LIMIT));
        Ok(listed)
    }

    /// Whether a file lists signatures and nothing else, each over a text that names some file. That
    /// is nothing that anybody could run, and nobody is asked to sign it.
    pub(super) async fn is_list_of_signatures(
        &self,
        query: &Query,
        kept: &KeptFile,
    ) -> Result<bool, Problem> {
        if !is_evidence(kept) || is_about(kept) {
            return Ok(false);
        }
        let key = query.key();
        let Some(bytes) = self.small_file(&key, &kept.file.name, BUNDLE_LIMIT_BYTES).await? else {
            return Ok(false);
        };
        let listed = query.ecosystem.read_signatures(&bytes);
        let texts: HashSet<FileName> = listed.into_iter().map(|listed| listed.text).collect();
        if texts.is_empty() || texts.len() > TEXTS_LIMIT {
            return Ok(false);
        }
        for text in &texts {
            self.bring_in_text(query, kept, text).await?;
            let text = self.small_file(&key, text, TEXT_LIMIT_BYTES).await?;
            if text.is_none_or(|text| cosign_payload_digest(&text).is_none()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Brings in what upstreams keep under the tag for signatures over this file. Answers whether
    /// there is anything.
    pub(crate) async fn bring_in_tagged_signatures(
        &self,
        query: &Query,
        name: &FileName,
    ) -> Result<bool, Problem> {
        let Some(tag) = query.ecosystem.signatures_tag(name) else { return Ok(false) };
        // An upstream that fails has none for now.
        let Ok(pointed) = self.pointed(query, &tag, &Caller::system()).await else {
            return Ok(false);
        };
        let list = self.inner.metadata.file(&query.key(), &pointed.file).await;
        let Some(list) = list.map_err(|error| store_problem(&error))? else { return Ok(false) };
        let listed = self.listed_signatures(&query.key(), &pointed.file).await?;
        for signature in &listed {
            self.bring_in_text(query, &list, &signature.text).await?;
        }
        Ok(!listed.is_empty())
    }

    /// Brings in a text from where the list of signatures came from.
    async fn bring_in_text(
        &self,
        query: &Query,
        list: &KeptFile,
        text: &FileName,
    ) -> Result<(), Problem> {
        let Origin::Mirrored { upstream } = &list.origin else { return Ok(()) };
        let upstreams = query.eligible_upstreams(Some(&list.origin));
        if let Some(upstream) = upstreams.into_iter().find(|found| found.name == *upstream) {
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
    let bundle = signature.to_bundle(&text).ok()?.to_json();
    Some(Proof { bundle, text: Some(text) })
}
