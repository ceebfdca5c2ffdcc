//! Prints how fast the store is here: commits per second, one package's files, blobs per second,
//! entries of a log per second.
//!
//! `cargo run --release -p provender-store --example measure [-- postgres://…]`

#![allow(clippy::unwrap_used, reason = "nobody depends on it")]

use std::time::Instant;

use bytes::Bytes;
use provender_domain::{
    Actor, BlobId, Companion, EcosystemId, EventKind, File, FileName, FileState, KeptFile,
    NewEvent, Origin, PackageName, Repository, RepositoryName, RepositoryPolicy, Timestamp,
    Version, Visibility,
};
use provender_store::{Blobs, DatabaseUrl, LogTiles, Metadata, PackageKey, StoreError, Write};
use provender_tlog::{Batch, Hash, LogState, StateStore as _, TileStore as _};
use tokio::task::JoinSet;

const COMMITS_PER_CALLER: usize = 500;
const FILES_OF_ONE_PACKAGE: usize = 10_000;
const BLOBS_PER_CALLER: usize = 200;
const REPETITIONS: usize = 5;
const LOG_BATCHES: u64 = 40;
const LOG_ENTRY_BYTES: usize = 1000;
const TILES: usize = 1000;
const TILE_BYTES: usize = 8192;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let url = match std::env::args().nth(1) {
        Some(url) => DatabaseUrl::parse(&url)?,
        None => DatabaseUrl::sqlite(directory.path().join("metadata.db")),
    };
    println!("{url:?}");
    let metadata = Metadata::open(&url).await?;
    let repository = Repository {
        name: RepositoryName::new("main")?,
        visibility: Visibility::Public,
        created_at: moment(0),
        policy: RepositoryPolicy::default(),
    };
    match metadata.commit(vec![Write::CreateRepository(repository)], vec![]).await {
        Ok(_) | Err(StoreError::Exists { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    for callers in [1, 8, 32] {
        commits(&metadata, callers).await?;
    }
    files(&metadata).await?;
    let blobs = Blobs::open(directory.path(), metadata.clone()).await?;
    for callers in [1, 8] {
        stage_and_commit(&blobs, callers).await?;
    }
    big_blob(&blobs).await?;
    for entries in [100, 1_000, 4_000] {
        log_batches(&metadata, entries).await?;
    }
    tiles(directory.path()).await?;
    metadata.close().await;
    Ok(())
}

/// Swaps one after another, each with a batch, and publishes every fourth.
async fn log_batches(metadata: &Metadata, entries: u64) -> Result<(), Box<dyn std::error::Error>> {
    let origin = format!("measured-{entries}.example");
    let entry = Bytes::from(vec![0xa5; LOG_ENTRY_BYTES]);
    let mut state = None;
    let start = Instant::now();
    for number in 0..LOG_BATCHES {
        let batch = Batch {
            first_index: number * entries,
            entries: vec![entry.clone(); usize::try_from(entries)?],
            checkpoint: "checkpoint".to_owned(),
        };
        let next = LogState {
            size: batch.end(),
            root: Hash::of(&batch.end().to_be_bytes()),
            frontier: Vec::new(),
            checkpoint: "checkpoint".to_owned(),
            published: None,
        };
        if !metadata.swap(&origin, state.as_ref(), &next, Some(&batch)).await? {
            return Err("somebody else appends".into());
        }
        if number % 4 == 3 {
            metadata.publish(&origin, next.size, "checkpoint").await?;
        }
        state = Some(next);
    }
    let rate = rate(usize::try_from(LOG_BATCHES * entries)?, start);
    println!("log entries of 1 KB, {entries} a batch: {rate:.0}/s");
    Ok(())
}

async fn tiles(root: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let tiles = LogTiles::open(&root.join("log")).await?;
    let start = Instant::now();
    let mut writing = JoinSet::new();
    for number in 0..TILES {
        let tiles = tiles.clone();
        writing.spawn(async move {
            let path = format!("tile/0/x{:03}/{:03}", number / 100, number % 100);
            tiles.put(&path, Bytes::from(vec![0xa5; TILE_BYTES])).await
        });
        while writing.len() >= 16 {
            writing.join_next().await.ok_or("nothing is written")???;
        }
    }
    while let Some(written) = writing.join_next().await {
        written??;
    }
    println!("tiles of 8 KiB, 16 at once: {:.0}/s", rate(TILES, start));
    Ok(())
}

/// Publications: bind the name, record the file with its companion, one event.
async fn commits(metadata: &Metadata, callers: usize) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let metadata = metadata.clone();
        tasks.push(tokio::spawn(async move {
            for number in 0..COMMITS_PER_CALLER {
                let key = key(&format!("p{callers}-{caller}-{}", number / 20));
                let file = kept(&key, number);
                let event =
                    NewEvent::new(EventKind::Published, moment(1), Actor::System, "published");
                let bind =
                    Write::BindName { key: key.clone(), origin: Origin::Published, at: moment(1) };
                let writes = vec![bind, Write::RecordFile { key, file }];
                metadata.commit(writes, vec![event]).await?;
            }
            Ok::<_, StoreError>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    let rate = rate(callers * COMMITS_PER_CALLER, start);
    println!("publish-like commits, {callers} callers: {rate:.0}/s");
    Ok(())
}

async fn files(metadata: &Metadata) -> Result<(), Box<dyn std::error::Error>> {
    let key = key("large");
    let mut writes =
        vec![Write::BindName { key: key.clone(), origin: Origin::Published, at: moment(1) }];
    for number in 0..FILES_OF_ONE_PACKAGE {
        writes.push(Write::RecordFile { key: key.clone(), file: kept(&key, number) });
    }
    metadata.commit(writes, vec![]).await?;
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        let files = metadata.files(&key).await?;
        println!("{} files of one package: {:?}", files.len(), start.elapsed());
    }
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        metadata.package(&key).await?;
        println!("one package row: {:?}", start.elapsed());
    }
    Ok(())
}

async fn stage_and_commit(blobs: &Blobs, callers: usize) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let blobs = blobs.clone();
        tasks.push(tokio::spawn(async move {
            for number in 0..BLOBS_PER_CALLER {
                let mut staging = blobs.stage().await.unwrap();
                let text = format!("{callers} {caller} {number} ").repeat(1000);
                staging.write(Bytes::from(text)).await.unwrap();
                let blob = staging.finish().await.unwrap().verify(&[]).await.unwrap();
                blobs.commit(blob).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await?;
    }
    let rate = rate(callers * BLOBS_PER_CALLER, start);
    println!("small blobs, {callers} callers: {rate:.0}/s");
    Ok(())
}

async fn big_blob(blobs: &Blobs) -> Result<(), Box<dyn std::error::Error>> {
    let chunk = Bytes::from(vec![7; 64 * 1024]);
    let start = Instant::now();
    let mut staging = blobs.stage().await?;
    for _ in 0..4096 {
        staging.write(chunk.clone()).await?;
    }
    let blob = staging.finish().await?;
    println!("256 MiB staged and hashed: {:?}", start.elapsed());
    let start = Instant::now();
    let id = blobs.commit(blob.verify(&[]).await?).await?;
    println!("256 MiB committed: {:?}", start.elapsed());
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        let open = blobs.open_blob(&id).await?.ok_or("gone")?;
        println!("opened {} bytes: {:?}", open.size_bytes, start.elapsed());
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "it is printed without decimals")]
fn rate(count: usize, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_microseconds(1_750_000_000_000_000 + seconds * 1_000_000)
}

fn key(package: &str) -> PackageKey {
    PackageKey {
        repository: RepositoryName::new("main").unwrap(),
        ecosystem: EcosystemId::new("measured"),
        package: PackageName::new(package).unwrap(),
    }
}

/// A file with as many facts as a real one.
fn kept(key: &PackageKey, number: usize) -> KeptFile {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    let blob = BlobId::from_bytes(bytes);
    let name = format!("{}-1.{number}.0-py3-none-any.whl", key.package);
    let mut attributes = provender_domain::Attributes::default();
    attributes.set_text("requires-python", ">=3.9");
    let file = File {
        name: FileName::new(&name).unwrap(),
        version: Some(Version::new(&format!("1.{number}.0")).unwrap()),
        url: Some(format!("https://upstream.example/files/{blob}/{name}")),
        digests: vec![blob.digest()],
        size_bytes: Some(12_345),
        uploaded_at: Some(moment(2)),
        yank: None,
        attributes,
        companions: vec![Companion {
            kind: "metadata".to_owned(),
            url: None,
            digest: Some(blob.digest()),
        }],
    };
    KeptFile {
        file,
        blob,
        origin: Origin::Published,
        recorded_at: moment(3),
        publisher: Some("token ci (0123456789)".to_owned()),
        state: FileState::Present,
        state_reason: None,
    }
}
