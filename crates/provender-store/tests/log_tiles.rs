//! Tiles on the file system, and every durable step of writing one made to fail.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use provender_store::{FaultMode, Faults, LogTiles};
use provender_tlog::TileStore as _;

/// More steps than a put has.
const STEPS_LIMIT: u64 = 100;
const PARTIAL: &str = "tile/0/x001/234.p/56";
const FULL: &str = "tile/0/x001/234";

async fn open(root: &Path) -> LogTiles {
    LogTiles::open(&root.join("log")).await.unwrap()
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Every file below a directory, sorted, by what stands behind the directory's name.
fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => directories.push(path),
                false => found.push(path.strip_prefix(root).unwrap().to_owned()),
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn what_is_put_is_read() {
    let root = tempfile::tempdir().unwrap();
    let tiles = open(root.path()).await;
    assert_eq!(tiles.read(FULL).await.unwrap(), None);
    for (path, text) in [(FULL, "full"), (PARTIAL, "partial"), ("checkpoint", "")] {
        tiles.put(path, bytes(text)).await.unwrap();
        tiles.put(path, bytes(text)).await.unwrap();
        assert_eq!(tiles.read(path).await.unwrap(), Some(bytes(text)));
    }
    let again = open(root.path()).await;
    assert_eq!(again.read(PARTIAL).await.unwrap(), Some(bytes("partial")));
    assert_eq!(files(&root.path().join("log")), ["checkpoint", FULL, PARTIAL].map(PathBuf::from));
    for (path, mode) in [("log", 0o700), ("log/tile/0", 0o700), ("log/checkpoint", 0o600)] {
        let found = root.path().join(path).metadata().unwrap().permissions().mode();
        assert_eq!(found & 0o777, mode, "{path}");
    }
}

#[tokio::test]
async fn what_is_there_is_never_replaced() {
    let root = tempfile::tempdir().unwrap();
    let tiles = open(root.path()).await;
    tiles.put(FULL, bytes("one")).await.unwrap();
    let refused = tiles.put(FULL, bytes("two")).await.unwrap_err();
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(source.contains("other bytes"), "{refused}: {source}");
    assert_eq!(tiles.read(FULL).await.unwrap(), Some(bytes("one")));
    // A directory in its place is no object, and hides none.
    tiles.put("tile/0", bytes("one")).await.unwrap_err();
    tiles.read("tile/0").await.unwrap_err();
}

#[tokio::test]
async fn no_path_leads_outside() {
    let root = tempfile::tempdir().unwrap();
    let tiles = open(root.path()).await;
    for path in ["../outside", "/outside", "a/../../outside", ".staging/a", "", "a//b", "A"] {
        tiles.put(path, bytes("x")).await.unwrap_err();
        tiles.read(path).await.unwrap_err();
        tiles.remove(path).await.unwrap_err();
    }
    assert!(files(root.path()).is_empty());
}

#[tokio::test]
async fn what_is_removed_takes_its_empty_directory_along() {
    let root = tempfile::tempdir().unwrap();
    let tiles = open(root.path()).await;
    tiles.remove(PARTIAL).await.unwrap();
    let other = "tile/0/x001/234.p/57";
    for path in [PARTIAL, other, FULL] {
        tiles.put(path, bytes(path)).await.unwrap();
    }
    let directory = root.path().join("log/tile/0/x001/234.p");
    tiles.remove(PARTIAL).await.unwrap();
    assert_eq!(tiles.read(PARTIAL).await.unwrap(), None);
    assert_eq!(tiles.read(other).await.unwrap(), Some(bytes(other)));
    assert!(directory.exists());
    tiles.remove(other).await.unwrap();
    assert!(!directory.exists());
    assert_eq!(tiles.read(FULL).await.unwrap(), Some(bytes(FULL)));
    // And it comes again with the next.
    tiles.put(PARTIAL, bytes("again")).await.unwrap();
    assert_eq!(tiles.read(PARTIAL).await.unwrap(), Some(bytes("again")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_and_removers_do_not_disturb_each_other() {
    let root = tempfile::tempdir().unwrap();
    let tiles = open(root.path()).await;
    let writers = (0..4_u32).map(|writer| {
        let tiles = tiles.clone();
        tokio::spawn(async move {
            for round in 0..25 {
                // All write the same, and one takes the directory of its own partial away again.
                let shared = format!("tile/0/x00{}/00{}", round % 3, round % 10);
                tiles.put(&shared, bytes(&shared)).await.unwrap();
                let partial = format!("tile/0/999.p/{writer}");
                tiles.put(&partial, bytes(&partial)).await.unwrap();
                assert_eq!(tiles.read(&shared).await.unwrap(), Some(bytes(&shared)));
                tiles.remove(&partial).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let left = files(&root.path().join("log"));
    assert!(left.iter().all(|path| !path.starts_with(".staging")), "{left:?}");
    assert!(!root.path().join("log/tile/0/999.p").exists());
}

/// Each step fails once before it happened and once after: an object is whole or not there, and
/// putting it again is fine, at once and after a restart.
#[tokio::test]
async fn every_step_may_fail() {
    for mode in [FaultMode::BeforePersisted, FaultMode::AfterPersisted] {
        let mut failed = 0;
        for step in 0..STEPS_LIMIT {
            let root = tempfile::tempdir().unwrap();
            let tiles = open(root.path()).await;
            let faults = Faults::at(step, mode);
            let tiles = tiles.with_faults(faults.clone());
            let first = tiles.put(PARTIAL, bytes("whole")).await;
            if !faults.fired() {
                first.unwrap();
                break;
            }
            first.unwrap_err();
            failed += 1;
            let seen = tiles.read(PARTIAL).await.unwrap();
            assert!(seen.is_none() || seen == Some(bytes("whole")), "{mode:?} at {step}");
            tiles.put(PARTIAL, bytes("whole")).await.unwrap();

            let again = open(root.path()).await;
            again.put(PARTIAL, bytes("whole")).await.unwrap();
            assert_eq!(again.read(PARTIAL).await.unwrap(), Some(bytes("whole")));
            assert_eq!(files(&root.path().join("log")), [PathBuf::from(PARTIAL)]);
        }
        // Four directories with their parents; create, write, fsync, rename, fsync.
        assert_eq!(failed, 13, "{mode:?}");
    }
}
