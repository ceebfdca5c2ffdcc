//! References to kept files, and what people attest of such files after they were published.

use std::sync::Arc;

use provender_attest::Bundle;
use provender_domain::{
    BlobId, EventKind, FileName, FileState, KeptFile, PackageName, Problem, ProblemCode,
    RepositoryName, Scope, Tag,
};
use provender_ecosystem::{AttestationClaim, Ecosystem, NamedFile, NamedTarget, Operation};
use provender_store::{Attestation, AttestationSource, PackageKey, PackedAttestation, Write};

use super::repositories::invalid;
use crate::attestation::{PublisherAttestation, verify};
use crate::error::{shown, store_problem};
use crate::journal::to_the_end;
use crate::{Caller, Registry};

/// Most attestations that people may add to one file.
const ATTESTATIONS_LIMIT: usize = 1_000;

/// The kept file that a reference names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferencedFile {
    /// In which repository.
    pub repository: RepositoryName,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// Of which package.
    pub package: PackageName,
    /// Which file.
    pub file: FileName,
    /// Its bytes.
    pub blob: BlobId,
    /// The tag that pointed to it, where the reference has one.
    pub tag: Option<Tag>,
    /// Its package URL.
    pub purl: String,
}

/// A file of a package, by the names that its ecosystem knows it by.
#[derive(Debug, Clone, Copy)]
pub struct FileNamed<'a> {
    /// In which repository.
    pub repository: &'a str,
    /// Of which ecosystem, by purl type.
    pub ecosystem: &'a str,
    /// Of which package.
    pub package: &'a str,
    /// Which file.
    pub file: &'a str,
}

/// An attestation that is kept beside its file.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptAttestation {
    /// As it is kept.
    pub attestation: Attestation,
    /// Whom its certificate names.
    pub identity: String,
    /// Who vouched for that.
    pub issuer: String,
    /// Whether it was there before.
    pub already_there: bool,
}

impl Registry {
    /// The file that a reference names as its ecosystem's clients write it, brought in first where
    /// an upstream has it. `also_called` is a host by which the caller knows this server, beside
    /// the name that it calls itself.
    pub async fn referenced(
        &self,
        caller: &Caller,
        reference: &str,
        also_called: Option<&str>,
    ) -> Result<ReferencedFile, Problem> {
        let (ecosystem, named) = self.read_reference(reference)?;
        self.check_host(&named, also_called)?;
        let NamedFile { repository, package, target, .. } = named;
        let (operation, tag) = match &target {
            NamedTarget::Tag(tag) => {
                let operation = Operation::Tagged { package: package.clone(), tag: tag.clone() };
                (operation, Some(tag.clone()))
            }
            NamedTarget::File(file) => {
                let (package, file) = (package.clone(), file.clone());
                (Operation::File { package, file, companion: None }, None)
            }
        };
        let authorized = self.authorize(caller, &repository, ecosystem.id().as_str(), operation)?;
        let query = authorized.query(&package);
        let file = match target {
            NamedTarget::Tag(tag) => self.pointed(&query, &tag, caller).await?.file,
            NamedTarget::File(file) => file,
        };
        let kept = self.inner.metadata.file(&query.key(), &file).await;
        let kept = match kept.map_err(|error| store_problem(&error))? {
            // Also one that policy does not let through: it may be for want of a signature.
            Some(kept) if kept.state == FileState::Present => kept,
            _ => Arc::unwrap_or_clone(self.kept_file(&query, &file, caller).await?),
        };
        let purl = ecosystem.purl(&package, kept.file.version.as_ref(), Some(&file)).to_string();
        Ok(ReferencedFile {
            repository: query.repository.repository.name.clone(),
            ecosystem: ecosystem.id().to_string(),
            blob: kept.blob,
            package,
            file,
            tag,
            purl,
        })
    }

    fn read_reference(&self, reference: &str) -> Result<(Arc<dyn Ecosystem>, NamedFile), Problem> {
        let read = |ecosystem: &Arc<dyn Ecosystem>| {
            Some((ecosystem.clone(), ecosystem.read_reference(reference)?))
        };
        self.ecosystems().iter().find_map(read).ok_or_else(|| {
            let message = format!(
                "{} is no reference: it names a repository, a package of it, and a tag or a digest",
                shown(reference)
            );
            Problem::new(ProblemCode::InvalidRequest, message)
        })
    }

    /// What is on another server is not to be mistaken for what has the same name here.
    fn check_host(&self, named: &NamedFile, also_called: Option<&str>) -> Result<(), Problem> {
        let Some(host) = &named.host else { return Ok(()) };
        let origin = self.origin();
        let own = origin.split_once("://").map_or(origin, |(_, authority)| authority);
        let is_own = |name: &str| is_same_host(host, name);
        if is_own(own) || also_called.is_some_and(is_own) {
            return Ok(());
        }
        let message = format!("{} is another server; this one is {own}", shown(host));
        Err(Problem::new(ProblemCode::InvalidRequest, message))
    }

    /// Keeps what somebody attests of a kept file: a Sigstore bundle that this server's trust root
    /// verifies, with a statement about these bytes. It is kept as a publisher's, and clients that
    /// look for such beside the file find it. Takes scope publish on the package. The same
    /// signature a second time changes nothing.
    pub async fn add_attestation(
        &self,
        caller: &Caller,
        named: FileNamed<'_>,
        bundle: String,
    ) -> Result<KeptAttestation, Problem> {
        let ecosystem = self.known_ecosystem(named.ecosystem)?;
        let package = ecosystem.package_name(named.package).map_err(|error| invalid(&error))?;
        let file = FileName::new(named.file).map_err(|error| invalid(&error))?;
        let repository = self.readable(caller, named.repository, Some(&package))?;
        let repository = repository.repository.name.clone();
        if !caller.holds(Scope::Publish, Some(&repository), Some(&package)) {
            return Err(self.denied(caller, &repository, Scope::Publish));
        }
        let key = PackageKey { repository, ecosystem: ecosystem.id(), package };
        let (registry, caller) = (self.clone(), caller.clone());
        let adding = async move {
            registry.verify_and_keep(&caller, &key, &*ecosystem, &file, bundle).await
        };
        to_the_end(adding).await
    }

    async fn verify_and_keep(
        &self,
        caller: &Caller,
        key: &PackageKey,
        ecosystem: &dyn Ecosystem,
        file: &FileName,
        bundle: String,
    ) -> Result<KeptAttestation, Problem> {
        let metadata = &self.inner.metadata;
        let kept = metadata.file(key, file).await.map_err(|error| store_problem(&error))?;
        let kept = kept.filter(|kept| kept.state == FileState::Present).ok_or_else(|| {
            let message =
                format!("no file {file} of {} is kept in {}", key.package, key.repository);
            Problem::not_found(message)
        })?;
        let bundle = self.timestamped(&AttestationClaim { bundle })?;
        let before = self.attestations_of(key, file).await?;
        let verifier = self.attestation_verifier()?;
        // Where a name is a digest, the digest says it all.
        let name = ecosystem.digest_of_file(file).is_none().then(|| file.to_string());
        let (blob, signature) = (kept.blob, bundle.signature().to_vec());
        let verifying =
            tokio::task::spawn_blocking(move || verify(&verifier, &bundle, name.as_deref(), blob));
        let found = verifying.await.map_err(|error| Problem::internal(&error))?;
        let proved: PublisherAttestation = self.publisher_attestation(found?);
        let (identity, issuer) = (proved.identity.clone(), proved.issuer.clone());
        if let Some(attestation) = before.iter().find(|one| is_signed_so(one, &signature)) {
            let attestation = attestation.clone();
            return Ok(KeptAttestation { attestation, identity, issuer, already_there: true });
        }
        let by_people = |one: &&Attestation| one.source == AttestationSource::Publisher;
        if before.iter().filter(by_people).count() >= ATTESTATIONS_LIMIT {
            let message = format!("{file} has {ATTESTATIONS_LIMIT} attestations already");
            return Err(Problem::new(ProblemCode::TooLarge, message));
        }
        let attestation = proved.attestation_about(key, Some(file), blob);
        self.keep_attestation(caller, key, &kept, &attestation, &identity).await?;
        Ok(KeptAttestation { attestation, identity, issuer, already_there: false })
    }

    /// The attestation, the files that hold it for clients, and the event, in one commit.
    async fn keep_attestation(
        &self,
        caller: &Caller,
        key: &PackageKey,
        kept: &KeptFile,
        attestation: &Attestation,
        identity: &str,
    ) -> Result<(), Problem> {
        let gate = self.inner.garbage_gate.clone().read_owned().await;
        let mut writes = self.made_evidence(key, kept, attestation, &attestation.bundle).await?;
        let attestation_row = PackedAttestation::beside(attestation, &writes);
        writes.push(Write::RecordAttestation(attestation_row));
        let name = &kept.file.name;
        let message = format!("{identity} attested {} of {name}", attestation.predicate_type);
        let mut event = self.package_event(EventKind::Attested, caller, key, message);
        event.file = Some(name.clone());
        event.version.clone_from(&kept.file.version);
        event.detail.set_text("sha256", kept.blob.to_hex());
        event.detail.set_text("predicate_type", attestation.predicate_type.as_str());
        event.detail.set_text("identity", identity);
        let outcome = self.inner.metadata.commit(writes, vec![event]).await;
        drop(gate);
        self.package_changed(key.ecosystem, &key.package);
        outcome.map(drop).map_err(|error| store_problem(&error))
    }
}

fn is_signed_so(attestation: &Attestation, signature: &[u8]) -> bool {
    let bundle = Bundle::parse(attestation.bundle.as_bytes());
    bundle.is_ok_and(|bundle| bundle.signature() == signature)
}

/// Host and port in any case; all names of this machine's own loopback are one.
fn is_same_host(a: &str, b: &str) -> bool {
    let normal = |text: &str| {
        let text = text.to_ascii_lowercase();
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host.to_owned(), port.to_owned()),
            _ => (text, String::new()),
        };
        let is_loopback = matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]");
        (if is_loopback { "localhost".to_owned() } else { host }, port)
    };
    normal(a) == normal(b)
}

#[cfg(test)]
mod tests {
    use super::is_same_host;

    #[test]
    fn hosts() {
        let check = |a: &str, b: &str, expected: bool| {
            assert_eq!(is_same_host(a, b), expected, "{a} and {b}");
            assert_eq!(is_same_host(b, a), expected, "{b} and {a}");
        };
        check("localhost:8080", "localhost:8080", true);
        check("localhost:8080", "127.0.0.1:8080", true);
        check("localhost:8080", "[::1]:8080", true);
        check("localhost:8080", "localhost:8081", false);
        check("localhost:8080", "localhost", false);
        check("[::1]", "localhost", true);
        check("Packages.example", "packages.example", true);
        check("packages.example", "packages.example:443", false);
        check("packages.example", "other.example", false);
    }
}
