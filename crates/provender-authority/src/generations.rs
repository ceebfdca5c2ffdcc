//! Which keys the certificate authority, the timestamp authority and the certificate log have, and
//! which they had: what was signed before must still be found trustworthy.
//!
//! The first key of a service is generation 1 and has the service's plain name; where no service was
//! ever given a new one, there is no file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::keys::{KeyError, file};
use crate::trust::{CertifiedService, CtService};

/// The file's name in the data directory.
pub(crate) const GENERATIONS_FILE: &str = "generations.json";

/// Of all services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Generations {
    pub(crate) ca: CertifiedGenerations,
    pub(crate) tsa: CertifiedGenerations,
    pub(crate) ct: CtGenerations,
}

/// Of a service whose word is checked with certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertifiedGenerations {
    pub(crate) place: Place,
    pub(crate) past: Vec<PastChain>,
}

/// Where in the folders of keys and certificates a service's present ones are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The generation of the key that signs.
    pub(crate) current: u32,
    /// The generation of the root above it.
    pub(crate) root: u32,
}

/// A chain that signs no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PastChain {
    /// Each in DER, in base64, the root last.
    chain: Vec<String>,
    since: Timestamp,
    until: Timestamp,
}

/// Of the certificate log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CtGenerations {
    pub(crate) current: u32,
    /// When the present key began; `None` for the first.
    pub(crate) since: Option<Timestamp>,
    pub(crate) past: Vec<PastKey>,
}

/// A key that signs no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PastKey {
    /// `SubjectPublicKeyInfo` in DER, in base64.
    public_key: String,
    since: Timestamp,
    until: Timestamp,
}

impl Default for Place {
    fn default() -> Self {
        Self { current: 1, root: 1 }
    }
}

impl Default for CtGenerations {
    fn default() -> Self {
        Self { current: 1, since: None, past: Vec::new() }
    }
}

/// Why the list of generations cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GenerationsError {
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is not what was written.
    #[error("{} is damaged: bring back a copy, or clients lose trust in older keys", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] KeyError),
}

impl Generations {
    pub(crate) fn read(directory: &Path) -> Result<Self, GenerationsError> {
        let path = directory.join(GENERATIONS_FILE);
        match fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json)
                .map_err(|source| GenerationsError::Malformed { path, source: source.into() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(GenerationsError::Read { path, source }),
        }
    }

    /// When this returns, it is durable.
    pub(crate) fn keep(&self, directory: &Path) -> Result<(), GenerationsError> {
        let json = serde_json::to_vec_pretty(self).expect("texts and numbers have a form");
        Ok(file::replace(&directory.join(GENERATIONS_FILE), &json, file::PUBLIC_MODE)?)
    }
}

impl CertifiedGenerations {
    /// The next key, under the same root or a new one.
    pub(crate) fn next_place(&self, with_new_root: bool) -> Place {
        let current = self.place.current + 1;
        Place { current, root: if with_new_root { current } else { self.place.root } }
    }

    /// What comes next; what signed so far is believed until then.
    pub(crate) fn follow(&mut self, place: Place, before: &CertifiedService, until: Timestamp) {
        let chain = before.chain.iter().map(|der| STANDARD.encode(der)).collect();
        self.past.push(PastChain { chain, since: before.since, until });
        self.place = place;
    }

    /// What clients are told of those that sign no more.
    pub(crate) fn past_services(&self) -> Result<Vec<CertifiedService>, base64::DecodeError> {
        let service = |past: &PastChain| {
            let chain = past.chain.iter().map(|der| STANDARD.decode(der));
            let chain = chain.collect::<Result<_, _>>()?;
            Ok(CertifiedService { chain, since: past.since, until: Some(past.until) })
        };
        self.past.iter().map(service).collect()
    }
}

impl CtGenerations {
    /// What comes next; what was promised so far is believed until then.
    pub(crate) fn follow(&mut self, before: &CtService, now: Timestamp, until: Timestamp) {
        let public_key = STANDARD.encode(&before.public_key_der);
        self.past.push(PastKey { public_key, since: before.since, until });
        self.current += 1;
        self.since = Some(now);
    }

    /// What clients are told of those that sign no more.
    pub(crate) fn past_services(&self) -> Result<Vec<CtService>, base64::DecodeError> {
        let service = |past: &PastKey| {
            let public_key_der = STANDARD.decode(&past.public_key)?;
            Ok(CtService::new(public_key_der, past.since, Some(past.until)))
        };
        self.past.iter().map(service).collect()
    }
}
