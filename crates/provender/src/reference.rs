//! What a command is about: a file or folder here, or a file that a server keeps, named as its
//! clients name it. What is here wins over what is elsewhere.

use std::path::Path;

use anyhow::{Result, anyhow};
use provender_attest::{Artifact, Bundle, Policy, Verified, Verifier};
use provender_domain::{BlobId, Digest};
use provender_ecosystem::NamedTarget;
use provender_server::api::types::{
    Attestation, Items, KeptAttestation, NewAttestation, Referenced, TaggedSignature,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::artifact;
use crate::data;
use crate::ecosystems;
use crate::exit::Failure;
use crate::instance::{Instance, usage};
use crate::output::printable;
use crate::proof::Fault;

/// Where the server says what a reference names.
const REFERENCE_PATH: &str = "-/api/v1/reference";

/// What a command is about.
pub(crate) enum Named {
    /// A file or folder here.
    Here(artifact::Target),
    /// A file that a server keeps.
    Kept(Box<Kept>),
}

/// A bundle that is to prove something.
pub(crate) struct Offer {
    /// Where it came from.
    pub(crate) name: String,
    /// The bundle, or why it is none.
    pub(crate) bundle: Result<Bundle, Fault>,
    /// What is signed, where that is no statement about the file nor its bytes, but a text that names
    /// it (cosign's older form).
    pub(crate) text: Option<String>,
}

/// A file that a server keeps.
pub(crate) struct Kept {
    instance: Instance,
    token: Option<String>,
    reference: String,
    /// What the server says that it is.
    pub(crate) file: Referenced,
    digest: Digest,
}

impl Offer {
    /// What is no bundle proves nothing, and is told of as what is broken.
    pub(crate) fn read(name: String, bytes: &[u8], text: Option<String>) -> Self {
        let bundle = Bundle::parse(bytes);
        let bundle = bundle.map_err(|error| Fault::unread(&format!("{:#}", anyhow!(error))));
        Self { name, bundle, text }
    }

    fn signature(&self) -> Option<&[u8]> {
        self.bundle.as_ref().ok().map(Bundle::signature)
    }
}

/// Whether an ecosystem's clients would take this for something that a server keeps.
pub(crate) fn is_reference(given: &str) -> bool {
    ecosystems::all().iter().any(|ecosystem| ecosystem.read_reference(given).is_some())
}

impl Named {
    /// Looks here first; `token` is one of the server that `target` names.
    pub(crate) async fn find(
        given: &Path,
        target: &data::Target,
        token: Option<String>,
    ) -> Result<Self> {
        match given.to_str().filter(|text| !given.exists() && is_reference(text)) {
            Some(reference) => {
                let kept = Kept::find(reference, target, token).await?;
                Ok(Self::Kept(Box::new(kept)))
            }
            None => artifact::Target::open(given).map(Self::Here),
        }
    }

    /// What is here.
    pub(crate) fn here(&self) -> Option<&artifact::Target> {
        match self {
            Self::Here(target) => Some(target),
            Self::Kept(_) => None,
        }
    }

    /// As it was named.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Here(target) => target.path().display().to_string(),
            Self::Kept(kept) => kept.reference.clone(),
        }
    }

    /// The SHA-256 of what is signed.
    pub(crate) fn sha256(&self) -> Result<String> {
        match self {
            Self::Here(target) => Ok(hex::encode(target.sha256()?)),
            Self::Kept(kept) => Ok(kept.file.sha256.clone()),
        }
    }

    /// As a statement names it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Here(target) => target.name(),
            Self::Kept(kept) => format!("{}/{}", kept.file.repository, kept.file.package),
        }
    }

    /// Hands what is signed to `verify`: its bytes if it is here, else its digest.
    pub(crate) fn with<T>(&self, verify: impl FnOnce(Artifact<'_>) -> T) -> Result<T> {
        match self {
            Self::Here(target) => target.with(verify),
            Self::Kept(kept) => Ok(verify(Artifact::Digest(&kept.digest))),
        }
    }

    /// Whether what is offered proves what the policy asks for.
    pub(crate) fn verify(
        &self,
        offer: &Offer,
        verifier: &Verifier,
        policy: &Policy,
    ) -> Result<Result<Verified, Fault>> {
        let bundle = match &offer.bundle {
            Ok(bundle) => bundle,
            Err(fault) => return Ok(Err(fault.clone())),
        };
        let outcome = match (self, &offer.text) {
            (Self::Kept(kept), Some(text)) => {
                verifier.verify_cosign(bundle, text.as_bytes(), &kept.digest, policy)
            }
            _ => self.with(|artifact| verifier.verify(bundle, artifact, policy))?,
        };
        Ok(outcome.map_err(|error| Fault::from(&error)))
    }
}

impl Kept {
    /// Asks the server. What the reference itself says, its digest, is not left to the server.
    pub(crate) async fn find(
        reference: &str,
        target: &data::Target,
        token: Option<String>,
    ) -> Result<Self> {
        let instance = Instance::find(target).await?.ok_or_else(|| {
            usage(&format!(
                "{}: there is no such file; if it is on a server, name that with --server URL",
                printable(reference)
            ))
        })?;
        let query = [("reference", reference), ("host", instance.authority())];
        let file: Referenced = instance.read_json(REFERENCE_PATH, &query, token.as_deref()).await?;
        let digest = checked(reference, &file)?;
        Ok(Self { instance, token, reference: reference.to_owned(), file, digest })
    }

    /// As it was named.
    pub(crate) fn reference(&self) -> &str {
        &self.reference
    }

    /// Which bytes it is.
    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Everything that the server has attested of these bytes, and the signatures under tags beside
    /// them, each once. Nothing is verified yet.
    pub(crate) async fn offers(&self) -> Result<Vec<Offer>> {
        let found: Items<Attestation> = self.listed("attestations").await?;
        let mut offers: Vec<Offer> = Vec::new();
        for (number, attestation) in (1..).zip(found.items) {
            let name = format!("{number} ({}, {})", attestation.source, attestation.predicate_type);
            offer(&mut offers, name, &attestation.bundle, None);
        }
        let found: Items<TaggedSignature> = self.listed("signatures").await?;
        for (number, signature) in (offers.len() + 1..).zip(found.items) {
            let name = format!("{number} (tag {})", signature.tag);
            offer(&mut offers, name, &signature.bundle, Some(signature.text));
        }
        Ok(offers)
    }

    async fn listed<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        let path = format!("-/api/v1/{what}/{}", self.digest);
        self.instance.read_json(&path, &[], self.token.as_deref()).await
    }

    /// Hands a bundle about the file to the server, which verifies it and shows it to clients.
    pub(crate) async fn attach(&self, bundle: &Bundle) -> Result<KeptAttestation> {
        let path = format!("-/api/v1/repositories/{}/attestations", self.file.repository);
        let new = NewAttestation {
            ecosystem: self.file.ecosystem.clone(),
            package: self.file.package.clone(),
            file: self.file.file.clone(),
            bundle: serde_json::from_str(&bundle.to_json())?,
        };
        self.instance.post_json(&path, &new, self.token.as_deref()).await
    }
}

/// Adds it, if it is no further copy of one that is there.
fn offer(offers: &mut Vec<Offer>, name: String, bundle: &Value, text: Option<String>) {
    let offered = Offer::read(name, bundle.to_string().as_bytes(), text);
    let is_known = offered.signature().is_some()
        && offers.iter().any(|known| known.signature() == offered.signature());
    if !is_known {
        offers.push(offered);
    }
}

/// The digest of the file, if the server answers with what was asked for.
fn checked(reference: &str, file: &Referenced) -> Result<Digest> {
    let blob: BlobId = file.sha256.parse().map_err(|_| another(reference, &file.sha256))?;
    let digest = blob.digest();
    for ecosystem in ecosystems::all() {
        let Some(named) = ecosystem.read_reference(reference) else { continue };
        let NamedTarget::File(name) = named.target else { return Ok(digest) };
        let is_file = name.as_str() == file.file;
        let promised = ecosystem.digest_of_file(&name);
        // Of another kind of digest only the server knows which SHA-256 belongs to it.
        if let Some(other) = promised.as_ref().map(Digest::algorithm)
            && other != digest.algorithm()
        {
            let (reference, other) = (printable(reference), other.as_str());
            let message = format!(
                "{reference}: what has only a {other} digest cannot be verified: name it by its sha256 digest or by a tag"
            );
            return Err(Failure::Refused(message).into());
        }
        let is_digest = promised.is_none_or(|promised| promised == digest);
        if !is_file || !is_digest {
            return Err(another(reference, &file.file));
        }
    }
    Ok(digest)
}

fn another(reference: &str, found: &str) -> anyhow::Error {
    let (reference, found) = (printable(reference), printable(found));
    let message = format!("{reference}: the server answered with something else, {found}");
    Failure::Refused(message).into()
}

#[cfg(test)]
mod tests {
    use provender_server::api::types::Referenced;

    use super::{checked, is_reference};

    #[test]
    fn references_and_other_texts() {
        let check = |text: &str, expected: bool| assert_eq!(is_reference(text), expected, "{text}");
        check("localhost:8080/main/team/app:1.0", true);
        check("main/app:1.0", true);
        check("firmware.bin", false);
        check("./main/app:1.0", false);
        check("pkg:generic/app@1.0", false);
        check("sha256:00", false);
    }

    #[test]
    fn answers_are_held_against_the_reference() {
        let check = |reference: &str, file: &str, sha256: &str, expected: bool| {
            let answer = Referenced {
                repository: "main".to_owned(),
                ecosystem: "oci".to_owned(),
                package: "app".to_owned(),
                file: file.to_owned(),
                tag: None,
                sha256: sha256.to_owned(),
                purl: String::new(),
            };
            assert_eq!(checked(reference, &answer).is_ok(), expected, "{reference} {file}");
        };
        let (one, other) = ("ab".repeat(32), "cd".repeat(32));
        let file = |hex: &str| format!("manifest@sha256:{hex}");
        let by_digest = format!("main/app@sha256:{one}");
        check("main/app:1.0", &file(&one), &one, true);
        check("main/app:1.0", &file(&one), "short", false);
        check(&by_digest, &file(&one), &one, true);
        check(&by_digest, &file(&other), &other, false);
        check(&by_digest, &file(&one), &other, false);
        // Nobody here can tell whether the server names the right SHA-256.
        let long = format!("manifest@sha512:{}", "ab".repeat(64));
        check(&format!("main/app@sha512:{}", "ab".repeat(64)), &long, &one, false);
        check("main/app:1.0", &long, &one, true);
    }
}
