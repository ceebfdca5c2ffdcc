use std::sync::Arc;

use super::segment::{Posting, SPAN, SegmentPath, covering, ending, find};
use super::{HITS_MAX, READ_MAX, SearchKey, encode};
use crate::log::tests::open;
use crate::testing::MemoryStore;
use crate::{Entry, Log};

#[test]
fn segments_cover_a_log() {
    let check = |spans: u64, expected: &[(u32, u64)]| {
        let found = covering(spans * SPAN);
        let found: Vec<_> = found.iter().map(|path| (path.level, path.index)).collect();
        assert_eq!(found, expected, "{spans} spans");
    };
    check(0, &[]);
    check(1, &[(0, 0)]);
    check(16, &[(1, 0)]);
    check(18, &[(1, 0), (0, 16), (0, 17)]);
    check(256 + 16 + 1, &[(2, 0), (1, 16), (0, 272)]);
    let ends: Vec<_> = ending(256 * SPAN).map(|path| (path.level, path.index)).collect();
    assert_eq!(ends, [(0, 255), (1, 15), (2, 0)]);
}

#[test]
fn parts_are_found() {
    let segment = SegmentPath { level: 2, index: 5 };
    assert_eq!(segment.parts(), 256);
    assert_eq!(segment.part_of(0xab00_0000_0000_0001), 0xab);
    assert_eq!(segment.object(0xab), "index/2/005-171");
    assert_eq!(SegmentPath { level: 0, index: 1234 }.part_of(u64::MAX), 0);
    assert_eq!(SegmentPath { level: 0, index: 1234 }.object(0), "index/0/x001/234-0");
    let posting = |key, index| Posting { key, index };
    let part = encode(&[posting(1, 9), posting(3, 4), posting(3, 7), posting(5, 1)]);
    let check = |key, expected: &[u64]| {
        assert_eq!(find(&part, key).collect::<Vec<_>>(), expected, "{key}");
    };
    check(0, &[]);
    check(1, &[9]);
    check(3, &[4, 7]);
    check(5, &[1]);
    check(6, &[]);
}

async fn fill(log: &Log, from: u64, to: u64) {
    let mut open = Vec::new();
    for number in from..to {
        let word = if number % 1000 == 7 { "seven".to_owned() } else { format!("w{number}") };
        let log = log.clone();
        open.push(tokio::spawn(
            async move { log.append(Entry::new(format!("{word} {number}"))).await },
        ));
        if open.len() == 1000 || number + 1 == to {
            for task in open.drain(..) {
                task.await.unwrap().unwrap();
            }
        }
    }
}

/// The numbers in the entries that have a word.
async fn numbers(log: &Log, word: &str) -> Vec<u64> {
    let mut numbers = Vec::new();
    for index in log.search(&SearchKey::new("word", word.as_bytes())).await.unwrap() {
        let entry = String::from_utf8(log.entry(index).await.unwrap().to_vec()).unwrap();
        numbers.push(entry.split_once(' ').unwrap().1.parse().unwrap());
    }
    numbers.sort_unstable();
    numbers
}

async fn check(log: &Log, size: u64) {
    let expected: Vec<u64> = (0..size).filter(|number| number % 1000 == 7).collect();
    assert_eq!(numbers(log, "seven").await, expected);
    for number in [0, 4095, 4096, 5001, size - 1] {
        assert_eq!(numbers(log, &format!("w{number}")).await, [number]);
    }
    assert!(numbers(log, "absent").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_found_through_every_level() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    let size = 17 * SPAN + 100;
    fill(&log, 0, size).await;
    log.close().await.unwrap();
    let paths = store.paths();
    let level = |level: u32| {
        let prefix = format!("index/{level}/");
        paths.iter().filter(|path| path.starts_with(&prefix)).count()
    };
    assert_eq!((level(0), level(1), level(2)), (17, 16, 0));
    let log = open(&store).await;
    check(&log, size).await;
    // What was not written yet, or got lost, only takes longer; an opened log writes it anew.
    store.lose("index/1/000-15").unwrap();
    store.lose("index/0/016-0").unwrap();
    check(&log, size).await;
    log.close().await.unwrap();
    let log = open(&store).await;
    log.close().await.unwrap();
    assert_eq!(store.paths(), paths);
}

#[tokio::test]
async fn the_newest_entries_are_found_by_every_server() {
    let store = Arc::new(MemoryStore::new());
    let (one, two) = (open(&store).await, open(&store).await);
    assert!(numbers(&two, "seven").await.is_empty());
    fill(&one, 0, 10).await;
    one.close().await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    assert_eq!(numbers(&two, "seven").await, [7]);
    two.close().await.unwrap();
}

#[tokio::test]
async fn those_who_are_not_meant_hide_nobody_silently() {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    fill(&log, 7, 8).await;
    let mut others = Vec::new();
    for number in 0..=READ_MAX {
        let to = log.clone();
        others.push(tokio::spawn(async move {
            to.append(Entry::new(format!("seven other{number}"))).await
        }));
        if others.len() == 1000 || number == READ_MAX {
            for other in others.drain(..) {
                other.await.unwrap().unwrap();
            }
        }
        let key = SearchKey::new("word", b"seven");
        let is_meant = |entry: &[u8]| !entry.starts_with(b"seven other");
        if number == HITS_MAX || number == READ_MAX {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            let found = log.search_for(&key, &is_meant).await.unwrap();
            let is_seen = number == HITS_MAX;
            assert_eq!(
                (found.indexes.len(), found.has_more_unread),
                (usize::from(is_seen), !is_seen)
            );
        }
    }
    log.close().await.unwrap();
}
