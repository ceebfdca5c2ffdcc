//! What an upstream said of a package, read back from its one JSON text.
//!
//! An index of ten thousand files takes tens of milliseconds to read, all of them between a client
//! and its answer after a restart. So a large one is cut between its files, which costs little, and
//! the pieces are read side by side.

use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;

use provender_domain::{Attributes, File, Listing, Tag};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::task::spawn_blocking;

use super::codec::{corrupt, from_json};
use crate::StoreError;

/// Listings up to this size are read where they are asked for.
const WHOLE_BYTES: usize = 256 << 10;

pub(super) async fn decode(body: String) -> Result<Listing, StoreError> {
    if body.len() <= WHOLE_BYTES {
        return from_json("listing", &body);
    }
    let body: Arc<str> = body.into();
    let (places, tags, attributes) = {
        let outline: Outline<'_> =
            serde_json::from_str(&body).map_err(|error| corrupt("listing", error))?;
        (outline.places(&body), outline.tags, outline.attributes)
    };
    let pieces = std::thread::available_parallelism().map_or(1, NonZero::get);
    let chunks = places.chunks(places.len().div_ceil(pieces).max(1));
    let readers: Vec<_> = chunks
        .map(|places| {
            let (body, places) = (Arc::clone(&body), places.to_vec());
            spawn_blocking(move || read(&body, &places))
        })
        .collect();
    let mut files = Vec::with_capacity(places.len());
    for reader in readers {
        files.extend(reader.await.map_err(|error| corrupt("listing", error))??);
    }
    Ok(Listing { files, tags, attributes })
}

/// A listing whose files are not read yet.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(borrow)]
    files: Vec<&'a RawValue>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    attributes: Attributes,
}

impl Outline<'_> {
    /// Where in the text each file stands.
    fn places(&self, body: &str) -> Vec<Range<usize>> {
        let start = body.as_ptr().addr();
        let place = |file: &&RawValue| {
            let offset = file.get().as_ptr().addr() - start;
            offset..offset + file.get().len()
        };
        self.files.iter().map(place).collect()
    }
}

fn read(body: &str, places: &[Range<usize>]) -> Result<Vec<File>, StoreError> {
    places.iter().map(|place| from_json("listing", &body[place.clone()])).collect()
}

#[cfg(test)]
mod tests {
    use provender_domain::{File, FileName, Listing};

    use super::{WHOLE_BYTES, decode};

    fn listing(files: usize) -> Listing {
        let file = |number| File {
            name: FileName::new(&format!("file-{number}.whl")).unwrap(),
            version: None,
            url: Some(format!("https://upstream.example/{number}/\u{e9}\"")),
            digests: Vec::new(),
            size_bytes: Some(number),
            uploaded_at: None,
            yank: None,
            attributes: Default::default(),
            companions: Vec::new(),
        };
        Listing { files: (0..files as u64).map(file).collect(), ..Listing::default() }
    }

    #[tokio::test]
    async fn what_was_written_is_read_whole_or_in_pieces() {
        for files in [0, 1, 3, 9_999] {
            let listing = listing(files);
            let body = serde_json::to_string(&listing).unwrap();
            assert_eq!(body.len() > WHOLE_BYTES, files == 9_999, "{} bytes", body.len());
            assert_eq!(decode(body).await.unwrap(), listing);
        }
    }

    #[tokio::test]
    async fn a_damaged_file_in_a_large_listing_is_noticed() {
        let body = serde_json::to_string(&listing(9_999)).unwrap();
        let damaged = body.replace("\"file-9998.whl\"", "\"..\"");
        assert_ne!(damaged, body);
        assert!(decode(damaged).await.is_err());
    }
}
