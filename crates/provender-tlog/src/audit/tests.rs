use std::sync::Arc;

use bytes::Bytes;

use super::{Fault, audit};
use crate::checkpoint::CheckpointError;
use crate::log::tests::{append, open, try_open};
use crate::testing::MemoryStore;
use crate::tile::TileError;

async fn store() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let log = open(&store).await;
    append(&log, 0..600).await;
    log.close().await.unwrap();
    store
}

/// Changes a sound log, and gives what an audit finds.
async fn found(change: impl FnOnce(&MemoryStore)) -> (u64, Option<Fault>) {
    let store = store().await;
    let log = open(&store).await;
    change(&store);
    let audit = log.verify().await.unwrap();
    log.close().await.unwrap();
    (audit.entries, audit.fault)
}

fn flip(store: &MemoryStore, path: &str, place: usize) {
    let mut bytes = store.lose(path).unwrap().to_vec();
    bytes[place] ^= 1;
    store.replace(path, bytes.into());
}

#[tokio::test]
async fn a_sound_log_is_sound() {
    let (entries, fault) = found(|_| ()).await;
    assert_eq!((entries, fault), (600, None));
}

#[tokio::test]
async fn the_first_thing_that_is_wrong_is_found() {
    let path = |path: &str| path.parse().unwrap();
    let lost = async |tile: &'static str, entries| {
        let expected = Fault::Lost(path(tile));
        assert_eq!(found(|store| drop(store.lose(tile))).await, (entries, Some(expected)));
    };
    lost("tile/entries/000", 0).await;
    lost("tile/entries/002.p/88", 512).await;
    lost("tile/0/001", 256).await;
    lost("tile/1/000.p/2", 600).await;

    let entry =
        |index, entries, hashes| Fault::Entry { index, path: path(entries), hashes: path(hashes) };
    let of_entry = entry(256, "tile/entries/001", "tile/0/001");
    assert_eq!(found(|store| flip(store, "tile/entries/001", 2)).await, (256, Some(of_entry)));
    let of_hash = entry(513, "tile/entries/002.p/88", "tile/0/002.p/88");
    assert_eq!(found(|store| flip(store, "tile/0/002.p/88", 33)).await, (512, Some(of_hash)));
    let hash = Fault::Hash { path: path("tile/1/000.p/2"), place: 1 };
    assert_eq!(found(|store| flip(store, "tile/1/000.p/2", 33)).await, (600, Some(hash)));

    let reason = TileError::Length { expected: 88 * 32, actual: 3 };
    let stale = Fault::Damaged { path: path("tile/0/002.p/88"), reason };
    let short = |store: &MemoryStore| {
        store.replace("tile/0/002.p/88", Bytes::from_static(b"old"));
    };
    assert_eq!(found(short).await, (512, Some(stale)));
}

#[tokio::test]
async fn entries_and_hashes_changed_alike_are_found_too() {
    // Whoever can write to the store changes an entry and all tiles: the signed root is left.
    let (entries, fault) = found(|store| {
        let mut bundle = store.lose("tile/entries/002.p/88").unwrap().to_vec();
        bundle[2] ^= 1;
        let leaf = crate::Hash::leaf(&bundle[2..2 + usize::from(bundle[1])]);
        store.replace("tile/entries/002.p/88", bundle.into());
        let mut hashes = store.lose("tile/0/002.p/88").unwrap().to_vec();
        hashes[..32].copy_from_slice(leaf.as_bytes());
        store.replace("tile/0/002.p/88", hashes.into());
    })
    .await;
    assert_eq!(entries, 600);
    assert!(matches!(fault, Some(Fault::Root { .. })), "{fault:?}");
}

#[tokio::test]
async fn a_checkpoint_of_somebody_else_is_refused() {
    let store = store().await;
    let log = open(&store).await;
    let checkpoint = log.checkpoint().await.unwrap().checkpoint.clone();
    let other = audit(&*store, "other.example", log.verifier(), &checkpoint).await.unwrap();
    let fault = other.fault.unwrap();
    assert!(matches!(fault, Fault::Checkpoint(CheckpointError::OtherLog { .. })), "{fault}");
    log.close().await.unwrap();
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_names_the_tile_that_is_damaged() {
    for (tile, place, named) in [
        ("tile/0/002.p/88", 33, "entry 513 in tile/entries/002.p/88"),
        ("tile/1/000.p/2", 33, "hash 1 of the tile tile/1/000.p/2"),
    ] {
        let store = store().await;
        flip(&store, tile, place);
        let told = try_open(&store).await.err().unwrap().to_string();
        assert!(told.contains(named) && told.contains(tile), "{told}");
    }
}
