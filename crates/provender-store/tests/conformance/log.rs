//! What a transparency log keeps here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use provender_domain::EventKind;
use provender_store::{Metadata, StoreError, Write};
use provender_tlog::{Batch, Hash, Haste, LogState, Published, Settlement, StateStore};

use crate::support::{event, log_state, one_batch};

const ORIGIN: &str = "log.example";

pub(crate) async fn all(metadata: &Metadata) {
    begins_once(metadata).await;
    compares_and_swaps(metadata).await;
    publishes_forwards(metadata).await;
    keeps_logs_apart(metadata).await;
    appends_beside_other_commits(metadata).await;
    keeps_large_batches(metadata).await;
    one_of_many_racers_wins(metadata).await;
    commits_follow_swaps(metadata).await;
}

/// What [`all`] left is there after the database was closed.
pub(crate) async fn is_kept(metadata: &Metadata) {
    assert_eq!(metadata.load("racers.example").await.unwrap().unwrap().size, 40);
    assert_eq!(metadata.batches("large.example", 0).await.unwrap(), [large_batch()]);
}

async fn begins_once(metadata: &Metadata) {
    assert_eq!(metadata.load(ORIGIN).await.unwrap(), None);
    assert_eq!(metadata.batches(ORIGIN, 0).await.unwrap(), []);
    let empty = log_state(0);
    assert!(!metadata.swap(ORIGIN, Some(&empty), &log_state(1), None).await.unwrap());
    assert_eq!(metadata.load(ORIGIN).await.unwrap(), None);
    assert!(metadata.swap(ORIGIN, None, &empty, None).await.unwrap());
    assert!(!metadata.swap(ORIGIN, None, &log_state(1), Some(&one_batch(0, 1))).await.unwrap());
    assert_eq!(metadata.load(ORIGIN).await.unwrap(), Some(empty));
    assert_eq!(metadata.batches(ORIGIN, 0).await.unwrap(), []);
}

async fn compares_and_swaps(metadata: &Metadata) {
    let current = log_state(0);
    let lost = |change: fn(&mut LogState)| {
        let mut other = current.clone();
        change(&mut other);
        async move {
            let batch = one_batch(0, 3);
            metadata.swap(ORIGIN, Some(&other), &log_state(3), Some(&batch)).await.unwrap()
        }
    };
    assert!(!lost(|state| state.size = 1).await);
    assert!(!lost(|state| state.root = Hash::of(b"another")).await);
    assert!(!lost(|state| state.checkpoint.push('x')).await);
    assert_eq!(metadata.load(ORIGIN).await.unwrap(), Some(current.clone()));
    assert_eq!(metadata.batches(ORIGIN, 0).await.unwrap(), []);

    // Neither what was published of it nor its frontier make it another tree.
    assert!(lost(|state| state.published = Some(published(0))).await);
    assert_eq!(metadata.load(ORIGIN).await.unwrap(), Some(log_state(3)));
    let batches = [one_batch(0, 3), one_batch(3, 2)];
    assert!(
        metadata.swap(ORIGIN, Some(&log_state(3)), &log_state(5), Some(&batches[1])).await.unwrap()
    );
    assert_eq!(metadata.batches(ORIGIN, 0).await.unwrap(), batches);
    assert_eq!(metadata.batches(ORIGIN, 1).await.unwrap(), batches[1..]);
    assert_eq!(metadata.batches(ORIGIN, 3).await.unwrap(), batches[1..]);
    assert_eq!(metadata.batches(ORIGIN, 4).await.unwrap(), []);
}

fn published(size: u64) -> Published {
    Published { size, checkpoint: format!("published at {size}") }
}

async fn publishes_forwards(metadata: &Metadata) {
    let check = async |size: u64, expected: Published, first_kept: &[u64]| {
        let checkpoint = format!("published at {size}");
        metadata.publish(ORIGIN, size, &checkpoint).await.unwrap();
        let state = metadata.load(ORIGIN).await.unwrap().unwrap();
        assert_eq!(state, LogState { published: Some(expected), ..log_state(5) });
        let kept = metadata.batches(ORIGIN, 0).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|batch| batch.first_index).collect();
        assert_eq!(kept, first_kept, "after {size}");
    };
    check(2, published(2), &[0, 3]).await;
    check(3, published(3), &[3]).await;
    check(2, published(3), &[3]).await;
    check(4, published(4), &[3]).await;
    // What was never appended cannot be published.
    check(6, published(4), &[3]).await;
    check(5, published(5), &[]).await;
    metadata.publish(ORIGIN, 5, "signed again").await.unwrap();
    let state = metadata.load(ORIGIN).await.unwrap().unwrap();
    assert_eq!(state.published.unwrap().checkpoint, "signed again");
    metadata.publish("nowhere.example", 0, "nothing").await.unwrap();
    assert_eq!(metadata.load("nowhere.example").await.unwrap(), None);
}

async fn keeps_logs_apart(metadata: &Metadata) {
    let other = "other.example";
    let batch = one_batch(0, 1);
    assert!(metadata.swap(other, None, &log_state(1), Some(&batch)).await.unwrap());
    assert_eq!(metadata.batches(ORIGIN, 0).await.unwrap(), []);
    assert_eq!(metadata.batches(other, 0).await.unwrap(), [batch]);
    metadata.publish(ORIGIN, 5, "again").await.unwrap();
    assert_eq!(metadata.batches(other, 0).await.unwrap().len(), 1);
}

/// Commits that fail beside it disturb no log, and a lost swap disturbs no commit.
async fn appends_beside_other_commits(metadata: &Metadata) {
    let origin = "busy.example";
    assert!(metadata.swap(origin, None, &log_state(0), None).await.unwrap());
    let before = metadata.counts().await.unwrap().events;
    let done = Arc::new(AtomicU64::new(0));
    let committers = (0..4).map(|_| {
        let (metadata, done) = (metadata.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut committed = 0;
            while done.load(Ordering::SeqCst) == 0 {
                let refused = provender_store::Write::RemoveAccount { name: "nobody".to_owned() };
                metadata.commit(vec![refused], vec![]).await.unwrap_err();
                let events = vec![event(EventKind::Published, "beside")];
                metadata.commit(vec![], events).await.unwrap();
                committed += 1;
            }
            committed
        })
    });
    let committers: Vec<_> = committers.collect();
    for size in 0..20 {
        let (expected, next) = (log_state(size), log_state(size + 1));
        let batch = one_batch(size, 1);
        let lost = log_state(1000);
        let (swapped, lost) = tokio::join!(
            metadata.swap(origin, Some(&expected), &next, Some(&batch)),
            metadata.swap(origin, Some(&lost), &next, Some(&batch)),
        );
        assert!(swapped.unwrap() && !lost.unwrap());
    }
    done.store(1, Ordering::SeqCst);
    let mut committed = 0;
    for committer in committers {
        committed += committer.await.unwrap();
    }
    assert_eq!(metadata.counts().await.unwrap().events, before + committed);
    let batches = metadata.batches(origin, 0).await.unwrap();
    let indexes: Vec<_> = batches.iter().map(|batch| batch.first_index).collect();
    assert_eq!(indexes, (0..20).collect::<Vec<_>>());
}

/// Megabytes of every byte there is, an empty entry among them.
fn large_batch() -> Batch {
    let every_byte: Vec<u8> = (0..=255).cycle().take(4 << 20).collect();
    let entries = vec![Bytes::from(every_byte), Bytes::new(), Bytes::from_static(&[0, 255])];
    Batch { first_index: 0, entries, checkpoint: "large\n\n— é\n".to_owned() }
}

async fn keeps_large_batches(metadata: &Metadata) {
    let origin = "large.example";
    assert!(metadata.swap(origin, None, &log_state(3), Some(&large_batch())).await.unwrap());
    assert_eq!(metadata.batches(origin, 0).await.unwrap(), [large_batch()]);
}

/// Several sequencers append to one log: each entry is there once, in one order.
async fn one_of_many_racers_wins(metadata: &Metadata) {
    race(&[metadata.clone(), metadata.clone()], "racers.example").await;
}

pub(crate) async fn race(servers: &[Metadata], origin: &'static str) {
    assert!(servers[0].swap(origin, None, &log_state(0), None).await.unwrap());
    let racers = (0..4_usize).map(|racer| {
        let metadata = servers[racer % servers.len()].clone();
        tokio::spawn(async move {
            for _ in 0..10 {
                loop {
                    let state = metadata.load(origin).await.unwrap().unwrap();
                    let (size, next) = (state.size, log_state(state.size + 1));
                    let batch = one_batch(size, 1);
                    if metadata.swap(origin, Some(&state), &next, Some(&batch)).await.unwrap() {
                        break;
                    }
                }
            }
        })
    });
    for racer in racers.collect::<Vec<_>>() {
        racer.await.unwrap();
    }
    let batches = servers[0].batches(origin, 0).await.unwrap();
    let indexes: Vec<_> = batches.iter().map(|batch| batch.first_index).collect();
    assert_eq!(indexes, (0..40).collect::<Vec<_>>());
}

/// Begins to append one entry to a log of this size, on top of what is under way.
async fn begin(metadata: &Metadata, origin: &str, size: u64) -> Settlement {
    let (expected, next) = (log_state(size), log_state(size + 1));
    let (batch, haste) = (one_batch(size, 1), Haste::WithFollower);
    metadata.begin_swap(origin, Some(&expected), &next, Some(&batch), haste).await
}

/// Commits an event that follows a swap.
async fn follow(metadata: &Metadata, settlement: &Settlement) -> Result<(), StoreError> {
    let writes = vec![Write::Follow(settlement.clone())];
    metadata.commit(writes, vec![event(EventKind::Published, "logged")]).await.map(drop)
}

/// What follows a swap is there only if the swap is, whether it waited for it or not.
async fn commits_follow_swaps(metadata: &Metadata) {
    let origin = "followed.example";
    assert!(metadata.swap(origin, None, &log_state(0), None).await.unwrap());
    let events = async || metadata.counts().await.unwrap().events;
    let before = events().await;
    // Each on top of the one before, none waited for.
    let mut made = Vec::new();
    for size in 0..5 {
        made.push(begin(metadata, origin, size).await);
    }
    let following = made.iter().map(|settlement| follow(metadata, settlement));
    let followed = futures_util::future::join_all(following).await;
    assert!(followed.iter().all(Result::is_ok), "{followed:?}");
    for settlement in &made {
        assert!(settlement.is_durable() && settlement.outcome().await.unwrap());
    }
    follow(metadata, &made[0]).await.unwrap();
    assert_eq!(events().await, before + 6);

    // Nobody follows: it is made all the same.
    assert!(begin(metadata, origin, 5).await.outcome().await.unwrap());

    // Who expects another state is lost, with all that come on top, and with those who follow.
    let mut lost = Vec::new();
    for size in 100..103 {
        lost.push(begin(metadata, origin, size).await);
    }
    let good = begin(metadata, origin, 6).await;
    let (one, other, followed, alone) = tokio::join!(
        follow(metadata, &lost[0]),
        follow(metadata, &lost[2]),
        follow(metadata, &good),
        metadata.commit(vec![], vec![event(EventKind::Published, "beside")]),
    );
    assert!(matches!(one, Err(StoreError::NotLogged)), "{one:?}");
    assert!(matches!(other, Err(StoreError::NotLogged)), "{other:?}");
    assert!(followed.is_ok() && alone.is_ok(), "{followed:?} {alone:?}");
    for settlement in &lost {
        assert!(!settlement.outcome().await.unwrap() && !settlement.is_durable());
        let late = follow(metadata, settlement).await;
        assert!(matches!(late, Err(StoreError::NotLogged)), "{late:?}");
    }
    assert_eq!(events().await, before + 8);
    assert_eq!(metadata.load(origin).await.unwrap().unwrap().size, 7);
    let indexes = metadata.batches(origin, 0).await.unwrap();
    let indexes: Vec<_> = indexes.iter().map(|batch| batch.first_index).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5, 6]);
}

/// Two servers append to one log, and commit what follows without waiting: what is committed is
/// logged, and what is not logged is not committed.
pub(crate) async fn race_and_follow(servers: &[Metadata; 2], origin: &'static str) {
    assert!(servers[0].swap(origin, None, &log_state(0), None).await.unwrap());
    let before = servers[0].counts().await.unwrap().events;
    let racers = servers.iter().cloned().map(|server| {
        tokio::spawn(async move {
            let (mut followed, mut refused) = (0, 0);
            for _ in 0..30 {
                let size = server.load(origin).await.unwrap().unwrap().size;
                let settlement = begin(&server, origin, size).await;
                match follow(&server, &settlement).await {
                    Ok(()) => followed += 1,
                    Err(StoreError::NotLogged) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            (followed, refused)
        })
    });
    let (mut followed, mut refused) = (0, 0);
    for racer in racers.collect::<Vec<_>>() {
        let (more, less) = racer.await.unwrap();
        (followed, refused) = (followed + more, refused + less);
    }
    assert_eq!(followed + refused, 60);
    assert_eq!(servers[0].load(origin).await.unwrap().unwrap().size, followed);
    assert_eq!(servers[0].counts().await.unwrap().events, before + followed);
}
