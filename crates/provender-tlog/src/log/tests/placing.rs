//! Places that are given before they are durable.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::{ORIGIN, append, check, check_proof, entry, open};
use crate::testing::{Fault, MemoryStore};
use crate::{AppendError, Log, Placed, StateStore};

/// Gives so many entries a place, one after another.
async fn place(log: &Log, numbers: std::ops::Range<usize>) -> Vec<Placed> {
    let mut all = Vec::new();
    for number in numbers {
        let placed = log.place(entry(number)).await.unwrap();
        check_proof(&entry(number), &placed.appended);
        all.push(placed);
    }
    all
}

/// Waits until so many swaps are held.
async fn held(store: &MemoryStore, count: usize) {
    while store.held_swaps() < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_place_is_given_at_once_and_shown_to_nobody_before_it_is_durable() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    append(&log, 0..3).await;
    store.hold_swaps(true);
    let placed = place(&log, 3..6).await;
    assert_eq!(placed.iter().map(|one| one.appended.index).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(placed.iter().map(|one| one.appended.size).collect::<Vec<_>>(), [4, 5, 6]);
    assert!(placed.iter().all(|one| !one.settlement.is_durable()));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(log.checkpoint().await.unwrap().size, 3, "nothing of it is published");
    assert!(log.entry(3).await.is_err());
    store.hold_swaps(false);
    for one in &placed {
        assert!(one.settlement.outcome().await.unwrap() && one.settlement.is_durable());
    }
    log.close().await.unwrap();
    assert_eq!(check(&store).await.entries, 6);
}

#[tokio::test]
async fn who_waits_for_durability_waits_though_others_do_not() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    store.hold_swaps(true);
    let waiting = tokio::spawn({
        let log = log.clone();
        async move { log.append(entry(0)).await }
    });
    held(&store, 1).await;
    let placed = place(&log, 1..2).await.remove(0);
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    store.hold_swaps(false);
    let appended = waiting.await.unwrap().unwrap();
    assert_eq!((appended.index, placed.appended.index), (0, 1));
    log.close().await.unwrap();
    check(&store).await;
}

/// The first of three swaps fails: the others fail behind it, or are made if it was made after
/// all. Nothing is lost that somebody was told of, and nobody has another's place.
#[tokio::test]
async fn a_swap_may_fail_whose_place_was_given() {
    for (fault, survives) in [(Fault::Unpersisted, false), (Fault::Persisted, true)] {
        let store = Arc::new(MemoryStore::new());
        let log = open(&store).await;
        append(&log, 0..3).await;
        store.hold_swaps(true);
        let placed = place(&log, 3..6).await;
        let waiting = tokio::spawn({
            let log = log.clone();
            async move { log.append(entry(6)).await }
        });
        held(&store, 4).await;
        store.fail_write(0, fault);
        store.hold_swaps(false);
        placed[0].settlement.outcome().await.unwrap_err();
        for one in &placed[1..] {
            assert_eq!(one.settlement.outcome().await.unwrap(), survives, "{fault:?}");
        }
        let appended = waiting.await.unwrap().unwrap();
        check_proof(&entry(6), &appended);
        // Whoever was told that it failed asks again, and is known or gets a place anew.
        for (number, first) in (3..).zip(&placed) {
            let again = log.place(entry(number)).await.unwrap();
            check_proof(&entry(number), &again.appended);
            assert!(again.settlement.outcome().await.unwrap());
            assert!(!survives || again.appended.index == first.appended.index);
        }
        log.close().await.unwrap();
        assert_eq!(check(&store).await.entries, 7, "{fault:?}");
        let log = open(&store).await;
        assert_eq!(log.entry(appended.index).await.unwrap(), entry(6).body);
        log.close().await.unwrap();
    }
}

/// The swap was made and an error returned, and nobody comes any more: it is published all the same,
/// even if the first try at that fails too.
#[tokio::test]
async fn what_was_made_though_it_failed_is_published() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    store.fail_write(0, Fault::Persisted);
    store.freeze_objects(true);
    let placed = log.place(entry(0)).await.unwrap();
    placed.settlement.outcome().await.unwrap_err();
    tokio::time::sleep(Duration::from_millis(20)).await;
    store.freeze_objects(false);
    while log.checkpoint().await.unwrap().size == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(log.entry(0).await.unwrap(), entry(0).body);
    log.close().await.unwrap();
}

/// Another server is first while places are given: they are lost, those who wait get others, and
/// for a while places are given when they are durable.
#[tokio::test]
async fn another_server_may_be_first() {
    let store = Arc::new(MemoryStore::new());
    let (one, two) = (open(&store).await, open(&store).await);
    store.hold_swaps(true);
    let lost = place(&one, 0..2).await;
    let theirs = place(&two, 10..11).await.remove(0);
    // Those of the other were handed in last; let them be first.
    store.reverse_held_swaps();
    store.hold_swaps(false);
    assert!(theirs.settlement.outcome().await.unwrap());
    for placed in &lost {
        assert!(!placed.settlement.outcome().await.unwrap());
    }
    for number in 0..2 {
        let again = one.place(entry(number)).await.unwrap();
        assert!(again.settlement.is_durable(), "no place is given before it is durable");
        check_proof(&entry(number), &again.appended);
    }
    one.close().await.unwrap();
    two.close().await.unwrap();
    assert_eq!(check(&store).await.entries, 3);
}

#[tokio::test]
async fn an_entry_that_is_under_way_already_gets_no_second_place() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    store.hold_swaps(true);
    let first = log.place(entry(0)).await.unwrap();
    let again = tokio::spawn({
        let log = log.clone();
        async move { log.place(entry(0)).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!again.is_finished());
    store.hold_swaps(false);
    let again = again.await.unwrap().unwrap();
    assert_eq!(again.appended.index, first.appended.index);
    assert!(again.settlement.is_durable());
    log.close().await.unwrap();
    assert_eq!(check(&store).await.entries, 1);
}

/// The server dies after places were given and before their swaps are made, or between.
#[test]
fn a_server_may_be_killed_before_what_it_gave_is_durable() {
    for writes in 0..6 {
        let store = Arc::new(MemoryStore::new());
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let dying = runtime();
        let placed = dying.block_on(async {
            let log = open(&store).await;
            append(&log, 0..10).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            store.hold_swaps(true);
            let placed = place(&log, 10..14).await;
            store.stop_writes(Some(writes));
            store.hold_swaps(false);
            tokio::time::sleep(Duration::from_millis(20)).await;
            placed
        });
        dying.shutdown_background();
        store.stop_writes(None);
        runtime().block_on(async {
            let log = open(&store).await;
            let state = store.load(ORIGIN).await.unwrap().unwrap();
            let durable = placed.iter().filter(|one| one.settlement.is_durable());
            assert_eq!(state.size, 10 + durable.clone().count() as u64, "{writes}");
            for (number, one) in (10..).zip(durable) {
                assert_eq!(log.entry(one.appended.index).await.unwrap(), entry(number).body);
            }
            log.close().await.unwrap();
            check(&store).await;
        });
    }
}

/// Some take their places by themselves on several threads, others wait for durability, and some
/// writes fail between: every place is another one, and nothing that was durable is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_take_their_places_at_once() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    let callers = (0..6_usize).map(|caller| {
        let (log, store) = (log.clone(), Arc::clone(&store));
        tokio::spawn(async move {
            let mut indexes = Vec::new();
            for round in 0..40 {
                let own = entry(caller * 1000 + round);
                if (caller, round % 10) == (0, 5) {
                    store.fail_write(1, Fault::Unpersisted);
                }
                if caller < 2 {
                    let appended = log.append(own.clone()).await.unwrap();
                    check_proof(&own, &appended);
                    indexes.push((own, appended.index));
                    continue;
                }
                let placed = log.place(own.clone()).await.unwrap();
                check_proof(&own, &placed.appended);
                if placed.settlement.outcome().await.is_ok_and(|made| made) {
                    indexes.push((own, placed.appended.index));
                }
            }
            indexes
        })
    });
    let mut durable = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        durable.extend(caller.await.unwrap());
    }
    log.close().await.unwrap();
    assert!(matches!(log.place(entry(0)).await, Err(AppendError::Closed)));
    let entries = check(&store).await.entries;
    let places: HashSet<u64> = durable.iter().map(|(_, index)| *index).collect();
    assert_eq!(places.len(), durable.len(), "a place was given twice");
    assert!(durable.len() as u64 <= entries && durable.len() >= 2 * 40, "{}", durable.len());
    let log = open(&store).await;
    for (own, index) in durable {
        assert_eq!(log.entry(index).await.unwrap(), own.body);
    }
    log.close().await.unwrap();
}
