//! Statements, envelopes and bundles: what is signed, how it is signed, and how it is verified.
//!
//! | what | where it is written down |
//! |---|---|
//! | [`Statement`], [`Release`], [`VerificationSummary`] | in-toto Statement v1; its release predicate v0.1; SLSA's verification summary v1 |
//! | [`Envelope`] | DSSE 1.0 |
//! | [`Bundle`] | Sigstore bundle v0.3; v0.1 and v0.2 are read |
//! | [`CosignSignature`] | cosign's signature specification: what it attached before there were bundles |
//! | [`TrustRoot`] | Sigstore's `trusted_root.json` v0.1 and client trust config v0.1 |
//! | [`Verifier`] | Sigstore client specification: verification |
//! | [`Signer`], [`SigningBackend`] | the same: signing; Fulcio v2, RFC 3161, Rekor v2 behind the interface |
//!
//! Nothing here does input or output: a signer is given a [`SigningBackend`], a verifier is given
//! everything it looks at. A [`Verified`] is made by [`Verifier`] alone.

mod base64;
mod bundle;
mod cosign;
mod envelope;
mod key;
mod pattern;
mod policy;
mod sign;
mod statement;
mod timestamp;
mod trust;
mod verify;

pub use bundle::{
    BUNDLE_LIMIT_BYTES, BUNDLE_MEDIA_TYPE, Bundle, BundleError, BundleVersion, Content,
    InclusionProof, KeyMaterial, LogEntry, MessageSignature,
};
pub use cosign::{COSIGN_PAYLOAD_LIMIT_BYTES, CosignError, CosignSignature, cosign_payload_digest};
pub use envelope::{Envelope, IN_TOTO_PAYLOAD_TYPE};
pub use key::{KeyError, PrivateKey, PublicKey};
pub use pattern::{PATTERN_LIMIT_BYTES, Pattern, PatternError};
pub use policy::{ExpectedSigner, Policy};
pub use sign::{CertificateRequest, SignError, Signer, SigningBackend};
pub use statement::{
    PREDICATE_RELEASE, PREDICATE_SIGNATURE, PREDICATE_VERIFICATION_SUMMARY, Release,
    ResourceDescriptor, STATEMENT_LIMIT_BYTES, Statement, StatementError, Subject,
    VerificationResult, VerificationSummary, summarize,
};
pub use timestamp::{TimestampError, TimestampRequest};
pub use trust::{TRUST_ROOT_LIMIT_BYTES, TrustError, TrustRoot, TrustedLog};
pub use verify::{
    Artifact, Cause, Identity, LogPlace, SignedBy, SigningTime, TimeSource, Unproved, Verified,
    Verifier, VerifyError,
};
