//! Files that come in several requests: found again by their owner alone, held by one at a time,
//! and never with a byte more or less than they are said to have.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use provender_domain::{Algorithm, BlobId, Digest};
use provender_store::{
    BlobError, Blobs, Content, FaultMode, Faults, OpenBlob, RemovedUploads, Scrub, Upload,
    UploadKey, VerifyError,
};
use sha2::Digest as _;
use support::open_blobs;

const OWNER: &str = "main/oci/team/app";
const ID: &str = "00112233445566778899aabbccddeeff";
const PUBLISHER: &str = "a token";
/// Larger than two buffers, and no multiple of one.
const LARGE_BYTES: usize = 3 * 1024 * 1024 + 321;
/// How long what happens on another thread may take.
const PATIENCE: Duration = Duration::from_secs(10);

fn named(id: &str) -> UploadKey<'_> {
    UploadKey { owner: OWNER, id, publisher: PUBLISHER }
}

fn id_of(bytes: &[u8]) -> BlobId {
    BlobId::from_bytes(sha2::Sha256::digest(bytes).into())
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * 31 % 251).unwrap()).collect()
}

fn files(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.join("uploads")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

async fn write(upload: &mut Upload, bytes: &[u8]) -> Result<(), BlobError> {
    upload.write(Bytes::copy_from_slice(bytes)).await
}

async fn resumed(blobs: &Blobs) -> Upload {
    resumed_if_there(blobs).await.unwrap()
}

/// Waits for a thread that still has the file of an upload that was dropped.
async fn resumed_if_there(blobs: &Blobs) -> Option<Upload> {
    let deadline = SystemTime::now() + PATIENCE;
    loop {
        match blobs.resume_upload(named(ID)).await {
            Err(BlobError::Busy) if SystemTime::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            outcome => return outcome.unwrap(),
        }
    }
}

#[tokio::test]
async fn pieces_become_one_blob_whatever_happens_in_between() {
    let check = async |piece: usize, restart: bool| {
        let root = tempfile::tempdir().unwrap();
        let mut blobs = open_blobs(root.path()).await;
        let bytes = pattern(LARGE_BYTES);
        let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
        let mut sent = 0;
        for chunk in bytes.chunks(piece) {
            for part in chunk.chunks(100_000) {
                write(&mut upload, part).await.unwrap();
            }
            sent += chunk.len() as u64;
            assert_eq!(upload.received_bytes(), sent);
            assert_eq!(upload.pause().await.unwrap(), sent);
            assert_eq!(files(root.path())[0].metadata().unwrap().len(), sent);
            if restart {
                blobs = open_blobs(root.path()).await;
            }
            upload = blobs.resume_upload(named(ID)).await.unwrap().unwrap();
            assert_eq!(upload.received_bytes(), sent);
        }
        let blob = upload.finish().await.unwrap();
        assert_eq!((blob.id(), blob.size_bytes()), (id_of(&bytes), LARGE_BYTES as u64));
        let id = blobs.commit(blob.verify(&[id_of(&bytes).digest()]).await.unwrap()).await.unwrap();
        let mut seen = Vec::new();
        blobs.open_blob(&id).await.unwrap().unwrap().content.read_to_end(&mut seen).unwrap();
        assert!(seen == bytes, "{piece} {restart}");
        assert!(files(root.path()).is_empty());
        assert!(blobs.resume_upload(named(ID)).await.unwrap().is_none());
    };
    for restart in [false, true] {
        check(LARGE_BYTES, restart).await;
        check(1_000_001, restart).await;
        check(70_000, restart).await;
    }
}

/// A large blob that was just pushed, and its bytes; `None` where no file can be written past the
/// kernel's cache.
async fn pushed(blobs: &Blobs) -> Option<(BlobId, Vec<u8>)> {
    let (id, bytes) = pushed_again(blobs).await;
    let is_unread = open(blobs, &id).await.unread.is_some();
    if !is_unread {
        support::skip("files past the kernel's cache: the file system has no such");
    }
    is_unread.then_some((id, bytes))
}

async fn pushed_again(blobs: &Blobs) -> (BlobId, Vec<u8>) {
    let bytes = pattern(LARGE_BYTES);
    let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    // In two requests, of which the second has no bytes, as clients do.
    for part in bytes.chunks(100_000) {
        write(&mut upload, part).await.unwrap();
    }
    upload.pause().await.unwrap();
    let blob = resumed(blobs).await.finish().await.unwrap();
    let id = blobs.commit(blob.verify(&[]).await.unwrap()).await.unwrap();
    (id, bytes)
}

async fn open(blobs: &Blobs, id: &BlobId) -> OpenBlob {
    blobs.open_blob(id).await.unwrap().unwrap()
}

/// Its bytes as whoever is first is sent them.
fn first_read(open: OpenBlob) -> impl Stream<Item = Result<Bytes, BlobError>> + Send {
    let Content::File(file) = open.content else { panic!("it is large") };
    open.unread.unwrap().read(file, open.size_bytes)
}

#[tokio::test]
async fn who_reads_what_was_pushed_gets_it_from_the_disk_the_first_time() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let Some((id, bytes)) = pushed(&blobs).await else { return };
    // Who looks and asks for no bytes is not the first; nor who is about to.
    drop(first_read(open(&blobs, &id).await));
    let (first, second) = (open(&blobs, &id).await, open(&blobs, &id).await);
    for reading in [first, second] {
        let read: Vec<Bytes> = first_read(reading).try_collect().await.unwrap();
        assert!(read.concat() == bytes);
    }
    assert!(open(&blobs, &id).await.unread.is_none());

    // Not everybody who may be slow is given memory for that.
    let (id, _) = pushed(&blobs).await.unwrap();
    let mut all = Vec::new();
    let most = loop {
        match open(&blobs, &id).await.unread {
            Some(unread) => all.push(unread),
            None => break all.len(),
        }
    };
    assert!((1..100).contains(&most), "{most}");
    all.pop();
    // Nor are those done who have all of it and have not sent it.
    let reading = open(&blobs, &id).await;
    let mut read: Vec<Bytes> = first_read(reading).try_collect().await.unwrap();
    let (id, _) = pushed_again(&blobs).await;
    assert!(open(&blobs, &id).await.unread.is_none());
    read.truncate(1);
    assert!(open(&blobs, &id).await.unread.is_none());
    read.clear();
    assert!(open(&blobs, &id).await.unread.is_some());
    drop(all);
    let mut read = Vec::new();
    open(&blobs, &id).await.content.read_to_end(&mut read).unwrap();
    assert!(read == bytes);
}

#[tokio::test]
async fn a_first_reading_may_end_early_and_says_where_bytes_are_missing() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let Some((id, bytes)) = pushed(&blobs).await else { return };
    let mut reading = Box::pin(first_read(open(&blobs, &id).await));
    let some = reading.next().await.unwrap().unwrap();
    assert!(!some.is_empty() && bytes.starts_with(&some));
    drop(reading);
    assert!(open(&blobs, &id).await.unread.is_none());

    // The same bytes, pushed anew, and cut off by a stranger.
    let (id, _) = pushed(&blobs).await.unwrap();
    let reading = first_read(open(&blobs, &id).await);
    let hex = id.to_hex();
    let path = root.path().join("blobs/sha256").join(&hex[..2]).join(&hex);
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(LARGE_BYTES as u64 - 5).unwrap();
    let mut read = Vec::new();
    let mut reading = Box::pin(reading);
    let error = loop {
        match reading.next().await.unwrap() {
            Ok(some) => read.extend_from_slice(&some),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, BlobError::Io(_)), "{error:?}");
    assert!(reading.next().await.is_none());
    assert!(read.len() < LARGE_BYTES - 5 && bytes.starts_with(&read));
}

#[tokio::test]
async fn an_upload_may_be_empty() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    drop(blobs.create_upload(named(ID), &[]).await.unwrap());
    assert_eq!(resumed(&blobs).await.pause().await.unwrap(), 0);
    assert!(files(root.path()).is_empty());
    // Another process has to be told that it was begun.
    let blobs = open_blobs(root.path()).await;
    assert!(blobs.resume_upload(named(ID)).await.unwrap().is_none());
    let upload = blobs.resume_begun_upload(named(ID)).await.unwrap();
    let blob = upload.finish().await.unwrap();
    assert_eq!((blob.id(), blob.size_bytes()), (id_of(b""), 0));
    let id = blobs.commit(blob.verify(&[]).await.unwrap()).await.unwrap();
    assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Intact);
    drop(blobs);
}

#[tokio::test]
async fn it_is_found_by_its_owner_and_id_alone() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    write(&mut upload, b"mine").await.unwrap();
    upload.pause().await.unwrap();
    let taken = blobs.create_upload(named(ID), &[]).await.unwrap_err();
    assert!(matches!(taken, BlobError::Io(_)), "{taken:?}");
    for (owner, id) in [
        ("main/oci/team/other", ID),
        ("other/oci/team/app", ID),
        (OWNER, "ffeeddccbbaa99887766554433221100"),
        ("main/oci/team/app0", "0112233445566778899aabbccddeeff"),
        ("", ""),
        ("../../x", "/etc/passwd"),
    ] {
        assert!(
            blobs.resume_upload(UploadKey { owner, ..named(id) }).await.unwrap().is_none(),
            "{owner} {id}"
        );
    }
    assert_eq!(resumed(&blobs).await.received_bytes(), 4);
    let mode = files(root.path())[0].metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mode = root.path().join("uploads").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn one_holds_it_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let is_busy = async || matches!(blobs.resume_upload(named(ID)).await, Err(BlobError::Busy));
    let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    assert!(is_busy().await);
    write(&mut upload, b"some").await.unwrap();
    upload.pause().await.unwrap();
    let upload = blobs.resume_upload(named(ID)).await.unwrap().unwrap();
    assert!(is_busy().await);
    // Still so until the blob is committed or given up.
    let blob = upload.finish().await.unwrap();
    assert!(is_busy().await);
    let blob = blob.verify(&[]).await.unwrap();
    assert!(is_busy().await);
    blobs.commit(blob).await.unwrap();
    assert!(blobs.resume_upload(named(ID)).await.unwrap().is_none());

    // After a restart, several ask at once: one reads the file.
    let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    write(&mut upload, b"some").await.unwrap();
    upload.pause().await.unwrap();
    let blobs = open_blobs(root.path()).await;
    for received in [4, 0] {
        let ask = || blobs.resume_begun_upload(named(ID));
        let (a, b, c) = tokio::join!(ask(), ask(), ask());
        let mut held: Vec<_> = [a, b, c].into_iter().flatten().collect();
        assert_eq!(held.len(), 1);
        let held = held.remove(0);
        assert_eq!(held.received_bytes(), received);
        held.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_dropped_keeps_what_was_written_by_then() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let bytes = pattern(LARGE_BYTES);
    let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    let mut seen = 0;
    // Each client hangs up after some more bytes, at any moment of their being written.
    for attempt in 0_u64.. {
        let rest = &bytes[usize::try_from(seen).unwrap()..];
        for chunk in rest.chunks(300_000).take(5) {
            write(&mut upload, chunk).await.unwrap();
        }
        if attempt % 3 == 0 {
            tokio::time::sleep(Duration::from_micros(attempt * 50)).await;
        }
        let received = upload.received_bytes();
        drop(upload);
        upload = resumed(&blobs).await;
        let kept = upload.received_bytes();
        assert!(kept >= seen && kept <= received, "{seen} {kept} {received}");
        assert_eq!(files(root.path())[0].metadata().unwrap().len(), kept);
        if kept == seen {
            // The last bytes fit into a buffer, and are only kept by who waits for it.
            let rest = &bytes[usize::try_from(seen).unwrap()..];
            write(&mut upload, &rest[..rest.len().min(10_000)]).await.unwrap();
            seen = upload.pause().await.unwrap();
            upload = resumed(&blobs).await;
        } else {
            seen = kept;
        }
        if seen == LARGE_BYTES as u64 {
            break;
        }
    }
    assert_eq!(upload.finish().await.unwrap().id(), id_of(&bytes));
}

#[tokio::test]
async fn cancelled_or_wrong_it_is_gone() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    write(&mut upload, &pattern(LARGE_BYTES)).await.unwrap();
    upload.cancel().await.unwrap();
    assert!(files(root.path()).is_empty());
    assert!(blobs.resume_upload(named(ID)).await.unwrap().is_none());

    blobs.create_upload(named(ID), &[]).await.unwrap().pause().await.unwrap();
    resumed(&blobs).await.cancel().await.unwrap();
    assert!(blobs.resume_upload(named(ID)).await.unwrap().is_none());

    let upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    let blob = upload.finish().await.unwrap();
    let wrong = blob.verify(&[id_of(b"other").digest()]).await.unwrap_err();
    assert!(matches!(wrong, VerifyError::Mismatch { .. }), "{wrong:?}");
    assert!(files(root.path()).is_empty());
    assert!(blobs.resume_upload(named(ID)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_file_that_somebody_else_changed_is_never_taken_for_its_hash() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    write(&mut upload, b"0123456789").await.unwrap();
    upload.pause().await.unwrap();
    let path = files(root.path()).remove(0);
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    file.write_all(b"more").unwrap();
    let blob = resumed(&blobs).await.finish().await.unwrap();
    let mut seen = String::new();
    blob.reader().unwrap().read_to_string(&mut seen).unwrap();
    assert_eq!((seen.as_str(), blob.id()), ("0123456789", id_of(b"0123456789")));
    drop(blob);

    let mut upload = blobs.create_upload(named(ID), &[]).await.unwrap();
    write(&mut upload, b"0123456789").await.unwrap();
    upload.pause().await.unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(4).unwrap();
    let refused = resumed(&blobs).await.finish().await.unwrap_err();
    assert!(matches!(refused, BlobError::Io(_)), "{refused:?}");
    // Its bytes are read again then.
    let upload = resumed(&blobs).await;
    assert_eq!(upload.received_bytes(), 4);
    assert_eq!(upload.finish().await.unwrap().id(), id_of(b"0123"));
}

#[tokio::test]
async fn abandoned_ones_are_removed() {
    let root = tempfile::tempdir().unwrap();
    let blobs = open_blobs(root.path()).await;
    // More than are looked at in one go.
    for number in 0..300 {
        let id = format!("{number:032x}");
        let mut upload = blobs.create_upload(named(&id), &[]).await.unwrap();
        write(&mut upload, b"ten bytes!").await.unwrap();
        upload.pause().await.unwrap();
    }
    let long_ago = SystemTime::now() - Duration::from_hours(1);
    for path in files(root.path()) {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(long_ago).unwrap();
    }
    let held = blobs.resume_upload(named(&format!("{:032x}", 7))).await.unwrap().unwrap();
    let mut young = blobs.resume_upload(named(&format!("{:032x}", 8))).await.unwrap().unwrap();
    write(&mut young, b"more").await.unwrap();
    young.pause().await.unwrap();

    let sweep = async |ago: Duration| {
        blobs.remove_abandoned_uploads(SystemTime::now() - ago).await.unwrap()
    };
    assert_eq!(sweep(Duration::from_hours(2)).await, RemovedUploads::default());
    let removed = sweep(Duration::from_mins(30)).await;
    assert_eq!(removed, RemovedUploads { count: 298, bytes: 2_980 });
    assert_eq!(files(root.path()).len(), 2);
    assert!(blobs.resume_upload(named(&format!("{:032x}", 1))).await.unwrap().is_none());
    assert_eq!(held.finish().await.unwrap().id(), id_of(b"ten bytes!"));

    // One without a file, too, unless it is held.
    let held = blobs.create_upload(named(&format!("{:032x}", 9)), &[]).await.unwrap();
    blobs.create_upload(named(ID), &[]).await.unwrap().pause().await.unwrap();
    assert_eq!(blobs.uploads_under_way(), 3);
    assert_eq!(sweep(Duration::from_mins(30)).await, RemovedUploads::default());
    assert_eq!(sweep(Duration::ZERO).await, RemovedUploads { count: 2, bytes: 14 });
    assert!(blobs.resume_upload(named(ID)).await.unwrap().is_none());
    assert_eq!(blobs.uploads_under_way(), 1);
    assert_eq!(held.pause().await.unwrap(), 0);
}

#[tokio::test]
async fn other_algorithms_need_no_second_pass() {
    let root = tempfile::tempdir().unwrap();
    let bytes = pattern(LARGE_BYTES);
    let right = Digest::from_bytes(Algorithm::Sha512, &sha2::Sha512::digest(&bytes)).unwrap();
    let wrong = Digest::from_bytes(Algorithm::Sha512, &sha2::Sha512::digest(b"other")).unwrap();
    let md5 = "md5:900150983cd24fb0d6963f7d28e17f72".parse::<Digest>().unwrap();
    let check = async |claims: &[&Digest], restart: bool, expected: bool| {
        let blobs = open_blobs(root.path()).await;
        let algorithms = [Algorithm::Sha512, Algorithm::Sha256, Algorithm::Sha512];
        let mut upload = blobs.create_upload(named(ID), &algorithms).await.unwrap();
        write(&mut upload, &bytes[..1_500_000]).await.unwrap();
        upload.pause().await.unwrap();
        let blobs = if restart { open_blobs(root.path()).await } else { blobs };
        let mut upload = resumed(&blobs).await;
        write(&mut upload, &bytes[1_500_000..]).await.unwrap();
        let blob = upload.finish().await.unwrap();
        let claims: Vec<_> = claims.iter().map(|claim| (*claim).clone()).collect();
        assert_eq!(blob.verify(&claims).await.is_ok(), expected, "{claims:?} {restart}");
        let mut staging = blobs.stage_hashed(&algorithms).await.unwrap();
        staging.write(Bytes::from(bytes.clone())).await.unwrap();
        let blob = staging.finish().await.unwrap();
        // It is not read again: it could not be.
        std::fs::remove_dir_all(root.path().join("staging")).unwrap();
        std::fs::create_dir(root.path().join("staging")).unwrap();
        let only_known = claims.iter().all(|claim| claim.algorithm() == Algorithm::Sha512);
        assert_eq!(blob.verify(&claims).await.is_ok(), expected && only_known, "{claims:?}");
    };
    for restart in [false, true] {
        check(&[&right], restart, true).await;
        check(&[&wrong], restart, false).await;
        check(&[&right, &wrong], restart, false).await;
        check(&[&right, &md5], restart, false).await;
    }
}

#[tokio::test]
async fn every_step_may_fail() {
    // Create, three writes, fsync, rename, fsync of the directory.
    fail_every_step(2_500_000, 7, |blobs| blobs).await;
    fail_every_step(2_500_000, 7, Blobs::on_a_slow_disk).await;
}

/// So may those of one so large that it is made durable while it comes, wherever that falls between
/// the others.
#[tokio::test]
async fn every_step_may_fail_of_a_large_one() {
    // As above, with more writes, and at least one sync of each half.
    fail_every_step(10_000_000, 16, Blobs::on_a_slow_disk).await;
    // Without these, as what goes past the kernel's cache is on the disk when it is written.
    fail_every_step(10_000_000, 14, |blobs| blobs).await;
}

/// Every step fails once, before it happened and after it, and there are so many at least; whoever
/// goes on from what the store says it has comes to the right blob.
async fn fail_every_step(length_bytes: usize, steps_min: u64, disk: impl Fn(Blobs) -> Blobs) {
    let bytes = pattern(length_bytes);
    for mode in [FaultMode::BeforePersisted, FaultMode::AfterPersisted] {
        for step in 0.. {
            let root = tempfile::tempdir().unwrap();
            let faults = Faults::at(step, mode);
            let blobs = disk(open_blobs(root.path()).await).with_faults(faults.clone());
            let failures = push_stubbornly(&blobs, root.path(), &bytes).await;
            assert_eq!(failures, u32::from(faults.fired()), "step {step} {mode:?}");
            assert_eq!(blobs.scrub(&id_of(&bytes)).await.unwrap(), Scrub::Intact);
            assert!(files(root.path()).is_empty(), "step {step} {mode:?}");
            if !faults.fired() {
                assert!(step >= steps_min, "only {step} steps are covered");
                break;
            }
        }
    }
}

/// Pushes in two requests, and begins again or goes on after a failure; how many there were.
async fn push_stubbornly(blobs: &Blobs, root: &Path, bytes: &[u8]) -> u32 {
    let mut failures = 0;
    loop {
        let upload = match resumed_if_there(blobs).await {
            Some(upload) => Ok(upload),
            None => blobs.create_upload(named(ID), &[]).await,
        };
        let outcome = match upload {
            Ok(upload) => push(blobs, upload, root, bytes).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(true) => return failures,
            Ok(false) => {}
            Err(_) => failures += 1,
        }
    }
}

/// Sends at most half of the bytes at once; whether the blob is committed.
async fn push(
    blobs: &Blobs,
    mut upload: Upload,
    root: &Path,
    bytes: &[u8],
) -> Result<bool, BlobError> {
    let at = usize::try_from(upload.received_bytes()).unwrap();
    let kept = files(root).first().map_or(0, |path| path.metadata().unwrap().len());
    assert_eq!(kept, at as u64);
    let end = bytes.len().min(at + bytes.len() / 2);
    for chunk in bytes[at..end].chunks(400_000) {
        write(&mut upload, chunk).await?;
    }
    if end < bytes.len() {
        upload.pause().await?;
        return Ok(false);
    }
    let blob = upload.finish().await?.verify(&[id_of(bytes).digest()]).await.unwrap();
    blobs.commit(blob).await?;
    Ok(true)
}
