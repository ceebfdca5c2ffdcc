//! Files: streams of bytes.

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use url::Url;

use crate::body::Body;
use crate::hops::Arrived;
use crate::{FetchError, Fields, Timeouts};

/// A file on its way.
///
/// The bytes are unverified: the caller hashes them. Dropping it ends the request. The origin's
/// breaker learns how it ended.
pub struct Download {
    body: Body,
    fields: Fields,
}

impl Download {
    pub(crate) fn new(
        arrived: Arrived,
        timeouts: Timeouts,
        fields: &[&str],
        max_bytes: u64,
    ) -> Result<Self, FetchError> {
        if let Some(encoding) = arrived.response.headers().get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            let encoding = String::from_utf8_lossy(encoding.as_bytes()).into_owned();
            return Err(FetchError::Encoding { url: arrived.url.into(), encoding });
        }
        let fields = Fields::of(arrived.response.headers(), fields);
        Ok(Self { body: Body::new(arrived, timeouts, None, max_bytes)?, fields })
    }

    /// The announced length in bytes, where there is one.
    pub fn content_length(&self) -> Option<u64> {
        self.body.expected()
    }

    /// Where the file came from in the end, after redirects.
    pub fn final_url(&self) -> &Url {
        self.body.url()
    }

    /// The announced media type, where it is text.
    pub fn content_type(&self) -> Option<&str> {
        self.body.response().headers().get(CONTENT_TYPE)?.to_str().ok()
    }

    /// The header fields that were asked for.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The next piece of the body; `None` when it is whole, and only then.
    ///
    /// After an error every further call is an error too. In HTTP/1 what comes after the
    /// announced length belongs to no body and is never returned; in HTTP/2 it is an error.
    ///
    /// # Errors
    /// [`FetchError::Truncated`], [`FetchError::TooLarge`], [`FetchError::Stalled`],
    /// [`FetchError::TooSlow`] or [`FetchError::Broken`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        self.body.chunk().await
    }
}

impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let url = crate::PublicUrl::from(self.final_url());
        f.debug_struct("Download").field("url", &url).finish_non_exhaustive()
    }
}
