//! Bytes on their way into a file, where a disk can take them from.

use std::sync::{Mutex, MutexGuard};

use super::small::SMALL_BLOB_BYTES;

/// How many bytes a full piece has.
pub(super) const PIECE_BYTES: usize = 1024 * 1024;
/// Where bytes have to begin, in memory and in their file, to be written past the kernel's memory:
/// a multiple of every disk's blocks and of the pages of memory.
pub(super) const ALIGNED_BYTES: usize = 4096;
/// How many pieces' memory is kept for those to come, rather than being given back and asked for
/// again, which costs more than filling it.
const SPARES: usize = 8;

/// What is gathered for one write. What is more than a small blob lies at a multiple of
/// [`ALIGNED_BYTES`].
#[derive(Debug, Default)]
pub(super) struct Piece {
    memory: Vec<u8>,
    /// Where the first byte is.
    start: usize,
}

/// Memory for pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// Empty ones, whose memory is a full piece's.
    spares: Mutex<Vec<Piece>>,
}

impl Piece {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.memory[self.start..]
    }

    pub(super) fn len(&self) -> usize {
        self.memory.len() - self.start
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn capacity(&self) -> usize {
        self.memory.capacity() - self.start
    }

    /// Empty, with room for so many bytes at an aligned place.
    fn aligned(length: usize) -> Self {
        let mut memory = Vec::<u8>::with_capacity(length + ALIGNED_BYTES);
        // Where it cannot be told, the file system refuses the place and is given a copy.
        let start = memory.as_ptr().align_offset(ALIGNED_BYTES).min(ALIGNED_BYTES);
        memory.resize(start, 0);
        Self { memory, start }
    }
}

impl Pieces {
    /// Appends bytes to a piece.
    pub(super) fn append(&self, piece: &mut Piece, bytes: &[u8]) {
        let length = piece.len() + bytes.len();
        if length > SMALL_BLOB_BYTES && length > piece.capacity() {
            let mut larger = match self.spares().pop() {
                Some(spare) if length <= spare.capacity() => spare,
                _ => Piece::aligned(length.max(PIECE_BYTES)),
            };
            larger.memory.extend_from_slice(piece.bytes());
            *piece = larger;
        }
        piece.memory.extend_from_slice(bytes);
    }

    /// Takes memory back.
    pub(super) fn take_back(&self, mut piece: Piece) {
        let mut spares = self.spares();
        // What larger ones have beyond that would be kept for nothing.
        if spares.len() < SPARES && (PIECE_BYTES..2 * PIECE_BYTES).contains(&piece.capacity()) {
            piece.memory.truncate(piece.start);
            spares.push(piece);
        }
    }

    fn spares(&self) -> MutexGuard<'_, Vec<Piece>> {
        self.spares.lock().expect("nobody panics while holding it")
    }
}

#[cfg(test)]
mod tests {
    use super::{ALIGNED_BYTES, PIECE_BYTES, Piece, Pieces, SPARES};

    #[test]
    fn pieces_are_what_was_appended_at_an_aligned_place() {
        let pieces = Pieces::default();
        let check = |parts: &[usize]| {
            let mut piece = Piece::default();
            let mut expected = Vec::new();
            for (part, length) in (0_u8..).zip(parts) {
                let bytes = vec![part; *length];
                pieces.append(&mut piece, &bytes);
                expected.extend(bytes);
            }
            assert!(piece.bytes() == expected, "{parts:?}");
            assert_eq!((piece.len(), piece.is_empty()), (expected.len(), false));
            if expected.len() >= PIECE_BYTES {
                assert_eq!(piece.bytes().as_ptr().align_offset(ALIGNED_BYTES), 0, "{parts:?}");
            }
            pieces.take_back(piece);
        };
        check(&[1]);
        check(&[10, 20_000, 20_000]);
        check(&[1, PIECE_BYTES - 1]);
        check(&[PIECE_BYTES, PIECE_BYTES, 1]);
        check(&[100_000; 11]);
        check(&[PIECE_BYTES]);
    }

    #[test]
    fn memory_of_some_full_pieces_is_kept() {
        let pieces = Pieces::default();
        let check = |length: usize, count: usize, expected: usize| {
            let filled = || {
                let mut piece = Piece::default();
                pieces.append(&mut piece, &vec![0; length]);
                piece
            };
            let filled: Vec<Piece> = std::iter::repeat_with(filled).take(count).collect();
            for piece in filled {
                pieces.take_back(piece);
            }
            assert_eq!(pieces.spares().len(), expected, "{count} of {length}");
        };
        check(10, 3, 0);
        check(5 * PIECE_BYTES, 3, 0);
        check(PIECE_BYTES, 2, 2);
        check(PIECE_BYTES, SPARES + 2, SPARES);
        check(10, 3, SPARES);
    }
}
