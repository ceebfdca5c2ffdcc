//! What certifies, dates and promises: the parts that can be given new keys while all else goes on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use der::Decode as _;
use jiff::Timestamp;
use serde_json::Value;
use spki::SubjectPublicKeyInfoOwned;
use x509_cert::Certificate;

use crate::ca::{self, CertificateAuthority};
use crate::ct::SctSigner;
use crate::error::OpenError;
use crate::generations::{Generations, GenerationsError};
use crate::keys::KeyRing;
use crate::settings::Settings;
use crate::trust::{CertifiedService, CtService, LogTerm, PublicOrigin, Trust};
use crate::tsa::TimestampAuthority;
use crate::tuf;

/// What they are made of.
pub(super) struct Base {
    /// The data directory.
    pub(super) directory: PathBuf,
    pub(super) ring: KeyRing,
    pub(super) settings: Settings,
    pub(super) origin: PublicOrigin,
}

impl Base {
    pub(super) fn certificates(&self) -> PathBuf {
        self.directory.join("certificates")
    }
}

/// The present keys, and what clients are told of them and of those before.
pub(super) struct Services {
    pub(super) ca: CertificateAuthority,
    pub(super) ct: SctSigner,
    pub(super) tsa: TimestampAuthority,
    pub(super) trust: Arc<Trust>,
    /// The keys that issued before, whose last certificates may still be in use.
    former_issuers: Vec<FormerIssuer>,
}

/// A key that issues no more. It may have been given up because somebody else has it.
struct FormerIssuer {
    key: SubjectPublicKeyInfoOwned,
    /// When the last certificate ends that was issued with it here.
    until: Timestamp,
}

impl Services {
    /// Opens the present ones; at the first start, their keys and certificates are made.
    pub(super) fn open(
        base: &Base,
        generations: &Generations,
        logs: Vec<LogTerm>,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let (ring, directory, settings) = (&base.ring, base.certificates(), &base.settings);
        let (ca_place, tsa_place) = (generations.ca.place, generations.tsa.place);
        // Before the certificates: those that are there carry the promises of this key.
        let ct_generation = generations.ct.current;
        let ct = match CertificateAuthority::has_certificates(ca_place, &directory) {
            true => SctSigner::required(ring, ct_generation)?,
            false => SctSigner::open(ring, ct_generation)?,
        };
        let certificates = &settings.certificates;
        let ca =
            CertificateAuthority::open_at(ca_place, ring, &directory, certificates, None, now)?;
        let tsa = TimestampAuthority::open_at(tsa_place, ring, &directory, settings, None, now)?;
        let damaged = |source: base64::DecodeError| GenerationsError::Malformed {
            path: base.directory.join(crate::generations::GENERATIONS_FILE),
            source: source.into(),
        };
        let former = generations.ca.past_services().map_err(damaged)?;
        let former_issuers = former.iter().filter_map(FormerIssuer::of).collect();
        let present = |chain: [Vec<u8>; 2], since| CertifiedService {
            chain: chain.to_vec(),
            since,
            until: None,
        };
        let with = |mut services: Vec<_>, present| {
            services.push(present);
            services
        };
        let timestamping = generations.tsa.past_services().map_err(damaged)?;
        let mut ct_keys = generations.ct.past_services().map_err(damaged)?;
        let since = generations.ct.since.unwrap_or_else(|| ct_began(&former, &ca));
        ct_keys.push(CtService::new(ct.public_key_der().to_vec(), since, None));
        let trust = Trust {
            origin: base.origin.clone(),
            authorities: with(former, present(ca.chain(), ca.not_before())),
            timestamping: with(timestamping, present(tsa.chain(), tsa.not_before())),
            ct: ct_keys,
            logs,
        };
        Ok(Self { ca, ct, tsa, trust: Arc::new(trust), former_issuers })
    }

    /// The same, with the transparency logs over time.
    pub(super) fn with_logs(self, logs: Vec<LogTerm>) -> Self {
        let trust = Arc::new(Trust { logs, ..(*self.trust).clone() });
        Self { trust, ..self }
    }

    /// Whether what was signed under this certificate may go into the transparency log.
    pub(super) fn admits(&self, certificate: &[u8], now: Timestamp) -> bool {
        let is_former = |issuer: &FormerIssuer| {
            now <= issuer.until && ca::admits(&issuer.key, certificate, now, Some(issuer.until))
        };
        self.ca.admits(certificate, now) || self.former_issuers.iter().any(is_former)
    }

    /// Whether any authority that clients are told of issued this certificate, whenever that was.
    pub(super) fn has_issued(&self, certificate: &[u8]) -> bool {
        let is_former =
            |issuer: &FormerIssuer| ca::has_issued(&issuer.key, certificate, Some(issuer.until));
        self.ca.has_issued(certificate) || self.former_issuers.iter().any(is_former)
    }

    /// What the TUF repository publishes.
    pub(super) fn targets(&self) -> [(&'static str, Bytes); 2] {
        [
            (tuf::TRUSTED_ROOT, to_bytes(&self.trust.trusted_root())),
            (tuf::SIGNING_CONFIG, to_bytes(&self.trust.signing_config())),
        ]
    }
}

/// The first key of the log of certificates is as old as the oldest authority: most often the first,
/// but for one that was made by a clock that was ahead.
fn ct_began(former: &[CertifiedService], present: &CertificateAuthority) -> Timestamp {
    let former = former.iter().map(|service| service.since);
    former.fold(present.not_before(), Timestamp::min)
}

impl FormerIssuer {
    /// `None` for one that issues still.
    fn of(service: &CertifiedService) -> Option<Self> {
        let certificate = Certificate::from_der(service.chain.first()?).ok()?;
        let key = certificate.tbs_certificate.subject_public_key_info;
        Some(Self { key, until: service.until? })
    }
}

fn to_bytes(document: &Value) -> Bytes {
    serde_json::to_vec(document).expect("a document of texts has a form").into()
}

/// Where the keys of a data directory are.
pub(super) fn keys_directory(directory: &Path) -> PathBuf {
    directory.join("keys")
}
