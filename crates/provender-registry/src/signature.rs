//! Whose signatures a repository asks for, and who signed.

mod covered;
mod evidence;
mod tagged;

use std::collections::HashSet;

use bytes::Bytes;
use provender_attest::{
    Artifact, Bundle, Policy, SignedBy, TrustRoot, Verified, Verifier, VerifyError,
};
use provender_domain::{
    BlobId, Digest, FileName, FileState, KeptFile, Problem, ProblemCode, SignatureRule, Signer,
};
use provender_ecosystem::ReferenceRole;
use provender_store::{AttestationSource, PackageKey, StoredKey};

pub(crate) use self::covered::Covered;
pub use self::tagged::TaggedBundle;
use crate::Registry;
use crate::admin::packages::KeptPackage;
use crate::admin::repositories::invalid;
use crate::error::{blob_problem, store_problem};
use crate::resolve::Query;

/// How far up a file's signers are looked for: a layer, its manifest, the index that lists that.
const DEPTH_LIMIT: usize = 3;
/// Most files that are looked at on the way: many images have a layer in common, and one that is
/// signed may be any of them. It bounds how long a request for a file that nobody signed takes.
const FILES_LIMIT: usize = 1_024;
/// Most of them that upstreams are asked about, the nearest.
const ASKED_LIMIT: usize = 64;
/// Most places of the same bytes where signatures are looked for.
const SUBJECTS_LIMIT: usize = 64;
/// Most statements about one file that are looked at.
const STATEMENTS_LIMIT: usize = 1_000;
/// Most bytes of them, together.
const STATEMENTS_LIMIT_BYTES: usize = 16 << 20;
/// Most files that one of them may consist of: its configuration and the bundle.
const PARTS_LIMIT: usize = 4;
/// Largest bundle that is read out of a file, in bytes.
pub(crate) const BUNDLE_LIMIT_BYTES: u64 = 1 << 20;
/// The attribute of a file that is a statement: whether it says what it is about. Set by the
/// registry alone, no ecosystem's attributes begin with a colon.
pub(crate) const EVIDENCE: &str = ":evidence";

/// A signature.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    pub(crate) bundle: Bundle,
    /// What is signed, where that is not the file itself but a text that names it.
    pub(crate) text: Option<Bytes>,
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
    /// over those covers it. A signature itself needs none, nor does what it consists of. Where what
    /// is here does not do, upstreams are asked for statements about a mirrored file. Whoever asks
    /// for many files of a package finds out before which of them are covered at all.
    pub(crate) async fn signature_facts(
        &self,
        query: &Query,
        kept: &KeptFile,
        covered: Option<&Covered>,
    ) -> Result<(Vec<SignatureRule>, Vec<Signer>), Problem> {
        let rules: Vec<SignatureRule> = query.signature_rules().cloned().collect();
        if covered.is_some_and(|covered| !covered.has(&kept.file.name)) {
            return Ok((rules, Vec::new()));
        }
        if rules.is_empty() || self.is_signature(query, kept).await? {
            return Ok((Vec::new(), Vec::new()));
        }
        let mut covering = Covering::of(kept);
        let mut signers = Vec::new();
        let are_met = |signers: &[Signer]| {
            rules.iter().all(|rule| signers.iter().any(|signer| rule.is_met_by(signer)))
        };
        for depth in 0..DEPTH_LIMIT {
            if depth > 0 {
                self.look_above(&query.key(), &mut covering).await?;
            }
            if depth == 1 && self.is_part_of_signature(query, &covering.level).await? {
                return Ok((Vec::new(), Vec::new()));
            }
            for kept in &covering.level {
                signers.extend(self.signers_of(&query.key(), kept, &rules).await?);
                if are_met(&signers) {
                    return Ok((rules, signers));
                }
            }
        }
        if self.bring_in_statements(query, &covering.nearest).await? {
            for kept in &covering.nearest {
                signers.extend(self.signers_of(&query.key(), kept, &rules).await?);
            }
        }
        Ok((rules, signers))
    }

    /// Goes on to the files that refer to those of this level. Where there are too many, it is the
    /// oldest that are left out, whichever was looked at on the way to them.
    async fn look_above(&self, key: &PackageKey, covering: &mut Covering) -> Result<(), Problem> {
        let roles = [ReferenceRole::Required, ReferenceRole::Optional];
        let limit = u32::try_from(FILES_LIMIT).expect("a small number");
        let metadata = &self.inner.metadata;
        let mut above = Vec::new();
        for kept in covering.level.iter().take_while(|_| covering.has_room()) {
            let found = metadata.newest_referring(key, &kept.file.name, roles, limit).await;
            above.extend(found.map_err(|error| store_problem(&error))?);
            covering.retain_newest_unseen(&mut above);
        }
        covering.enter(above);
        Ok(())
    }

    /// Who signed the very bytes of this file, by the trust roots that the rules name.
    async fn signers_of(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
        rules: &[SignatureRule],
    ) -> Result<Vec<Signer>, Problem> {
        let proofs = self.proofs_about(key, kept).await?;
        self.signers_by(proofs, kept.blob, rules).await
    }

    /// Who signed what is kept of a file, each once, but for this server itself: what is verified
    /// now.
    pub async fn signers(
        &self,
        package: &KeptPackage,
        kept: &KeptFile,
    ) -> Result<Vec<Signer>, Problem> {
        let rules = &package.query.repository.repository.policy.signatures;
        let mut signers = self.signers_of(&package.query.key(), kept, rules).await?;
        signers.sort_by(|a, b| (&a.identity, &a.issuer).cmp(&(&b.identity, &b.issuer)));
        signers.dedup_by(|a, b| (&a.identity, &a.issuer) == (&b.identity, &b.issuer));
        Ok(signers)
    }

    /// The signatures over a file, those under its tag among them; none that this server made itself.
    async fn proofs_about(&self, key: &PackageKey, kept: &KeptFile) -> Result<Vec<Proof>, Problem> {
        let bundles = self.bundles_about(key, kept).await?;
        let mut proofs: Vec<Proof> =
            bundles.into_iter().map(|bundle| Proof { bundle, text: None }).collect();
        proofs.extend(self.tagged_signatures(key, &kept.file.name).await?);
        Ok(proofs)
    }

    /// Other people's bundles that are kept now about these very bytes: where signatures are files of
    /// their own, those that are there, beside this file or beside the same bytes elsewhere. What
    /// was recorded of one that was taken away since counts for nothing.
    async fn bundles_about(
        &self,
        key: &PackageKey,
        kept: &KeptFile,
    ) -> Result<Vec<Bundle>, Problem> {
        let name = &kept.file.name;
        let ecosystem = self.ecosystem(key.ecosystem.as_str());
        let recorded = self.inner.metadata.attestations_of_blob(&kept.blob).await;
        let recorded = recorded.map_err(|error| store_problem(&error))?;
        if ecosystem.is_none_or(|ecosystem| ecosystem.digest_of_file(name).is_none()) {
            let others =
                recorded.iter().filter(|attestation| attestation.source != AttestationSource::Ours);
            let bundles = others.map(|attestation| attestation.bundle.as_bytes());
            return Ok(bundles.filter_map(|bundle| Bundle::parse(bundle).ok()).collect());
        }
        // What it made is left out here, where that is cheap, and by its name once it is verified.
        let ours: HashSet<String> = recorded
            .iter()
            .filter(|attestation| attestation.source == AttestationSource::Ours)
            .map(|attestation| attestation.bundle.clone())
            .collect();
        let mut subjects = vec![(key.clone(), name.clone())];
        for file in recorded.into_iter().filter_map(|attestation| attestation.file) {
            let StoredKey { repository, ecosystem, package } = file.package;
            let other = PackageKey { repository, ecosystem: key.ecosystem, package };
            let subject = (other, file.name);
            if ecosystem == key.ecosystem.as_str()
                && subjects.len() < SUBJECTS_LIMIT
                && !subjects.contains(&subject)
            {
                subjects.push(subject);
            }
        }
        let mut bundles = Vec::new();
        for (key, name) in &subjects {
            bundles.extend(self.bundles_in(key, name).await?);
        }
        bundles.retain(|bundle| !ours.contains(&bundle.to_json()));
        Ok(bundles)
    }

    /// The bundles in the files that say of themselves that they are about this one, as texts.
    pub(crate) async fn attached_bundles(
        &self,
        key: &PackageKey,
        name: &FileName,
    ) -> Result<Vec<String>, Problem> {
        let bundles = self.bundles_in(key, name).await?;
        Ok(bundles.iter().map(Bundle::to_json).collect())
    }

    async fn bundles_in(&self, key: &PackageKey, name: &FileName) -> Result<Vec<Bundle>, Problem> {
        let statements = self.inner.metadata.referrers(key, name).await;
        let statements = statements.map_err(|error| store_problem(&error))?;
        let statements = statements.iter().filter(|kept| is_about(kept));
        let (mut bundles, mut seen, mut read_bytes) = (Vec::new(), HashSet::new(), 0);
        for statement in statements.take(STATEMENTS_LIMIT) {
            for part in self.parts_of(key, &statement.file.name).await? {
                // Many may consist of the same.
                if !seen.insert(part.clone()) {
                    continue;
                }
                let Some(bytes) = self.small_file(key, &part, BUNDLE_LIMIT_BYTES).await? else {
                    continue;
                };
                read_bytes += bytes.len();
                if read_bytes > STATEMENTS_LIMIT_BYTES {
                    return Ok(bundles);
                }
                bundles.extend(Bundle::parse(&bytes));
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
        let mut parts = self.all_parts_of(key, statement).await?;
        parts.truncate(PARTS_LIMIT);
        Ok(parts)
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
    /// those that rules name. What this server states itself, of whatever comes by, is nobody's
    /// signature, whoever attaches it.
    async fn signers_by(
        &self,
        proofs: Vec<Proof>,
        blob: BlobId,
        rules: &[SignatureRule],
    ) -> Result<Vec<Signer>, Problem> {
        if proofs.is_empty() {
            return Ok(Vec::new());
        }
        let roots = roots_of(rules);
        let (own, digest) = (self.attestation_verifier()?, blob.digest());
        let (state, origin) = (self.state(), self.authority().origin().clone());
        let is_ours = move |signer: &Signer| {
            let mut repositories = state.repositories().map(|found| &found.repository.name);
            repositories.any(|name| origin.repository(name.as_str()) == signer.identity)
        };
        // Verified again: whom is trusted may have changed since it came in.
        let verify = move || {
            let verifiers = verifiers_by(roots)?;
            let mut signers = Vec::new();
            for proof in proofs {
                let by_own = proof.signer(&own, &digest, None);
                if by_own.as_ref().is_some_and(&is_ours) {
                    continue;
                }
                let by_others = verifiers.iter().filter_map(|(verifier, trust)| {
                    proof.signer(verifier, &digest, Some(trust.clone()))
                });
                signers.extend(by_own.into_iter().chain(by_others));
            }
            Ok(signers)
        };
        tokio::task::spawn_blocking(verify).await.map_err(|error| Problem::internal(&error))?
    }
}

impl Proof {
    /// Who signed this, by a trust root.
    fn signer(
        &self,
        verifier: &Verifier,
        digest: &Digest,
        trust: Option<String>,
    ) -> Option<Signer> {
        signer(&self.verify(verifier, digest).ok()?.signed_by, trust)
    }

    /// What this proves, by a trust root. That a text names these bytes was looked at before.
    pub(crate) fn verify(
        &self,
        verifier: &Verifier,
        digest: &Digest,
    ) -> Result<Verified, VerifyError> {
        let signed = self.text.as_ref().map(|text| Artifact::Bytes(text));
        let artifact = signed.unwrap_or(Artifact::Digest(digest));
        verifier.verify(&self.bundle, artifact, &Policy::anybody())
    }
}

/// A file and what refers to it, as far as it was looked at.
struct Covering {
    /// Those that are to be looked at next, those that came last first: rules are often younger than
    /// what they are for.
    level: Vec<KeptFile>,
    /// The first of all of them.
    nearest: Vec<KeptFile>,
    seen: HashSet<FileName>,
}

impl Covering {
    fn of(kept: &KeptFile) -> Self {
        let mut covering = Self { level: Vec::new(), nearest: Vec::new(), seen: HashSet::new() };
        covering.enter(vec![kept.clone()]);
        covering
    }

    fn has_room(&self) -> bool {
        self.seen.len() < FILES_LIMIT
    }

    /// Each once that was not looked at yet, those that came last first, as many as there is room
    /// for.
    fn retain_newest_unseen(&self, above: &mut Vec<KeptFile>) {
        above.retain(|kept| !self.seen.contains(&kept.file.name));
        above.sort_by(|a, b| (b.recorded_at, &a.file.name).cmp(&(a.recorded_at, &b.file.name)));
        above.dedup_by(|a, b| a.file.name == b.file.name);
        above.truncate(FILES_LIMIT - self.seen.len());
    }

    /// `level` is as [`Self::retain_newest_unseen`] leaves it.
    fn enter(&mut self, level: Vec<KeptFile>) {
        self.seen.extend(level.iter().map(|kept| kept.file.name.clone()));
        let room = ASKED_LIMIT - self.nearest.len();
        self.nearest.extend(level.iter().take(room).cloned());
        self.level = level;
    }
}

/// Largest trust root that a rule may name, in bytes.
const TRUST_LIMIT_BYTES: usize = 64 << 10;

/// The trust roots that rules name, each once.
pub(crate) fn roots_of(rules: &[SignatureRule]) -> Vec<String> {
    let mut roots: Vec<String> = rules.iter().filter_map(|rule| rule.trust.clone()).collect();
    roots.sort();
    roots.dedup();
    roots
}

/// A verifier by each of these trust roots, with its text.
pub(crate) fn verifiers_by(roots: Vec<String>) -> Result<Vec<(Verifier, String)>, Problem> {
    roots.into_iter().map(|root| Ok((verifier_by(&root)?, root))).collect()
}

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

/// Whether a kept file is a statement about another one, such as a signature.
pub fn is_evidence(kept: &KeptFile) -> bool {
    kept.file.attributes.0.contains_key(EVIDENCE)
}

/// Whether it is one that says what it is about, by its own word.
pub(crate) fn is_about(kept: &KeptFile) -> bool {
    kept.file.attributes.0.get(EVIDENCE).and_then(serde_json::Value::as_bool) == Some(true)
}
