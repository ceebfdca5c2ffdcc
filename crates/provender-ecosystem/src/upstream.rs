//! What is asked of upstreams, and what comes back.

use url::Url;

/// A document to ask an upstream for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// Where.
    pub url: Url,
    /// The `Accept` field to send.
    pub accept: &'static str,
    /// What an access token for this request opens, where tokens are handed out for parts of an
    /// upstream (a package's name); requests with the same text share a token.
    pub access: Option<String>,
    /// The header field of the answer that holds the document's digest, where the protocol has one:
    /// then a HEAD tells whether anything changed.
    pub digest_field: Option<&'static str>,
}

impl UpstreamRequest {
    /// A request whose answer says nothing in its head.
    pub fn new(url: Url, accept: &'static str) -> Self {
        Self { url, accept, access: None, digest_field: None }
    }
}

/// A document that an upstream sent. Hostile until parsed.
#[derive(Debug, Clone)]
pub struct UpstreamDocument {
    /// Where it came from in the end, after redirects: what relative links are relative to.
    pub url: Url,
    /// Its `Content-Type`.
    pub content_type: Option<String>,
    /// Its bytes, decoded.
    pub body: Vec<u8>,
    /// Its `Link` field (RFC 8288), for lists in pages.
    pub link: Option<String>,
}

/// Why an upstream's document could not be understood.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFormatError {
    /// It is of a media type that this ecosystem's indexes never have.
    #[error("the upstream answered with media type {content_type:?}, which is no index")]
    WrongType {
        /// What it said it is.
        content_type: String,
    },
    /// It is not well-formed.
    #[error("the upstream's index is malformed: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// It is of a version of the protocol that is not understood.
    #[error("the upstream's index is of protocol version {version}, which is not understood")]
    UnknownVersion {
        /// What it said.
        version: String,
    },
    /// It is about another package.
    #[error("the upstream's index is about {found:?}, not about what was asked")]
    WrongPackage {
        /// What it is about.
        found: String,
    },
}
