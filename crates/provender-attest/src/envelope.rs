//! DSSE: a payload, its type, and one signature over both.

/// The type of an in-toto statement's bytes.
pub const IN_TOTO_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// A signed payload. DSSE allows many signatures; a bundle's envelope has exactly one, because its
/// certificate, timestamp and log entry speak of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The signed bytes.
    pub payload: Vec<u8>,
    /// The signature over [`Envelope::signed_bytes`].
    pub signature: Vec<u8>,
}

impl Envelope {
    /// What the signature is made over: DSSE's pre-authentication encoding, which no two different
    /// pairs of type and payload share.
    pub fn signed_bytes(&self) -> Vec<u8> {
        pre_authentication_encoding(&self.payload_type, &self.payload)
    }
}

/// `DSSEv1 <length of type> <type> <length of payload> <payload>`.
pub(crate) fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::pre_authentication_encoding;

    #[test]
    fn the_specification_s_example() {
        let check = |payload_type: &str, payload: &str, expected: &str| {
            let bytes = pre_authentication_encoding(payload_type, payload.as_bytes());
            assert_eq!(String::from_utf8(bytes).unwrap(), expected);
        };
        check(
            "http://example.com/HelloWorld",
            "hello world",
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
        );
        check("", "", "DSSEv1 0  0 ");
        check("é", "ü", "DSSEv1 2 é 2 ü");
    }
}
