//! Whose signatures a repository asks for, and who signed.

mod tagged;

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use provender_attest::{Artifact, Bundle, Policy, SignedBy, TrustRoot, Verifier};
use provender_domain::{
    BlobId, FileName, FileState, KeptFile, Problem, ProblemCode, SignatureRule, Signer,
};
use provender_ecosystem::ReferenceRole;
use provender_store::{AttestationSource, PackageKey, StoredKey};

use self::tagged::Listed;
pub use self::tagged::TaggedBundle;
use crate::Registry;
use crate::admin::packages::FileReport;
use crate::admin::repositories::invalid;
use crate::error::{blob_problem, store_problem};
use crate::resolve::Query;

/// How far up a file's signers are looked for: a layer, its manifest, the index that lists that.
const DEPTH_LIMIT: usize = 3;
/// Most files that are looked at on the way.
const FILES_LIMIT: usize = 64;
/// Most statements about one file that are looked at.
const STATEMENTS_LIMIT: usize = 1_000;
/// Most files that one of them may consist of: its configuration and the bundle.
const PARTS_LIMIT: usize = 4;
/// Largest bundle that is read out of a file, in bytes.
pub(crate) const BUNDLE_LIMIT_BYTES: u64 = 1 << 20;
/// The attribute of a file that is a statement: whether it says what it is about. Set by the
/// registry alone, no ecosystem's attributes begin with a colon.
pub(crate) const EVIDENCE: &str = ":evidence";

/// A signature.
#[derive(Debug, Clone)]
struct Proof {
    bundle: Bundle,
    /// What is signed, where that is not the file itself but a text that names it.
    text: Option<Bytes>,
}

impl Query {
    /// The rules that hold for this package.
    fn signature_rules(&self) -> impl Iterator<Item = &SignatureRule> {
        let ecosystem = self.ecosystem.id().as_str();
        let rules = self.repository.repository.policy.signatures.iter();
        rules
            .filter(move |rule| rule.ecosystem == ecosystem && rule.packages.matches(&self.package))
    }

    pub(crate) fn asks_for_signatures(&self) -> bool {
        self.signature_rules().next().is_some()
    }
}

impl Registry {
    /// The signatures that are asked for of a file, and who signed it or what refers to it: the
    /// digest of a layer stands in its manifest, and that one's in its index, so that a signature
    /// over those covers it. A statement itself needs none, if it says what it is about. Where what
    /// is here does not do, upstreams are asked for statements about a mirrored file.
    pub(crate) async fn signature_facts(
        &self,
        query: &Query,
        kept: &KeptFile,
    ) -> Result<(Vec<SignatureRule>, Vec<Signer>), Problem> {
        let rules: Vec<SignatureRule> = query.signature_rules().cloned().collect();
        if rules.is_empty() || is_about(kept) || self.brings_signatures(query, kept).await? {
            return Ok((Vec::new(), Vec::new()));
        }
        let Some(files) = self.covering(&query.key(), kept).await? else {
            return Ok((Vec::new(), Vec::new()));
        };
        let mut signers = self.signers_of(&query.key(), &files, &rules).await?;
        let is_met = |rule: &SignatureRule| signers.iter().any(|signer| rule.is_met_by(signer));
        if !rules.iter().all(is_met) && self.bring_in_statements(query, &files).await? {
            signers = self.signers_of(&query.key(), &files, &rules).await?;
        }
        Ok((rules, signers))
    }

    /// A file and those that refer to it, whose signatures cover it; `None` for a part of a
    /// statement, which comes with that.
    async fn covering(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
    ) -> Result<Option<Vec<KeptFile>>, Problem> {
        let mut files = vec![kept.clone()];
        let mut seen = HashSet::from([kept.file.name.clone()]);
        let mut level = vec![kept.file.name.clone()];
        for depth in 1..DEPTH_LIMIT {
            // No statement has parts that have parts.
            let may_be_part = depth == 1;
            let mut above = Vec::new();
            for name in &level {
                for parent in self.referring_to(key, name).await? {
                    if seen.len() < FILES_LIMIT && seen.insert(parent.file.name.clone()) {
                        if may_be_part && self.is_statement(key, &parent).await? {
                            return Ok(None);
                        }
                        above.push(parent.file.name.clone());
                        files.push(parent);
                    }
                }
            }
            level = above;
        }
        Ok(Some(files))
    }

    /// Whether a file is a statement, and known to be about others.
    async fn is_statement(&self, key: &PackageKey, kept: &KeptFile) -> Result<bool, Problem> {
        Ok(is_about(kept) || self.lists_signatures(key, kept).await? == Listed::WithTexts)
    }

    /// The files of this package that need this one, or may have it.
    async fn referring_to(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Vec<KeptFile>, Problem> {
        let roles = [ReferenceRole::Required, ReferenceRole::Optional];
        let metadata = &self.inner.metadata;
        let names = metadata.referring(key, name, &roles).await;
        let mut files = Vec::new();
        for name in names.map_err(|error| store_problem(&error))?.into_iter().take(FILES_LIMIT) {
            let kept = metadata.file(key, &name).await.map_err(|error| store_problem(&error))?;
            files.extend(kept);
        }
        Ok(files)
    }

    /// Who signed the very bytes of these files, by the trust roots that the rules name.
    async fn signers_of(
        &self,
        key: &PackageKey,
        files: &[KeptFile],
        rules: &[SignatureRule],
    ) -> Result<Vec<Signer>, Problem> {
        let mut signers = Vec::new();
        for kept in files {
            let bundles = self.bundles_about(key, kept).await?;
            let proofs = self.proofs_about(key, kept, bundles).await?;
            signers.extend(self.signers_by(proofs, kept.blob, rules).await?);
        }
        Ok(signers)
    }

    /// Who signed what is kept of a file, each once, but for this server itself: what is verified
    /// now.
    pub async fn signers(&self, report: &FileReport) -> Result<Vec<Signer>, Problem> {
        let Some(ecosystem) = self.ecosystem(&report.ecosystem) else { return Ok(Vec::new()) };
        let key = PackageKey {
            repository: report.repository.clone(),
            ecosystem: ecosystem.id(),
            package: report.package.clone(),
        };
        let blob = report.kept.blob;
        let made = self.inner.metadata.attestations_of_blob(&blob).await;
        let mut made = made.map_err(|error| store_problem(&error))?;
        made.retain(|attestation| attestation.source == AttestationSource::Ours);
        let mut bundles = self.bundles_about(&key, &report.kept).await?;
        bundles.retain(|bundle| !made.iter().any(|made| made.bundle == *bundle));
        let state = self.state();
        let repository = state.repository(report.repository.as_str());
        let rules = repository.map_or(&[][..], |found| &found.repository.policy.signatures);
        let proofs = self.proofs_about(&key, &report.kept, bundles).await?;
        let mut signers = self.signers_by(proofs, blob, rules).await?;
        signers.sort_by(|a, b| (&a.identity, &a.issuer).cmp(&(&b.identity, &b.issuer)));
        signers.dedup_by(|a, b| (&a.identity, &a.issuer) == (&b.identity, &b.issuer));
        Ok(signers)
    }

    /// These bundles, as far as they read, and what is kept under the file's tag.
    async fn proofs_about(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
        bundles: Vec<String>,
    ) -> Result<Vec<Proof>, Problem> {
        let read = bundles.iter().filter_map(|text| Bundle::parse(text.as_bytes()).ok());
        let mut proofs: Vec<Proof> = read.map(|bundle| Proof { bundle, text: None }).collect();
        proofs.extend(self.tagged_signatures(key, &kept.file.name).await?);
        Ok(proofs)
    }

    /// The bundles that are kept now about these very bytes: where signatures are files of their
    /// own, those that are there, beside this file or beside the same bytes elsewhere. What was
    /// recorded of one that was taken away since counts for nothing.
    async fn bundles_about(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
    ) -> Result<Vec<String>, Problem> {
        let name = &kept.file.name;
        let ecosystem = self.ecosystem(key.ecosystem.as_str());
        let recorded = self.inner.metadata.attestations_of_blob(&kept.blob).await;
        let recorded = recorded.map_err(|error| store_problem(&error))?;
        if ecosystem.is_none_or(|ecosystem| ecosystem.digest_of_file(name).is_none()) {
            return Ok(recorded.into_iter().map(|attestation| attestation.bundle).collect());
        }
        let mut subjects = vec![(key.clone(), name.clone())];
        for file in recorded.into_iter().filter_map(|attestation| attestation.file) {
            let StoredKey { repository, ecosystem, package } = file.package;
            let other = PackageKey { repository, ecosystem: key.ecosystem, package };
            let subject = (other, file.name);
            if ecosystem == key.ecosystem.as_str()
                && subjects.len() < FILES_LIMIT
                && !subjects.contains(&subject)
            {
                subjects.push(subject);
            }
        }
        let mut bundles = Vec::new();
        for (key, name) in &subjects {
            bundles.extend(self.attached_bundles(key, name).await?);
        }
        Ok(bundles)
    }

    /// The bundles in the files that say of themselves that they are about this one.
    pub(crate) async fn attached_bundles(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Vec<String>, Problem> {
        let metadata = &self.inner.metadata;
        let statements = metadata.referrers(key, name).await;
        let statements = statements.map_err(|error| store_problem(&error))?;
        let mut bundles = Vec::new();
        for statement in statements.iter().filter(|kept| is_about(kept)).take(STATEMENTS_LIMIT) {
            for part in self.parts_of(key, &statement.file.name).await? {
                let bundle = self.bundle_in(key, &part).await?;
                bundles.extend(bundle.map(|bundle| bundle.to_json()));
            }
        }
        Ok(bundles)
    }

    /// The files that a statement consists of beside itself, at most [`PARTS_LIMIT`] of them.
    pub(crate) async fn parts_of(
        &self,
        key: &PackageKey,
        statement: &FileName,
    ) -> Result<Vec<FileName>, Problem> {
        let references = self.inner.metadata.references_of(key, statement).await;
        let references = references.map_err(|error| store_problem(&error))?;
        let parts = references.into_iter().filter(|part| part.role != ReferenceRole::Subject);
        Ok(parts.take(PARTS_LIMIT).map(|part| part.file).collect())
    }

    /// What is kept of this name, if it is a bundle of the size of one.
    pub(crate) async fn bundle_in(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Option<Bundle>, Problem> {
        let bytes = self.small_file(key, name, BUNDLE_LIMIT_BYTES).await?;
        Ok(bytes.and_then(|bytes| Bundle::parse(&bytes).ok()))
    }

    /// The bytes of what is kept of this name and served, if they are at most so many.
    async fn small_file(
        &self,
        key: &PackageKey,
        name: &FileName,
        limit_bytes: u64,
    ) -> Result<Option<Bytes>, Problem> {
        let kept = self.inner.metadata.file(key, name).await;
        let kept = kept.map_err(|error| store_problem(&error))?;
        let is_small = |kept: &KeptFile| {
            kept.file.size_bytes.is_some_and(|size_bytes| size_bytes <= limit_bytes)
        };
        let is_there = |kept: &KeptFile| kept.state == FileState::Present && is_small(kept);
        let Some(kept) = kept.filter(is_there) else { return Ok(None) };
        let bytes = self.inner.blobs.read(&kept.blob, limit_bytes).await;
        bytes.map_err(|error| blob_problem(&error))
    }

    /// Who signed these bytes, or a text that names them: by this server's own trust root, and by
    /// those that rules name.
    async fn signers_by(
        &self,
        proofs: Vec<Proof>,
        blob: BlobId,
        rules: &[SignatureRule],
    ) -> Result<Vec<Signer>, Problem> {
        if proofs.is_empty() {
            return Ok(Vec::new());
        }
        let mut roots: Vec<Option<String>> = rules.iter().map(|rule| rule.trust.clone()).collect();
        roots.push(None);
        roots.sort();
        roots.dedup();
        let (own, digest) = (self.attestation_verifier()?, blob.digest());
        // Verified again: whom is trusted may have changed since it came in.
        let verify = move || {
            let mut signers = Vec::new();
            for trust in roots {
                let verifier = match &trust {
                    None => own.clone(),
                    Some(text) => Arc::new(verifier_by(text)?),
                };
                signers.extend(proofs.iter().filter_map(|Proof { bundle, text }| {
                    let signed = text.as_ref().map(|text| Artifact::Bytes(text));
                    let artifact = signed.unwrap_or(Artifact::Digest(&digest));
                    let proved = verifier.verify(bundle, artifact, &Policy::anybody()).ok()?;
                    signer(&proved.signed_by, trust.clone())
                }));
            }
            Ok(signers)
        };
        tokio::task::spawn_blocking(verify).await.map_err(|error| Problem::internal(&error))?
    }
}

/// Largest trust root that a rule may name, in bytes.
const TRUST_LIMIT_BYTES: usize = 64 << 10;

/// A verifier by the text of a trust root.
pub(crate) fn verifier_by(text: &str) -> Result<Verifier, Problem> {
    if text.len() > TRUST_LIMIT_BYTES {
        let message = format!("the trust root of a rule has at most {TRUST_LIMIT_BYTES} bytes");
        return Err(Problem::new(ProblemCode::InvalidRequest, message));
    }
    let root = TrustRoot::parse(text.as_bytes()).map_err(|error| invalid(&error))?;
    Verifier::new(&root).map_err(|error| invalid(&error))
}

fn signer(signed_by: &SignedBy, trust: Option<String>) -> Option<Signer> {
    match signed_by {
        SignedBy::Certificate { identity, issuer, .. } => Some(Signer {
            identity: identity.to_string(),
            issuer: issuer.clone().unwrap_or_default(),
            trust,
        }),
        SignedBy::Key { .. } => None,
    }
}

/// Whether a file is a statement.
pub(crate) fn is_evidence(kept: &KeptFile) -> bool {
    kept.file.attributes.0.contains_key(EVIDENCE)
}

/// Whether it is one that says what it is about: nobody is asked to sign that.
pub(crate) fn is_about(kept: &KeptFile) -> bool {
    kept.file.attributes.0.get(EVIDENCE).and_then(serde_json::Value::as_bool) == Some(true)
}
