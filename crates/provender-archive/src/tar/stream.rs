//! The blocks of a tar, in order.

use std::io::{self, BufRead, Read};

use super::header::{BLOCK_BYTES, Header};
use crate::ArchiveError;
use crate::limits::Ledger;

/// The uncompressed bytes. Every one of them is counted in the ledger.
pub(crate) struct Stream<R> {
    input: R,
    pub(crate) ledger: Ledger,
}

impl<R: BufRead> Stream<R> {
    pub(crate) fn new(input: R, ledger: Ledger) -> Self {
        Self { input, ledger }
    }

    /// The next header; `None` at the end-of-archive block.
    ///
    /// POSIX ends an archive with two blocks of zeros, and tools stop at the first. An archive
    /// without any may have been cut off between two entries, so it is refused.
    pub(crate) fn header(&mut self) -> Result<Option<Header>, ArchiveError> {
        let offset = self.ledger.unpacked_bytes();
        let mut block = Box::new([0; BLOCK_BYTES]);
        self.fill(&mut block[..]).map_err(|error| match error {
            ArchiveError::Truncated { .. } if offset == 0 => {
                ArchiveError::WrongFormat { format: "tar" }
            }
            other => other,
        })?;
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        match Header::parse(block) {
            Some(header) => Ok(Some(header)),
            None if offset == 0 => Err(ArchiveError::WrongFormat { format: "tar" }),
            None => Err(ArchiveError::HeaderChecksum { offset }),
        }
    }

    /// The contents of an extension header, whose size the caller has checked.
    pub(crate) fn contents(&mut self, size: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut contents = Vec::new();
        let mut data = self.data(size);
        let read = data.read_to_end(&mut contents);
        if let Some(failure) = data.take_failure() {
            return Err(failure);
        }
        read?;
        data.finish()?;
        Ok(contents)
    }

    /// The data of an entry, and the padding after it.
    pub(crate) fn data(&mut self, size: u64) -> Data<'_, R> {
        let block = BLOCK_BYTES as u64;
        Data { stream: self, left: size, padding: (block - size % block) % block, failure: None }
    }

    /// Reads what follows the end-of-archive block, all of it zeros, to the end of the stream.
    pub(crate) fn finish(&mut self) -> Result<(), ArchiveError> {
        loop {
            let padding = self.input.fill_buf()?;
            if padding.is_empty() {
                return Ok(());
            }
            if padding.iter().any(|&byte| byte != 0) {
                return Err(ArchiveError::TrailingData { bytes: 1 });
            }
            let count = padding.len();
            self.consume(count)?;
        }
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), ArchiveError> {
        self.input.read_exact(into).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::Truncated { inside: "its entries" },
            _ => error.into(),
        })?;
        self.ledger.spend_unpacked(into.len() as u64)
    }

    fn consume(&mut self, count: usize) -> Result<(), ArchiveError> {
        self.input.consume(count);
        self.ledger.spend_unpacked(count as u64)
    }
}

/// The contents of one entry. What the visitor leaves is read by [`Data::finish`].
pub(crate) struct Data<'a, R> {
    stream: &'a mut Stream<R>,
    left: u64,
    padding: u64,
    /// The refusal behind the `io::Error` that the visitor saw, and may have swallowed.
    failure: Option<ArchiveError>,
}

impl<R: BufRead> Data<'_, R> {
    pub(crate) fn take_failure(&mut self) -> Option<ArchiveError> {
        self.failure.take()
    }

    pub(crate) fn finish(mut self) -> Result<(), ArchiveError> {
        while self.left > 0 {
            let count = self.available()?.len();
            self.spend(count)?;
        }
        let mut padding = [0; BLOCK_BYTES];
        let count = usize::try_from(self.padding).expect("less than a block");
        self.stream.fill(&mut padding[..count])
    }

    fn available(&mut self) -> Result<&[u8], ArchiveError> {
        if self.left == 0 {
            return Ok(&[]);
        }
        let buffer = self.stream.input.fill_buf()?;
        if buffer.is_empty() {
            return Err(ArchiveError::Truncated { inside: "its entries" });
        }
        let count = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        Ok(&buffer[..count])
    }

    fn spend(&mut self, count: usize) -> Result<(), ArchiveError> {
        self.left -= count as u64;
        self.stream.consume(count)
    }

    fn note(&mut self, failure: ArchiveError) -> io::Error {
        let shown = io::Error::new(io::ErrorKind::InvalidData, failure.to_string());
        self.failure = Some(failure);
        shown
    }
}

impl<R: BufRead> BufRead for Data<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Some(failure) = &self.failure {
            return Err(io::Error::new(io::ErrorKind::InvalidData, failure.to_string()));
        }
        // Twice, for the borrow: the second finds the buffer full.
        if let Err(failure) = self.available() {
            return Err(self.note(failure));
        }
        Ok(self.available()?)
    }

    fn consume(&mut self, amount: usize) {
        let amount = usize::try_from(self.left).map_or(amount, |left| left.min(amount));
        if let Err(failure) = self.spend(amount) {
            self.failure = Some(failure);
        }
    }
}

impl<R: BufRead> Read for Data<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}
