//! RFC 3161: the request for a timestamp, and whether one was given.

use aws_lc_rs::digest::{SHA256, digest};
use der::asn1::{AnyRef, Int, OctetStringRef};
use der::{Decode as _, Encode as _, Sequence};
use x509_cert::der::oid::db::rfc5912::ID_SHA_256;
use x509_cert::spki::AlgorithmIdentifierRef;

/// Largest answer of a timestamp authority, in bytes.
const RESPONSE_LIMIT_BYTES: usize = 64 * 1024;
/// Bytes of randomness by which an answer belongs to its request.
const NONCE_BYTES: usize = 8;

/// A request for a timestamp over one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimestampRequest {
    der: Vec<u8>,
}

/// Why there is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The system's source of randomness failed.
    #[error("no randomness is to be had")]
    NoRandomness,
    /// The answer is not one.
    #[error("the timestamp authority's answer is no RFC 3161 response")]
    Malformed,
    /// The authority refused, with a status of RFC 3161, section 2.4.2.
    #[error("the timestamp authority refused")]
    Refused,
}

/// `TimeStampReq` (section 2.4.1).
#[derive(Sequence)]
struct RequestDer<'a> {
    version: u8,
    message_imprint: ImprintDer<'a>,
    nonce: Int,
    cert_req: bool,
}

#[derive(Sequence)]
struct ImprintDer<'a> {
    hash_algorithm: AlgorithmIdentifierRef<'a>,
    hashed_message: OctetStringRef<'a>,
}

/// `TimeStampResp` (section 2.4.2).
#[derive(Sequence)]
struct ResponseDer<'a> {
    status: AnyRef<'a>,
    #[asn1(optional = "true")]
    token: Option<AnyRef<'a>>,
}

impl TimestampRequest {
    /// For these bytes; the authority sees their SHA-256 alone.
    pub fn for_message(message: &[u8]) -> Result<Self, TimestampError> {
        let hash = digest(&SHA256, message);
        let imprint: &[u8; 32] = hash.as_ref().try_into().expect("SHA-256 has 32 bytes");
        Self::for_digest(imprint)
    }

    /// For bytes whose SHA-256 this is.
    pub fn for_digest(sha256: &[u8; 32]) -> Result<Self, TimestampError> {
        let mut nonce = [0; NONCE_BYTES];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| TimestampError::NoRandomness)?;
        // Positive, and of full length: DER wants the shortest form.
        nonce[0] = nonce[0] & 0x7f | 0x40;
        Ok(Self::with_nonce(sha256, &nonce))
    }

    fn with_nonce(sha256: &[u8; 32], nonce: &[u8]) -> Self {
        let request = RequestDer {
            version: 1,
            message_imprint: ImprintDer {
                hash_algorithm: AlgorithmIdentifierRef {
                    oid: ID_SHA_256,
                    parameters: Some(AnyRef::NULL),
                },
                hashed_message: OctetStringRef::new(sha256).expect("32 bytes are few"),
            },
            nonce: Int::new(nonce).expect("a few bytes without leading zeros"),
            cert_req: true,
        };
        Self { der: request.to_der().expect("a few short fields can be written") }
    }

    /// The request, DER.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// Whether the authority gave a timestamp. Whether it holds is for a verifier to say.
    pub fn accept(&self, response: &[u8]) -> Result<(), TimestampError> {
        if response.len() > RESPONSE_LIMIT_BYTES {
            return Err(TimestampError::Malformed);
        }
        let response = ResponseDer::from_der(response).map_err(|_| TimestampError::Malformed)?;
        // PKIStatus granted (0) or grantedWithMods (1): an INTEGER of one byte.
        let granted = matches!(response.status.value(), [0x02, 0x01, 0 | 1, ..]);
        if granted && response.token.is_some() { Ok(()) } else { Err(TimestampError::Refused) }
    }
}

#[cfg(test)]
mod tests {
    use super::{RESPONSE_LIMIT_BYTES, TimestampError, TimestampRequest};

    #[test]
    fn requests_are_as_openssl_writes_them() {
        let request = TimestampRequest::with_nonce(&[0x5a; 32], &[0x40, 1, 2, 3, 4, 5, 6, 7]);
        let expected = format!(
            "3043020101{imprint}0208{nonce}0101ff",
            imprint = format_args!("3031300d060960864801650304020105000420{}", "5a".repeat(32)),
            nonce = "4001020304050607",
        );
        assert_eq!(hex::encode(request.as_der()), expected);
        let again = TimestampRequest::for_digest(&[0x5a; 32]).unwrap();
        assert_ne!(request, again);
    }

    #[test]
    fn answers() {
        let request = TimestampRequest::for_message(b"x").unwrap();
        let check = |hexadecimal: &str, expected: Result<(), TimestampError>| {
            assert_eq!(
                request.accept(&hex::decode(hexadecimal).unwrap()),
                expected,
                "{hexadecimal}"
            );
        };
        check("300730030201003000", Ok(()));
        check("300730030201013000", Ok(()));
        check("300730030201023000", Err(TimestampError::Refused));
        check("30053003020100", Err(TimestampError::Refused));
        check("3000", Err(TimestampError::Malformed));
        check("", Err(TimestampError::Malformed));
        let huge = vec![0; RESPONSE_LIMIT_BYTES + 1];
        assert_eq!(request.accept(&huge), Err(TimestampError::Malformed));
    }
}
