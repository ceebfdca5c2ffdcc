//! A publication fails at every durable step, before it and after it; nothing is ever half done.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use std::path::Path;

use futures_util::StreamExt;
use provender_domain::{BlobId, EventKind};
use provender_store::{
    Blobs, DatabaseUrl, EventFilter, FaultMode, Faults, Metadata, StoreError, Write,
};
use provender_tlog::{Haste, StateStore as _};
use support::{bind, event, kept, key, log_state, one_batch, record, repository, staged};

/// More steps than a test has.
const STEPS_LIMIT: u64 = 1000;
/// How many steps are tried at the same time: each waits for the disk most of its time.
const AT_ONCE: usize = 8;
/// Written in two pieces.
const LARGE_BYTES: usize = 1_300_000;
const METADATA_OF_FILE: &[u8] = b"Name: demo";

struct Stores {
    metadata: Metadata,
    blobs: Blobs,
}

impl Stores {
    async fn open(root: &Path) -> Self {
        let url = DatabaseUrl::sqlite(root.join("metadata.db"));
        let metadata = Metadata::open(&url).await.unwrap();
        let blobs = Blobs::open(root, metadata.clone()).await.unwrap();
        Self { metadata, blobs }
    }

    fn with_faults(self, faults: &Faults) -> Self {
        Self {
            metadata: self.metadata.with_faults(faults.clone()),
            blobs: self.blobs.with_faults(faults.clone()),
        }
    }

    async fn keep(&self, bytes: &[u8]) -> Result<BlobId, Box<dyn std::error::Error>> {
        let blob = staged(&self.blobs, bytes).await?.verify(&[]).await?;
        Ok(self.blobs.commit(blob).await?)
    }

    /// As a registry does it: blobs, then name, row and event at once. Publishing the same bytes
    /// again is fine.
    async fn publish(&self, number: u8) -> Result<(), Box<dyn std::error::Error>> {
        let key = key("main", &format!("demo{number}"));
        let large = vec![number; LARGE_BYTES];
        let mut file = kept("demo-1.0.whl", self.keep(&large).await?);
        file.file.companions.push(provender_domain::Companion {
            kind: "metadata".to_owned(),
            url: None,
            digest: Some(self.keep(METADATA_OF_FILE).await?.digest()),
        });
        let writes = vec![bind(&key), record(&key, file)];
        let published = event(EventKind::Published, "published");
        match self.metadata.commit(writes, vec![published]).await {
            Ok(_) | Err(StoreError::SameFile) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Every row's blobs are there and whole; events have no gaps and match the rows.
    async fn check(&self, acknowledged: &[u8]) {
        let mut files = 0;
        for number in 0..2 {
            let recorded =
                self.metadata.files(&key("main", &format!("demo{number}"))).await.unwrap();
            assert!(recorded.len() == 1 || !acknowledged.contains(&number), "lost {number}");
            for file in &recorded {
                files += 1;
                assert_eq!(
                    self.blobs.scrub(&file.blob).await.unwrap(),
                    provender_store::Scrub::Intact
                );
                let digest = file.file.companions[0].digest.as_ref().unwrap();
                let companion = digest.hex().parse().unwrap();
                let bytes = self.blobs.read(&companion, 100).await.unwrap().unwrap();
                assert_eq!(bytes, METADATA_OF_FILE);
            }
        }
        let filter = EventFilter { limit: 100, ..Default::default() };
        let events = self.metadata.events(&filter).await.unwrap();
        let numbers: Vec<_> = events.iter().map(|event| event.number).collect();
        assert_eq!(numbers, (1..=files).collect::<Vec<i64>>());
    }
}

/// Publishes twice with a fault at this step; whether there was such a step.
async fn fail_at(step: u64, mode: FaultMode) -> bool {
    let root = tempfile::tempdir().unwrap();
    let stores = Stores::open(root.path()).await;
    let create = vec![Write::CreateRepository(repository("main"))];
    stores.metadata.commit(create, vec![]).await.unwrap();

    let faults = Faults::at(step, mode);
    let stores = stores.with_faults(&faults);
    let mut acknowledged = Vec::new();
    let mut failures = 0;
    for number in 0..2 {
        match stores.publish(number).await {
            Ok(()) => acknowledged.push(number),
            Err(_) => failures += 1,
        }
    }
    assert_eq!(failures, u32::from(faults.fired()), "step {step} {mode:?}");
    // Neither the process that met the fault nor one that starts after it sees anything half done.
    stores.check(&acknowledged).await;
    stores.metadata.close().await;
    let stores = Stores::open(root.path()).await;
    stores.check(&acknowledged).await;
    for number in 0..2 {
        stores.publish(number).await.unwrap();
    }
    stores.check(&[0, 1]).await;
    let left = std::fs::read_dir(root.path().join("staging")).unwrap().count();
    assert_eq!(left, 0, "step {step} {mode:?}");
    stores.metadata.close().await;
    faults.fired()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_may_fail() {
    for mode in [FaultMode::BeforePersisted, FaultMode::AfterPersisted] {
        let attempts = (0..STEPS_LIMIT).map(|step| tokio::spawn(fail_at(step, mode)));
        let mut covered = 0;
        let mut attempts = futures_util::stream::iter(attempts).buffered(AT_ONCE);
        while attempts.next().await.expect("fewer steps than the limit").unwrap() {
            covered += 1;
        }
        // Per publication: create, write, fsync, rename, fsync of the directory; a commit of
        // the small blob, and one of the row.
        assert!(covered >= 2 * (5 + 2), "only {covered} steps are covered");
    }
}

#[tokio::test]
async fn counting_alone_fails_nothing() {
    let root = tempfile::tempdir().unwrap();
    let faults = Faults::none();
    let stores = Stores::open(root.path()).await.with_faults(&faults);
    let create = vec![Write::CreateRepository(repository("main"))];
    stores.metadata.commit(create, vec![]).await.unwrap();
    assert_eq!(faults.steps(), 1);
    stores.publish(0).await.unwrap();
    assert!(faults.steps() > 6 && !faults.fired());
}

/// A log's append and its publication, each failing before and after it happened: the state and
/// the entries are both there or both not, and whoever looks before trying again loses nothing.
#[tokio::test]
async fn appending_to_a_log_may_fail() {
    const ORIGIN: &str = "log.example";
    for mode in [FaultMode::BeforePersisted, FaultMode::AfterPersisted] {
        for step in 0..3 {
            let root = tempfile::tempdir().unwrap();
            let stores = Stores::open(root.path()).await;
            let faults = Faults::at(step, mode);
            let metadata = stores.with_faults(&faults).metadata;
            let mut failures = 0;
            for size in 0..2 {
                loop {
                    let state = metadata.load(ORIGIN).await.unwrap();
                    let kept = metadata.batches(ORIGIN, 0).await.unwrap();
                    let at = state.as_ref().map_or(0, |state| state.size);
                    assert_eq!(kept.len() as u64, at, "step {step} {mode:?}");
                    if at > size {
                        break;
                    }
                    let (next, batch) = (log_state(size + 1), one_batch(size, 1));
                    let swapped = metadata.swap(ORIGIN, state.as_ref(), &next, Some(&batch)).await;
                    failures += u32::from(swapped.is_err());
                }
            }
            failures += u32::from(metadata.publish(ORIGIN, 2, "two").await.is_err());
            assert_eq!(failures, 1, "step {step} {mode:?}");
            metadata.close().await;
            let metadata = Stores::open(root.path()).await.metadata;
            metadata.publish(ORIGIN, 2, "two").await.unwrap();
            let state = metadata.load(ORIGIN).await.unwrap().unwrap();
            assert_eq!((state.size, state.published.unwrap().size), (2, 2));
            assert_eq!(metadata.batches(ORIGIN, 0).await.unwrap(), []);
            metadata.close().await;
        }
    }
}

/// What follows a swap that is not waited for: a fault at either commit leaves both or none, or the
/// swap alone; never what follows it.
#[tokio::test]
async fn what_follows_a_swap_may_fail_with_it() {
    const ORIGIN: &str = "log.example";
    for mode in [FaultMode::BeforePersisted, FaultMode::AfterPersisted] {
        for step in 0..4 {
            let root = tempfile::tempdir().unwrap();
            let stores = Stores::open(root.path()).await;
            assert!(stores.metadata.swap(ORIGIN, None, &log_state(0), None).await.unwrap());
            let faults = Faults::at(step, mode);
            let metadata = stores.with_faults(&faults).metadata;
            let mut told = 0;
            for size in 0..3 {
                let (expected, next) = (log_state(size), log_state(size + 1));
                let batch = one_batch(size, 1);
                let haste = [Haste::AtOnce, Haste::WithFollower][usize::from(size == 1)];
                let settlement =
                    metadata.begin_swap(ORIGIN, Some(&expected), &next, Some(&batch), haste).await;
                let writes = vec![Write::Follow(settlement.clone())];
                let published = vec![event(EventKind::Published, "logged")];
                let followed = metadata.commit(writes, published).await;
                let swapped = settlement.outcome().await;
                assert!(followed.is_err() || swapped.as_ref().is_ok_and(|swapped| *swapped));
                told += i64::from(followed.is_ok());
            }
            metadata.close().await;
            let metadata = Stores::open(root.path()).await.metadata;
            let size = metadata.load(ORIGIN).await.unwrap().unwrap().size;
            let filter = EventFilter { limit: 100, ..Default::default() };
            let events = i64::try_from(metadata.events(&filter).await.unwrap().len()).unwrap();
            let size = i64::try_from(size).unwrap();
            assert!(
                told <= events && events <= size,
                "step {step} {mode:?}: {told} {events} {size}"
            );
            metadata.close().await;
        }
    }
}
