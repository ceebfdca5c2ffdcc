//! Digests: what a file's bytes are known by.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A hash function that some index or client uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5 (RFC 1321): compared where a client sends it, never trusted alone.
    Md5,
    /// SHA-1 (RFC 3174): compared where an index offers it, never trusted alone.
    Sha1,
    /// SHA-224 (FIPS 180-4).
    Sha224,
    /// SHA-256 (FIPS 180-4): what blobs are named by.
    Sha256,
    /// SHA-384 (FIPS 180-4).
    Sha384,
    /// SHA-512 (FIPS 180-4).
    Sha512,
    /// `BLAKE2b` with 32 bytes (RFC 7693), as Python's upload API sends it.
    Blake2b256,
}

impl Algorithm {
    /// Every algorithm, weakest first.
    pub const ALL: [Self; 7] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Blake2b256,
    ];

    /// The name used in indexes: `sha256`, `md5`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Blake2b256 => "blake2b_256",
        }
    }

    /// Length of the digest, in bytes.
    pub const fn length_bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 | Self::Blake2b256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// Whether nobody can be expected to make two files with one digest.
    pub const fn is_collision_resistant(self) -> bool {
        !matches!(self, Self::Md5 | Self::Sha1)
    }
}

/// Why a digest's text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is not one of [`Algorithm::ALL`].
    #[error("unknown digest algorithm")]
    UnknownAlgorithm,
    /// Not hexadecimal, or of the wrong length for its algorithm.
    #[error("a {algorithm} digest has {expected} hexadecimal digits", algorithm = algorithm.as_str(), expected = algorithm.length_bytes() * 2)]
    Malformed {
        /// The algorithm that was named.
        algorithm: Algorithm,
    },
    /// No `algorithm:` in front.
    #[error("a digest is written as algorithm:hexadecimal")]
    NoAlgorithm,
}

/// A digest with its algorithm; written `sha256:<hex>`, in lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

impl Digest {
    /// Checks length and alphabet; upper case is folded.
    pub fn new(algorithm: Algorithm, hex: &str) -> Result<Self, DigestError> {
        let right_length = hex.len() == algorithm.length_bytes() * 2;
        if !right_length || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(DigestError::Malformed { algorithm });
        }
        Ok(Self { algorithm, hex: hex.to_ascii_lowercase() })
    }

    /// The digest of these raw bytes' worth.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, DigestError> {
        Self::new(algorithm, &hex::encode(bytes))
    }

    /// The blob that it names: only SHA-256 does.
    pub fn blob_id(&self) -> Option<BlobId> {
        (self.algorithm == Algorithm::Sha256).then(|| self.hex.parse().ok()).flatten()
    }

    /// Which hash function.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Lower-case hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.algorithm.as_str(), self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str() == text)
            .ok_or(DigestError::UnknownAlgorithm)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or(DigestError::NoAlgorithm)?;
        Self::new(algorithm.parse()?, hex)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

/// A blob's name: the SHA-256 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// From a finished hash.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The raw SHA-256.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// As a [`Digest`].
    pub fn digest(self) -> Digest {
        Digest { algorithm: Algorithm::Sha256, hex: self.to_hex() }
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_hex())
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl FromStr for BlobId {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| DigestError::Malformed { algorithm: Algorithm::Sha256 })?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for BlobId {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.to_hex()
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, BlobId, Digest};

    #[test]
    fn digests() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = text.parse::<Digest>().ok().map(|digest| digest.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text:?}");
        };
        let hex = "AB".repeat(32);
        check(&format!("sha256:{hex}"), Some(&format!("sha256:{}", hex.to_lowercase())));
        check(&format!("sha256:{}", "ab".repeat(31)), None);
        check(&format!("sha999:{hex}"), None);
        check(&hex, None);
        check(&format!("md5:{}", "0z".repeat(16)), None);
        check("sha256:", None);
    }

    #[test]
    fn lengths_agree_with_the_functions() {
        for algorithm in Algorithm::ALL {
            assert!(Digest::from_bytes(algorithm, &vec![0; algorithm.length_bytes()]).is_ok());
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn blob_ids_are_sha256_digests() {
        let id = BlobId::from_bytes([0x5a; 32]);
        assert_eq!(id.to_hex().parse(), Ok(id));
        assert_eq!(id.digest().to_string(), format!("sha256:{}", "5a".repeat(32)));
        assert!("5a".parse::<BlobId>().is_err());
    }
}
