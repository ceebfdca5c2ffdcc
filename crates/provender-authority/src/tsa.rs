//! The timestamp authority (RFC 3161, with RFC 5816's certificate identifiers): says that something
//! was there at a moment.

mod request;
mod status;
mod token;

pub use request::{REQUEST_BYTES_MAX, TimestampRequest, TimestampRequestError};

use std::path::Path;

use const_oid::ObjectIdentifier;
use der::{Encode as _, Header, Tag};
use jiff::Timestamp;

use self::token::TokenSigner;
use crate::ca::certificate::{self, to_pem};
use crate::ca::{AuthorityFileError, Chain, ChainPlan, Making};
use crate::clock::{ClockWentBack, SteadyClock};
use crate::generations::Place;
use crate::keys::{KeyName, KeyRing, SigningFailed};
use crate::settings::Settings;

/// The policy of Sigstore's timestamps: that of ours unless the operator names another.
pub const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.2");

/// Makes timestamps, with a certificate of its own under a root of its own.
#[derive(Debug)]
pub struct TimestampAuthority {
    signer: TokenSigner,
    promise: Promise,
}

/// What every timestamp says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    pub(crate) policy: ObjectIdentifier,
    pub(crate) accuracy_seconds: u32,
}

/// What the authority's root key is called, when it is the first.
const ROOT_KEY: &str = "root/tsa-root";

fn plan(place: Place) -> ChainPlan {
    ChainPlan {
        root: KeyName::of_generation(ROOT_KEY, place.root),
        child: KeyName::of_generation("tsa", place.current),
        root_common_name: "Provender timestamping root",
        child_common_name: "Provender timestamping",
        child_extensions: certificate::timestamping_extensions,
    }
}

/// An answer: a timestamp, or a refusal in the same form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampResponse {
    der: Vec<u8>,
    refusal: Option<String>,
}

impl TimestampResponse {
    /// `TimeStampResp` in DER (RFC 3161 section 2.4.2).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The same, to keep.
    pub fn into_der(self) -> Vec<u8> {
        self.der
    }

    /// Why there is no timestamp in it; `None`: there is one.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    fn refused(error: &TimestampError) -> Self {
        let message = error.to_string();
        Self { der: status::rejection(error.failure(), &message), refusal: Some(message) }
    }
}

/// Why there is no timestamp.
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// The request is refused.
    #[error(transparent)]
    Request(#[from] TimestampRequestError),
    /// The clock cannot be believed.
    #[error(transparent)]
    Clock(#[from] ClockWentBack),
    /// The authority's certificate has ended or has not begun.
    #[error("the certificate of the timestamp authority is not valid at {0}")]
    OutsideValidity(Timestamp),
    /// Nothing could be signed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

impl TimestampError {
    fn failure(&self) -> status::Failure {
        match self {
            Self::Request(error) => error.failure(),
            Self::Clock(_) | Self::OutsideValidity(_) => status::Failure::TimeNotAvailable,
            Self::Signing(_) => status::Failure::System,
        }
    }
}

impl TimestampAuthority {
    /// Opens the authority: its certificates are in `directory`, its keys in the ring. What is
    /// missing at the first start is made.
    ///
    /// # Errors
    /// Where certificates and keys do not belong together, or have ended.
    pub fn open(
        ring: &KeyRing,
        directory: &Path,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<Self, AuthorityFileError> {
        Self::open_at(Place::default(), ring, directory, settings, None, now)
    }

    /// The same for another generation of keys; `root_keys` is where the root's key is, if it is
    /// kept elsewhere.
    pub(crate) fn open_at(
        place: Place,
        ring: &KeyRing,
        directory: &Path,
        settings: &Settings,
        root_keys: Option<&KeyRing>,
        now: Timestamp,
    ) -> Result<Self, AuthorityFileError> {
        let making = Making {
            algorithm: settings.timestamps.key.into(),
            organization: settings.certificates.organization.as_str(),
            root_keys,
        };
        let promise = Promise {
            policy: settings.timestamps.policy.oid(),
            accuracy_seconds: settings.timestamps.accuracy_seconds.value(),
        };
        let chain = Chain::open(ring, directory, &plan(place), &making, now)?;
        Ok(Self { signer: TokenSigner::new(chain), promise })
    }

    /// Answers a request in DER.
    pub fn respond(&self, request: &[u8], clock: &SteadyClock) -> TimestampResponse {
        self.respond_to(TimestampRequest::from_der(request), clock)
    }

    /// Answers a request in the JSON form of Sigstore's timestamp authority.
    pub fn respond_to_json(&self, request: &[u8], clock: &SteadyClock) -> TimestampResponse {
        self.respond_to(TimestampRequest::from_json(request), clock)
    }

    /// Makes the answer to a request, or says why not.
    pub fn timestamp(
        &self,
        request: &TimestampRequest,
        clock: &SteadyClock,
    ) -> Result<TimestampResponse, TimestampError> {
        request.check_policy(self.promise.policy)?;
        let now = clock.now()?;
        let validity = self.signer.chain.certificate.tbs_certificate.validity;
        let not_after = certificate::timestamp(validity.not_after);
        if now < self.signer.chain.not_before() || now > not_after {
            return Err(TimestampError::OutsideValidity(now));
        }
        let token = self.signer.token(request, now, self.promise)?;
        Ok(TimestampResponse { der: status::granted(&token), refusal: None })
    }

    /// The authority's certificate and its root, in DER.
    pub fn chain(&self) -> [Vec<u8>; 2] {
        [self.signer.chain.certificate_der().to_vec(), self.signer.chain.root_der().to_vec()]
    }

    /// The same in PEM form, the authority's first.
    pub fn chain_pem(&self) -> String {
        self.chain().iter().map(|der| to_pem(der)).collect()
    }

    /// SHA-256 of the public key that signs timestamps.
    pub(crate) fn key_id(&self) -> [u8; 32] {
        self.signer.chain.key.key_id()
    }

    /// Until when there may be timestamps.
    pub fn not_after(&self) -> Timestamp {
        self.signer.chain.not_after()
    }

    /// From when on there may be timestamps.
    pub fn not_before(&self) -> Timestamp {
        self.signer.chain.not_before()
    }

    /// From when on its root is valid.
    pub(crate) fn root_not_before(&self) -> Timestamp {
        self.signer.chain.root_not_before()
    }

    fn respond_to(
        &self,
        request: Result<TimestampRequest, TimestampRequestError>,
        clock: &SteadyClock,
    ) -> TimestampResponse {
        let response = request
            .map_err(TimestampError::from)
            .and_then(|request| self.timestamp(&request, clock));
        response.unwrap_or_else(|error| TimestampResponse::refused(&error))
    }
}

/// Parts in DER as the content of one more tag.
fn wrap(tag: Tag, parts: &[&[u8]]) -> Vec<u8> {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    let header = Header::new(tag, length).expect("a few thousand bytes at most");
    let mut der = Vec::with_capacity(length + 8);
    header.encode_to_vec(&mut der).expect("a header has a form");
    for part in parts {
        der.extend_from_slice(part);
    }
    der
}

#[cfg(test)]
mod tests;
