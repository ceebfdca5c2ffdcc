//! How fast a disk takes what is written past the kernel's cache.

use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// So much is written before anything is said of the disk, and again before that changes.
const MEASURED_BYTES: u64 = 64 << 20;
/// A disk that takes less in a second is slow: who reads what it holds would wait for it rather than
/// for a network.
const SLOW_BYTES_PER_SEC: u64 = 256 << 20;
/// For how long it is left alone then, before it is tried again: disks in a cloud have good and bad
/// hours.
const SLOW_FOR: Duration = Duration::from_mins(10);

/// Measures all that write together.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<Measured>);

#[derive(Debug, Default)]
struct Measured {
    /// How many are writing, and since when any are.
    writing: u32,
    since: Option<Instant>,
    /// While any were, and how much they wrote, since something was last said of the disk.
    busy: Duration,
    written_bytes: u64,
    slow_until: Option<Instant>,
}

impl Pace {
    /// Somebody begins to write.
    pub(super) fn begin(&self, now: Instant) {
        let mut measured = self.lock();
        measured.writing += 1;
        measured.since.get_or_insert(now);
    }

    /// Somebody has written so much, or failed to.
    pub(super) fn end(&self, now: Instant, bytes: usize) {
        let mut measured = self.lock();
        measured.writing -= 1;
        measured.written_bytes += bytes as u64;
        if measured.writing == 0 || measured.written_bytes >= MEASURED_BYTES {
            measured.stop(now);
        }
        if measured.written_bytes >= MEASURED_BYTES {
            measured.judge(now);
        }
    }

    /// Whether it was slow a while ago.
    pub(super) fn is_slow(&self, now: Instant) -> bool {
        self.lock().slow_until.is_some_and(|until| now < until)
    }

    /// As if it had just been found slow.
    #[cfg(feature = "faults")]
    pub(super) fn be_slow(&self, now: Instant) {
        self.lock().slow_until = Some(now + SLOW_FOR);
    }

    fn lock(&self) -> MutexGuard<'_, Measured> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

impl Measured {
    fn stop(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.busy += now.saturating_duration_since(since);
        }
        self.since = (self.writing > 0).then_some(now);
    }

    fn judge(&mut self, now: Instant) {
        let would_take = Duration::from_secs(self.written_bytes)
            / u32::try_from(SLOW_BYTES_PER_SEC).expect("a small number");
        self.slow_until = (self.busy > would_take).then(|| now + SLOW_FOR);
        (self.busy, self.written_bytes) = (Duration::ZERO, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{MEASURED_BYTES, Pace, SLOW_BYTES_PER_SEC, SLOW_FOR};

    const PIECE_BYTES: usize = 1 << 20;

    /// Writes enough to be judged, each piece for as long, so many at once.
    fn written(pace: &Pace, begin: Instant, each: Duration, at_once: usize) -> Instant {
        let mut now = begin;
        let pieces = usize::try_from(MEASURED_BYTES).unwrap() / PIECE_BYTES;
        for _ in 0..pieces.div_ceil(at_once) {
            (0..at_once).for_each(|_| pace.begin(now));
            now += each;
            (0..at_once).for_each(|_| pace.end(now, PIECE_BYTES));
        }
        now
    }

    #[test]
    fn a_disk_is_slow_that_takes_too_long_for_all_together() {
        let limit =
            Duration::from_secs(PIECE_BYTES as u64) / u32::try_from(SLOW_BYTES_PER_SEC).unwrap();
        for (each, at_once, is_slow) in [
            (limit / 2, 1, false),
            (limit * 2, 1, true),
            (limit * 2, 4, false),
            (limit * 5, 4, true),
        ] {
            let pace = Pace::default();
            let now = written(&pace, Instant::now(), each, at_once);
            assert_eq!(pace.is_slow(now), is_slow, "{each:?}, {at_once} at once");
            // What is idle in between counts for nothing.
            let pace = Pace::default();
            let now = written(&pace, Instant::now(), limit / 2, 1) + SLOW_FOR;
            let now = written(&pace, now, each, at_once);
            assert_eq!(pace.is_slow(now), is_slow, "{each:?}, {at_once} at once, later");
        }
    }

    #[test]
    fn a_slow_disk_is_tried_again() {
        let pace = Pace::default();
        let now = written(&pace, Instant::now(), Duration::from_secs(1), 1);
        let again = now + SLOW_FOR;
        assert!(pace.is_slow(again.checked_sub(Duration::from_nanos(1)).unwrap()));
        let now = again;
        assert!(!pace.is_slow(now));
        // Little says nothing.
        pace.begin(now);
        pace.end(now + Duration::from_secs(9), PIECE_BYTES);
        assert!(!pace.is_slow(now + Duration::from_secs(9)));
        let now = written(&pace, now, Duration::from_millis(1), 1);
        assert!(pace.is_slow(now), "the little before it still counts");
        let now = written(&pace, now, Duration::from_millis(1), 1);
        assert!(!pace.is_slow(now));
    }
}
