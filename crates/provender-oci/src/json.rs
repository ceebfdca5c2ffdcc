//! JSON documents that every reader must read alike.
//!
//! RFC 8259 leaves open which of two equal keys counts, and readers differ. So do they about the
//! case of letters: Go's, which most clients are written in, takes `Layers` for `layers`. Documents
//! in which that matters are refused, for they are different things to different people.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::error::ManifestFault;

/// How deep lists and objects may stand in each other; manifests need six.
const DEPTH_LIMIT: usize = 16;
/// Most values in one document, keys not counted; an index of a thousand platforms has some ten
/// thousand.
const VALUES_LIMIT: usize = 200_000;

const REPEATED: &str = "a key stands in one object twice: ";
const TOO_DEEP: &str = "too deep";
const TOO_MANY: &str = "too many values";

/// Reads a whole document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, ManifestFault> {
    let mut values_left = VALUES_LIMIT;
    let seed = Strict { depth_left: DEPTH_LIMIT, values_left: &mut values_left };
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = seed.deserialize(&mut deserializer).map_err(|error| fault(&error))?;
    deserializer.end().map_err(|error| fault(&error))?;
    Ok(value)
}

fn fault(error: &serde_json::Error) -> ManifestFault {
    let text = error.to_string();
    if let Some(at) = text.find(REPEATED) {
        let key = &text[at + REPEATED.len()..];
        // serde_json adds where it stands to whatever it is told.
        let place = format!(" at line {} column {}", error.line(), error.column());
        let key = provender_archive::shown(key.strip_suffix(place.as_str()).unwrap_or(key));
        return ManifestFault::RepeatedKey { key };
    }
    if text.starts_with(TOO_DEEP) {
        return ManifestFault::TooDeep { limit: DEPTH_LIMIT };
    }
    if text.starts_with(TOO_MANY) {
        return ManifestFault::TooManyValues { limit: VALUES_LIMIT };
    }
    ManifestFault::NotJson { line: error.line(), column: error.column() }
}

/// The object's value under each of these keys, in their order. A key that differs from one of them
/// in case alone is refused.
pub(crate) fn fields<'a, const N: usize>(
    object: &'a Map<String, Value>,
    known: [&'static str; N],
) -> Result<[Option<&'a Value>; N], ManifestFault> {
    for key in object.keys() {
        let alike = known.iter().find(|known| **known != key && folds_to(key, known));
        if let Some(alike) = alike {
            return Err(ManifestFault::AmbiguousKey {
                key: provender_archive::shown(key),
                known: alike,
            });
        }
    }
    Ok(known.map(|key| object.get(key)))
}

/// Whether Go's reader takes `key` for `known`: it folds as Unicode does, by which two letters from
/// outside ASCII are ASCII ones.
fn folds_to(key: &str, known: &str) -> bool {
    let folded = key.chars().map(|c| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => c.to_ascii_lowercase(),
    });
    folded.eq(known.chars().map(|c| c.to_ascii_lowercase()))
}

struct Strict<'a> {
    depth_left: usize,
    values_left: &'a mut usize,
}

impl Strict<'_> {
    fn inner(&mut self) -> Strict<'_> {
        Strict { depth_left: self.depth_left - 1, values_left: self.values_left }
    }

    fn enter<E: serde::de::Error>(&self) -> Result<(), E> {
        if self.depth_left == 0 { Err(E::custom(TOO_DEEP)) } else { Ok(()) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.values_left =
            self.values_left.checked_sub(1).ok_or_else(|| D::Error::custom(TOO_MANY))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.inner())? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut values = Map::new();
        while let Some(key) = object.next_key::<String>()? {
            if values.contains_key(&key) {
                return Err(A::Error::custom(format_args!("{REPEATED}{key}")));
            }
            let value = object.next_value_seed(self.inner())?;
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests;
