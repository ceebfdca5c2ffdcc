//! What an answer says first: granted, or not and why (RFC 3161 section 2.4.2).

use der::asn1::BitString;
use der::{Sequence, Tag};

use super::wrap;
use crate::ca::certificate::to_der;

/// `PKIFailureInfo`: the number of the bit that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    BadAlgorithm = 0,
    BadRequest = 2,
    BadDataFormat = 5,
    TimeNotAvailable = 14,
    UnacceptedPolicy = 15,
    UnacceptedExtension = 16,
    System = 25,
}

const GRANTED: u8 = 0;
const REJECTION: u8 = 2;

/// `PKIStatusInfo`.
#[derive(Sequence)]
struct Status {
    code: u8,
    #[asn1(optional = "true")]
    text: Option<Vec<String>>,
    #[asn1(optional = "true")]
    failure: Option<BitString>,
}

/// An answer with this timestamp: a `TimeStampResp`.
pub(super) fn granted(token: &[u8]) -> Vec<u8> {
    let status = Status { code: GRANTED, text: None, failure: None };
    wrap(Tag::Sequence, &[&to_der(&status), token])
}

/// An answer without.
pub(super) fn rejection(failure: Failure, text: &str) -> Vec<u8> {
    let status = Status {
        code: REJECTION,
        text: Some(vec![text.to_owned()]),
        failure: Some(failure.bits()),
    };
    wrap(Tag::Sequence, &[&to_der(&status)])
}

impl Failure {
    /// A named bit list without trailing zeros (X.690 section 11.2.2).
    fn bits(self) -> BitString {
        let bit = self as usize;
        let mut bytes = vec![0; bit / 8 + 1];
        bytes[bit / 8] = 0x80 >> (bit % 8);
        let unused = u8::try_from(7 - bit % 8).expect("less than eight");
        BitString::new(unused, bytes).expect("few bits")
    }
}
