//! What the server remembers of a request.

use bytes::Bytes;
use http::HeaderMap;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Request {
    /// The method, as sent.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The request target as sent: path and query, still percent-encoded.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path without the query, still percent-encoded.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The first header of this name, in any case; `None` where it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Whether `text` occurs in the target, a header or the body, whatever its case.
    pub fn mentions(&self, text: &str) -> bool {
        let needle = text.to_ascii_lowercase().into_bytes();
        assert!(!needle.is_empty(), "every request mentions nothing");
        let holds = |hay: &[u8]| {
            hay.to_ascii_lowercase().windows(needle.len()).any(|window| window == needle)
        };
        holds(self.target.as_bytes())
            || self.headers.values().any(|value| holds(value.as_bytes()))
            || holds(&self.body)
    }
}
