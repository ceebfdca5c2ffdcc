//! Moments, to the microsecond, in UTC.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment in UTC, in microseconds since 1970; written as RFC 3339 with six decimals.
///
/// The value says nothing of who claims it: upstream dates are unsigned, ours are first-seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// The text is not an RFC 3339 moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a moment in RFC 3339 form, such as 2026-01-31T12:00:00Z")]
pub struct TimestampError;

/// The last moment that RFC 3339's four-digit years can write: 9999-12-30T22:00:00Z.
const LAST_MICROSECOND: i64 = 253_402_207_200_000_000;

impl Timestamp {
    /// Microseconds since 1970, clamped to what RFC 3339 can write.
    pub fn from_microseconds(microseconds: i64) -> Self {
        Self(microseconds.clamp(0, LAST_MICROSECOND))
    }

    /// Microseconds since 1970.
    pub const fn microseconds(self) -> i64 {
        self.0
    }

    /// From the system's clock; a moment before 1970 counts as 1970.
    pub fn from_system(time: SystemTime) -> Self {
        let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_microseconds(i64::try_from(since_epoch.as_micros()).unwrap_or(LAST_MICROSECOND))
    }

    /// As the system's clock has it.
    pub fn to_system(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(self.0.unsigned_abs())
    }

    /// This moment and so much more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let microseconds = i64::try_from(duration.as_micros()).unwrap_or(LAST_MICROSECOND);
        Self::from_microseconds(self.0.saturating_add(microseconds))
    }

    /// This moment and so much less.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let microseconds = i64::try_from(duration.as_micros()).unwrap_or(LAST_MICROSECOND);
        Self::from_microseconds(self.0.saturating_sub(microseconds))
    }

    /// RFC 3339 in whole seconds, for documents whose readers expect no more.
    pub fn to_seconds(self) -> String {
        let moment = jiff::Timestamp::from_microsecond(self.0)
            .expect("clamped to the range of RFC 3339 when it was made");
        format!("{moment:.0}")
    }

    /// How long ago `earlier` was; zero if it was not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = jiff::Timestamp::from_microsecond(self.0)
            .expect("clamped to the range of RFC 3339 when it was made");
        write!(formatter, "{moment:.6}")
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let moment: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        Ok(Self::from_microseconds(moment.as_microsecond()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, TimestampError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timestamp;

    #[test]
    fn text() {
        let check = |text: &str, expected: Option<&str>| {
            let parsed = text.parse::<Timestamp>().ok().map(|moment| moment.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text:?}");
        };
        check("2026-01-31T12:00:00Z", Some("2026-01-31T12:00:00.000000Z"));
        check("2026-01-31T12:00:00.1234567Z", Some("2026-01-31T12:00:00.123456Z"));
        check("2026-01-31T14:00:00+02:00", Some("2026-01-31T12:00:00.000000Z"));
        check("1960-01-01T00:00:00Z", Some("1970-01-01T00:00:00.000000Z"));
        check("yesterday", None);
        check("", None);
        check("2026-01-31", None);
    }

    #[test]
    fn arithmetic_saturates() {
        let late = Timestamp::from_microseconds(i64::MAX);
        assert_eq!(late.plus(Duration::MAX), late);
        assert_eq!(late.to_string().parse(), Ok(late));
        let early = Timestamp::from_microseconds(0);
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.plus(Duration::from_secs(1)).since(early), Duration::from_secs(1));
    }
}
