//! Uploads that have to give way to others, where there are too many.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use provender_store::{Blobs, Upload, UploadKey};
use support::open_blobs;

fn named(id: &str) -> UploadKey<'_> {
    UploadKey { owner: "main/oci/team/app", id, publisher: "a token" }
}

async fn write(upload: &mut Upload, bytes: &'static [u8]) {
    upload.write(Bytes::from_static(bytes)).await.unwrap();
}

fn files(root: &Path) -> usize {
    std::fs::read_dir(root.join("uploads")).unwrap().count()
}

#[tokio::test]
async fn those_without_a_file_make_room_the_oldest_first() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let begin = async |number: usize| {
        blobs.create_upload(named(&format!("{number:032x}")), &[]).await.unwrap()
    };
    let is_known = async |number: usize| {
        blobs.resume_upload(named(&format!("{number:032x}"))).await.unwrap().is_some()
    };
    let held = begin(0).await;
    let mut written = begin(1).await;
    write(&mut written, b"more").await;
    written.pause().await.unwrap();
    begin(2).await.pause().await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    begin(3).await.pause().await.unwrap();
    assert!(blobs.make_room_for_upload(5).await.unwrap() && !blobs.has_forgotten_uploads());
    assert!(blobs.make_room_for_upload(4).await.unwrap() && blobs.has_forgotten_uploads());
    assert!(!is_known(2).await && is_known(1).await && is_known(3).await);
    assert_eq!(blobs.uploads_under_way(), 3);
    // Those that have bytes go after all others, and what somebody holds stays.
    assert!(blobs.make_room_for_upload(3).await.unwrap());
    assert!(!is_known(3).await && is_known(1).await);
    assert!(blobs.make_room_for_upload(2).await.unwrap());
    assert!(!is_known(1).await && files(root.path()) == 0);
    assert!(!blobs.make_room_for_upload(1).await.unwrap());
    let again = blobs.resume_begun_upload(named(&format!("{:032x}", 2))).await.unwrap();
    assert_eq!(again.received_bytes(), 0);
    assert_eq!(held.pause().await.unwrap(), 0);
}

#[tokio::test]
async fn whoever_has_most_gives_way_with_what_rested_longest() {
    let root = tempfile::tempdir().unwrap();
    // Owners are packages, which several may publish.
    let key = |id: &'static str| {
        let publisher = if id.starts_with("few") { "few" } else { "many" };
        UploadKey { publisher, ..named(id) }
    };
    let blobs = open_blobs(root.path()).await;
    for id in ["few 1", "many 1", "many 2", "many 3", "many 4"] {
        let mut upload = blobs.create_upload(key(id), &[]).await.unwrap();
        write(&mut upload, b"more").await;
        upload.pause().await.unwrap();
    }
    let known = |blobs: &Blobs| {
        let all = ["few 1", "many 1", "many 2", "many 3", "many 4"];
        all.into_iter().filter(|id| blobs.knows_upload(key(id))).collect::<Vec<_>>()
    };
    for id in ["many 2", "few 1", "many 3", "many 1", "many 4"] {
        drop(blobs.resume_upload(key(id)).await.unwrap().unwrap());
    }
    assert!(blobs.make_room_for_upload(6).await.unwrap());
    assert_eq!(files(root.path()), 5, "there was room");
    assert!(blobs.make_room_for_upload(5).await.unwrap());
    assert_eq!(known(&blobs), ["few 1", "many 1", "many 3", "many 4"]);
    assert_eq!(files(root.path()), 4);
    let held = blobs.resume_upload(key("many 3")).await.unwrap().unwrap();
    assert!(blobs.make_room_for_upload(4).await.unwrap());
    assert_eq!(known(&blobs), ["few 1", "many 3", "many 4"]);
    assert!(blobs.resume_upload(key("many 1")).await.unwrap().is_none());
    drop(held);

    // Another process knows for whom they count once somebody goes on with them.
    let blobs = open_blobs(root.path()).await;
    assert_eq!(known(&blobs), [""; 0]);
    for id in ["few 1", "many 3", "many 4"] {
        assert_eq!(blobs.resume_upload(key(id)).await.unwrap().unwrap().received_bytes(), 4);
    }
    assert!(blobs.make_room_for_upload(3).await.unwrap());
    assert_eq!(known(&blobs), ["few 1", "many 4"]);
}
