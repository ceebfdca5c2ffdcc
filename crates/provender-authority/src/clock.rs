//! What time it is, and what to say when the system's clock jumps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::keys::{KeyError, file};

/// Tells the time. Tests have their own.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that never goes back: what certificates and timestamps are dated by.
///
/// Small steps back, as of a clock that is being adjusted, are bridged by repeating the latest
/// moment. After a larger one nothing is dated until the clock has caught up with what was already
/// said, for a timestamp may neither contradict an earlier one nor be known to be wrong.
/// What was said before a restart is remembered by a file, see `open`.
#[derive(Clone)]
pub struct SteadyClock {
    clock: Arc<dyn Clock>,
    latest_us: Arc<AtomicI64>,
}

/// The largest step back that is bridged.
pub const STEP_BACK_MAX: SignedDuration = SignedDuration::from_secs(5);

/// The clock went back further than can be bridged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the clock went back from {latest} to {now}: nothing is dated until it has caught up; if it was \
     wrong before, stop the server, remove the file latest-time.json and start again"
)]
pub struct ClockWentBack {
    /// The latest moment that was told.
    pub latest: Timestamp,
    /// What the clock says.
    pub now: Timestamp,
}

/// The file of the latest moment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LatestTimeError {
    /// It cannot be read.
    #[error("cannot read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// It is not what was written.
    #[error("{} holds no moment: if the clock is right, remove the file", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// It cannot be written.
    #[error("the latest time that was told cannot be kept")]
    Write(#[from] KeyError),
}

impl SteadyClock {
    /// Makes this clock steady, and lets it go on where [`Self::keep`] left off.
    pub(crate) fn open(clock: Arc<dyn Clock>, path: &Path) -> Result<Self, LatestTimeError> {
        let steady = Self::new(clock);
        let latest = match fs::read(path) {
            Ok(json) => serde_json::from_slice::<Timestamp>(&json)
                .map_err(|source| LatestTimeError::Malformed { path: path.to_owned(), source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(steady),
            Err(source) => return Err(LatestTimeError::Read { path: path.to_owned(), source }),
        };
        steady.latest_us.store(latest.as_microsecond(), Ordering::Release);
        Ok(steady)
    }

    /// Keeps the latest moment that was told in this file; nothing, if none was. When this returns,
    /// it is durable. Blocks for some milliseconds.
    pub(crate) fn keep(&self, path: &Path) -> Result<(), LatestTimeError> {
        let latest_us = self.latest_us.load(Ordering::Acquire);
        if latest_us == NOTHING_TOLD {
            return Ok(());
        }
        let json = serde_json::to_vec(&moment(latest_us)).expect("a moment can be written");
        Ok(file::replace(path, &json, file::PUBLIC_MODE)?)
    }

    /// Makes this clock steady.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, latest_us: Arc::new(AtomicI64::new(NOTHING_TOLD)) }
    }

    /// Now, to the microsecond, never before what was told earlier by this or a clone of it.
    pub fn now(&self) -> Result<Timestamp, ClockWentBack> {
        let now_us = self.clock.now().as_microsecond();
        let latest_us = self.latest_us.fetch_max(now_us, Ordering::AcqRel).max(now_us);
        let (latest, now) = (moment(latest_us), moment(now_us));
        if latest.duration_since(now) > STEP_BACK_MAX {
            return Err(ClockWentBack { latest, now });
        }
        Ok(latest)
    }

    /// The latest moment that was told, or what the clock says, if that is later.
    pub fn latest(&self) -> Timestamp {
        moment(self.latest_us.load(Ordering::Acquire).max(self.clock.now().as_microsecond()))
    }

    /// What the clock says, however it jumped: for what carries no promise of order.
    pub fn unsteady_now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// Before every moment.
const NOTHING_TOLD: i64 = i64::MIN;

fn moment(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).expect("it was made from a timestamp")
}

#[cfg(test)]
mod tests;
