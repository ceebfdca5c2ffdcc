//! The one error that leaves the one path.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Scope;

/// What kind of problem it is. The server maps each to a status; an ecosystem to its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemCode {
    /// There is no such thing, or its existence is none of the caller's business.
    NotFound,
    /// It was here and was deleted on purpose.
    Gone,
    /// A token is needed, or the one given is not valid (unknown, expired, revoked).
    AuthenticationRequired,
    /// The token is valid but does not allow this.
    PermissionDenied,
    /// Policy refuses: denied or in quarantine.
    PolicyDenied,
    /// The request is malformed.
    InvalidRequest,
    /// The package that was to be published is malformed or contradicts itself.
    InvalidPackage,
    /// The bytes have another digest than the client says.
    DigestMismatch,
    /// What is to be published refers to something that is not here.
    MissingReference,
    /// A piece of an upload does not begin where the one before it ended.
    OutOfOrder,
    /// It is already there with other bytes, or the name belongs to somebody else.
    Conflict,
    /// A limit on size or count.
    TooLarge,
    /// This URL does not take this method.
    MethodNotAllowed,
    /// The caller sent its request too slowly.
    RequestTimeout,
    /// Too much work at the moment; try again.
    Busy,
    /// An upstream failed or lied, and nothing kept can answer instead.
    UpstreamFailed,
    /// An upstream did not answer in time, and nothing kept can answer instead.
    UpstreamTimeout,
    /// The disk is full.
    StorageFull,
    /// Our own fault.
    Internal,
}

impl ProblemCode {
    /// The code's stable name: `not-found`, `policy-denied`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Gone => "gone",
            Self::AuthenticationRequired => "authentication-required",
            Self::PermissionDenied => "permission-denied",
            Self::PolicyDenied => "policy-denied",
            Self::InvalidRequest => "invalid-request",
            Self::InvalidPackage => "invalid-package",
            Self::DigestMismatch => "digest-mismatch",
            Self::MissingReference => "missing-reference",
            Self::OutOfOrder => "out-of-order",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::RequestTimeout => "request-timeout",
            Self::Busy => "busy",
            Self::UpstreamFailed => "upstream-failed",
            Self::UpstreamTimeout => "upstream-timeout",
            Self::StorageFull => "storage-full",
            Self::Internal => "internal",
        }
    }
}

/// What went wrong: one message for the caller, one for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub code: ProblemCode,
    /// For the caller: what to change, nothing secret, one line.
    pub public: String,
    /// For the operator's log: the whole chain of causes.
    pub internal: Option<String>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
    /// What its protocol calls it, where the ecosystem that found it knows more than `code` says.
    /// Only that ecosystem reads it.
    pub term: Option<&'static str>,
    /// The right that whoever asks without a credential is to show one for, where it is not the one
    /// that what they ask for needs.
    pub needs: Option<Scope>,
}

impl Problem {
    /// A problem whose cause the caller knows already.
    pub fn new(code: ProblemCode, public: impl Into<String>) -> Self {
        Self {
            code,
            public: public.into(),
            internal: None,
            retry_after: None,
            term: None,
            needs: None,
        }
    }

    /// Nothing here by that name.
    pub fn not_found(public: impl Into<String>) -> Self {
        Self::new(ProblemCode::NotFound, public)
    }

    /// Our own fault: the caller learns nothing, the operator everything.
    pub fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::new(
            ProblemCode::Internal,
            "the server failed; its operator can find out why in its log",
        )
        .because(error)
    }

    /// Keeps the whole chain of causes for the operator.
    #[must_use]
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push_str(": ");
            chain.push_str(&cause.to_string());
            source = cause.source();
        }
        self.internal = Some(chain);
        self
    }

    /// Says what its protocol calls it.
    #[must_use]
    pub fn in_terms_of(mut self, term: &'static str) -> Self {
        self.term = Some(term);
        self
    }

    /// Says which right would change the answer.
    #[must_use]
    pub fn needing(mut self, scope: Scope) -> Self {
        self.needs = Some(scope);
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.public)
    }
}

impl std::error::Error for Problem {}
