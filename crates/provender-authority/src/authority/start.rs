//! Opening an authority.

use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use provender_tlog::note::NoteSigner;
use provender_tlog::{Limits, Log, LogOptions, SearchKey, rekor};

use super::root_keys::{TUF_ROOT_KEY, root_key_candidates};
use super::services::{self, Base, Services};
use super::{Authority, LogStores, Options, own_issuer, sign};
use crate::clock::SteadyClock;
use crate::ct;
use crate::error::OpenError;
use crate::generations::Generations;
use crate::keys::{KeyAlgorithm, KeyName, KeyRing, SigningKey, file};
use crate::oidc::{Issuer, IssuerUrl, Verifier};
use crate::trust::{self, LogTerm};
use crate::tuf::{self, Lives, RoleKeys};

/// Holds the latest moment that was told.
const LATEST_TIME: &str = "latest-time.json";

const LOG_KEY: KeyName = KeyName::known("log");
const CT_CHECKPOINT_KEY: KeyName = KeyName::known("ct-checkpoint");
const OIDC_KEY: KeyName = KeyName::known("oidc");
const TUF_TARGETS_KEY: KeyName = KeyName::known("tuf-targets");
const TUF_ONLINE_KEY: KeyName = KeyName::known("tuf-online");

pub(super) async fn open(mut options: Options) -> Result<Authority, OpenError> {
    if let Some(elsewhere) = options.settings.log.origin.take() {
        options.origin = options.origin.with_log_at(&elsewhere);
    }
    let Options { directory, origin, settings, clock, logs, limits, key_source } = options;
    let now = whole_seconds(clock.now());
    let keys_directory = services::keys_directory(&directory);
    let ring = KeyRing::open(&keys_directory)?;
    let base = Base { directory, ring, settings, origin };
    let latest_time = base.directory.join(LATEST_TIME);
    let clock = SteadyClock::open(clock, &latest_time)?;
    let generations = Generations::read(&base.directory)?;
    let opened = Services::open(&base, &generations, Vec::new(), now)?;
    let oidc_key = Arc::new(base.ring.load_or_generate(&OIDC_KEY, KeyAlgorithm::EcdsaP256)?);
    let issuer_url = IssuerUrl::of_this_server(base.origin.oidc())?;
    let identity = &base.settings.identity;
    let issuer = Arc::new(Issuer::new(issuer_url, oidc_key, identity.token_life()));
    let tuf = open_tuf(&base, now)?;

    let log_key = base.ring.load_or_generate(&LOG_KEY, KeyAlgorithm::Ed25519)?;
    let ct_checkpoint_key =
        base.ring.load_or_generate(&CT_CHECKPOINT_KEY, KeyAlgorithm::Ed25519)?;
    let interval_ms = base.settings.log.checkpoint_interval_ms.value();
    let flush_interval = Duration::from_millis(u64::from(interval_ms));
    let opening = OpeningLog { stores: &*logs, limits: Limits { flush_interval, ..limits } };
    let (log_name, log_store) = (base.origin.log_name(), base.origin.log_store());
    let log = opening.open(log_name, log_store, &log_key, rekor::keys).await?;
    let (ct_log_name, ct_store) = (base.origin.ct_log_name(), base.origin.ct_log_store());
    let ct_log = opening.open(&ct_log_name, &ct_store, &ct_checkpoint_key, ct::keys).await?;

    let public_key = log_key.public_key_der();
    let term = LogTerm::new(log.verifier(), public_key, base.origin.log(), now);
    let terms = trust::record(&base.directory.join("logs.json"), term, now)?;
    let former_origins = terms.iter().map(|term| term.base_url.clone()).collect();
    let services = opened.with_logs(terms);
    tuf.update(&services.targets(), now)?;
    renew(&tuf, now)?;
    let audience = base.settings.identity.audience.as_str().to_owned();
    Ok(Authority {
        clock,
        services: RwLock::new(Arc::new(services)),
        generations: Mutex::new(generations),
        ct_log,
        log,
        verifier: Verifier::new(Arc::clone(&issuer), &audience, key_source)
            .formerly_at(former_origins),
        issuers: RwLock::new(vec![own_issuer(&issuer, &audience)]),
        issuer,
        tuf,
        identities: sign::Identities::default(),
        keys_directory,
        latest_time,
        audience,
        base,
    })
}

/// What both logs are opened with.
struct OpeningLog<'a> {
    stores: &'a dyn LogStores,
    limits: Limits,
}

impl OpeningLog<'_> {
    async fn open(
        &self,
        name: &str,
        store: &str,
        key: &SigningKey,
        keys: fn(&[u8]) -> Vec<SearchKey>,
    ) -> Result<Log, OpenError> {
        let signer = NoteSigner::from_pkcs8(name, &key.to_pkcs8_der()?)?;
        let tiles = self.stores.tiles(store).await?;
        let mut options = LogOptions::new(name, signer, tiles, self.stores.state());
        options.keys = keys;
        options.limits = self.limits;
        Ok(Log::open(options).await?)
    }
}

/// The root's key is made for the first root document, and not needed to serve.
fn open_tuf(base: &Base, now: Timestamp) -> Result<tuf::Repository, OpenError> {
    let directory = base.directory.join("tuf");
    let (ring, lives) = (&base.ring, Lives::from(&base.settings.trust));
    let roots = ring.root();
    let first = KeyName::of_generation(TUF_ROOT_KEY, 1);
    let root = match directory.join("1.root.json").exists() {
        true => None,
        false => {
            file::private_directory(roots.directory())?;
            Some(roots.load_or_generate(&first, tuf::KEY_ALGORITHM)?)
        }
    };
    let keys = RoleKeys {
        root: root.map(Arc::new),
        targets: Arc::new(ring.load_or_generate(&TUF_TARGETS_KEY, tuf::KEY_ALGORITHM)?),
        online: Arc::new(ring.load_or_generate(&TUF_ONLINE_KEY, tuf::KEY_ALGORITHM)?),
    };
    let repository = tuf::Repository::open(&directory, keys, lives, now)?;
    for (_, key) in root_key_candidates(&roots)? {
        repository.offer_root_key(key);
    }
    Ok(repository)
}

/// On a full disk this is tried again every few hours: documents are renewed long before they
/// expire, and what is kept is served meanwhile.
fn renew(tuf: &tuf::Repository, now: Timestamp) -> Result<(), OpenError> {
    match tuf.renew(now) {
        Err(error) if error.is_full_disk() => {
            tracing::error!(%error, "no space is left: the trusted keys' metadata is renewed later");
        }
        renewed => drop(renewed?),
    }
    Ok(())
}

/// Certificates and documents name whole seconds.
pub(super) fn whole_seconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).expect("it was made from a timestamp")
}
