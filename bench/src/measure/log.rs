//! Appending to a transparency log inside the process: durable, included, proved.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_trait::async_trait;
use aws_lc_rs::signature::Ed25519KeyPair;
use bytes::Bytes;
use provender_store::{DatabaseUrl, LogTiles, Metadata};
use provender_tlog::note::NoteSigner;
use provender_tlog::testing::MemoryStore;
use provender_tlog::{
    AppendError, Entry, Log, LogOptions, StateStore as _, StorageError, TileStore,
};
use tokio::runtime::Runtime;

use crate::machine::Workplace;
use crate::peers::OURS;
use crate::report::{Bound, Table};
use crate::rounds::{ROUNDS, Series};

const ORIGIN: &str = "log.example";
/// The seed of the key: a log that is kept from run to run keeps its key.
const SEED: [u8; 32] = [7; 32];
/// About what an entry of Sigstore's has.
const ENTRY_BYTES: usize = 1000;
/// What an entry of the large log has, so that it is built in minutes.
const SMALL_BYTES: usize = 32;
const ENTRIES: u64 = 60_000;
const AT_ONCE: u64 = 2048;
/// Half of what is to be reached at full load.
const HALF_LOAD_PER_SEC: u64 = 10_000;
const HALF_LOAD_TIME: Duration = Duration::from_secs(5);
/// How often entries are sent at half load.
const TICK: Duration = Duration::from_millis(5);
const SMALL_LOG: u64 = 10_000;
const LARGE_LOG: u64 = 10_000_000;

pub(super) fn run(workplace: &Workplace) -> anyhow::Result<Table> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut table = Table::default();
    let full = full_load(workplace, &runtime)?;
    let reached = full.median();
    table.row("appends of 1 KB", OURS, "entries/s", full);
    table.target("appends in process, entries/s", reached, Bound::AtLeast(20_000.0));

    let (middle, late) = runtime.block_on(half_load(&workplace.fresh("log-half")?))?;
    table.row("half load, p50", OURS, "ms", [middle].into_iter().collect());
    table.row("half load, p99", OURS, "ms", [late].into_iter().collect());
    table.target("submission to proof at half load, p50 ms", middle, Bound::AtMost(50.0));
    table.target("submission to proof at half load, p99 ms", late, Bound::AtMost(500.0));

    let (small, large) = growth(workplace, &runtime)?;
    let ratio = large.median() / small.median();
    table.row("appends at 10 thousand", OURS, "entries/s", small);
    table.row("appends at 10 million", OURS, "entries/s", large);
    table.target("appends at 10 million / at 10 thousand", ratio, Bound::AtLeast(0.9));
    Ok(table)
}

fn full_load(workplace: &Workplace, runtime: &Runtime) -> anyhow::Result<Series> {
    let mut series = Series::default();
    for round in 0..ROUNDS {
        let folder = workplace.fresh(&format!("log-{round}"))?;
        series.push(runtime.block_on(async {
            let log = open(&folder).await?;
            let per_sec = append(&log, 0..ENTRIES, ENTRY_BYTES).await?;
            log.close().await?;
            Ok::<f64, anyhow::Error>(per_sec)
        })?);
    }
    Ok(series)
}

/// The milliseconds from submission to proof that half and 99 in 100 entries need at most.
async fn half_load(folder: &Path) -> anyhow::Result<(f64, f64)> {
    let log = open(folder).await?;
    let begun = Instant::now();
    let mut ticks = tokio::time::interval(TICK);
    let (mut sent, mut waiting) = (0, Vec::new());
    while begun.elapsed() < HALF_LOAD_TIME {
        ticks.tick().await;
        let due = begun.elapsed().as_secs_f64() * f64::from(u32::try_from(HALF_LOAD_PER_SEC)?);
        while f64::from(u32::try_from(sent)?) < due {
            let (log, entry) = (log.clone(), entry(sent, ENTRY_BYTES));
            waiting.push(tokio::spawn(async move {
                let begun = Instant::now();
                log.append(entry).await.map(|_| begun.elapsed().as_secs_f64() * 1e3)
            }));
            sent += 1;
        }
    }
    let mut times = Vec::with_capacity(waiting.len());
    for task in waiting {
        times.push(task.await??);
    }
    log.close().await?;
    times.sort_by(f64::total_cmp);
    let at = |hundredths: usize| times[(times.len() - 1) * hundredths / 100];
    Ok((at(50), at(99)))
}

/// Appends to a log of ten thousand beside those to one of ten million, in turns.
fn growth(workplace: &Workplace, runtime: &Runtime) -> anyhow::Result<(Series, Series)> {
    let folder = workplace.kept("log-10000000");
    let (mut small, mut large) = (Series::default(), Series::default());
    runtime.block_on(async {
        let mut grown = open(&folder).await?;
        if grown.checkpoint().await?.size < LARGE_LOG {
            grown.close().await?;
            println!("building a log of {LARGE_LOG} entries first, once");
            let begun = Instant::now();
            build(&folder).await?;
            println!("  took {:.0} s", begun.elapsed().as_secs_f64());
            grown = open(&folder).await?;
        }
        let mut next = grown.checkpoint().await?.size;
        for round in 0..ROUNDS {
            let fresh = open(&workplace.fresh(&format!("log-small-{round}"))?).await?;
            append(&fresh, 0..SMALL_LOG, SMALL_BYTES).await?;
            small.push(append(&fresh, SMALL_LOG..SMALL_LOG + ENTRIES, ENTRY_BYTES).await?);
            fresh.close().await?;
            large.push(append(&grown, next..next + ENTRIES, ENTRY_BYTES).await?);
            next += ENTRIES;
        }
        grown.close().await?;
        Ok::<(), anyhow::Error>(())
    })?;
    Ok((small, large))
}

/// Makes the large log, every tile of it, as the log itself does it; but nothing is durable before all
/// is there, which saves an hour.
async fn build(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => std::fs::create_dir_all(folder)?,
    }
    let kept = Arc::new(MemoryStore::default());
    let tiles = UnsyncedTiles(folder.join(TILES));
    let log = Log::open(LogOptions::new(ORIGIN, signer()?, Arc::new(tiles), kept.clone())).await?;
    append(&log, 0..LARGE_LOG, SMALL_BYTES).await?;
    log.close().await?;
    let state = kept.load(ORIGIN).await?.context("the log has no state")?;
    let metadata = Metadata::open(&DatabaseUrl::sqlite(folder.join(METADATA))).await?;
    metadata.swap(ORIGIN, None, &state, None).await?;
    metadata.publish(ORIGIN, state.size, &state.checkpoint).await?;
    metadata.close().await;
    Ok(())
}

/// Tiles in files that may be lost with the machine's power.
struct UnsyncedTiles(PathBuf);

#[async_trait]
impl TileStore for UnsyncedTiles {
    async fn put(&self, path: &str, bytes: Bytes) -> Result<(), StorageError> {
        let file = self.0.join(path);
        let parent = file.parent().unwrap_or(&self.0);
        let written = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&file, bytes));
        written.map_err(|error| StorageError::new(path, error))
    }

    async fn read(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        match std::fs::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StorageError::new(path, error)),
        }
    }

    async fn remove(&self, path: &str) -> Result<(), StorageError> {
        let file = self.0.join(path);
        // As the server's own store: a directory of widths goes with its last tile.
        let _ = std::fs::remove_file(&file);
        let _ = file.parent().map(std::fs::remove_dir);
        Ok(())
    }
}

const TILES: &str = "log";
const METADATA: &str = "metadata.db";

/// Opens a log on the stores that a server has.
async fn open(folder: &Path) -> anyhow::Result<Log> {
    std::fs::create_dir_all(folder)?;
    let state = Metadata::open(&DatabaseUrl::sqlite(folder.join(METADATA))).await?;
    let tiles = LogTiles::open(&folder.join(TILES)).await?;
    let options = LogOptions::new(ORIGIN, signer()?, Arc::new(tiles), Arc::new(state));
    Ok(Log::open(options).await?)
}

fn signer() -> anyhow::Result<NoteSigner> {
    let key = Ed25519KeyPair::from_seed_unchecked(&SEED).ok().context("making the log's key")?;
    Ok(NoteSigner::new(ORIGIN, key)?)
}

/// Appends entries, many at once, until all are acknowledged. Gives how many in a second.
async fn append(log: &Log, numbers: std::ops::Range<u64>, bytes: usize) -> anyhow::Result<f64> {
    let count = numbers.end - numbers.start;
    let next = Arc::new(AtomicU64::new(numbers.start));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..AT_ONCE.min(count) {
        let (log, next) = (log.clone(), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return Ok::<(), AppendError>(());
                }
                while let Err(error) = log.append(entry(number, bytes)).await {
                    if !matches!(error, AppendError::Busy { .. }) {
                        return Err(error);
                    }
                    tokio::time::sleep(TICK).await;
                }
            }
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(f64::from(u32::try_from(count)?) / begun.elapsed().as_secs_f64())
}

fn entry(number: u64, bytes: usize) -> Entry {
    let mut body = vec![b'.'; bytes];
    body[..8].copy_from_slice(&number.to_be_bytes());
    Entry::new(body)
}
