//! Whose signatures a repository asks for, and who signed.

use std::collections::HashSet;

use provender_attest::{Artifact, Bundle, Policy, SignedBy};
use provender_domain::{BlobId, FileName, KeptFile, Problem, SignatureRule, Signer};
use provender_ecosystem::ReferenceRole;
use provender_store::{Attestation, AttestationSource, PackageKey};

use crate::Registry;
use crate::admin::packages::FileReport;
use crate::error::store_problem;
use crate::resolve::Query;

/// How far up a file's signers are looked for: a layer, its manifest, the index that lists that.
const DEPTH_LIMIT: usize = 3;
/// Most files that are looked at on the way.
const FILES_LIMIT: usize = 64;
/// The attribute of a file that is a statement: whether it says what it is about. Set by the
/// registry alone, no ecosystem's attributes begin with a colon.
pub(crate) const EVIDENCE: &str = ":evidence";

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
    /// over those covers it. A statement itself needs none, if it says what it is about.
    pub(crate) async fn signature_facts(
        &self,
        query: &Query,
        kept: &KeptFile,
    ) -> Result<(Vec<SignatureRule>, Vec<Signer>), Problem> {
        let rules: Vec<SignatureRule> = query.signature_rules().cloned().collect();
        if rules.is_empty() || needs_no_signature(kept) {
            return Ok((Vec::new(), Vec::new()));
        }
        let key = query.key();
        let mut signers = self.signers_of(kept).await?;
        let mut seen = HashSet::from([kept.file.name.clone()]);
        let mut level = vec![kept.file.name.clone()];
        for _ in 1..DEPTH_LIMIT {
            let mut above = Vec::new();
            for name in &level {
                for parent in self.referring_to(&key, name).await? {
                    if seen.len() < FILES_LIMIT && seen.insert(parent.file.name.clone()) {
                        if needs_no_signature(&parent) {
                            return Ok((Vec::new(), Vec::new()));
                        }
                        signers.extend(self.signers_of(&parent).await?);
                        above.push(parent.file.name);
                    }
                }
            }
            level = above;
        }
        Ok((rules, signers))
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

    /// Who signed these very bytes, by what was verified when it came in.
    async fn signers_of(&self, kept: &KeptFile) -> Result<Vec<Signer>, Problem> {
        let attestations = self.inner.metadata.attestations_of_blob(&kept.blob).await;
        let attestations = attestations.map_err(|error| store_problem(&error))?;
        self.signers_by(attestations, kept.blob).await
    }

    /// Who signed what is kept of a file, each once, but for this server itself: what is verified
    /// now.
    pub async fn signers(&self, report: &FileReport) -> Result<Vec<Signer>, Problem> {
        let blob = report.kept.blob;
        let attestations = self.inner.metadata.attestations_of_blob(&blob).await;
        let mut attestations = attestations.map_err(|error| store_problem(&error))?;
        attestations.retain(|attestation| attestation.source != AttestationSource::Ours);
        let mut signers = self.signers_by(attestations, blob).await?;
        signers.sort_by(|a, b| (&a.identity, &a.issuer).cmp(&(&b.identity, &b.issuer)));
        signers.dedup();
        Ok(signers)
    }

    async fn signers_by(
        &self,
        attestations: Vec<Attestation>,
        blob: BlobId,
    ) -> Result<Vec<Signer>, Problem> {
        if attestations.is_empty() {
            return Ok(Vec::new());
        }
        let (verifier, digest) = (self.attestation_verifier()?, blob.digest());
        // Verified again: whom is trusted may have changed since it came in.
        let verify = move || {
            let signers = attestations.iter().filter_map(|attestation| {
                let bundle = Bundle::parse(attestation.bundle.as_bytes()).ok()?;
                let artifact = Artifact::Digest(&digest);
                let proved = verifier.verify(&bundle, artifact, &Policy::anybody()).ok()?;
                signer(&proved.signed_by)
            });
            signers.collect()
        };
        tokio::task::spawn_blocking(verify).await.map_err(|error| Problem::internal(&error))
    }
}

fn signer(signed_by: &SignedBy) -> Option<Signer> {
    match signed_by {
        SignedBy::Certificate { identity, issuer, .. } => Some(Signer {
            identity: identity.to_string(),
            issuer: issuer.clone().unwrap_or_default(),
        }),
        SignedBy::Key { .. } => None,
    }
}

/// Whether a file is a statement.
pub(crate) fn is_evidence(kept: &KeptFile) -> bool {
    kept.file.attributes.0.contains_key(EVIDENCE)
}

/// Whether it is one that says what it is about: nobody is asked to sign that.
fn needs_no_signature(kept: &KeptFile) -> bool {
    kept.file.attributes.0.get(EVIDENCE).and_then(serde_json::Value::as_bool) == Some(true)
}
