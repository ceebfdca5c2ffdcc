//! Bytes as protobuf's JSON writes them: base64, with either alphabet, padded or not.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer, de};

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const WITH_STANDARD_ALPHABET: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const WITH_URL_SAFE_ALPHABET: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Bytes that JSON holds as base64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Base64(pub(crate) Vec<u8>);

/// Standard alphabet, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Either alphabet, padded or not; bits that mean nothing must be zero.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let engine =
        if text.contains(['-', '_']) { WITH_URL_SAFE_ALPHABET } else { WITH_STANDARD_ALPHABET };
    engine.decode(text).ok()
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Base64;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
                decode(text).map(Base64).ok_or_else(|| E::custom("this is no base64"))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn either_alphabet_and_no_loose_bits() {
        let check = |text: &str, expected: Option<&[u8]>| {
            assert_eq!(decode(text).as_deref(), expected, "{text}");
        };
        check("", Some(b""));
        check("+/8=", Some(&[0xfb, 0xff]));
        check("-_8=", Some(&[0xfb, 0xff]));
        check("+/8", Some(&[0xfb, 0xff]));
        check("-/8=", None);
        check("+/9=", None);
        check("+/8 =", None);
        check("+/8==", None);
    }
}
