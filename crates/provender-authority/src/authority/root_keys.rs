//! The keys that are needed only to certify others: taken elsewhere, and replaced.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use super::Authority;
use crate::error::RootKeyError;
use crate::keys::{KeyName, KeyRing, SigningKey, file};
use crate::tuf::{self, DocumentStatus, TufError};

/// What the TUF root key is called, when it is the first; later ones have the version of the root
/// document that they began with.
pub(super) const TUF_ROOT_KEY: &str = "tuf-root";

/// What is trusted, until when, and where the keys to it are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustStatus {
    /// The documents of the TUF repository.
    pub documents: Vec<DocumentStatus>,
    /// The keys that sign now, and those of before that are still believed.
    pub services: Vec<ServiceStatus>,
    /// The root keys that are in the data directory.
    pub root_keys: Vec<PathBuf>,
    /// Where they are, or were.
    pub root_directory: PathBuf,
    /// Whether the key that could sign the next root document is among them.
    pub has_tuf_root_key: bool,
}

/// A key of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatus {
    /// `ca`, `tsa` or `ct`.
    pub service: &'static str,
    /// Since when what it signs is believed.
    pub since: Timestamp,
    /// Until when; `None`: it is the present one.
    pub until: Option<Timestamp>,
    /// When its certificate ends, if it has one.
    pub certificate_end: Option<Timestamp>,
}

/// Root keys that were copied, or moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedKeys {
    /// The copies.
    pub files: Vec<PathBuf>,
    /// Whether they are gone from the data directory.
    pub is_removed: bool,
}

/// A new TUF root key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootRotation {
    /// The version of the root document that names it.
    pub version: u64,
    /// When clients will no longer believe that document.
    pub expires: Timestamp,
    /// Where the new key is.
    pub key: PathBuf,
    /// Where the key is that is needed no more.
    pub former_key: PathBuf,
}

impl Authority {
    /// What is trusted, until when, and where the keys to it are.
    ///
    /// # Errors
    /// Where the folder of root keys cannot be read.
    pub fn trust_status(&self) -> Result<TrustStatus, RootKeyError> {
        let services = self.services();
        let trust = &services.trust;
        let ends = [Some(services.ca.not_after()), Some(services.tsa.not_after()), None];
        let certified = [("ca", &trust.authorities), ("tsa", &trust.timestamping)];
        let mut status: Vec<_> = certified
            .into_iter()
            .flat_map(|(name, all)| all.iter().map(move |one| (name, one.since, one.until)))
            .chain(trust.ct.iter().map(|one| ("ct", one.since, one.until)))
            .map(|(service, since, until)| ServiceStatus {
                service,
                since,
                until,
                certificate_end: None,
            })
            .collect();
        for one in status.iter_mut().filter(|one| one.until.is_none()) {
            let at = ["ca", "tsa", "ct"].iter().position(|name| *name == one.service);
            one.certificate_end = at.and_then(|at| ends[at]);
        }
        let ring = self.base.ring.root();
        let keys = ring.names()?.iter().map(|name| ring.path(name)).collect();
        Ok(TrustStatus {
            documents: self.tuf.status(),
            services: status,
            root_keys: keys,
            root_directory: ring.directory().to_owned(),
            has_tuf_root_key: self.tuf.has_root_key(),
        })
    }

    /// Copies the root keys to a folder, which is made where it is missing, and reads them back; with
    /// `remove` they are then removed from the data directory. To be called from a blocking task.
    ///
    /// # Errors
    /// Where there are none, or a copy is not what was written. Nothing is removed then.
    pub fn export_root_keys(&self, to: &Path, remove: bool) -> Result<ExportedKeys, RootKeyError> {
        // No key is made meanwhile.
        let _unchanged = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = self.base.ring.root();
        let names = ring.names()?;
        if names.is_empty() {
            return Err(RootKeyError::NoneHere { directory: ring.directory().to_owned() });
        }
        file::private_directory(to)?;
        let copies = KeyRing::existing(to)?;
        if is_within(ring.directory(), to) {
            return Err(RootKeyError::SameFolder { directory: to.to_owned() });
        }
        let mut files = Vec::with_capacity(names.len());
        for name in &names {
            files.push(copy(&ring.path(name), &copies.path(name))?);
        }
        if remove {
            for name in &names {
                file::remove(&ring.path(name))?;
            }
            self.tuf.forget_root_key();
        }
        Ok(ExportedKeys { files, is_removed: remove })
    }

    /// Makes a new TUF root key beside the present one, which is in this folder (`None`: in the data
    /// directory), and publishes a root document that both signed. To be called from a blocking task.
    ///
    /// # Errors
    /// Where the present key is not there, or the document could not be written.
    pub fn rotate_root(&self, keys: Option<&Path>) -> Result<RootRotation, RootKeyError> {
        let _alone = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = match keys {
            Some(folder) => KeyRing::existing(folder)?,
            None => self.base.ring.root(),
        };
        let candidates = root_key_candidates(&ring)?;
        let (former, old) = candidates
            .into_iter()
            .find(|(_, key)| self.tuf.is_root_key(key))
            .ok_or(TufError::NoRootKey)?;
        let version = self.tuf.root_version() + 1;
        let generation = u32::try_from(version).map_err(|_| TufError::NoRootKey)?;
        let name = KeyName::of_generation(TUF_ROOT_KEY, generation);
        let new = Arc::new(ring.load_or_generate(&name, tuf::KEY_ALGORITHM)?);
        let stays = keys.is_none();
        let expires = self.tuf.rotate_root_key(&old, new, stays, self.now())?;
        let (key, former_key) = (ring.path(&name), ring.path(&former));
        Ok(RootRotation { version, expires, key, former_key })
    }
}

/// Every key in the folder that may be the TUF root key.
pub(super) fn root_key_candidates(
    ring: &KeyRing,
) -> Result<Vec<(KeyName, SigningKey)>, RootKeyError> {
    let mut found = Vec::new();
    for name in ring.names()? {
        if name.to_string().starts_with(TUF_ROOT_KEY) {
            let key = ring.required(&name, tuf::KEY_ALGORITHM)?;
            found.push((name, key));
        }
    }
    Ok(found)
}

/// Copies one key. What is there already and differs is not replaced: it may be another server's.
fn copy(from: &Path, to: &Path) -> Result<PathBuf, RootKeyError> {
    let missing = || RootKeyError::NotWritten { path: from.to_owned() };
    let bytes = file::read(from)?.ok_or_else(missing)?;
    match file::read(to)? {
        Some(there) if *there == *bytes => return Ok(to.to_owned()),
        Some(_) => return Err(RootKeyError::OtherThere { path: to.to_owned() }),
        None => file::replace(to, &bytes, file::PRIVATE_MODE)?,
    }
    let written = file::read(to)?;
    match written.is_some_and(|written| *written == *bytes) {
        true => Ok(to.to_owned()),
        false => Err(RootKeyError::NotWritten { path: to.to_owned() }),
    }
}

/// Whether this is a folder of the data directory that the root keys are in: whoever has a copy of
/// that has them then.
fn is_within(root_keys: &Path, folder: &Path) -> bool {
    let is_below = |root_keys: &Path, folder: &Path| {
        root_keys.ancestors().nth(2).is_some_and(|data| folder.starts_with(data))
    };
    match (root_keys.canonicalize(), folder.canonicalize()) {
        (Ok(root_keys), Ok(folder)) => is_below(&root_keys, &folder),
        _ => is_below(root_keys, folder),
    }
}
