//! Tar archives (POSIX ustar, with the GNU extension for long names).

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

const BLOCK_BYTES: usize = 512;
const NAME_BYTES_MAX: usize = 100;
const FILE: u8 = b'0';
const HARD_LINK: u8 = b'1';
const SYMLINK: u8 = b'2';
const DIRECTORY: u8 = b'5';
const LONG_NAME: u8 = b'L';

/// Writes a tar archive in memory.
///
/// ```
/// use provender_testing::archive::TarBuilder;
///
/// let archive = TarBuilder::new().file("demo-1.0/PKG-INFO", "Name: demo\n").finish_gzip();
/// assert_eq!(archive[..2], [0x1f, 0x8b]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct TarBuilder {
    archive: Vec<u8>,
}

impl TarBuilder {
    /// An archive without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a regular file. The same name may be given twice.
    #[must_use]
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.entry(FILE, name, "", content, content.len() as u64)
    }

    /// Appends a directory.
    #[must_use]
    pub fn directory(self, name: &str) -> Self {
        self.entry(DIRECTORY, name, "", b"", 0)
    }

    /// Appends a symbolic link.
    #[must_use]
    pub fn symlink(self, name: &str, target: &str) -> Self {
        self.entry(SYMLINK, name, target, b"", 0)
    }

    /// Appends a hard link.
    #[must_use]
    pub fn hard_link(self, name: &str, target: &str) -> Self {
        self.entry(HARD_LINK, name, target, b"", 0)
    }

    /// Appends a file whose header claims `claimed_bytes`, whatever follows.
    #[must_use]
    pub fn file_claiming(self, name: &str, content: &[u8], claimed_bytes: u64) -> Self {
        self.entry(FILE, name, "", content, claimed_bytes)
    }

    /// Appends bytes as they are.
    #[must_use]
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.archive.extend_from_slice(bytes);
        self
    }

    /// The archive, uncompressed.
    pub fn finish(mut self) -> Vec<u8> {
        self.archive.resize(self.archive.len() + 2 * BLOCK_BYTES, 0);
        self.archive
    }

    /// The archive, compressed by gzip with no name and no time in its header.
    pub fn finish_gzip(self) -> Vec<u8> {
        let mut encoder: GzEncoder<Vec<u8>> =
            GzBuilder::new().mtime(0).write(Vec::new(), Compression::default());
        encoder.write_all(&self.finish()).expect("memory takes every write");
        encoder.finish().expect("memory takes every write")
    }

    fn entry(mut self, kind: u8, name: &str, link: &str, content: &[u8], claimed: u64) -> Self {
        assert!(link.len() <= NAME_BYTES_MAX, "a link target is at most 100 bytes long");
        if name.len() > NAME_BYTES_MAX {
            let terminated = [name.as_bytes(), b"\0"].concat();
            let length = terminated.len() as u64;
            self.push(&header(LONG_NAME, b"././@LongLink", "", length), &terminated);
        }
        let short = &name.as_bytes()[..name.len().min(NAME_BYTES_MAX)];
        self.push(&header(kind, short, link, claimed), content);
        self
    }

    fn push(&mut self, header: &[u8], content: &[u8]) {
        self.archive.extend_from_slice(header);
        self.archive.extend_from_slice(content);
        self.archive.resize(self.archive.len().next_multiple_of(BLOCK_BYTES), 0);
    }
}

fn header(kind: u8, name: &[u8], link: &str, size_bytes: u64) -> [u8; BLOCK_BYTES] {
    let mut block = [0; BLOCK_BYTES];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    let mode: &[u8] = if kind == DIRECTORY { b"0000755\0" } else { b"0000644\0" };
    put(0, name);
    put(100, mode);
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size_bytes:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    let sum: u32 = block.iter().copied().map(u32::from).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}
