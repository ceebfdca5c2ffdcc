//! Documents: small, whole, revalidated.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use reqwest::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED,
};
use url::Url;

use crate::body::Body;
use crate::{FetchError, Fields, PublicUrl};

/// What became of a request for a document.
#[derive(Clone, Debug)]
pub enum Document {
    /// Here it is.
    Modified(Box<Page>),
    /// It is what the validators say.
    NotModified,
    /// It does not exist. Only this means so; everything else is an error.
    Missing {
        /// 404 or 410.
        status: u16,
    },
}

/// A document as it was received.
#[derive(Clone, Debug)]
pub struct Page {
    /// Where it came from in the end: relative links are relative to this.
    pub final_url: Url,
    /// Its media type with parameters, where it is text.
    pub content_type: Option<String>,
    /// What to ask with the next time.
    pub validators: Validators,
    /// For how long the upstream holds it to be fresh in a shared cache; zero where it wants to
    /// be asked each time, `None` where it does not say (RFC 9111, section 5.2).
    pub max_age: Option<Duration>,
    /// The header fields that were asked for.
    pub fields: Fields,
    /// The body, decoded.
    pub body: Bytes,
}

/// What a document is known by, as the upstream wrote it (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The `ETag`, quotes and all.
    pub etag: Option<String>,
    /// The `Last-Modified`.
    pub last_modified: Option<String>,
}

/// Reads the body to its end.
pub(crate) async fn read(
    mut body: Body,
    fields: &[&str],
    max_bytes: u64,
) -> Result<Page, FetchError> {
    let mut decoder = Decoder::new(&body, max_bytes)?;
    while let Some(chunk) = body.chunk().await? {
        decoder.write(&chunk)?;
    }
    let headers = body.response().headers();
    Ok(Page {
        final_url: body.url().clone(),
        content_type: text(headers, &CONTENT_TYPE),
        validators: Validators {
            etag: text(headers, &ETAG),
            last_modified: text(headers, &LAST_MODIFIED),
        },
        max_age: max_age(headers),
        fields: Fields::of(headers, fields),
        body: decoder.finish()?,
    })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut private = None;
    let mut shared = None;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let (name, value) = directive.trim().split_once('=').unwrap_or((directive.trim(), ""));
            let seconds = || value.trim_matches('"').parse().ok().map(Duration::from_secs);
            match name.to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return Some(Duration::ZERO),
                "max-age" => private = seconds(),
                "s-maxage" => shared = seconds(),
                _ => {}
            }
        }
    }
    shared.or(private)
}

/// Undoes the content encoding, up to a limit.
struct Decoder {
    url: PublicUrl,
    max_bytes: u64,
    coding: Coding,
}

enum Coding {
    Identity(Bounded),
    Gzip(Box<MultiGzDecoder<Bounded>>),
}

/// Takes bytes until there are too many.
struct Bounded {
    bytes: Vec<u8>,
    max_bytes: u64,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + piece.len()) as u64 > self.max_bytes {
            self.full = true;
            return Err(io::Error::other("larger than allowed"));
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Decoder {
    fn new(body: &Body, max_bytes: u64) -> Result<Self, FetchError> {
        let out = Bounded { bytes: Vec::new(), max_bytes, full: false };
        let encoding = body.response().headers().get(CONTENT_ENCODING);
        let encoding = encoding.map(|value| String::from_utf8_lossy(value.as_bytes()));
        let coding = match encoding.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("identity") => Coding::Identity(out),
            Some("gzip" | "x-gzip") => Coding::Gzip(Box::new(MultiGzDecoder::new(out))),
            Some(other) => {
                let (url, encoding) = (body.url().into(), other.to_owned());
                return Err(FetchError::Encoding { url, encoding });
            }
        };
        Ok(Self { url: body.url().into(), max_bytes, coding })
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), FetchError> {
        let written = match &mut self.coding {
            Coding::Identity(out) => out.write_all(chunk),
            Coding::Gzip(decoder) => decoder.write_all(chunk),
        };
        written.map_err(|source| self.failure(source))
    }

    fn finish(mut self) -> Result<Bytes, FetchError> {
        if let Coding::Gzip(decoder) = &mut self.coding
            && let Err(source) = decoder.try_finish()
        {
            return Err(self.failure(source));
        }
        Ok(std::mem::take(&mut self.out().bytes).into())
    }

    fn out(&mut self) -> &mut Bounded {
        match &mut self.coding {
            Coding::Identity(out) => out,
            Coding::Gzip(decoder) => decoder.get_mut(),
        }
    }

    fn failure(&mut self, source: io::Error) -> FetchError {
        let url = self.url.clone();
        if self.out().full {
            return FetchError::TooLarge { url, limit_bytes: self.max_bytes };
        }
        FetchError::Undecodable { url, source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freshness() {
        let check = |lines: &[&str], expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(CACHE_CONTROL, line.parse().expect("a value"));
            }
            assert_eq!(max_age(&headers).map(|age| age.as_secs()), expected);
        };
        check(&[], None);
        check(&["public"], None);
        check(&["max-age=600, public"], Some(600));
        check(&["public, Max-Age=\"600\""], Some(600));
        check(&["max-age=600, s-maxage=60"], Some(60));
        check(&["max-age=600", "no-cache"], Some(0));
        check(&["no-store"], Some(0));
        check(&["max-age=soon"], None);
    }
}
