//! What time it is, and what to say when the system's clock jumps.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

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
/// What was said before the process started is not remembered.
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
    "the clock went back from {latest} to {now}: nothing is dated until it has caught up, or the \
     server is started anew"
)]
pub struct ClockWentBack {
    /// The latest moment that was told.
    pub latest: Timestamp,
    /// What the clock says.
    pub now: Timestamp,
}

impl SteadyClock {
    /// Makes this clock steady.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, latest_us: Arc::new(AtomicI64::new(i64::MIN)) }
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

    /// What the clock says, however it jumped: for what carries no promise of order.
    pub fn unsteady_now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn moment(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).expect("it was made from a timestamp")
}

#[cfg(test)]
mod tests;
