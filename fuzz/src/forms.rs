//! Requests with a body or a header field that is a language of its own.

use bytes::Bytes;
use futures_util::{FutureExt as _, stream};
use provender_ecosystem::{Ecosystem as _, Form};
use provender_pypi::Pypi;

use crate::server::multipart::{Multipart, PartHead};
use crate::server::range::Slice;

/// Lines `field=value`, and the archive's name in the first.
pub(crate) fn publication(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.lines();
    let file_name = lines.next().map(str::to_owned);
    let fields = lines.filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.replace('\u{1}', "\n")))
    });
    let form = Form { fields: fields.collect(), file_name };
    if let Ok(publication) = Pypi.read_publication(&form) {
        let package = &publication.package;
        assert_eq!(Pypi.package_name(package.as_str()).as_ref(), Ok(package));
        assert!(!publication.digests.is_empty(), "somebody has to say what the bytes are");
    }
}

/// A form reads the same however the network cuts it.
pub(crate) fn multipart(data: &[u8]) {
    let (&first, body) = data.split_first().unwrap_or((&0, &[]));
    let whole = parts(body, body.len().max(1));
    let pieces = parts(body, usize::from(first % 64) + 1);
    assert_eq!(whole, pieces);
}

/// The parts of a body that arrives in pieces of so many bytes; `None` where it is no form.
fn parts(body: &[u8], piece_bytes: usize) -> Option<Vec<(PartHead, Vec<u8>)>> {
    let pieces = body.chunks(piece_bytes).map(Bytes::copy_from_slice).map(Ok::<_, ()>);
    let read = async {
        let mut form =
            Multipart::new("multipart/form-data; boundary=b", stream::iter(pieces)).ok()?;
        let mut parts = Vec::new();
        while let Some(head) = form.next_part().await.ok()? {
            let mut contents = Vec::new();
            while let Some(bytes) = form.data().await.ok()? {
                contents.extend_from_slice(&bytes);
            }
            parts.push((head, contents));
        }
        Some(parts)
    };
    read.now_or_never().expect("all of the body is there")
}

/// A part of a file that is asked for is in the file.
pub(crate) fn range(data: &[u8]) {
    let (size, field) = data.split_at(data.len().min(2));
    let size_bytes = size.iter().fold(0, |size, &byte| (size << 8) | u64::from(byte));
    let field = String::from_utf8_lossy(field);
    for size_bytes in [size_bytes, u64::MAX] {
        if let Slice::Part { offset_bytes, length_bytes } = Slice::read(&field, size_bytes) {
            let end = offset_bytes.checked_add(length_bytes);
            assert!(length_bytes > 0 && end.is_some_and(|end| end <= size_bytes), "{field}");
        }
    }
}
