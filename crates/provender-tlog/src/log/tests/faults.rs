//! What happens when stores fail, servers die, and several servers append at once.

use std::sync::Arc;
use std::time::Duration;

use super::{ORIGIN, append, check, check_proof, entry, open, options};
use crate::testing::{Fault, MemoryStore};
use crate::{AppendError, Entry, Log, LogError, StateStore};

/// Appends some rounds of entries with one failing write, until each is acknowledged.
async fn with_fault(after: u64, fault: Fault) -> bool {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    append(&log, 0..250).await;
    store.fail_write(after, fault);
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        for number in 250 + round * 20..250 + (round + 1) * 20 {
            let appended = loop {
                match log.append(entry(number)).await {
                    Ok(appended) => break appended,
                    Err(AppendError::Storage(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            };
            acknowledged.push((number, appended));
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    log.close().await.unwrap();
    let happened = !store.is_fault_pending();
    // A server that starts afterwards finishes what is left.
    open(&store).await.close().await.unwrap();
    check(&store).await;
    let log = open(&store).await;
    for (number, appended) in acknowledged {
        check_proof(&entry(number), &appended);
        assert_eq!(log.entry(appended.index).await.unwrap(), entry(number).body);
    }
    log.close().await.unwrap();
    happened
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_may_fail_once() {
    for fault in [Fault::Unpersisted, Fault::Persisted] {
        let mut happened = 0;
        for after in 0..60 {
            happened += u32::from(with_fault(after, fault).await);
        }
        assert!(happened >= 50, "{fault:?} happened {happened} times");
    }
}

#[tokio::test]
async fn the_first_start_may_fail_at_every_write() {
    for fault in [Fault::Unpersisted, Fault::Persisted] {
        for after in 0..2 {
            let store = Arc::new(MemoryStore::new());
            store.fail_write(after, fault);
            let begun = Log::open(options(&store)).await;
            assert!(begun.is_err(), "{after}");
            let log = open(&store).await;
            append(&log, 0..10).await;
            log.close().await.unwrap();
            assert_eq!(check(&store).await.entries, 10);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_append_to_one_log() {
    let store = Arc::new(MemoryStore::new());
    let (one, two) = (open(&store).await, open(&store).await);
    let (left, right) = tokio::join!(append(&one, 0..900), append(&two, 900..1800));
    let mut places: Vec<u64> = left.iter().chain(&right).map(|one| one.index).collect();
    places.sort_unstable();
    assert_eq!(places, (0..1800).collect::<Vec<u64>>(), "each has a place of its own");
    // What the other server took is known again.
    let again = append(&two, 0..20).await;
    assert!(again.iter().zip(&left).all(|(again, first)| again.index == first.index));
    one.close().await.unwrap();
    two.close().await.unwrap();
    assert_eq!(check(&store).await.entries, 1800);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_survive_failing_writes() {
    for after in (0..80).step_by(7) {
        let store = Arc::new(MemoryStore::new());
        let (one, two) = (open(&store).await, open(&store).await);
        store.fail_write(after, Fault::Persisted);
        let (left, right) = tokio::join!(append(&one, 0..200), append(&two, 200..400));
        one.close().await.unwrap();
        two.close().await.unwrap();
        open(&store).await.close().await.unwrap();
        check(&store).await;
        let log = open(&store).await;
        for (number, appended) in (0..).zip(left.iter().chain(&right)) {
            assert_eq!(log.entry(appended.index).await.unwrap(), entry(number).body);
        }
        log.close().await.unwrap();
    }
}

#[test]
fn a_server_that_is_killed_between_swap_and_tiles_loses_nothing() {
    let store = Arc::new(MemoryStore::new());
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    };
    let dying = runtime();
    let acknowledged = dying.block_on(async {
        let log = open(&store).await;
        append(&log, 0..300).await;
        store.freeze_objects(true);
        let acknowledged = append(&log, 300..700).await;
        assert!(!store.batches(ORIGIN, 0).await.unwrap().is_empty());
        acknowledged
    });
    dying.shutdown_background();
    store.freeze_objects(false);
    runtime().block_on(async {
        let log = open(&store).await;
        assert_eq!(check(&store).await.entries, 700);
        for (number, appended) in (300..).zip(acknowledged) {
            assert_eq!(log.entry(appended.index).await.unwrap(), entry(number).body);
        }
        append(&log, 700..710).await;
        log.close().await.unwrap();
        assert_eq!(check(&store).await.entries, 710);
    });
}

/// What is published can be read; what is not yet is, as soon as there is room.
#[test]
fn a_log_opens_on_a_full_disk() {
    let store = Arc::new(MemoryStore::new());
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    };
    let dying = runtime();
    dying.block_on(async {
        let log = open(&store).await;
        append(&log, 0..300).await;
        log.close().await.unwrap();
        store.freeze_objects(true);
        append(&open(&store).await, 300..700).await;
    });
    dying.shutdown_background();
    runtime().block_on(async {
        let log = open(&store).await;
        assert_eq!(log.checkpoint().await.unwrap().size, 300);
        assert_eq!(log.entry(7).await.unwrap(), entry(7).body);
        append(&log, 700..710).await;
        store.freeze_objects(false);
        while log.checkpoint().await.unwrap().size < 710 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        log.close().await.unwrap();
        assert_eq!(check(&store).await.entries, 710);
    });
}

#[test]
fn a_server_may_be_killed_after_every_write() {
    for writes in 0..40 {
        let store = Arc::new(MemoryStore::new());
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dying = runtime();
        let acknowledged = dying.block_on(async {
            let log = open(&store).await;
            append(&log, 0..250).await;
            store.stop_writes(Some(writes));
            let mut acknowledged = Vec::new();
            for number in 250..290 {
                let append = log.append(entry(number));
                match tokio::time::timeout(Duration::from_millis(30), append).await {
                    Ok(Ok(appended)) => acknowledged.push((number, appended)),
                    _ => break,
                }
            }
            acknowledged
        });
        dying.shutdown_background();
        store.stop_writes(None);
        runtime().block_on(async {
            let log = open(&store).await;
            let found = check(&store).await.entries;
            assert!(found >= 250 + acknowledged.len() as u64, "{writes}: {found}");
            for (number, appended) in acknowledged {
                check_proof(&entry(number), &appended);
                assert_eq!(log.entry(appended.index).await.unwrap(), entry(number).body);
            }
            append(&log, 240..300).await;
            log.close().await.unwrap();
            assert_eq!(check(&store).await.entries, 300);
        });
    }
}

#[tokio::test]
async fn a_lost_or_stale_tile_stops_the_log_instead_of_forking_it() {
    for path in ["tile/0/001.p/44", "tile/entries/001.p/44", "tile/1/000.p/1"] {
        let store = Arc::new(MemoryStore::new());
        let log = open(&store).await;
        append(&log, 0..300).await;
        log.close().await.unwrap();
        let held = store.lose(path).unwrap();
        assert!(Log::open(options(&store)).await.is_err(), "{path} is lost");
        let mut stale = held.to_vec();
        stale[5] ^= 1;
        stale.truncate(held.len() - usize::from(path.starts_with("tile/entries")));
        store.replace(path, stale.into());
        assert!(Log::open(options(&store)).await.is_err(), "{path} is stale");
        store.replace(path, held);
        let log = open(&store).await;
        log.append(Entry::new("more")).await.unwrap();
        log.close().await.unwrap();
        assert_eq!(check(&store).await.entries, 301);
    }
}

#[tokio::test]
async fn a_log_whose_task_died_says_so() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    append(&log, 0..10).await;
    assert!(!log.has_died());
    // The store cannot be used any more by whoever comes next, and they die of it.
    let poison = std::thread::spawn({
        let store = Arc::clone(&store);
        move || store.panic_while_it_is_held()
    });
    assert!(poison.join().is_err());
    assert!(matches!(log.append(entry(10)).await, Err(AppendError::Closed)));
    assert!(log.has_died());
    assert!(matches!(log.close().await, Err(LogError::Died(_))));
}
