//! Blobs that are rows.

use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use provender_domain::BlobId;
use provender_store::{Blobs, Metadata, SMALL_BLOB_BYTES, Scrub, StoreError, Write};

use crate::support::{bind, event, kept, key, record, repository, staged};

pub(crate) async fn all(metadata: &Metadata) {
    let root = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(root.path(), metadata.clone()).await.unwrap();
    let create = Write::CreateRepository(repository("small"));
    metadata.commit(vec![create], vec![]).await.unwrap();
    they_come_back(&blobs).await;
    they_come_with_their_row(metadata, &blobs).await;
    many_at_once(metadata, &blobs).await;
    they_are_listed_and_removed(metadata, &blobs).await;
}

async fn prepared(blobs: &Blobs, bytes: &[u8]) -> (BlobId, Write) {
    let blob = staged(blobs, bytes).await.unwrap().verify(&[]).await.unwrap();
    let id = blob.id();
    (id, blobs.commit_with_row(blob).await.unwrap().expect("it is small"))
}

async fn they_come_back(blobs: &Blobs) {
    // Bytes of every value, and none at all.
    let all: Vec<u8> = (0..=u8::MAX).collect();
    // And a text that is packed.
    let text = format!("{{\"digests\":[{}]}}", "\"00112233445566778899aabbccddeeff\",".repeat(99));
    for bytes in [vec![], vec![0], all, vec![0xff; SMALL_BLOB_BYTES], text.into_bytes()] {
        let blob = staged(blobs, &bytes).await.unwrap().verify(&[]).await.unwrap();
        let id = blobs.commit(blob).await.unwrap();
        let limit = SMALL_BLOB_BYTES as u64;
        assert_eq!(blobs.read(&id, limit).await.unwrap().unwrap(), bytes);
        let open = blobs.open_blob(&id).await.unwrap().unwrap();
        assert_eq!(open.size_bytes, bytes.len() as u64);
        assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Intact);
    }
}

async fn they_come_with_their_row(metadata: &Metadata, blobs: &Blobs) {
    let (key, nowhere) = (key("small", "demo"), key("small", "nowhere"));
    let (id, keep) = prepared(blobs, b"with its row").await;
    // Its package is not there.
    let writes = vec![keep.clone(), record(&nowhere, kept("a", id))];
    let refused = metadata.commit(writes, vec![]).await.unwrap_err();
    assert!(matches!(refused, StoreError::Missing { what: "package", .. }), "{refused:?}");
    assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Missing);
    let published = || event(provender_domain::EventKind::Published, "small");
    let writes = vec![keep.clone(), bind(&key), record(&key, kept("a", id))];
    let before = metadata.counts().await.unwrap();
    let committed = metadata.commit(writes.clone(), vec![published(), published()]).await.unwrap();
    let after = metadata.counts().await.unwrap();
    assert_eq!((after.packages, after.files), (before.packages + 1, before.files + 1));
    assert_eq!((after.bytes, after.events), (before.bytes + 100, before.events + 2));
    let last = i64::try_from(after.events).unwrap();
    assert_eq!((committed.first_event, committed.last_event), (Some(last - 1), Some(last)));
    assert_eq!(blobs.read(&id, 100).await.unwrap().unwrap(), &b"with its row"[..]);
    // The same once more is a condition, and counts for nothing.
    let again = metadata.commit(writes, vec![published()]).await.unwrap_err();
    assert!(matches!(again, StoreError::SameFile), "{again:?}");
    assert_eq!(metadata.counts().await.unwrap(), after);
    // Bytes that are there already may come with another row.
    let other = vec![keep, record(&key, kept("b", id))];
    metadata.commit(other, vec![]).await.unwrap();
    assert_eq!(metadata.counts().await.unwrap().files, after.files + 1);
}

/// Some of those who share a transaction meet a condition; the others do not notice.
async fn many_at_once(metadata: &Metadata, blobs: &Blobs) {
    let commits = (0..40_u8).map(|number| async move {
        let (id, keep) = prepared(blobs, &[number; 50]).await;
        let package = if number % 8 == 0 { "unbound" } else { "many" };
        let key = key("small", package);
        let mut writes = vec![keep, record(&key, kept(&format!("f{number}"), id))];
        if number % 8 != 0 {
            writes.insert(1, bind(&key));
        }
        (number, id, metadata.commit(writes, vec![]).await)
    });
    for (number, id, outcome) in futures_util::future::join_all(commits).await {
        let is_kept = blobs.scrub(&id).await.unwrap() == Scrub::Intact;
        assert_eq!((outcome.is_ok(), is_kept), (number % 8 != 0, number % 8 != 0), "{number}");
    }
    assert_eq!(metadata.files(&key("small", "many")).await.unwrap().len(), 35);
}

async fn they_are_listed_and_removed(metadata: &Metadata, blobs: &Blobs) {
    let listed: Vec<_> = blobs.list().try_collect().await.unwrap();
    let (id, keep) = prepared(blobs, b"to be removed").await;
    metadata.commit(vec![keep.clone()], vec![]).await.unwrap();
    let now: Vec<_> = blobs.list().try_collect().await.unwrap();
    assert_eq!(now.len(), listed.len() + 1);
    let found = now.iter().find(|found| found.id == id).unwrap();
    assert_eq!(found.size_bytes, 13);
    let minute = Duration::from_mins(1);
    assert!(!blobs.remove_if_older(&id, SystemTime::now() - minute).await.unwrap());
    assert_eq!(blobs.read(&id, 100).await.unwrap().unwrap(), &b"to be removed"[..]);
    assert!(blobs.open_blob(&id).await.unwrap().is_some());
    assert!(blobs.remove_if_older(&id, SystemTime::now() + minute).await.unwrap());
    assert!(!blobs.remove_if_older(&id, SystemTime::now() + minute).await.unwrap());
    assert!(blobs.open_blob(&id).await.unwrap().is_none(), "nor is it remembered");
    metadata.commit(vec![keep], vec![]).await.unwrap();
    blobs.remove(&id).await.unwrap();
    assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Missing);
    assert_eq!(blobs.list().try_collect::<Vec<_>>().await.unwrap().len(), listed.len());
}
