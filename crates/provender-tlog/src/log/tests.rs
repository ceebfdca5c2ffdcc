use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::audit::{Audit, audit};
use crate::checkpoint::Checkpoint;
use crate::merkle::{verify_consistency, verify_inclusion};
use crate::note::NoteSigner;
use crate::testing::MemoryStore;
use crate::tile::{TileKind, TilePath};
use crate::tree::Tree;
use crate::{
    AppendError, Appended, Entry, Hash, Limits, Log, LogError, LogOptions, SearchKey, StateStore,
    TileStore,
};

const ORIGIN: &str = "log.example";

fn signer() -> NoteSigner {
    NoteSigner::new(ORIGIN, crate::note::tests::key(7)).unwrap()
}

/// What stands before the first space, and the whole.
pub(crate) fn keys(body: &[u8]) -> Vec<SearchKey> {
    let word = body.split(|byte| *byte == b' ').next().unwrap_or_default();
    vec![SearchKey::new("word", word), SearchKey::new("whole", body)]
}

fn options(store: &Arc<MemoryStore>) -> LogOptions {
    let (tiles, state) = (Arc::clone(store), Arc::clone(store));
    let limits = Limits { flush_interval: Duration::from_millis(1), ..Limits::default() };
    LogOptions { keys, limits, ..LogOptions::new(ORIGIN, signer(), tiles, state) }
}

pub(crate) async fn open(store: &Arc<MemoryStore>) -> Log {
    try_open(store).await.unwrap()
}

pub(crate) async fn try_open(store: &Arc<MemoryStore>) -> Result<Log, LogError> {
    Log::open(options(store)).await
}

pub(crate) fn entry(number: usize) -> Entry {
    Entry::new(format!("entry {number}"))
}

/// Appends all at once, and checks each answer.
pub(crate) async fn append(log: &Log, numbers: std::ops::Range<usize>) -> Vec<Appended> {
    let mut tasks = Vec::new();
    for number in numbers {
        let log = log.clone();
        tasks.push(tokio::spawn(async move {
            let appended = log.append(entry(number)).await?;
            check_proof(&entry(number), &appended);
            Ok::<Appended, AppendError>(appended)
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.push(task.await.unwrap().unwrap());
    }
    all
}

fn check_proof(entry: &Entry, appended: &Appended) {
    let Appended { index, size, root, proof, checkpoint } = appended;
    verify_inclusion(Hash::leaf(&entry.body), *index, *size, proof, *root).unwrap();
    let signed = Checkpoint::verify(checkpoint, ORIGIN, signer().verifier()).unwrap();
    assert_eq!((signed.size, signed.root), (*size, *root));
}

/// Checks the whole published tree with the public key alone.
pub(crate) async fn check(store: &MemoryStore) -> Audit {
    let state = store.load(ORIGIN).await.unwrap().unwrap();
    let published = state.published.clone().unwrap();
    assert_eq!(published.size, state.size, "everything is published");
    let found = audit(store, ORIGIN, signer().verifier(), &published.checkpoint).await.unwrap();
    assert_eq!(found.fault, None);
    assert_eq!(found.entries, state.size);
    assert!(store.batches(ORIGIN, 0).await.unwrap().is_empty(), "nothing is left in batches");
    found
}

#[tokio::test]
async fn an_empty_log_has_a_checkpoint() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    let published = log.checkpoint().await.unwrap();
    let checkpoint =
        Checkpoint::verify(&published.checkpoint, ORIGIN, signer().verifier()).unwrap();
    assert_eq!((checkpoint.size, checkpoint.root), (0, Hash::empty_root()));
    assert!(log.verify().await.unwrap().is_sound());
    log.close().await.unwrap();
}

#[tokio::test]
async fn entries_are_proved_published_and_read() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    let first = append(&log, 0..1).await.remove(0);
    assert_eq!((first.index, first.size), (0, 1));
    let more = append(&log, 1..700).await;
    log.close().await.unwrap();
    assert_eq!(check(&store).await.entries, 700);

    let log = open(&store).await;
    for appended in &more {
        let body = log.entry(appended.index).await.unwrap();
        check_proof(&Entry::new(body), appended);
        let proof = log.prove_consistency(appended.size, 700).await.unwrap();
        let root = Checkpoint::verify(
            &log.checkpoint().await.unwrap().checkpoint,
            ORIGIN,
            signer().verifier(),
        )
        .unwrap()
        .root;
        verify_consistency(appended.size, appended.root, 700, root, &proof).unwrap();
        let proof = log.prove(appended.index, appended.size).await.unwrap();
        assert_eq!(proof, appended.proof);
    }
    assert!(matches!(log.entry(700).await, Err(LogError::Read(_))));
    assert!(matches!(log.prove(0, 701).await, Err(LogError::Read(_))));
    assert!(matches!(log.prove(5, 5).await, Err(LogError::Read(_))));
    assert!(matches!(log.prove_consistency(5, 4).await, Err(LogError::Read(_))));
    log.close().await.unwrap();
    assert!(matches!(log.append(entry(0)).await, Err(AppendError::Closed)));
}

#[tokio::test]
async fn tiles_are_served_as_wide_as_they_are_asked_for() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    append(&log, 0..300).await;
    log.close().await.unwrap();
    let log = open(&store).await;
    let check = async |path: &str, length: Option<usize>| {
        let tile = log.tile(&path.parse().unwrap()).await.unwrap();
        assert_eq!(tile.map(|bytes| bytes.len()), length, "{path}");
    };
    check("tile/0/000", Some(256 * 32)).await;
    check("tile/0/000.p/17", Some(17 * 32)).await;
    check("tile/0/001", None).await;
    check("tile/0/001.p/44", Some(44 * 32)).await;
    check("tile/0/001.p/43", Some(43 * 32)).await;
    check("tile/0/001.p/45", None).await;
    check("tile/1/000.p/1", Some(32)).await;
    check("tile/1/000", None).await;
    check("tile/entries/000.p/2", Some(2 * 9)).await;
    check("tile/entries/001.p/1", Some(11)).await;
    check("tile/entries/002.p/1", None).await;
    log.close().await.unwrap();
    let partial = store.paths().into_iter().filter(|path| path.starts_with("tile/0/000.p/"));
    assert_eq!(partial.count(), 0, "partial tiles go when the full one is there");
}

#[tokio::test]
async fn only_the_widest_partial_tile_is_kept() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    for number in 0..20 {
        append(&log, number..number + 1).await;
    }
    append(&log, 20..270).await;
    log.close().await.unwrap();
    // A tree that somebody began to read before has narrower tiles.
    let (mut before, mut now) = (Tree::new(&*store, 261), Tree::new(&*store, 270));
    assert_eq!(before.hashes(0, 1).await.unwrap(), &now.hashes(0, 1).await.unwrap()[..5]);
    assert_eq!(before.entry(260).await.unwrap(), now.entry(260).await.unwrap());
    let mut begun = Tree::new(&*store, 3);
    assert_eq!(begun.entry(2).await.unwrap(), entry(2).body);
    let partial_tiles_are = |expected: &[&str]| {
        let mut partial = store.paths();
        partial.retain(|path| path.contains(".p/"));
        partial.sort();
        assert_eq!(partial, expected);
    };
    partial_tiles_are(&["tile/0/001.p/14", "tile/1/000.p/1", "tile/entries/001.p/14"]);
    // What a crash left is removed with what comes next.
    let left = TilePath::new(TileKind::Entries, 1, 9).unwrap().to_string();
    TileStore::put(&*store, &left, Bytes::from_static(b"left")).await.unwrap();
    let log = open(&store).await;
    append(&log, 270..271).await;
    log.close().await.unwrap();
    partial_tiles_are(&["tile/0/001.p/15", "tile/1/000.p/1", "tile/entries/001.p/15"]);
    assert_eq!(check(&store).await.entries, 271);
}

#[tokio::test]
async fn what_came_before_keeps_its_place() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    let first = append(&log, 0..600).await;
    let same = append(&log, 0..600).await;
    let places = |all: &[Appended]| all.iter().map(|one| one.index).collect::<Vec<_>>();
    assert_eq!(places(&first), places(&same));
    let (one, two) = tokio::join!(log.append(entry(1000)), log.append(entry(1000)));
    assert_eq!(one.unwrap().index, two.unwrap().index);
    log.close().await.unwrap();
    let log = open(&store).await;
    assert_eq!(places(&append(&log, 0..600).await), places(&first));
    log.close().await.unwrap();
    assert_eq!(check(&store).await.entries, 601);
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    let largest = log.append(Entry::new(vec![1; 65_535])).await.unwrap();
    check_proof(&Entry::new(vec![1; 65_535]), &largest);
    let larger = log.append(Entry::new(vec![1; 65_536])).await;
    assert!(matches!(larger, Err(AppendError::TooLarge(65_536))));
    log.close().await.unwrap();
    assert_eq!(check(&store).await.entry_bytes, 65_535);
}

#[tokio::test]
async fn a_full_queue_says_when_to_try_again() {
    let store = Arc::new(MemoryStore::new());
    let mut small = options(&store);
    small.limits.queue_max = 4;
    let log = Log::open(small).await.unwrap();
    let all: Vec<_> = (0..50)
        .map(|number| {
            let log = log.clone();
            tokio::spawn(async move { log.append(entry(number)).await })
        })
        .collect();
    let (mut appended, mut busy) = (0, 0);
    for task in all {
        match task.await.unwrap() {
            Ok(_) => appended += 1,
            Err(AppendError::Busy { retry_after }) if !retry_after.is_zero() => busy += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(appended >= 4 && busy > 0, "{appended} appended, {busy} busy");
    log.close().await.unwrap();
    assert_eq!(check(&store).await.entries, appended);
}

#[tokio::test]
async fn bytes_whose_tiles_are_not_durable_are_bounded() {
    let store = Arc::new(MemoryStore::new());
    let mut small = options(&store);
    small.limits.held_max_bytes = 100_000;
    let log = Log::open(small).await.unwrap();
    store.freeze_objects(true);
    log.append(Entry::new(vec![1; 60_000])).await.unwrap();
    let busy = log.append(Entry::new(vec![2; 60_000])).await;
    assert!(matches!(busy, Err(AppendError::Busy { .. })), "{busy:?}");
    log.append(entry(1)).await.unwrap();
    store.freeze_objects(false);
    while log.append(Entry::new(vec![2; 60_000])).await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    log.close().await.unwrap();
    assert_eq!(check(&store).await.entries, 3);
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_is_published_soon_after_an_entry() {
    let store = Arc::new(MemoryStore::new());
    let LogOptions { signer, tiles, state, .. } = options(&store);
    let log = Log::open(LogOptions::new(ORIGIN, signer, tiles, state)).await.unwrap();
    for number in 0..5 {
        let appended = log.append(entry(number)).await.unwrap();
        let begun = tokio::time::Instant::now();
        while store.load(ORIGIN).await.unwrap().unwrap().published.unwrap().size < appended.size {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(begun.elapsed() < Duration::from_millis(200), "{:?}", begun.elapsed());
    }
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_state_of_another_log_is_refused() {
    let store = Arc::new(MemoryStore::new());
    open(&store).await.close().await.unwrap();
    let mut other = options(&store);
    other.signer = NoteSigner::new(ORIGIN, crate::note::tests::key(8)).unwrap();
    let refused = Log::open(other).await.err().unwrap();
    assert!(matches!(refused, LogError::Checkpoint(_)), "{refused}");
}

mod faults;
mod placing;
