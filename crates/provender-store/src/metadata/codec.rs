//! Facts as JSON text.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;

pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("facts are plain data with text keys")
}

pub(super) fn from_json<T: DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| corrupt(what, error))
}

pub(super) fn corrupt(
    what: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    StoreError::Corrupt { what, source: Arc::new(source) }
}

/// What others ask for may have that character too. Nothing that is kept as a text has it, nor the one
/// that follows it: so what is equal to this, or behind it by bytes, is so with the one as with the
/// other.
pub(super) fn askable(text: &str) -> String {
    text.replace('\0', "\u{1}")
}

/// What others wrote may have the one character that `PostgreSQL` does not take.
pub(super) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
