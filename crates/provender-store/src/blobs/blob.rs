//! Whole staged files, and the proof that they are what was promised.

use std::fs::File;
use std::io::{self, Read};
use std::marker::PhantomData;

use provender_domain::{Algorithm, BlobId, Digest};
use sha2::digest::DynDigest;
use sha2::digest::consts::U32;
use tempfile::TempPath;

use super::blocking;
use super::staging::BUFFER_BYTES;
use crate::{BlobError, VerifyError};

/// Nobody has held the bytes against what was promised of them.
#[derive(Debug)]
pub enum Unverified {}

/// The bytes have every digest that was promised of them.
#[derive(Debug)]
pub enum Verified {}

/// [`Unverified`] or [`Verified`]; nothing else can be.
pub trait State: sealed::Sealed + Send + Sync + 'static {}

impl State for Unverified {}
impl State for Verified {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Unverified {}
    impl Sealed for super::Verified {}
}

/// A whole staged file, not committed yet. Dropping it removes it.
#[derive(Debug)]
pub struct Blob<S: State> {
    staged: Staged,
    state: PhantomData<S>,
}

/// What a staged file is, verified or not.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) file: File,
    pub(super) path: TempPath,
    pub(super) id: BlobId,
    pub(super) size_bytes: u64,
}

impl Blob<Unverified> {
    pub(super) fn new(staged: Staged) -> Self {
        Self { staged, state: PhantomData }
    }

    /// Holds the bytes against every claim. Without claims they are trusted on first use, under
    /// their own SHA-256.
    ///
    /// SHA-256 is known from writing; for all other algorithms together the bytes are read once.
    pub async fn verify(self, claims: &[Digest]) -> Result<Blob<Verified>, VerifyError> {
        let mut known = vec![self.staged.id.digest()];
        let others = other_algorithms(claims);
        if !others.is_empty() {
            let file = self.reader().map_err(VerifyError::Io)?;
            let digests = blocking(move || Ok(digests(file, &others)?)).await;
            known.extend(digests.map_err(VerifyError::Io)?);
        }
        for expected in claims {
            let actual = known
                .iter()
                .find(|digest| digest.algorithm() == expected.algorithm())
                .expect("every claimed algorithm was computed");
            if actual != expected {
                return Err(VerifyError::Mismatch {
                    expected: expected.clone(),
                    actual: actual.clone(),
                    id: self.staged.id,
                    size_bytes: self.staged.size_bytes,
                });
            }
        }
        Ok(Blob { staged: self.staged, state: PhantomData })
    }
}

impl Blob<Verified> {
    pub(super) fn into_staged(self) -> Staged {
        self.staged
    }
}

impl<S: State> Blob<S> {
    /// The bytes' SHA-256.
    pub fn id(&self) -> BlobId {
        self.staged.id
    }

    /// How many bytes there are.
    pub fn size_bytes(&self) -> u64 {
        self.staged.size_bytes
    }

    /// A fresh, independent handle at offset 0, for inspection.
    pub fn reader(&self) -> Result<File, BlobError> {
        Ok(File::open(&self.staged.path)?)
    }
}

fn other_algorithms(claims: &[Digest]) -> Vec<Algorithm> {
    let mut algorithms: Vec<_> = claims.iter().map(Digest::algorithm).collect();
    algorithms.retain(|algorithm| *algorithm != Algorithm::Sha256);
    algorithms.sort_unstable();
    algorithms.dedup();
    algorithms
}

/// The digests of what the file has from here to its end, in one pass.
fn digests(mut file: File, algorithms: &[Algorithm]) -> io::Result<Vec<Digest>> {
    let mut hashers: Vec<_> = algorithms.iter().map(|algorithm| hasher(*algorithm)).collect();
    read_all(&mut file, |bytes| hashers.iter_mut().for_each(|hasher| hasher.update(bytes)))?;
    let digest = |(algorithm, hasher): (&Algorithm, Box<dyn DynDigest>)| {
        Digest::from_bytes(*algorithm, &hasher.finalize())
            .expect("a hasher's digest has its algorithm's length")
    };
    Ok(algorithms.iter().zip(hashers).map(digest).collect())
}

fn hasher(algorithm: Algorithm) -> Box<dyn DynDigest> {
    match algorithm {
        Algorithm::Md5 => Box::new(md5::Md5::default()),
        Algorithm::Sha1 => Box::new(sha1::Sha1::default()),
        Algorithm::Sha224 => Box::new(sha2::Sha224::default()),
        Algorithm::Sha256 => Box::new(sha2::Sha256::default()),
        Algorithm::Sha384 => Box::new(sha2::Sha384::default()),
        Algorithm::Sha512 => Box::new(sha2::Sha512::default()),
        Algorithm::Blake2b256 => Box::new(blake2::Blake2b::<U32>::default()),
    }
}

/// Shows every byte up to the end, piece by piece.
pub(super) fn read_all(file: &mut File, mut show: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => show(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
