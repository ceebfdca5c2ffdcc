//! A full disk says so, leaves nothing half done, and is forgotten once there is space again.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use provender_domain::{BlobId, EventKind};
use provender_store::{
    BlobError, DatabaseUrl, EventFilter, Metadata, Scrub, StoreError, UploadKey, Write,
};
use sha2::Digest as _;
use support::{bind, blob, event, kept, key, open_blobs, record, repository, staged};

const DISK_MEBIBYTES: usize = 8;
const UPLOAD: UploadKey<'_> = UploadKey { owner: "owner", id: "id", publisher: "a token" };

/// A small file system in memory, as long as this lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` where the tests may not mount anything.
    fn mount() -> Option<Self> {
        let place = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MEBIBYTES}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(place.path())
            .output()
            .is_ok_and(|output| output.status.success());
        if !mounted {
            support::skip("the store on a full disk: a tmpfs cannot be mounted here");
        }
        mounted.then_some(Self(place))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Leaves no byte free.
    fn fill(&self) -> PathBuf {
        let filler = self.path().join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        let error = std::io::copy(&mut std::io::repeat(1), &mut file).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        filler
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

#[tokio::test]
async fn blobs() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let blobs = open_blobs(disk.path()).await;
    let small = staged(&blobs, b"small").await.unwrap().verify(&[]).await.unwrap();
    let small = blobs.commit(small).await.unwrap();

    let mut staging = blobs.stage().await.unwrap();
    let chunk = Bytes::from(vec![1; 100_000]);
    let error = loop {
        if let Err(error) = staging.write(chunk.clone()).await {
            break error;
        }
        assert!(staging.size_bytes() < 64 * 1024 * 1024, "the disk is never full");
    };
    assert!(matches!(error, BlobError::Full(_)), "{error:?}");
    let error = staging.write(chunk.clone()).await.unwrap_err();
    assert!(matches!(error, BlobError::Abandoned), "{error:?}");
    let error = staging.finish().await.unwrap_err();
    assert!(matches!(error, BlobError::Abandoned), "{error:?}");

    let filler = disk.fill();
    let error = staged(&blobs, &vec![2; 100_000]).await.unwrap_err();
    assert!(matches!(error, BlobError::Full(_)), "{error:?}");
    assert_eq!(std::fs::read_dir(disk.path().join("staging")).unwrap().count(), 0);
    assert_eq!(blobs.scrub(&small).await.unwrap(), Scrub::Intact);

    std::fs::remove_file(filler).unwrap();
    let late = staged(&blobs, &vec![2; 100_000]).await.unwrap().verify(&[]).await.unwrap();
    blobs.commit(late).await.unwrap();
}

/// What came before the disk was full is kept and counted right, and can be gone on with.
#[tokio::test]
async fn an_upload() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let blobs = open_blobs(disk.path()).await;
    // No multiple of anything, so that the last write fails halfway.
    let bytes: Vec<u8> = (0..5_000_003_usize).map(|at| (at % 251).try_into().unwrap()).collect();
    let filler = disk.fill();
    let keep = 2_500_001;
    std::fs::File::options()
        .write(true)
        .open(&filler)
        .unwrap()
        .set_len(u64::try_from(DISK_MEBIBYTES * 1024 * 1024 - keep).unwrap())
        .unwrap();
    let mut upload = blobs.create_upload(UPLOAD, &[]).await.unwrap();
    let mut error = None;
    for chunk in bytes.chunks(100_000) {
        if let Err(failure) = upload.write(Bytes::copy_from_slice(chunk)).await {
            error = Some(failure);
            break;
        }
    }
    assert!(matches!(error, Some(BlobError::Full(_))), "{error:?}");
    assert!(matches!(upload.pause().await, Err(BlobError::Abandoned)));

    let upload = blobs.resume_upload(UPLOAD).await.unwrap().unwrap();
    let received = upload.received_bytes();
    assert!(received > 0 && received < bytes.len() as u64);
    let file = std::fs::read_dir(disk.path().join("uploads")).unwrap().next().unwrap().unwrap();
    assert_eq!(file.metadata().unwrap().len(), received);
    drop(upload);
    std::fs::remove_file(filler).unwrap();
    let mut upload = blobs.resume_upload(UPLOAD).await.unwrap().unwrap();
    let rest = &bytes[usize::try_from(received).unwrap()..];
    upload.write(Bytes::copy_from_slice(rest)).await.unwrap();
    let blob = upload.finish().await.unwrap();
    let id = BlobId::from_bytes(sha2::Sha256::digest(&bytes).into());
    assert_eq!(blob.id(), id);
    blobs.commit(blob.verify(&[]).await.unwrap()).await.unwrap();
    assert_eq!(blobs.scrub(&id).await.unwrap(), Scrub::Intact);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let url = DatabaseUrl::sqlite(disk.path().join("metadata.db"));
    let metadata = Metadata::open(&url).await.unwrap();
    metadata.commit(vec![Write::CreateRepository(repository("main"))], vec![]).await.unwrap();
    let filler = disk.fill();

    let mut acknowledged = Vec::new();
    let mut refusals = 0;
    for number in 0..200 {
        match publish(&metadata, number).await {
            Ok(()) => acknowledged.push(number),
            Err(StoreError::Full(_)) => refusals += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(refusals > 0, "the disk is never full");
    // Together, so that a whole group meets the full disk.
    let callers: Vec<_> = (200..220)
        .map(|number| {
            let metadata = metadata.clone();
            tokio::spawn(async move { (number, publish(&metadata, number).await) })
        })
        .collect();
    for caller in callers {
        match caller.await.unwrap() {
            (number, Ok(())) => acknowledged.push(number),
            (_, Err(StoreError::Full(_))) => {}
            (_, Err(other)) => panic!("{other:?}"),
        }
    }
    check(&metadata, &acknowledged).await;

    std::fs::remove_file(filler).unwrap();
    for number in 300..310 {
        publish(&metadata, number).await.unwrap();
        acknowledged.push(number);
    }
    check(&metadata, &acknowledged).await;
    metadata.close().await;
    let metadata = Metadata::open(&url).await.unwrap();
    check(&metadata, &acknowledged).await;
    metadata.close().await;
}

async fn publish(metadata: &Metadata, number: u32) -> Result<(), StoreError> {
    let key = key("main", "demo");
    let mut file = kept(&format!("f{number}"), blob(1));
    file.state_reason = Some("fill ".repeat(2000));
    let writes = vec![bind(&key), record(&key, file)];
    metadata.commit(writes, vec![event(EventKind::Published, "published")]).await.map(drop)
}

/// What was acknowledged is there, and nothing else.
async fn check(metadata: &Metadata, acknowledged: &[u32]) {
    let files = metadata.files(&key("main", "demo")).await.unwrap();
    let mut found: Vec<_> = files.iter().map(|file| file.file.name.to_string()).collect();
    let mut expected: Vec<_> = acknowledged.iter().map(|number| format!("f{number}")).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let filter = EventFilter { limit: 1000, ..Default::default() };
    let events = metadata.events(&filter).await.unwrap();
    let numbers: Vec<_> = events.iter().map(|event| event.number).collect();
    assert_eq!(numbers, (1..=i64::try_from(expected.len()).unwrap()).collect::<Vec<_>>());
}
