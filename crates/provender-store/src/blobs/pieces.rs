//! Bytes as they came from a socket, until they are written.

use std::fs::File;
use std::io::{self, IoSlice};

use bytes::{Bytes, BytesMut};
use rustix::io::Errno;

/// From how many bytes on a piece is kept as it came. A smaller one is copied: it may be all that
/// is in the buffer it was read into. A request's body is read into 256 KiB, so that what is kept of
/// it takes twice its bytes at most.
const KEPT_FROM_BYTES: usize = 128 * 1024;

/// Some bytes in a row, of which the large ones lie where they were read.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    whole: Vec<Bytes>,
    /// Small ones behind them.
    open: BytesMut,
    length_bytes: usize,
}

impl Pieces {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.length_bytes += piece.len();
        if piece.len() < KEPT_FROM_BYTES {
            self.open.extend_from_slice(&piece);
            return;
        }
        if !self.open.is_empty() {
            self.whole.push(self.open.split().freeze());
        }
        self.whole.push(piece);
    }

    pub(super) fn length_bytes(&self) -> usize {
        self.length_bytes
    }

    pub(super) fn clear(&mut self) {
        self.whole.clear();
        self.open.clear();
        self.length_bytes = 0;
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.whole.iter().map(AsRef::as_ref).chain([self.open.as_ref()])
    }

    /// In one piece, which takes no more memory than it has bytes.
    pub(super) fn copied(&self) -> Bytes {
        let mut copy = Vec::with_capacity(self.length_bytes);
        self.iter().for_each(|bytes| copy.extend_from_slice(bytes));
        copy.into()
    }

    /// Writes all of it at this place of the file.
    pub(super) fn write_all_at(&self, file: &File, mut offset_bytes: u64) -> io::Result<()> {
        let mut slices: Vec<_> = self.iter().map(IoSlice::new).collect();
        let mut left = &mut *slices;
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match rustix::io::pwritev(file, left, offset_bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    IoSlice::advance_slices(&mut left, count);
                    offset_bytes += count as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use bytes::Bytes;

    use super::{KEPT_FROM_BYTES, Pieces};

    /// Pieces of these lengths, each of another byte; and what they come to.
    fn gathered(lengths: &[usize]) -> (Pieces, Vec<u8>) {
        let mut pieces = Pieces::default();
        let mut whole = Vec::new();
        for (length, byte) in lengths.iter().zip(1..) {
            let piece = vec![byte; *length];
            whole.extend_from_slice(&piece);
            pieces.push(Bytes::from(piece));
        }
        (pieces, whole)
    }

    #[test]
    fn large_and_small_ones_stay_in_their_order() {
        let large = KEPT_FROM_BYTES;
        let directory = tempfile::tempdir().unwrap();
        for lengths in [
            &[][..],
            &[0],
            &[1],
            &[large],
            &[1, 2, large, 3, large + 1, large, 0, 4, 5],
            &[large, large - 1],
        ] {
            let (mut pieces, whole) = gathered(lengths);
            assert_eq!(pieces.length_bytes(), whole.len(), "{lengths:?}");
            assert_eq!(pieces.iter().collect::<Vec<_>>().concat(), whole, "{lengths:?}");
            assert_eq!(pieces.copied(), whole, "{lengths:?}");
            let path = directory.path().join("file");
            pieces.write_all_at(&File::create(&path).unwrap(), 3).unwrap();
            let written = std::fs::read(&path).unwrap();
            assert_eq!(written.get(3..).unwrap_or_default(), whole, "{lengths:?}");
            pieces.clear();
            assert_eq!((pieces.length_bytes(), pieces.copied().len()), (0, 0), "{lengths:?}");
        }
    }

    #[test]
    fn a_small_one_does_not_keep_the_buffer_that_it_was_read_into() {
        let buffer = Bytes::from(vec![0; KEPT_FROM_BYTES]);
        let mut pieces = Pieces::default();
        pieces.push(buffer.slice(..KEPT_FROM_BYTES - 1));
        assert!(buffer.is_unique());
        pieces.push(buffer.slice(..));
        assert!(!buffer.is_unique());
    }
}
