//! Large bodies: bytes per second, read with a large buffer and thrown away.

use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::http::Connection;

/// Fetches `path` again and again on each of `connections` connections for `time`, and gives the
/// megabytes (10⁶ bytes) per second. What was begun in time is finished and counted.
///
/// # Errors
/// Where an answer is no success.
pub(crate) fn megabytes_per_sec(
    address: &str,
    path: &str,
    connections: usize,
    time: Duration,
) -> anyhow::Result<f64> {
    let start = Instant::now();
    let bytes = on_each(connections, || {
        let mut connection = Connection::open(address)?;
        let mut bytes = 0;
        while start.elapsed() < time {
            bytes += success(&mut connection, path)?;
        }
        Ok(bytes)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "a rate needs no more than 52 bits")]
    Ok(bytes as f64 / 1e6 / start.elapsed().as_secs_f64())
}

/// Makes `requests` requests in all, spread over the connections and going round the paths.
///
/// # Errors
/// Where an answer is no success.
pub(crate) fn requests(
    address: &str,
    paths: &[String],
    connections: usize,
    requests: usize,
) -> anyhow::Result<()> {
    let each = requests.div_ceil(connections);
    on_each(connections, || {
        let mut connection = Connection::open(address)?;
        let mut bytes = 0;
        for path in paths.iter().cycle().take(each) {
            bytes += success(&mut connection, path)?;
        }
        Ok(bytes)
    })
    .map(drop)
}

fn success(connection: &mut Connection, path: &str) -> anyhow::Result<u64> {
    let answer = connection.discard(path)?;
    ensure!(answer.status == 200, "{path} was answered {}", answer.status);
    Ok(answer.body_bytes)
}

/// Runs the same work on a thread for each connection, and sums the bytes.
fn on_each(
    connections: usize,
    work: impl Fn() -> anyhow::Result<u64> + Sync,
) -> anyhow::Result<u64> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..connections).map(|_| scope.spawn(&work)).collect();
        let mut bytes = 0;
        for thread in threads {
            bytes += thread.join().expect("a client thread does not panic")?;
        }
        Ok(bytes)
    })
}
