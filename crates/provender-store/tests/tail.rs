//! A staged file that is read while it is written: in order, never whole before it is kept, and
//! cut off where it is not.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use provender_domain::BlobId;
use provender_store::{BlobError, HELD_BACK_BYTES, Staging, TailReader};
use sha2::Digest as _;
use support::open_blobs;
use tokio::task::JoinHandle;

const LARGE_BYTES: usize = 2 * 1024 * 1024 + 321;
/// Sooner than anything that is waited for in vain would come.
const SHORTLY: Duration = Duration::from_millis(50);

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

fn id_of(bytes: &[u8]) -> BlobId {
    BlobId::from_bytes(sha2::Sha256::digest(bytes).into())
}

/// Reads to the end: what came, and how it ended.
fn read(mut reader: TailReader, limit: usize) -> JoinHandle<(Vec<u8>, Result<(), BlobError>)> {
    tokio::spawn(async move {
        let mut seen = Vec::new();
        loop {
            match reader.next(limit).await {
                Ok(Some(bytes)) => {
                    assert!(!bytes.is_empty() && bytes.len() <= limit);
                    seen.extend_from_slice(&bytes);
                }
                Ok(None) => return (seen, Ok(())),
                Err(error) => return (seen, Err(error)),
            }
        }
    })
}

async fn write(staging: &mut Staging, bytes: &[u8]) {
    staging.write(Bytes::copy_from_slice(bytes)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_see_what_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let check = async |length: usize, piece: usize| {
        let bytes = pattern(length);
        let mut staging = blobs.stage().await.unwrap();
        let tail = staging.tail();
        let mut readers = vec![read(tail.open(), 1), read(tail.open(), 10_000)];
        if length > 100_000 {
            readers.remove(0);
        }
        for chunk in bytes.chunks(piece) {
            write(&mut staging, chunk).await;
            if readers.len() < 8 {
                readers.push(read(tail.open(), 70_001));
            }
        }
        let blob = staging.finish().await.unwrap();
        readers.push(read(tail.open(), usize::MAX));
        let id = blobs.commit(blob.verify(&[]).await.unwrap()).await.unwrap();
        assert_eq!(id, id_of(&bytes));
        // Whoever has it open reads on after its name has changed, and after it is removed.
        blobs.remove(&id).await.unwrap();
        tail.complete();
        readers.push(read(tail.open(), 4_096));
        // What was said first stays.
        tail.fail();
        for reader in readers {
            let (seen, outcome) = reader.await.unwrap();
            outcome.unwrap();
            assert!(seen == bytes, "{length} by {piece}: {} bytes", seen.len());
        }
    };
    check(0, 1).await;
    check(1, 1).await;
    check(5_000, 700).await;
    check(usize::try_from(HELD_BACK_BYTES).unwrap(), 9_000).await;
    check(usize::try_from(HELD_BACK_BYTES).unwrap() + 1, 9_000).await;
    check(LARGE_BYTES, 64 * 1024).await;
    check(LARGE_BYTES, LARGE_BYTES).await;
}

#[tokio::test]
async fn a_slow_writer_is_followed_but_never_to_the_end() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let held_back = usize::try_from(HELD_BACK_BYTES).unwrap();
    let bytes = pattern(1_000_000);
    let mut staging = blobs.stage().await.unwrap();
    let tail = staging.tail();
    let mut reader = tail.open();
    assert!(tokio::time::timeout(SHORTLY, reader.next(10)).await.is_err());
    let mut seen = Vec::new();
    for (number, chunk) in bytes.chunks(50_000).enumerate() {
        write(&mut staging, chunk).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        while let Ok(next) =
            tokio::time::timeout(Duration::from_millis(10), reader.next(30_000)).await
        {
            seen.extend_from_slice(&next.unwrap().unwrap());
        }
        let written = (number + 1) * 50_000;
        assert!(seen.len() <= written.saturating_sub(held_back), "{} of {written}", seen.len());
        // Not a whole buffer of a mebibyte behind: a piece, what is held back, and the last chunk.
        assert!(
            seen.len() + 150_000 + held_back + 100_000 >= written,
            "{} of {written}",
            seen.len()
        );
    }
    let blob = staging.finish().await.unwrap();
    let waiting = async |reader: &mut TailReader, seen: &mut Vec<u8>| {
        while let Ok(next) = tokio::time::timeout(SHORTLY, reader.next(100_000)).await {
            seen.extend_from_slice(&next.unwrap().unwrap());
        }
        assert_eq!(seen.len(), bytes.len() - held_back);
    };
    waiting(&mut reader, &mut seen).await;
    blobs.commit(blob.verify(&[]).await.unwrap()).await.unwrap();
    waiting(&mut reader, &mut seen).await;
    tail.complete();
    while let Some(next) = reader.next(100_000).await.unwrap() {
        seen.extend_from_slice(&next);
    }
    assert!(seen == bytes);
    assert_eq!(reader.next(1).await.unwrap(), None);
}

#[tokio::test]
async fn what_is_not_kept_is_cut_off() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let bytes = pattern(LARGE_BYTES);
    let begin = async || {
        let mut staging = blobs.stage().await.unwrap();
        let tail = staging.tail();
        let reader = read(tail.open(), 50_000);
        for chunk in bytes.chunks(100_000) {
            write(&mut staging, chunk).await;
        }
        (staging, tail, reader)
    };
    let is_cut_off = async |reader: JoinHandle<(Vec<u8>, Result<(), BlobError>)>, what: &str| {
        let (seen, outcome) = reader.await.unwrap();
        assert!(matches!(outcome, Err(BlobError::Withdrawn)), "{what}: {outcome:?}");
        let limit = LARGE_BYTES - usize::try_from(HELD_BACK_BYTES).unwrap();
        assert!(seen.len() <= limit && bytes.starts_with(&seen), "{what}: {}", seen.len());
    };

    let (staging, tail, reader) = begin().await;
    drop(staging);
    is_cut_off(reader, "dropped while it was written").await;
    tail.complete();
    is_cut_off(read(tail.open(), 10), "opened later").await;

    let (staging, _tail, reader) = begin().await;
    drop(staging.finish().await.unwrap());
    is_cut_off(reader, "dropped before it was verified").await;

    let (staging, _tail, reader) = begin().await;
    let wrong = id_of(b"other").digest();
    staging.finish().await.unwrap().verify(&[wrong]).await.unwrap_err();
    is_cut_off(reader, "wrong").await;

    let (staging, tail, reader) = begin().await;
    let blob = staging.finish().await.unwrap().verify(&[]).await.unwrap();
    tail.fail();
    is_cut_off(reader, "said to have failed").await;
    drop(blob);

    let (staging, tail, reader) = begin().await;
    let blob = staging.finish().await.unwrap().verify(&[]).await.unwrap();
    blobs.commit(blob).await.unwrap();
    drop(tail);
    is_cut_off(reader, "nobody says how it ends").await;
}
