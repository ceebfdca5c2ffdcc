//! A process that commits is killed, again and again: what it acknowledged is there.
//!
//! Runs without the usual harness, since it is its own victim: started with [`VICTIM`] set, it
//! commits until it is killed, and prints the name of each file once that is durable.

#![allow(clippy::unwrap_used, reason = "a panic is what a failed test has to say")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use provender_domain::EventKind;
use provender_store::{
    Blobs, DatabaseUrl, EventFilter, Metadata, SMALL_BLOB_BYTES, Scrub, StoreError, Write,
};
use support::{bind, event, kept, key, record, repository, staged};

/// Names the data directory to the victim.
const VICTIM: &str = "PROVENDER_TEST_CRASH_VICTIM";
const ROUNDS: u64 = 8;
const CALLERS: usize = 4;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(root) = std::env::var_os(VICTIM) {
        runtime.block_on(commit_until_killed(Path::new(&root)));
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        acknowledged.extend(kill_after(root.path(), Duration::from_millis(40 + round * 35)));
        runtime.block_on(check(root.path(), &acknowledged));
    }
    assert!(!acknowledged.is_empty(), "the victim never came to commit");
    println!("killed {ROUNDS} times, {} acknowledged files are there ... ok", acknowledged.len());
}

/// Lets a victim commit for so long after its first commit; what it acknowledged.
fn kill_after(root: &Path, delay: Duration) -> Vec<String> {
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .env(VICTIM, root)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let first = lines.next().expect("the victim commits at least once").unwrap();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(delay);
        victim.kill().unwrap();
        victim.wait().unwrap();
    });
    let acknowledged = std::iter::once(first).chain(lines.map(Result::unwrap)).collect();
    killer.join().unwrap();
    acknowledged
}

async fn commit_until_killed(root: &Path) {
    let url = DatabaseUrl::sqlite(root.join("metadata.db"));
    let metadata = Metadata::open(&url).await.unwrap();
    let blobs = Blobs::open(root, metadata.clone()).await.unwrap();
    match metadata.commit(vec![Write::CreateRepository(repository("main"))], vec![]).await {
        Ok(_) | Err(StoreError::Exists { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let (metadata, blobs) = (metadata.clone(), blobs.clone());
        callers.push(tokio::spawn(async move {
            for number in 0_u64.. {
                let name = format!("{}-{caller}-{number}", std::process::id());
                // Every third one is too large for the database.
                let times = if number % 3 == 0 { SMALL_BLOB_BYTES } else { 1 };
                let bytes = name.repeat(times);
                let blob = staged(&blobs, bytes.as_bytes()).await.unwrap().verify(&[]).await;
                let blob = blob.unwrap();
                let id = blob.id();
                let keep = blobs.commit_with_row(blob).await.unwrap();
                let key = key("main", &format!("p{caller}"));
                let row = [bind(&key), record(&key, kept(&name, id))];
                let writes = keep.into_iter().chain(row).collect();
                let published = event(EventKind::Published, &name);
                metadata.commit(writes, vec![published]).await.unwrap();
                // One write to the pipe, so that a kill cannot tear it.
                std::io::stdout().lock().write_all(format!("{name}\n").as_bytes()).unwrap();
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
}

async fn check(root: &Path, acknowledged: &[String]) {
    let url = DatabaseUrl::sqlite(root.join("metadata.db"));
    let metadata = Metadata::open(&url).await.unwrap();
    let blobs = Blobs::open(root, metadata.clone()).await.unwrap();
    let mut rows = BTreeMap::new();
    for caller in 0..CALLERS {
        for file in metadata.files(&key("main", &format!("p{caller}"))).await.unwrap() {
            assert_eq!(blobs.scrub(&file.blob).await.unwrap(), Scrub::Intact);
            rows.insert(file.file.name.to_string(), file.blob);
        }
    }
    for name in acknowledged {
        assert!(rows.contains_key(name), "{name} was acknowledged and is lost");
    }
    let filter = EventFilter { limit: 1_000_000, ..Default::default() };
    let events = metadata.events(&filter).await.unwrap();
    assert_eq!(events.len(), rows.len());
    for (expected, event) in (1..).zip(&events) {
        assert_eq!(event.number, expected);
        assert!(rows.contains_key(&event.event.message));
    }
    assert_eq!(metadata.counts().await.unwrap().files, rows.len() as u64);
    assert_eq!(std::fs::read_dir(root.join("staging")).unwrap().count(), 0);
    metadata.close().await;
}
