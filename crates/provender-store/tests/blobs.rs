//! Bytes in, the same bytes out, and nothing else.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use provender_domain::{Algorithm, BlobId, Digest};
use provender_store::{
    BlobError, Blobs, DatabaseUrl, Metadata, SMALL_BLOB_BYTES, Scrub, VerifyError, Write,
};
use sha2::Digest as _;
use support::{bind, key, open_blobs, record, repository, staged};

/// Larger than any buffer on the way, and no multiple of one.
const LARGE_BYTES: usize = 5 * 1024 * 1024 + 321;

fn id_of(bytes: &[u8]) -> BlobId {
    BlobId::from_bytes(sha2::Sha256::digest(bytes).into())
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

async fn kept(blobs: &Blobs, bytes: &[u8]) -> BlobId {
    let blob = staged(blobs, bytes).await.unwrap().verify(&[]).await.unwrap();
    blobs.commit(blob).await.unwrap()
}

fn place(root: &Path, id: &BlobId) -> std::path::PathBuf {
    let hex = id.to_hex();
    root.join("blobs/sha256").join(&hex[..2]).join(hex)
}

fn is_staging_empty(root: &Path) -> bool {
    std::fs::read_dir(root.join("staging")).unwrap().next().is_none()
}

#[tokio::test]
async fn bytes_come_back_whatever_the_pieces() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let check = async |length: usize, piece: usize| {
        let bytes = pattern(length);
        let mut staging = blobs.stage().await.unwrap();
        for chunk in bytes.chunks(piece) {
            staging.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
        assert_eq!(staging.size_bytes(), length as u64);
        let blob = staging.finish().await.unwrap();
        assert_eq!((blob.id(), blob.size_bytes()), (id_of(&bytes), length as u64));
        let mut seen = Vec::new();
        blob.reader().unwrap().read_to_end(&mut seen).unwrap();
        assert!(seen == bytes, "{length} by {piece}");
        let id = blobs.commit(blob.verify(&[]).await.unwrap()).await.unwrap();
        assert_eq!(id, id_of(&bytes));
        let mut open = blobs.open_blob(&id).await.unwrap().unwrap();
        seen.clear();
        open.content.read_to_end(&mut seen).unwrap();
        assert!(seen == bytes && open.size_bytes == length as u64, "{length} by {piece}");
        assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Intact);
    };
    check(0, 1).await;
    check(1, 1).await;
    check(10_000, 7).await;
    for length in [SMALL_BLOB_BYTES - 1, SMALL_BLOB_BYTES, SMALL_BLOB_BYTES + 1] {
        check(length, 5_000).await;
    }
    check(1024 * 1024, 1024 * 1024).await;
    check(LARGE_BYTES, 64 * 1024).await;
    check(LARGE_BYTES, LARGE_BYTES).await;
    check(LARGE_BYTES, 1024 * 1024 + 1).await;
    assert!(is_staging_empty(root.path()));
}

#[tokio::test]
async fn every_claim_is_checked() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    // The digests of the three bytes "abc", from each algorithm's specification.
    let right = [
        "md5:900150983cd24fb0d6963f7d28e17f72",
        "sha1:a9993e364706816aba3e25717850c26c9cd0d89d",
        "sha224:23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "sha384:cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
         8086072ba1e7cc2358baeca134c825a7",
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
         2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "blake2b_256:bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
    ]
    .map(|text| text.parse::<Digest>().unwrap());
    assert_eq!(right.each_ref().map(Digest::algorithm), Algorithm::ALL);

    let verify = async |claims: &[Digest]| {
        staged(&blobs, b"abc").await.unwrap().verify(claims).await.map(|blob| blob.id())
    };
    assert_eq!(verify(&[]).await.unwrap(), id_of(b"abc"));
    assert_eq!(verify(&right).await.unwrap(), id_of(b"abc"));
    let twice = [right[0].clone(), right[0].clone()];
    assert_eq!(verify(&twice).await.unwrap(), id_of(b"abc"));

    for wrong in 0..right.len() {
        let mut claims = right.clone();
        let algorithm = claims[wrong].algorithm();
        let zeros = vec![0; algorithm.length_bytes()];
        claims[wrong] = Digest::from_bytes(algorithm, &zeros).unwrap();
        match verify(&claims).await.unwrap_err() {
            VerifyError::Mismatch { expected, actual, id, size_bytes } => {
                assert_eq!((&expected, &actual), (&claims[wrong], &right[wrong]));
                assert_eq!((id, size_bytes), (id_of(b"abc"), 3));
            }
            other @ VerifyError::Io(_) => panic!("{other:?}"),
        }
    }
    // The right digest does not excuse a wrong one of the same algorithm.
    let zeros = Digest::from_bytes(Algorithm::Md5, &[0; 16]).unwrap();
    assert!(verify(&[right[0].clone(), zeros]).await.is_err());
    assert!(is_staging_empty(root.path()));
    assert_eq!(blobs.list().try_collect::<Vec<_>>().await.unwrap(), []);
}

#[tokio::test]
async fn what_is_dropped_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    drop(blobs.stage().await.unwrap());
    let mut staging = blobs.stage().await.unwrap();
    for _ in 0..5 {
        staging.write(Bytes::from(pattern(1024 * 1024))).await.unwrap();
    }
    drop(staging);
    drop(staged(&blobs, b"whole").await.unwrap());
    drop(staged(&blobs, b"verified").await.unwrap().verify(&[]).await.unwrap());
    // The thread that was writing when its staging was dropped has yet to notice.
    let deadline = SystemTime::now() + Duration::from_secs(10);
    while !is_staging_empty(root.path()) {
        assert!(SystemTime::now() < deadline, "staging is not emptied");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn commits_of_one_blob_at_once_are_one() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let commit = || {
        let blobs = blobs.clone();
        tokio::spawn(async move { kept(&blobs, b"the same").await })
    };
    for task in [commit(), commit(), commit(), commit()] {
        assert_eq!(task.await.unwrap(), id_of(b"the same"));
    }
    let listed: Vec<_> = blobs.list().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].id, listed[0].size_bytes), (id_of(b"the same"), 8));
    assert!(is_staging_empty(root.path()));
}

#[tokio::test]
async fn reading_small_blobs() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let id = kept(&blobs, b"0123456789").await;
    assert_eq!(blobs.read(&id, 10).await.unwrap().unwrap(), &b"0123456789"[..]);
    let refused = blobs.read(&id, 9).await.unwrap_err();
    assert!(
        matches!(refused, BlobError::TooLarge { size_bytes: 10, limit_bytes: 9 }),
        "{refused:?}"
    );
    let nothing = id_of(b"never kept");
    assert_eq!(blobs.read(&nothing, 10).await.unwrap(), None);
    assert!(blobs.open_blob(&nothing).await.unwrap().is_none());
    assert_eq!(blobs.scrub(&nothing).await.unwrap(), Scrub::Missing);
}

#[tokio::test]
async fn removal() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    for bytes in [b"old".to_vec(), pattern(LARGE_BYTES)] {
        let id = kept(&blobs, &bytes).await;
        let open = blobs.open_blob(&id).await.unwrap().unwrap();
        let before = SystemTime::now() - Duration::from_mins(1);
        let after = SystemTime::now() + Duration::from_mins(1);
        assert!(!blobs.remove_if_older(&id, before).await.unwrap());
        assert!(blobs.remove_if_older(&id, after).await.unwrap());
        assert!(!blobs.remove_if_older(&id, after).await.unwrap());
        assert!(blobs.open_blob(&id).await.unwrap().is_none());
        let mut seen = Vec::new();
        { open.content }.read_to_end(&mut seen).unwrap();
        assert!(seen == bytes);

        let id = kept(&blobs, &bytes).await;
        blobs.remove(&id).await.unwrap();
        blobs.remove(&id).await.unwrap();
        assert!(blobs.open_blob(&id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn committing_again_renews_and_heals() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let old = SystemTime::now() - Duration::from_hours(1);
    let minute_ago = SystemTime::now() - Duration::from_mins(1);
    let check = async |bytes: &[u8], damaged: &[u8]| {
        let id = id_of(bytes);
        std::fs::write(place(root.path(), &id), damaged).unwrap();
        let file = std::fs::File::options().write(true).open(place(root.path(), &id)).unwrap();
        file.set_modified(old).unwrap();
        assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Damaged { actual: id_of(damaged) });
        kept(&blobs, bytes).await;
        assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Intact);
        assert!(!blobs.remove_if_older(&id, minute_ago).await.unwrap());
    };
    kept(&blobs, &pattern(LARGE_BYTES)).await;
    check(&pattern(LARGE_BYTES), b"pressure").await;
    // Small, but a file from before small blobs were rows.
    check(b"precious", b"pressure").await;
}

#[tokio::test]
async fn listing_shows_every_blob_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let mut expected = BTreeMap::new();
    for number in 0..300_usize {
        let bytes = pattern(number);
        expected.insert(kept(&blobs, &bytes).await, number as u64);
    }
    for number in 0..300_usize {
        let bytes = pattern(SMALL_BLOB_BYTES + number);
        expected.insert(kept(&blobs, &bytes).await, bytes.len() as u64);
    }
    std::fs::write(root.path().join("blobs/sha256/00/notes.txt"), b"not a blob").unwrap();
    let listed: BTreeMap<_, _> =
        blobs.list().map_ok(|facts| (facts.id, facts.size_bytes)).try_collect().await.unwrap();
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn opening_makes_private_directories_and_clears_what_a_crash_left() {
    let parent = tempfile::tempdir().unwrap();
    let root = parent.path().join("deep/data");
    let url = DatabaseUrl::sqlite(parent.path().join("metadata.db"));
    let metadata = Metadata::open(&url).await.unwrap();
    let blobs = Blobs::open(&root, metadata.clone()).await.unwrap();
    let id = kept(&blobs, &pattern(LARGE_BYTES)).await;
    let small = kept(&blobs, b"kept").await;
    for directory in ["", "blobs", "blobs/sha256", "blobs/sha256/ff", "staging"] {
        let mode = root.join(directory).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{directory}");
    }
    assert_eq!(place(&root, &id).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(root.join("staging/half-written"), b"half").unwrap();
    let again = Blobs::open(&root, metadata).await.unwrap();
    assert!(is_staging_empty(&root));
    assert_eq!(again.scrub(&id).await.unwrap(), Scrub::Intact);
    assert_eq!(again.read(&small, 10).await.unwrap().unwrap(), &b"kept"[..]);
}

/// How many blobs have a file.
fn files(root: &Path) -> usize {
    let shards = std::fs::read_dir(root.join("blobs/sha256")).unwrap();
    shards.map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap().count()).sum()
}

#[tokio::test]
async fn a_file_of_its_own_begins_above_the_limit() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let check = async |length: usize, expected: usize| {
        let id = kept(&blobs, &pattern(length)).await;
        assert_eq!(files(root.path()), expected, "{length}");
        assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Intact);
        let refused = blobs.read(&id, length as u64 - 1).await.unwrap_err();
        assert!(matches!(refused, BlobError::TooLarge { .. }), "{refused:?}");
    };
    check(1, 0).await;
    check(SMALL_BLOB_BYTES, 0).await;
    check(SMALL_BLOB_BYTES + 1, 1).await;
}

#[tokio::test]
async fn a_small_blob_that_has_a_file_keeps_it() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let id = id_of(b"of an earlier version");
    std::fs::write(place(root.path(), &id), b"of an earlier version").unwrap();
    assert_eq!(blobs.read(&id, 100).await.unwrap().unwrap(), &b"of an earlier version"[..]);
    assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Intact);
    kept(&blobs, b"of an earlier version").await;
    assert_eq!(blobs.list().try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(files(root.path()), 1);
    let later = SystemTime::now() + Duration::from_mins(1);
    assert!(blobs.remove_if_older(&id, later).await.unwrap());
    assert!(blobs.open_blob(&id).await.unwrap().is_none());
    assert!(is_staging_empty(root.path()));
}

/// What a row's commit is to bring along is there with the row, and not without it.
#[tokio::test]
async fn a_small_blob_comes_with_its_row() {
    let root = tempfile::tempdir().unwrap();
    let metadata = Metadata::open(&DatabaseUrl::sqlite(root.path().join("blobs.db"))).await;
    let metadata = metadata.unwrap();
    let blobs = Blobs::open(root.path(), metadata.clone()).await.unwrap();
    let key = key("main", "demo");
    let create = vec![Write::CreateRepository(repository("main")), bind(&key)];
    metadata.commit(create, vec![]).await.unwrap();
    let prepared = async |bytes: &[u8]| {
        let blob = staged(&blobs, bytes).await.unwrap().verify(&[]).await.unwrap();
        blobs.commit_with_row(blob).await.unwrap()
    };
    assert!(prepared(&pattern(LARGE_BYTES)).await.is_none(), "it is kept already");
    let id = id_of(b"small");
    let keep = prepared(b"small").await.expect("it is left to its row");
    assert!(blobs.open_blob(&id).await.unwrap().is_none());
    // The row is refused: its package is not there.
    let elsewhere = support::key("main", "nothing");
    let refused = vec![keep.clone(), record(&elsewhere, support::kept("a", id))];
    metadata.commit(refused, vec![]).await.unwrap_err();
    assert!(blobs.open_blob(&id).await.unwrap().is_none());
    let writes = vec![keep, record(&key, support::kept("a", id))];
    metadata.commit(writes, vec![]).await.unwrap();
    assert_eq!(blobs.read(&id, 10).await.unwrap().unwrap(), &b"small"[..]);
    assert!(metadata.references(&id).await.unwrap());
}
