//! New keys for the certificate authority, the timestamp authority and the log of certificates.
//!
//! The new key is made, the change written down, clients told by TUF, and only then is anything
//! signed with it. A crash on the way leaves either nothing but an unused key, or a change that the
//! next start completes. What the former key signed is believed as long as what it certified lasts.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Authority;
use super::services::Services;
use crate::ca::{ADMISSION_GRACE, CertificateAuthority};
use crate::ct::SctSigner;
use crate::error::RotateError;
use crate::generations::Generations;
use crate::keys::KeyRing;
use crate::tsa::TimestampAuthority;

/// How long after the change what was dated or promised in the moment of it is still believed.
const OVERLAP: SignedDuration = SignedDuration::from_mins(1);

/// A service that can be given a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotatedService {
    /// The certificate authority.
    Ca,
    /// The timestamp authority.
    Tsa,
    /// The log of certificates: the key of its promises.
    Ct,
}

impl RotatedService {
    /// As it is called on the command line and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Tsa => "tsa",
            Self::Ct => "ct",
        }
    }
}

impl fmt::Display for RotatedService {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for RotatedService {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Ca, Self::Tsa, Self::Ct].into_iter().find(|one| one.as_str() == text).ok_or(())
    }
}

/// What certifies the new key of an authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertifiedBy<'a> {
    /// The present root, whose key is in the data directory.
    RootHere,
    /// The present root, whose key is in this folder.
    RootIn(&'a Path),
    /// A root that is made now.
    NewRoot,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Of which service.
    pub service: RotatedService,
    /// The number of its new key; the first was 1.
    pub generation: u32,
    /// SHA-256 of the new public key, in hexadecimal.
    pub key_id: String,
    /// Until when what the former key signed is believed. What it certified goes on to its own end.
    pub former_until: Timestamp,
}

impl Authority {
    /// Gives a service a new key. When this returns, clients that ask are told of both, and the new
    /// one signs. Blocks for some milliseconds: for a blocking task.
    ///
    /// # Errors
    /// Where the key could not be made, or would be good for nothing by the clock, and nothing
    /// changed; or clients could not be told, which the next start makes up for.
    pub fn rotate(
        &self,
        service: RotatedService,
        by: CertifiedBy<'_>,
    ) -> Result<Rotation, RotateError> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.services();
        let now = super::start::whole_seconds(self.clock.now()?);
        let elsewhere = match by {
            CertifiedBy::RootIn(folder) => Some(KeyRing::existing(folder)?),
            CertifiedBy::RootHere | CertifiedBy::NewRoot => None,
        };
        let next = Next { by, root_keys: elsewhere.as_ref(), before: &before, now };
        let (changed, former_until) = match service {
            RotatedService::Ca => self.next_ca(&generations, &next)?,
            RotatedService::Tsa => self.next_tsa(&generations, &next)?,
            RotatedService::Ct => self.next_ct(&generations, &next)?,
        };
        changed.keep(&self.base.directory)?;
        *generations = changed;
        let logs = before.trust.logs().to_vec();
        let after = Services::open(&self.base, &generations, logs, now)?;
        self.tuf.update(&after.targets(), now)?;
        let (generation, key_id) = match service {
            RotatedService::Ca => (generations.ca.place.current, after.ca.key_id()),
            RotatedService::Tsa => (generations.tsa.place.current, after.tsa.key_id()),
            RotatedService::Ct => (generations.ct.current, after.ct.log_id()),
        };
        *self.services.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(after);
        self.identities.forget();
        Ok(Rotation { service, generation, key_id: hex::encode(key_id), former_until })
    }

    fn next_ca(
        &self,
        generations: &Generations,
        next: &Next<'_>,
    ) -> Result<(Generations, Timestamp), RotateError> {
        let mut changed = generations.clone();
        next.check_root(RotatedService::Ca, next.before.ca.root_not_before())?;
        let place = generations.ca.next_place(next.by == CertifiedBy::NewRoot);
        let (ring, directory) = (&self.base.ring, self.base.certificates());
        let settings = &self.base.settings.certificates;
        CertificateAuthority::open_at(place, ring, &directory, settings, next.root_keys, next.now)?;
        // Whoever got a certificate a moment ago signs with it until it ends.
        let until = next.after(next.before.ca.lifetime() + ADMISSION_GRACE);
        if let Some(former) = next.before.trust.authorities.last() {
            changed.ca.follow(place, former, until);
        }
        Ok((changed, until))
    }

    fn next_tsa(
        &self,
        generations: &Generations,
        next: &Next<'_>,
    ) -> Result<(Generations, Timestamp), RotateError> {
        let mut changed = generations.clone();
        next.check_root(RotatedService::Tsa, next.before.tsa.root_not_before())?;
        let place = generations.tsa.next_place(next.by == CertifiedBy::NewRoot);
        let (ring, directory) = (&self.base.ring, self.base.certificates());
        let settings = &self.base.settings;
        TimestampAuthority::open_at(place, ring, &directory, settings, next.root_keys, next.now)?;
        let until = next.after(OVERLAP);
        if let Some(former) = next.before.trust.timestamping.last() {
            changed.tsa.follow(place, former, until);
        }
        Ok((changed, until))
    }

    fn next_ct(
        &self,
        generations: &Generations,
        next: &Next<'_>,
    ) -> Result<(Generations, Timestamp), RotateError> {
        let mut changed = generations.clone();
        SctSigner::open(&self.base.ring, generations.ct.current + 1)?;
        let until = next.after(OVERLAP);
        if let Some(former) = next.before.trust.ct.last() {
            changed.ct.follow(former, next.now, until);
        }
        Ok((changed, until))
    }
}

/// What the new keys are made by, and when.
struct Next<'a> {
    by: CertifiedBy<'a>,
    root_keys: Option<&'a KeyRing>,
    before: &'a Services,
    now: Timestamp,
}

impl Next<'_> {
    /// What a root certifies is good for nothing before the root itself is.
    fn check_root(&self, service: RotatedService, begins: Timestamp) -> Result<(), RotateError> {
        if self.by == CertifiedBy::NewRoot || begins <= self.now {
            return Ok(());
        }
        Err(RotateError::RootNotYet { service: service.as_str(), begins })
    }

    fn after(&self, duration: SignedDuration) -> Timestamp {
        self.now.checked_add(duration).unwrap_or(Timestamp::MAX)
    }
}
