//! Parameters: texts from the path and the query, read as the fields of a struct.

use std::collections::BTreeMap;

use provender_domain::{Problem, ProblemCode};
use serde::de::value::{Error, MapDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

/// Reads the struct; an unknown, missing or malformed parameter is the caller's mistake.
pub(super) fn read<P: DeserializeOwned>(values: BTreeMap<String, String>) -> Result<P, Problem> {
    let fields = values.into_iter().map(|(name, value)| (name, Text(value)));
    P::deserialize(MapDeserializer::new(fields)).map_err(|error: Error| {
        let message = format!("the parameters are not as expected: {error}");
        Problem::new(ProblemCode::InvalidRequest, message)
    })
}

/// One value, which is whatever its text can be read as.
struct Text(String);

impl IntoDeserializer<'_, Error> for Text {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl Text {
    fn parse<T: std::str::FromStr>(&self, what: &str) -> Result<T, Error> {
        let wrong = || serde::de::Error::custom(format!("{:?} is not {what}", self.0));
        self.0.parse().map_err(|_| wrong())
    }
}

impl<'de> Deserializer<'de> for Text {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.parse("true or false")?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_i64(self.parse("a whole number")?)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u64(self.parse("a whole number, not negative")?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_u32(self.parse("a whole number, not negative")?)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::read;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: String,
        after: Option<i64>,
        limit: Option<u32>,
        severity: Option<provender_domain::Severity>,
        kind: Option<provender_domain::EventKind>,
    }

    #[test]
    fn texts_become_fields() {
        let check = |pairs: &[(&str, &str)], expected: Result<(&str, Option<i64>), &str>| {
            let values =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let read = read::<Sample>(values.collect());
            match expected {
                Ok((name, after)) => {
                    let read = read.unwrap();
                    assert_eq!((read.name.as_str(), read.after), (name, after));
                }
                Err(part) => {
                    let message = read.unwrap_err().public;
                    assert!(message.contains(part), "{message}");
                }
            }
        };
        check(&[("name", "demo")], Ok(("demo", None)));
        check(&[("name", "1"), ("after", "-4"), ("limit", "3")], Ok(("1", Some(-4))));
        check(&[("name", "a"), ("severity", "high"), ("kind", "namesake")], Ok(("a", None)));
        check(&[], Err("missing field `name`"));
        check(&[("name", "a"), ("nmae", "b")], Err("unknown field `nmae`"));
        check(&[("name", "a"), ("after", "soon")], Err("\"soon\" is not a whole number"));
        check(&[("name", "a"), ("limit", "-1")], Err("not negative"));
        check(&[("name", "a"), ("severity", "dire")], Err("unknown variant `dire`"));
    }
}
