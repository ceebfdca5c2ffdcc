//! Hashing bytes by several algorithms in one pass.

use std::fmt;
use std::io::{self, Read};

use provender_domain::{Algorithm, BlobId, Digest};
use sha2::Sha256;
use sha2::digest::consts::U32;
use sha2::digest::{DynDigest, FixedOutput as _};

/// How much is read at once. Most files are small, and a larger buffer costs more to clear than
/// hashing those does.
const READ_BYTES: usize = 64 * 1024;

/// SHA-256, which names blobs, and whatever else is going to be claimed.
#[derive(Clone)]
pub(super) struct Hashers {
    sha256: Sha256,
    others: Vec<(Algorithm, Box<dyn Hasher>)>,
}

/// Any algorithm's.
trait Hasher: DynDigest + Send + Sync {
    fn cloned(&self) -> Box<dyn Hasher>;
}

impl Hashers {
    pub(super) fn new(others: &[Algorithm]) -> Self {
        let others = without_sha256(others.to_vec());
        Self {
            sha256: Sha256::default(),
            others: others.into_iter().map(|algorithm| (algorithm, hasher(algorithm))).collect(),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        sha2::digest::Update::update(&mut self.sha256, bytes);
        for (_, hasher) in &mut self.others {
            hasher.update(bytes);
        }
    }

    /// The name, and the digests by the other algorithms.
    pub(super) fn finish(self) -> (BlobId, Vec<Digest>) {
        let id = BlobId::from_bytes(self.sha256.finalize_fixed().into());
        (id, self.others.into_iter().map(|(algorithm, hasher)| digest(algorithm, hasher)).collect())
    }
}

impl fmt::Debug for Hashers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.others.iter().map(|(algorithm, _)| algorithm);
        formatter.debug_list().entries(others).finish()
    }
}

impl<T: DynDigest + Clone + Send + Sync + 'static> Hasher for T {
    fn cloned(&self) -> Box<dyn Hasher> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Hasher> {
    fn clone(&self) -> Self {
        (**self).cloned()
    }
}

/// Each once, but the one that is always there.
pub(super) fn without_sha256(mut algorithms: Vec<Algorithm>) -> Vec<Algorithm> {
    algorithms.retain(|algorithm| *algorithm != Algorithm::Sha256);
    algorithms.sort_unstable();
    algorithms.dedup();
    algorithms
}

/// The digests of what there is from here to the end, in one pass.
pub(super) fn digests(
    content: &mut impl Read,
    algorithms: &[Algorithm],
) -> io::Result<Vec<Digest>> {
    let mut hashers: Vec<_> = algorithms.iter().map(|algorithm| hasher(*algorithm)).collect();
    read_all(content, |bytes| hashers.iter_mut().for_each(|hasher| hasher.update(bytes)))?;
    Ok(algorithms
        .iter()
        .zip(hashers)
        .map(|(algorithm, hasher)| digest(*algorithm, hasher))
        .collect())
}

fn digest(algorithm: Algorithm, hasher: Box<dyn Hasher>) -> Digest {
    Digest::from_bytes(algorithm, &hasher.finalize())
        .expect("a hasher's digest has its algorithm's length")
}

fn hasher(algorithm: Algorithm) -> Box<dyn Hasher> {
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
pub(super) fn read_all(file: &mut impl Read, mut show: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => show(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
