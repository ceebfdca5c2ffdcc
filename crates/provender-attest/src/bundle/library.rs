//! The bundle as the verifying library takes it.

use sigstore_types as library;
use sigstore_types::bundle::{
    CertificateContent, CheckpointData, InclusionPromise, LogId, PublicKeyIdentifier,
    Rfc3161Timestamp, TimestampVerificationData, VerificationMaterial, VerificationMaterialContent,
    X509Certificate,
};

use super::{Bundle, BundleVersion, Content, InclusionProof, KeyMaterial, LogEntry};

/// What the library cannot hold, though the format can write it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// A kind of entry that nothing here can check.
    #[error("entries of the kind {kind} {version} are not known here")]
    Kind { kind: String, version: String },
    /// A digest algorithm that nothing here can check.
    #[error("digests by {0} are not known here")]
    DigestAlgorithm(String),
    /// A time that is no time.
    #[error("the log's time is out of range")]
    Time,
    /// A checkpoint, hash or index that does not read.
    #[error(transparent)]
    Library(#[from] library::Error),
}

impl Bundle {
    pub(crate) fn to_library(&self) -> Result<library::Bundle, Unfit> {
        let media_type = match self.version {
            BundleVersion::V01 => library::MediaType::Bundle0_1,
            BundleVersion::V02 => library::MediaType::Bundle0_2,
            BundleVersion::V03 => library::MediaType::Bundle0_3,
        };
        let entries = self.log_entries.iter().map(LogEntry::to_library);
        let timestamps = self.timestamps.iter();
        let timestamps =
            timestamps.map(|der| Rfc3161Timestamp::new(library::TimestampToken::from_bytes(der)));
        let material = VerificationMaterial::new(self.key.to_library(self.version))
            .with_tlog_entries(entries.collect::<Result<_, _>>()?)
            .with_timestamp_verification_data(TimestampVerificationData::new(timestamps.collect()));
        Ok(library::Bundle::new(media_type, material, self.content.to_library()?))
    }
}

impl KeyMaterial {
    fn to_library(&self, version: BundleVersion) -> VerificationMaterialContent {
        let der = |bytes: &Vec<u8>| library::DerCertificate::from_bytes(bytes);
        match self {
            Self::PublicKeyHint(hint) => {
                VerificationMaterialContent::PublicKey(PublicKeyIdentifier::new(hint.clone()))
            }
            Self::Certificates(certificates) => match certificates.as_slice() {
                [only] if version == BundleVersion::V03 => {
                    VerificationMaterialContent::Certificate(CertificateContent::new(der(only)))
                }
                many => VerificationMaterialContent::X509CertificateChain {
                    certificates: many.iter().map(|one| X509Certificate::new(der(one))).collect(),
                },
            },
        }
    }
}

impl Content {
    fn to_library(&self) -> Result<library::SignatureContent, Unfit> {
        match self {
            Self::Envelope(envelope) => {
                let signature = library::SignatureBytes::from_bytes(&envelope.signature);
                Ok(library::SignatureContent::DsseEnvelope(library::DsseEnvelope::new(
                    envelope.payload_type.clone(),
                    library::PayloadBytes::from_bytes(&envelope.payload),
                    library::DsseSignature::new(signature, library::KeyId::default()),
                )))
            }
            Self::Message(message) => {
                let signature = library::SignatureBytes::from_bytes(&message.signature);
                let mut content = library::MessageSignature::new(signature);
                if let Some((algorithm, digest)) = &message.digest {
                    content = content.with_message_digest(library::bundle::MessageDigest::new(
                        algorithm_of(algorithm)?,
                        library::DigestBytes::new(digest.clone()),
                    ));
                }
                Ok(library::SignatureContent::MessageSignature(content))
            }
        }
    }
}

fn algorithm_of(name: &str) -> Result<library::HashAlgorithm, Unfit> {
    match name {
        "SHA2_256" => Ok(library::HashAlgorithm::Sha2256),
        "SHA2_384" => Ok(library::HashAlgorithm::Sha2384),
        "SHA2_512" => Ok(library::HashAlgorithm::Sha2512),
        other => Err(Unfit::DigestAlgorithm(other.to_owned())),
    }
}

impl LogEntry {
    fn to_library(&self) -> Result<library::TransparencyLogEntry, Unfit> {
        let kind = match (self.kind.as_str(), self.kind_version.as_str()) {
            ("hashedrekord", "0.0.1") => library::KindVersion::HashedRekordV001,
            ("hashedrekord", "0.0.2") => library::KindVersion::HashedRekordV002,
            ("dsse", "0.0.1") => library::KindVersion::DsseV001,
            ("intoto", "0.0.2") => library::KindVersion::IntotoV002,
            (kind, version) => {
                return Err(Unfit::Kind { kind: kind.to_owned(), version: version.to_owned() });
            }
        };
        let mut entry = library::TransparencyLogEntry::new(
            library::LogIndex::new(self.index)?,
            LogId::new(library::LogKeyId::from_bytes(&self.log_id)),
            kind,
            library::CanonicalizedBody::from_bytes(&self.body),
        );
        if let Some(seconds) = self.integrated_time {
            let time = jiff::Timestamp::from_second(seconds).map_err(|_| Unfit::Time)?;
            entry = entry.with_integrated_time(time);
        }
        if let Some(promise) = &self.inclusion_promise {
            entry = entry.with_inclusion_promise(InclusionPromise::new(
                library::SignedTimestamp::from_bytes(promise),
            ));
        }
        if let Some(proof) = &self.inclusion_proof {
            entry = entry.with_inclusion_proof(proof.to_library()?);
        }
        Ok(entry)
    }
}

impl InclusionProof {
    fn to_library(&self) -> Result<library::bundle::InclusionProof, Unfit> {
        let hash = |bytes: &[u8]| library::Sha256Hash::try_from(bytes);
        let checkpoint = CheckpointData::new(self.checkpoint.clone())?;
        // Logs of tiles sign root and size in the checkpoint; some clients leave them out here.
        let root = match (self.root.as_slice(), checkpoint.checkpoint()) {
            ([], Some(checkpoint)) => *checkpoint.root_hash(),
            (root, _) => hash(root)?,
        };
        let hashes = self.hashes.iter().map(|bytes| hash(bytes)).collect::<Result<_, _>>()?;
        let index = library::LogIndex::new(self.index)?;
        Ok(library::bundle::InclusionProof::new(index, root, self.size, hashes, checkpoint))
    }
}
