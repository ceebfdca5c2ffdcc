//! kill -9 in the middle of everything.
//!
//! The victim is this very test binary, started anew with [`VICTIM`] set and told to run
//! [`victim`] alone.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use provender_testing::python::{Distribution, PythonUpstream};
use tempfile::TempDir;

use crate::registry::directory;
use crate::{TestRegistry, wheel};

/// Names the data directory to the victim.
const VICTIM: &str = "PROVENDER_TEST_REGISTRY_VICTIM";
/// Names the upstream to mirror from; without it the victim publishes.
const UPSTREAM: &str = "PROVENDER_TEST_REGISTRY_VICTIM_UPSTREAM";
/// How often each victim is killed.
const ROUNDS: u64 = 6;
/// Callers at once in the victim.
const CALLERS: usize = 4;
/// Packages that the victim's upstream has.
const PACKAGES: usize = 400;

/// What the victim's callers publish or mirror, in their order.
fn demo(caller: usize, number: usize) -> Distribution {
    wheel(&format!("demo-{caller}-{number}"), "1.0")
}

/// Does its work until it is killed, and says what is done. In an ordinary run there is none.
#[test]
fn victim() {
    let Some(data) = std::env::var_os(VICTIM) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(work_until_killed(Path::new(&data)));
}

async fn work_until_killed(data: &Path) {
    let registry = TestRegistry::at(data).await;
    let upstream = std::env::var(UPSTREAM).ok();
    if let Some(url) = &upstream
        && registry.registry.upstreams(&registry.operator(), "main").unwrap().is_empty()
    {
        registry.add_upstream("main", "up", url).await;
    }
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (client, mirrors) = (registry.main(), upstream.is_some());
        callers.spawn(async move {
            for number in 0..PACKAGES / CALLERS {
                let demo = demo(caller, number);
                match mirrors {
                    true => client.install(&demo).await,
                    false => drop(client.publish(&demo).await.expect("a publication")),
                }
                // Not `println`, which the harness of the tests would capture.
                writeln!(std::io::stdout().lock(), "done {}", demo.file_name).unwrap();
            }
        });
    }
    callers.join_all().await;
    std::future::pending::<()>().await;
}

/// Starts a victim, lets it live for so long after its first word, and returns what it said.
fn kill_after(data: &Path, upstream: Option<&str>, delay: Duration) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::victim", "--nocapture", "--test-threads", "1"]);
    command.env(VICTIM, data).stdout(Stdio::piped()).stderr(Stdio::null());
    if let Some(url) = upstream {
        command.env(UPSTREAM, url);
    }
    let mut victim = command.spawn().unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    // The harness speaks first; what it says may stand before a word of the victim's.
    let mut words = std::iter::from_fn(move || {
        lines.by_ref().find_map(|line| Some(line.ok()?.split_once("done ")?.1.to_owned()))
    });
    let first = words.next().expect("the victim does something");
    let killer = std::thread::spawn(move || {
        std::thread::sleep(delay);
        victim.kill().unwrap();
        victim.wait().unwrap();
    });
    let said = std::iter::once(first).chain(words).collect();
    killer.join().unwrap();
    said
}

/// Kills victims on one directory and looks at what each leaves behind.
async fn kill_again_and_again(directory: Arc<TempDir>, upstream: Option<String>) {
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let (data, url) = (directory.path().to_owned(), upstream.clone());
        let delay = Duration::from_millis(round * 17);
        let said = tokio::task::spawn_blocking(move || kill_after(&data, url.as_deref(), delay));
        acknowledged.extend(said.await.unwrap());
        let registry = TestRegistry::left_behind(Arc::clone(&directory)).await;
        registry.assert_sound().await;
        let client = registry.main();
        for file in &acknowledged {
            let stem = file.strip_suffix("-1.0-py3-none-any.whl").expect("a wheel of ours");
            let distribution = wheel(&stem.replace('_', "-"), "1.0");
            client.install(&distribution).await;
            let metadata = client.metadata(&distribution.project, file).await.unwrap();
            assert_eq!(metadata, distribution.metadata.as_bytes());
        }
        let kept = registry.kept().await;
        assert_eq!(client.catalogue().await.len(), kept.len(), "no half-made package shows");
        registry.registry.close().await;
    }
    assert!(acknowledged.len() >= usize::try_from(ROUNDS).unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_publishing() {
    kill_again_and_again(Arc::new(directory()), None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_mirroring() {
    let upstream = PythonUpstream::start();
    for caller in 0..CALLERS {
        for number in 0..PACKAGES / CALLERS {
            upstream.add(demo(caller, number));
        }
    }
    kill_again_and_again(Arc::new(directory()), Some(upstream.index_url())).await;
}
