//! The hash of everything in a log: SHA-256.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a leaf is hashed with first (RFC 6962 section 2.1), so that no node passes for a leaf.
const LEAF_PREFIX: u8 = 0;
/// What a node is hashed with first.
const NODE_PREFIX: u8 = 1;

/// The SHA-256 of a leaf, of a node, or of anything else.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; Self::BYTES]);

impl Hash {
    /// The length of a hash in bytes.
    pub const BYTES: usize = 32;

    /// The plain hash of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(&digest(&SHA256, bytes))
    }

    /// The hash of an entry (RFC 6962 section 2.1).
    pub fn leaf(entry: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&[LEAF_PREFIX]);
        context.update(entry);
        Self::from_digest(&context.finish())
    }

    /// The hash of a node over its two children (RFC 6962 section 2.1).
    pub fn node(left: Self, right: Self) -> Self {
        let mut bytes = [NODE_PREFIX; 1 + 2 * Self::BYTES];
        bytes[1..=Self::BYTES].copy_from_slice(&left.0);
        bytes[1 + Self::BYTES..].copy_from_slice(&right.0);
        Self::of(&bytes)
    }

    /// The root of a tree without entries: the hash of nothing.
    pub fn empty_root() -> Self {
        Self::of(&[])
    }

    /// The hash that has these bytes.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The hash that stands in a slice of its exact length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// In base64 with padding, as checkpoints and bundles write it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// What [`Hash::to_base64`] wrote.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_slice(&STANDARD.decode(text).ok()?)
    }

    fn from_digest(digest: &aws_lc_rs::digest::Digest) -> Self {
        Self::from_slice(digest.as_ref()).expect("SHA-256 has 32 bytes")
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    /// In lower-case hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

#[cfg(test)]
mod tests;
