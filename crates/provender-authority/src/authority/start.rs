//! Opening an authority.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use provender_tlog::note::NoteSigner;
use provender_tlog::{Limits, Log, LogOptions, SearchKey, rekor};
use serde_json::Value;

use super::{Authority, Options, own_issuer, sign};
use crate::ca::CertificateAuthority;
use crate::clock::SteadyClock;
use crate::ct::{self, SctSigner};
use crate::error::OpenError;
use crate::keys::{KeyAlgorithm, KeyName, KeyRing, SigningKey};
use crate::oidc::{Issuer, IssuerUrl, Verifier};
use crate::trust::{self, CertifiedService, CtService, LogTerm, Trust};
use crate::tsa::TimestampAuthority;
use crate::tuf::{self, Lives, RoleKeys};

/// Holds the latest moment that was told.
const LATEST_TIME: &str = "latest-time.json";

const LOG_KEY: KeyName = KeyName::known("log");
const CT_CHECKPOINT_KEY: KeyName = KeyName::known("ct-checkpoint");
const OIDC_KEY: KeyName = KeyName::known("oidc");
const TUF_ROOT_KEY: KeyName = KeyName::known("root/tuf-root");
const TUF_TARGETS_KEY: KeyName = KeyName::known("tuf-targets");
const TUF_ONLINE_KEY: KeyName = KeyName::known("tuf-online");

pub(super) async fn open(mut options: Options) -> Result<Authority, OpenError> {
    if let Some(elsewhere) = options.settings.log.origin.take() {
        options.origin = options.origin.with_log_at(&elsewhere);
    }
    let now = whole_seconds(options.clock.now());
    let keys_directory = options.directory.join("keys");
    let ring = KeyRing::open(&keys_directory)?;
    let latest_time = options.directory.join(LATEST_TIME);
    let clock = SteadyClock::open(Arc::clone(&options.clock), &latest_time)?;
    let certificates = options.directory.join("certificates");
    // Before the certificates: those that are there carry the promises of this key.
    let ct = match CertificateAuthority::has_certificates(&certificates) {
        true => SctSigner::required(&ring)?,
        false => SctSigner::open(&ring)?,
    };
    let settings = &options.settings;
    let ca = CertificateAuthority::open(&ring, &certificates, &settings.certificates, now)?;
    let tsa = TimestampAuthority::open(&ring, &certificates, settings, now)?;
    let oidc_key = Arc::new(ring.load_or_generate(&OIDC_KEY, KeyAlgorithm::EcdsaP256)?);
    let issuer_url = IssuerUrl::of_this_server(options.origin.oidc())?;
    let issuer = Arc::new(Issuer::new(issuer_url, oidc_key, settings.identity.token_life()));
    let tuf = open_tuf(&ring, &options, now)?;

    let log_key = ring.load_or_generate(&LOG_KEY, KeyAlgorithm::Ed25519)?;
    let ct_checkpoint_key = ring.load_or_generate(&CT_CHECKPOINT_KEY, KeyAlgorithm::Ed25519)?;
    let (log_name, log_store) = (options.origin.log_name(), options.origin.log_store());
    let log = open_log(&options, log_name, log_store, &log_key, rekor::keys).await?;
    let (ct_log_name, ct_store) = (options.origin.ct_log_name(), options.origin.ct_log_store());
    let ct_log = open_log(&options, &ct_log_name, &ct_store, &ct_checkpoint_key, ct::keys).await?;

    let trust = trust(&options, &ca, &tsa, &ct, &log, &log_key, now)?;
    let targets = [
        (tuf::TRUSTED_ROOT, to_bytes(&trust.trusted_root())),
        (tuf::SIGNING_CONFIG, to_bytes(&trust.signing_config())),
    ];
    tuf.update(&targets, now)?;
    tuf.renew(now)?;
    let audience = options.settings.identity.audience.as_str();
    Ok(Authority {
        clock,
        ca,
        ct,
        ct_log,
        log,
        tsa,
        verifier: Verifier::new(Arc::clone(&issuer), audience, options.key_source),
        issuers: RwLock::new(vec![own_issuer(&issuer, audience)]),
        issuer,
        tuf,
        trust,
        identities: sign::Identities::default(),
        keys_directory,
        latest_time,
        audience: audience.to_owned(),
    })
}

async fn open_log(
    options: &Options,
    name: &str,
    store: &str,
    key: &SigningKey,
    keys: fn(&[u8]) -> Vec<SearchKey>,
) -> Result<Log, OpenError> {
    let signer = NoteSigner::from_pkcs8(name, &key.to_pkcs8_der()?)?;
    let tiles = options.logs.tiles(store).await?;
    let mut log_options = LogOptions::new(name, signer, tiles, options.logs.state());
    log_options.keys = keys;
    let interval_ms = options.settings.log.checkpoint_interval_ms.value();
    let flush_interval = Duration::from_millis(u64::from(interval_ms));
    log_options.limits = Limits { flush_interval, ..options.limits };
    Ok(Log::open(log_options).await?)
}

/// The root's key is made for the first root document, and not needed to serve.
fn open_tuf(
    ring: &KeyRing,
    options: &Options,
    now: Timestamp,
) -> Result<tuf::Repository, OpenError> {
    let directory = options.directory.join("tuf");
    let lives = Lives::from(&options.settings.trust);
    let is_new = !directory.join("1.root.json").exists();
    let root = match is_new {
        true => Some(ring.load_or_generate(&TUF_ROOT_KEY, tuf::KEY_ALGORITHM)?),
        false => ring.load(&TUF_ROOT_KEY, tuf::KEY_ALGORITHM)?,
    };
    let keys = RoleKeys {
        root: root.map(Arc::new),
        targets: Arc::new(ring.load_or_generate(&TUF_TARGETS_KEY, tuf::KEY_ALGORITHM)?),
        online: Arc::new(ring.load_or_generate(&TUF_ONLINE_KEY, tuf::KEY_ALGORITHM)?),
    };
    Ok(tuf::Repository::open(&directory, keys, lives, now)?)
}

fn trust(
    options: &Options,
    ca: &CertificateAuthority,
    tsa: &TimestampAuthority,
    ct: &SctSigner,
    log: &Log,
    log_key: &SigningKey,
    now: Timestamp,
) -> Result<Trust, OpenError> {
    let origin = options.origin.clone();
    let term = LogTerm::new(log.verifier(), log_key.public_key_der(), origin.log(), now);
    let logs = trust::record(&options.directory.join("logs.json"), term, now)?;
    Ok(Trust {
        origin,
        authority: CertifiedService { chain: ca.chain().to_vec(), since: ca.not_before() },
        timestamping: CertifiedService { chain: tsa.chain().to_vec(), since: tsa.not_before() },
        ct: CtService {
            public_key_der: ct.public_key_der().to_vec(),
            log_id: ct.log_id(),
            since: ca.not_before(),
        },
        logs,
    })
}

fn whole_seconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).expect("it was made from a timestamp")
}

fn to_bytes(document: &Value) -> Bytes {
    serde_json::to_vec(document).expect("a document of texts has a form").into()
}
