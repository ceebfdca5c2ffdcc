//! How long documents are believed, and when they are renewed.

use jiff::{SignedDuration, Timestamp};

use super::metadata::Document;
use crate::settings::TrustSettings;

/// How long the documents live, and when they are renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lives {
    /// The root document, in days. It is renewed only where the root key is at hand, so it lives long.
    pub root_days: u32,
    /// The list of targets, in days.
    pub targets_days: u32,
    /// The snapshot, in days.
    pub snapshot_days: u32,
    /// The timestamp, in days: how long somebody may hide from a client that anything is newer.
    pub timestamp_days: u32,
    /// How much of a document's life may be gone before it is renewed.
    pub renew_after_percent: u32,
}

impl Default for Lives {
    fn default() -> Self {
        Self::from(&TrustSettings::default())
    }
}

impl From<&TrustSettings> for Lives {
    fn from(settings: &TrustSettings) -> Self {
        Self {
            root_days: settings.root_days.value(),
            targets_days: settings.targets_days.value(),
            snapshot_days: settings.snapshot_days.value(),
            timestamp_days: settings.timestamp_days.value(),
            renew_after_percent: settings.renew_after_percent.value(),
        }
    }
}

impl Lives {
    /// Whether so much of the document's life is gone, or it lives longer than it ever should.
    pub(super) fn is_due(self, document: &Document, life_days: u32, now: Timestamp) -> bool {
        let left = document.expires.duration_since(now);
        let least_percent = 100_i32.saturating_sub_unsigned(self.renew_after_percent);
        left <= life(life_days) / 100 * least_percent || left > life(life_days)
    }
}

pub(super) fn life(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}
