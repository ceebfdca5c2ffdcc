//! A file as people look at it: what is known of it, and what each signature over it proves now.

use provender_attest::{Bundle, Verified, Verifier};
use provender_domain::{Digest, FileName, Problem, SignatureRule, Timestamp};
use provender_store::{AttestationSource, FileKey, PackageKey};

use super::attest::FileNamed;
use super::evidence::FileEvidence;
use super::repositories::invalid;
use crate::attestation::with_causes;
use crate::signature::{Proof, roots_of, verifiers_by};
use crate::{Caller, Registry};

/// Most signatures that are verified for one look: the newest.
const LINKS_LIMIT: usize = 50;

/// Something that is signed about a file.
#[derive(Debug)]
pub struct Link {
    /// Who made it, by which it is kept; `None` for a signature under a tag beside the file, which
    /// may be anybody's.
    pub source: Option<AttestationSource>,
    /// When it came here, where that is known.
    pub recorded_at: Option<Timestamp>,
    /// What it proves, by this server's own trust root or else by one that a rule of the repository
    /// names; why it proves nothing by any of them.
    pub outcome: Result<Verified, String>,
}

/// The same before it is verified.
struct Unverified {
    source: Option<AttestationSource>,
    recorded_at: Option<Timestamp>,
    proof: Result<Proof, String>,
}

impl Registry {
    /// What is known of one kept file, and what is signed about it, the newest first, at most
    /// fifty. All of it is verified anew: whom is trusted may have changed since it came in.
    pub async fn chain_of(
        &self,
        caller: &Caller,
        named: FileNamed<'_>,
    ) -> Result<(FileEvidence, Vec<Link>), Problem> {
        let ecosystem = self.known_ecosystem(named.ecosystem)?;
        let package = ecosystem.package_name(named.package).map_err(|error| invalid(&error))?;
        let name = FileName::new(named.file).map_err(|error| invalid(&error))?;
        let found = self.readable(caller, named.repository, Some(&package))?;
        self.check_readable(caller, &found.repository, Some(&package))?;
        let repository = found.repository.name.clone();
        let key = PackageKey { repository, ecosystem: ecosystem.id(), package };
        let evidence = self.file_evidence(caller, &FileKey::new(&key, name.clone())).await?;
        let evidence = evidence.ok_or_else(|| {
            Problem::not_found(format!("nothing is kept of {name} in {}", key.repository))
        })?;
        let links = self.links_of(&evidence, &found.repository.policy.signatures).await?;
        Ok((evidence, links))
    }

    async fn links_of(
        &self,
        evidence: &FileEvidence,
        rules: &[SignatureRule],
    ) -> Result<Vec<Link>, Problem> {
        let attested = evidence.attestations.iter().rev().map(|attestation| Unverified {
            source: Some(attestation.source),
            recorded_at: Some(attestation.recorded_at),
            proof: read(&attestation.bundle, None),
        });
        let tagged = evidence.signatures.iter().map(|signature| Unverified {
            source: None,
            recorded_at: None,
            proof: read(&signature.bundle, Some(&signature.text)),
        });
        let links: Vec<Unverified> = attested.chain(tagged).take(LINKS_LIMIT).collect();
        let (own, digest) = (self.attestation_verifier()?, evidence.report.kept.blob.digest());
        let roots = roots_of(rules);
        let verify = move || {
            let others = verifiers_by(roots)?;
            let others: Vec<&Verifier> = others.iter().map(|(verifier, _)| verifier).collect();
            Ok(links.into_iter().map(|link| link.verify(&own, &others, &digest)).collect())
        };
        tokio::task::spawn_blocking(verify).await.map_err(|error| Problem::internal(&error))?
    }
}

impl Unverified {
    fn verify(self, own: &Verifier, others: &[&Verifier], digest: &Digest) -> Link {
        let Self { source, recorded_at, proof } = self;
        let outcome = proof.and_then(|proof| {
            let by_own = proof.verify(own, digest);
            by_own.or_else(|error| {
                let by_other = others.iter().find_map(|other| proof.verify(other, digest).ok());
                by_other.ok_or_else(|| with_causes(&error))
            })
        });
        Link { source, recorded_at, outcome }
    }
}

fn read(bundle: &str, text: Option<&String>) -> Result<Proof, String> {
    let bundle = Bundle::parse(bundle.as_bytes()).map_err(|error| with_causes(&error))?;
    Ok(Proof { bundle, text: text.map(|text| text.clone().into()) })
}
