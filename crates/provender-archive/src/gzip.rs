//! gzip (RFC 1952), read as a stream.

use std::io::{self, BufRead, BufReader, Read};

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use crate::limits::check_ratio;
use crate::{ArchiveError, Limits};

/// Bytes of each of the two buffers.
const BUFFER_BYTES: usize = 64 * 1024;
/// Bytes of one optional header field (file name, comment). RFC 1952 names no limit.
const HEADER_FIELD_BYTES_MAX: usize = 64 * 1024;

const FLAG_HEADER_CRC: u8 = 1 << 1;
const FLAG_EXTRA: u8 = 1 << 2;
const FLAG_NAME: u8 = 1 << 3;
const FLAG_COMMENT: u8 = 1 << 4;
const FLAGS_RESERVED: u8 = 0b1110_0000;

/// The uncompressed bytes of a gzip stream.
///
/// Several members follow one another as one stream; zeros may follow the last, nothing else.
/// Sizes and checksums of every member are compared, and [`Limits::unpacked_bytes`] and
/// [`Limits::ratio`] hold at every byte. What it refuses is an [`io::Error`] that
/// [`ArchiveError::from`] turns into the [`ArchiveError`] it was. It says nothing of the end of the
/// stream until it has been read to its end.
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<R>,
    limits: Limits,
    inflate: Decompress,
    output: Box<[u8]>,
    /// The part of `output` that was inflated and not yet consumed.
    ready: std::ops::Range<usize>,
    unpacked_bytes: u64,
    crc: Hasher,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first member.
    Start,
    /// Within the data of a member.
    Data,
    /// Behind a member.
    Between,
    /// At the end, or after an error.
    End,
}

impl<R: Read> Reader<R> {
    /// Reads nothing yet. `input` needs no buffer of its own.
    pub fn new(input: R, limits: &Limits) -> Self {
        Self {
            input: Input {
                inner: BufReader::with_capacity(BUFFER_BYTES, input),
                consumed_bytes: 0,
            },
            limits: *limits,
            inflate: Decompress::new(false),
            output: vec![0; BUFFER_BYTES].into(),
            ready: 0..0,
            unpacked_bytes: 0,
            crc: Hasher::new(),
            state: State::Start,
        }
    }

    fn refill(&mut self) -> Result<(), ArchiveError> {
        while self.ready.is_empty() && self.state != State::End {
            match self.state {
                State::Start => self.start_member()?,
                State::Data => self.inflate_some()?,
                State::Between => self.next_member()?,
                State::End => {}
            }
        }
        Ok(())
    }

    fn start_member(&mut self) -> Result<(), ArchiveError> {
        self.input.skip_header(self.state == State::Start)?;
        self.inflate.reset(false);
        self.crc = Hasher::new();
        self.state = State::Data;
        Ok(())
    }

    fn inflate_some(&mut self) -> Result<(), ArchiveError> {
        let input = self.input.inner.fill_buf()?;
        if input.is_empty() {
            return Err(ArchiveError::Truncated { inside: "compressed data" });
        }
        let (before_in, before_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, &mut self.output, FlushDecompress::None)
            .map_err(|_| ArchiveError::Damaged { what: "its compressed data is invalid" })?;
        let consumed = in_memory(self.inflate.total_in() - before_in);
        let produced = in_memory(self.inflate.total_out() - before_out);
        self.input.consume(consumed);

        self.unpacked_bytes = self.unpacked_bytes.saturating_add(produced as u64);
        if self.unpacked_bytes > self.limits.unpacked_bytes {
            return Err(ArchiveError::UnpackedTooLarge { limit_bytes: self.limits.unpacked_bytes });
        }
        check_ratio(&self.limits, self.input.consumed_bytes, self.unpacked_bytes)?;
        self.crc.update(&self.output[..produced]);
        self.ready = 0..produced;

        if status == Status::StreamEnd {
            return self.end_member();
        }
        if consumed == 0 && produced == 0 {
            return Err(ArchiveError::Damaged { what: "its compressed data does not go on" });
        }
        Ok(())
    }

    fn end_member(&mut self) -> Result<(), ArchiveError> {
        let crc = self.input.u32()?;
        let size = self.input.u32()?;
        if crc != self.crc.clone().finalize() {
            return Err(ArchiveError::ChecksumMismatch { name: "the gzip stream".to_owned() });
        }
        // RFC 1952, 2.3.1: ISIZE is the size modulo 2^32.
        if u64::from(size) != self.inflate.total_out() & u64::from(u32::MAX) {
            return Err(ArchiveError::Damaged { what: "its gzip trailer gives another size" });
        }
        self.state = State::Between;
        Ok(())
    }

    fn next_member(&mut self) -> Result<(), ArchiveError> {
        match self.input.inner.fill_buf()?.first() {
            None => self.state = State::End,
            Some(0) => {
                self.input.skip_zeros()?;
                self.state = State::End;
            }
            Some(_) => self.start_member()?,
        }
        Ok(())
    }
}

impl<R: Read> BufRead for Reader<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ready.is_empty()
            && let Err(error) = self.refill()
        {
            self.state = State::End;
            self.ready = 0..0;
            return Err(error.into());
        }
        Ok(&self.output[self.ready.clone()])
    }

    fn consume(&mut self, amount: usize) {
        self.ready.start = self.ready.end.min(self.ready.start + amount);
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

/// The compressed bytes, counted.
#[derive(Debug)]
struct Input<R> {
    inner: BufReader<R>,
    consumed_bytes: u64,
}

impl<R: Read> Input<R> {
    fn consume(&mut self, amount: usize) {
        self.inner.consume(amount);
        self.consumed_bytes += amount as u64;
    }

    fn skip_header(&mut self, first: bool) -> Result<(), ArchiveError> {
        let mut crc = Hasher::new();
        let mut head = [0; 10];
        self.head(&mut head, first)?;
        crc.update(&head);
        let [_, _, method, flags, ..] = head;
        if method != 8 {
            return Err(ArchiveError::Damaged { what: "its gzip header names no known method" });
        }
        if flags & FLAGS_RESERVED != 0 {
            return Err(ArchiveError::Damaged { what: "its gzip header has reserved flags" });
        }
        if flags & FLAG_EXTRA != 0 {
            let size = self.bytes::<2>()?;
            crc.update(&size);
            for _ in 0..u16::from_le_bytes(size) {
                crc.update(&self.bytes::<1>()?);
            }
        }
        for flag in [FLAG_NAME, FLAG_COMMENT] {
            if flags & flag != 0 {
                self.skip_text(&mut crc)?;
            }
        }
        if flags & FLAG_HEADER_CRC != 0 {
            let expected = u16::from_le_bytes(self.bytes::<2>()?);
            if u32::from(expected) != crc.finalize() & 0xffff {
                return Err(ArchiveError::Damaged { what: "its gzip header has a wrong checksum" });
            }
        }
        Ok(())
    }

    /// Reads the fixed part of a header; says whether it is none at all.
    fn head(&mut self, head: &mut [u8; 10], first: bool) -> Result<(), ArchiveError> {
        for at in 0..head.len() {
            match self.bytes::<1>() {
                Ok([byte]) => head[at] = byte,
                Err(ArchiveError::Truncated { .. }) if first && at < 2 => {
                    return Err(ArchiveError::WrongFormat { format: "gzip" });
                }
                Err(error) => return Err(error),
            }
            if at < 2 && head[at] != [0x1f, 0x8b][at] {
                return Err(if first {
                    ArchiveError::WrongFormat { format: "gzip" }
                } else {
                    ArchiveError::TrailingData { bytes: 1 }
                });
            }
        }
        Ok(())
    }

    fn skip_text(&mut self, crc: &mut Hasher) -> Result<(), ArchiveError> {
        for _ in 0..HEADER_FIELD_BYTES_MAX {
            let byte = self.bytes::<1>()?;
            crc.update(&byte);
            if byte == [0] {
                return Ok(());
            }
        }
        Err(ArchiveError::Damaged { what: "its gzip header has a name without end" })
    }

    fn skip_zeros(&mut self) -> Result<(), ArchiveError> {
        loop {
            let padding = self.inner.fill_buf()?;
            if padding.is_empty() {
                return Ok(());
            }
            if padding.iter().any(|&byte| byte != 0) {
                return Err(ArchiveError::TrailingData { bytes: 1 });
            }
            let count = padding.len();
            self.consume(count);
        }
    }

    fn u32(&mut self) -> Result<u32, ArchiveError> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], ArchiveError> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            let Some(&next) = self.inner.fill_buf()?.first() else {
                return Err(ArchiveError::Truncated { inside: "a gzip header or trailer" });
            };
            *byte = next;
            self.consume(1);
        }
        Ok(bytes)
    }
}

/// A difference of two counters within one buffer.
fn in_memory(count: u64) -> usize {
    usize::try_from(count).expect("no more than a buffer holds")
}
