//! All of it together: a Sigstore without HTTP.

mod options;
mod root_keys;
mod rotate;
mod services;
mod sign;
mod start;

pub use options::{LogStores, Options};
pub use root_keys::{ExportedKeys, RootRotation, ServiceStatus, TrustStatus};
pub use rotate::{CertifiedBy, RotatedService, Rotation};
pub use sign::{SignedMessage, SigningIdentity};

use services::{Base, Services};

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use jiff::Timestamp;
use provender_tlog::note::NoteVerifier;
use provender_tlog::rekor::{HashedRekord, Request, TransparencyLogEntry, Verified};
use provender_tlog::{AppendError, Entry, Hash, Log, Placed};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::ca::{
    self, Identity, Issued, IssuerSummary, ProvenKey, RequestError, SigningCertRequest,
};
use crate::clock::SteadyClock;
use crate::ct::SctList;
use crate::error::{CertificateError, CloseError, LogEntryError, OpenError, RenewError};
use crate::generations::Generations;
use crate::oidc::{self, Issuer, TrustedIssuer, VerifiedIdentity, Verifier};
use crate::trust::{PublicOrigin, Trust};
use crate::tsa::{TimestampError, TimestampRequest, TimestampResponse};
use crate::tuf;

/// A certificate authority with its log, a transparency log, a timestamp authority, an issuer of
/// identity tokens, and the repository that tells clients to trust them.
pub struct Authority {
    base: Base,
    clock: SteadyClock,
    /// What can be given new keys, replaced whole.
    services: RwLock<Arc<Services>>,
    /// As they are kept. Held while anything about them or the root keys changes.
    generations: Mutex<Generations>,
    ct_log: Log,
    log: Log,
    issuer: Arc<Issuer>,
    verifier: Verifier,
    issuers: RwLock<Vec<IssuerSummary>>,
    tuf: tuf::Repository,
    identities: sign::Identities,
    keys_directory: PathBuf,
    latest_time: PathBuf,
    /// Whom this server's own identity tokens are for.
    audience: String,
}

/// What [`Authority::renew`] did, and what an operator must know of what it cannot renew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// Whether anything was signed anew.
    pub changed: bool,
    /// When clients will no longer believe the root document.
    pub root_expires: Timestamp,
    /// Whether the root document should be renewed, but its key is not here.
    pub needs_root_key: bool,
    /// When the first certificate of the two authorities ends, after which the server does not start.
    pub certificates_end: Timestamp,
}

impl Authority {
    /// Opens everything. At the first start, keys and certificates are made; later they are those
    /// of before. Blocks for some milliseconds while it reads and writes files.
    ///
    /// # Errors
    /// Where files, keys and stores are unusable or do not belong together.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        start::open(options).await
    }

    /// Issues a certificate to whoever the token says is asking, for the key that they prove to
    /// hold. `bearer` is the token of the request's head, if there is one; else the request's own
    /// is taken. When this returns, the certificate is in the log of certificates.
    ///
    /// # Errors
    /// Where the token, the key or the proof is not accepted, or the log takes nothing.
    pub async fn sign_certificate(
        &self,
        request: SigningCertRequest,
        bearer: Option<&str>,
    ) -> Result<Issued, CertificateError> {
        let verified = self.identify(&request, bearer).await?;
        self.certify(request, &verified).await
    }

    /// The first half of [`Self::sign_certificate`]: who is asking.
    ///
    /// # Errors
    /// Where there is no token, or it is not accepted.
    pub async fn identify(
        &self,
        request: &SigningCertRequest,
        bearer: Option<&str>,
    ) -> Result<VerifiedIdentity, CertificateError> {
        let token = bearer.or(request.token()).ok_or(RequestError::NoToken)?;
        Ok(self.verifier.verify(token, self.clock.unsteady_now()).await?)
    }

    /// The second half: a certificate for who is asking and the key that they prove to hold.
    ///
    /// # Errors
    /// Where the key or the proof is not accepted, or the log takes nothing.
    pub async fn certify(
        &self,
        request: SigningCertRequest,
        verified: &VerifiedIdentity,
    ) -> Result<Issued, CertificateError> {
        let key = request.prove(verified.challenge())?;
        self.issue(&key, &Identity::of(verified)?).await
    }

    /// Whether a certificate, in DER, lets what was signed under it into the transparency log: it is
    /// one that this authority issued, and ended at most [`ca::ADMISSION_GRACE`] ago. By the latest
    /// time that was told, so a clock that went back revives none.
    pub fn admits(&self, certificate: &[u8]) -> bool {
        self.services().admits(certificate, self.clock.latest())
    }

    /// Whether a certificate, in DER, is one that this authority issued, with its present key or one
    /// before, however long ago: then what it says of its owner was found out.
    pub fn has_issued(&self, certificate: &[u8]) -> bool {
        self.services().has_issued(certificate)
    }

    /// Appends what a client sends to `POST /api/v2/log/entries`, if its signature is right. When
    /// this returns, the entry is in the log for ever.
    ///
    /// # Errors
    /// Where it is no entry, its signature is wrong, or the log takes nothing.
    pub async fn append(&self, request: &[u8]) -> Result<TransparencyLogEntry, LogEntryError> {
        self.append_request(Request::parse(request)?).await
    }

    /// Appends an entry that was made here. Its signature is checked like everybody's.
    ///
    /// # Errors
    /// As for [`Self::append`].
    pub async fn log_hashedrekord(
        &self,
        entry: HashedRekord,
    ) -> Result<TransparencyLogEntry, LogEntryError> {
        self.append_request(Request::new(entry)).await
    }

    /// Gives an entry that was made here its place, for somebody who makes durable what follows it:
    /// it is in the log when the [`Placed::settlement`] says so. See [`Log::place`].
    ///
    /// # Errors
    /// Where the log takes nothing.
    pub async fn place(&self, entry: &Verified) -> Result<Placed, AppendError> {
        self.log.place(entry.to_entry()).await
    }

    /// What the transparency log is known by.
    pub fn log_id(&self) -> Hash {
        self.log.verifier().id()
    }

    /// Answers a timestamp request (RFC 3161), in DER; a refusal is an answer too.
    pub fn timestamp(&self, request: &[u8]) -> TimestampResponse {
        self.services().tsa.respond(request, &self.clock)
    }

    /// The same for a request in the JSON form of Sigstore's timestamp authority.
    pub fn timestamp_json(&self, request: &[u8]) -> TimestampResponse {
        self.services().tsa.respond_to_json(request, &self.clock)
    }

    /// This server's timestamp over bytes of its own: `TimeStampResp` in DER.
    ///
    /// # Errors
    /// Where the clock cannot be believed, or nothing can be signed.
    pub fn timestamp_over(&self, message: &[u8]) -> Result<Vec<u8>, TimestampError> {
        let request = TimestampRequest::sha256(Sha256::digest(message).into());
        let response = self.services().tsa.timestamp(&request, &self.clock)?;
        Ok(response.into_der())
    }

    /// The timestamp authority's certificates in PEM form, its own first.
    pub fn timestamp_chain(&self) -> String {
        self.services().tsa.chain_pem()
    }

    /// Answers `GET /api/v2/trustBundle` of the certificate authority.
    pub fn trust_bundle(&self) -> Value {
        ca::trust_bundle(&self.services().ca)
    }

    /// Answers `GET /api/v2/configuration` of the certificate authority.
    pub fn configuration(&self) -> Value {
        let issuers = self.issuers.read().unwrap_or_else(PoisonError::into_inner);
        ca::configuration(&issuers)
    }

    /// What clients are told to trust, and where to sign.
    pub fn trust(&self) -> Arc<Trust> {
        Arc::clone(&self.services().trust)
    }

    /// `trusted_root.json`.
    pub fn trusted_root(&self) -> Value {
        self.services().trust.trusted_root()
    }

    /// `signing_config.v0.2.json`.
    pub fn signing_config(&self) -> Value {
        self.services().trust.signing_config()
    }

    /// A file of the TUF repository, by its path below the repository's URL.
    pub fn tuf_file(&self, path: &str) -> Option<Bytes> {
        self.tuf.file(path)
    }

    /// The TUF repository.
    pub fn tuf(&self) -> &tuf::Repository {
        &self.tuf
    }

    /// Renews what would expire, and keeps the latest time that was told for the next start. To be
    /// called every few hours. Blocks for some milliseconds: for a blocking task.
    ///
    /// # Errors
    /// Where files cannot be written. All is tried, and the first error given.
    pub fn renew(&self) -> Result<Renewal, RenewError> {
        let kept = self.clock.keep(&self.latest_time);
        let tuf::Renewed { changed, root_expires, needs_root_key } =
            self.tuf.renew(self.clock.unsteady_now())?;
        kept?;
        let services = self.services();
        let certificates_end = services.ca.not_after().min(services.tsa.not_after());
        Ok(Renewal { changed, root_expires, needs_root_key, certificates_end })
    }

    /// The transparency log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log of certificates. Its entries are those of RFC 6962.
    pub fn ct_log(&self) -> &Log {
        &self.ct_log
    }

    /// Whether a task of one of the logs died: only a new start helps then.
    pub fn has_lost_a_log(&self) -> bool {
        self.log.has_died() || self.ct_log.has_died()
    }

    /// The key that checkpoints of the log of certificates are checked with, for who audits it. It is
    /// not the key of its promises, which is in the trust root.
    pub fn ct_log_verifier(&self) -> &NoteVerifier {
        self.ct_log.verifier()
    }

    /// The issuer of this server's identity tokens.
    pub fn issuer(&self) -> &Arc<Issuer> {
        &self.issuer
    }

    /// Verifies identity tokens, this server's and others'.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Trusts exactly these issuers from now on, beside this server's own.
    pub fn trust_issuers(&self, issuers: Vec<TrustedIssuer>) {
        let summaries = [own_issuer(&self.issuer, &self.audience)]
            .into_iter()
            .chain(issuers.iter().map(summary));
        let summaries = summaries.collect();
        self.verifier.trust(issuers);
        *self.issuers.write().unwrap_or_else(PoisonError::into_inner) = summaries;
    }

    /// Whom this server's own identity tokens must be for, to get a certificate.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The server's public origin, from which its services and identities have their names.
    pub fn origin(&self) -> &PublicOrigin {
        &self.base.origin
    }

    /// Where the private keys are.
    pub fn keys_directory(&self) -> &std::path::Path {
        &self.keys_directory
    }

    /// Now, by the clock of certificates and tokens.
    pub fn now(&self) -> Timestamp {
        self.clock.unsteady_now()
    }

    /// Takes no more entries, finishes what was begun, keeps the latest time that was told for the
    /// next start, and ends.
    ///
    /// # Errors
    /// Where a log died, or the time could not be written. What was acknowledged is durable even then.
    pub async fn close(&self) -> Result<(), CloseError> {
        let (log, ct_log) = (self.log.close().await, self.ct_log.close().await);
        let kept = self.clock.keep(&self.latest_time);
        log.and(ct_log)?;
        Ok(kept?)
    }

    /// Promises that the certificate is logged, logs it, and only then signs it.
    async fn issue(
        &self,
        key: &ProvenKey,
        identity: &Identity,
    ) -> Result<Issued, CertificateError> {
        let now = self.clock.now()?;
        // The same to the end: its keys belong together.
        let services = self.services();
        let precertificate = services.ca.precertificate(key, identity, now)?;
        let (sct, entry) = services.ct.sign(&precertificate, now)?;
        self.ct_log.append(Entry::new(entry.into_bytes())).await?;
        Ok(services.ca.finish(precertificate, &SctList::new(vec![sct]))?)
    }

    fn services(&self) -> Arc<Services> {
        Arc::clone(&self.services.read().unwrap_or_else(PoisonError::into_inner))
    }

    async fn append_request(
        &self,
        request: Request,
    ) -> Result<TransparencyLogEntry, LogEntryError> {
        let verified = request.verify()?;
        let appended = self.log.append(verified.to_entry()).await?;
        Ok(TransparencyLogEntry::new(self.log.verifier(), verified.body(), &appended))
    }
}

fn own_issuer(issuer: &Issuer, audience: &str) -> IssuerSummary {
    IssuerSummary {
        url: issuer.url().as_str().to_owned(),
        audience: audience.to_owned(),
        challenge_claim: "email".to_owned(),
    }
}

fn summary(issuer: &oidc::TrustedIssuer) -> IssuerSummary {
    IssuerSummary {
        url: issuer.url.as_str().to_owned(),
        audience: issuer.audiences.first().cloned().unwrap_or_default(),
        challenge_claim: issuer.claims.challenge_claim().to_owned(),
    }
}

#[cfg(test)]
mod tests;
