//! What a token says: a JSON object in which nothing is said twice.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Number, Value};

/// The claims of a token.
///
/// Reading refuses an object that names a member twice, at any depth: two readers could see two
/// different tokens in it (RFC 7519, section 4, allows to refuse).
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Claims(Map<String, Value>);

/// What a claim says about a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Date {
    /// Nothing.
    Absent,
    /// Nothing that is a date.
    Nonsense,
    /// Seconds since 1970.
    Seconds(i64),
}

/// Why bytes are no claims.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimsError {
    /// A member occurs twice.
    #[error("a member occurs twice")]
    Duplicate(#[source] serde_json::Error),
    /// It is no JSON object.
    #[error("no JSON object")]
    Json(#[source] serde_json::Error),
}

impl Claims {
    /// Reads a JSON object.
    pub(super) fn from_json(bytes: &[u8]) -> Result<Self, ClaimsError> {
        match serde_json::from_slice::<Strict>(bytes) {
            Ok(Strict(Value::Object(members))) => Ok(Self(members)),
            Ok(_) => Err(ClaimsError::Json(Error::custom("something else than an object"))),
            Err(error) if error.to_string().starts_with(DUPLICATE) => {
                Err(ClaimsError::Duplicate(error))
            }
            Err(error) => Err(ClaimsError::Json(error)),
        }
    }

    /// The member of this name, or, as names may hold slashes or be steps into objects, what lies at
    /// the end of the path: `kubernetes.io/namespace`.
    pub fn at(&self, path: &str) -> Option<&Value> {
        if let Some(value) = self.0.get(path) {
            return Some(value);
        }
        let mut steps = path.split('/');
        let first = self.0.get(steps.next()?)?;
        steps.try_fold(first, |value, step| value.as_object()?.get(step))
    }

    /// What [`Self::at`] finds, if it is a string, a number or a truth value, as text.
    pub fn text(&self, path: &str) -> Option<String> {
        scalar(self.at(path)?)
    }

    /// Whether the issuer vouches for the e-mail address. Some say so by a string.
    pub(super) fn email_is_verified(&self) -> bool {
        self.text("email_verified").as_deref() == Some("true")
    }

    /// The same without an e-mail address that the issuer does not vouch for: anybody could have typed it,
    /// so no rule and no name may come of it.
    pub(super) fn without_unverified_email(mut self) -> Self {
        if !self.email_is_verified() {
            self.0.remove("email");
        }
        self
    }

    /// A string member.
    pub(super) fn string(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A date (RFC 7519, `NumericDate`) as whole seconds since 1970.
    pub(super) fn date(&self, name: &str) -> Date {
        let Some(value) = self.0.get(name) else { return Date::Absent };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "casting saturates, and the range follows"
        )]
        let seconds =
            value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds.floor() as i64));
        match seconds.filter(|seconds| (0..=SECONDS_MAX).contains(seconds)) {
            Some(seconds) => Date::Seconds(seconds),
            None => Date::Nonsense,
        }
    }

    /// Every text that stands in a member: itself, or, for a list, each of its elements.
    pub(super) fn texts(&self, path: &str) -> Vec<String> {
        match self.at(path) {
            Some(Value::Array(items)) => items.iter().filter_map(scalar).collect(),
            Some(value) => scalar(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

impl FromIterator<(String, Value)> for Claims {
    fn from_iter<T: IntoIterator<Item = (String, Value)>>(members: T) -> Self {
        Self(members.into_iter().collect())
    }
}

/// The last second of the year 9999: later dates are mistakes.
const SECONDS_MAX: i64 = 253_402_300_799;

const DUPLICATE: &str = "member given twice";

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A JSON value in which no object names a member twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some((name, Strict(value))) = access.next_entry::<String, Strict>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(members))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Number::from_f64(number).map(Value::Number).ok_or_else(|| E::custom("no finite number"))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
}

#[cfg(test)]
mod tests;
