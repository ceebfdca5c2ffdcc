//! How long a token lives, as it is typed.

use std::str::FromStr;
use std::time::Duration;

/// How long a token lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Until it is revoked.
    Unlimited,
    /// For so long.
    For(Duration),
}

impl Lifetime {
    /// In seconds; nothing for an unlimited one.
    pub(crate) fn seconds(self) -> Option<u64> {
        match self {
            Self::Unlimited => None,
            Self::For(duration) => Some(duration.as_secs()),
        }
    }
}

const WRONG: &str = "a time is a number with m, h, d or y behind it, such as 90d, or never";

impl FromStr for Lifetime {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        if text == "never" {
            return Ok(Self::Unlimited);
        }
        let unit_seconds: u64 = match text.chars().last() {
            Some('m') => 60,
            Some('h') => 60 * 60,
            Some('d') => 24 * 60 * 60,
            Some('y') => 365 * 24 * 60 * 60,
            _ => return Err(WRONG),
        };
        let number: u64 = text[..text.len() - 1].parse().map_err(|_| WRONG)?;
        let seconds = number.checked_mul(unit_seconds).filter(|seconds| *seconds > 0);
        seconds.map(|seconds| Self::For(Duration::from_secs(seconds))).ok_or(WRONG)
    }
}

#[cfg(test)]
mod tests {
    use super::Lifetime;

    #[test]
    fn times() {
        let check = |text: &str, expected: Option<Option<u64>>| {
            assert_eq!(text.parse::<Lifetime>().ok().map(Lifetime::seconds), expected, "{text:?}");
        };
        check("never", Some(None));
        check("30m", Some(Some(1_800)));
        check("12h", Some(Some(43_200)));
        check("90d", Some(Some(7_776_000)));
        check("1y", Some(Some(31_536_000)));
        check("0d", None);
        check("90", None);
        check("d", None);
        check("", None);
        check("-1d", None);
        check("1ä", None);
        check("99999999999999999y", None);
    }
}
