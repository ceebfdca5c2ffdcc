//! Small texts as they are kept: JSON, in which digests and proofs stand in hexadecimal and base64,
//! and in each of which stands what stands in all.
//!
//! What is encoded is taken out (`encodings`), and what stands there a second time, or in the text
//! that all share, is pointed to (`repeats`). That takes microseconds. Deflating, as earlier versions
//! did with bundles, takes longer than a signature and saves less: it sees nothing in base64.

use std::io::Read as _;

use flate2::read::ZlibDecoder;
use provender_domain::EncodedText;

use self::encodings::Pieces;
use super::codec::corrupt;
use super::read::Rule;
use crate::StoreError;

mod encodings;
mod repeats;

/// What stands before a text with its base64 taken out, as earlier versions packed. What is deflated
/// (RFC 1950) never begins so, nor with the other.
const WITHOUT_BASE64: u8 = 0;
/// What stands before a text as it is packed now.
const PACKED: u8 = 1;

/// The text, packed. The same text may be packed otherwise by another version.
pub(super) fn pack(text: &[u8]) -> Vec<u8> {
    packed(&encodings::take_out(text))
}

/// The same of one that knows where it is encoded.
pub(super) fn pack_apart(text: &dyn EncodedText) -> Vec<u8> {
    packed(&encodings::take_apart(text))
}

fn packed(pieces: &Pieces) -> Vec<u8> {
    let mut packed = Vec::with_capacity(pieces.bytes.len());
    packed.push(PACKED);
    repeats::point(pieces, &mut packed);
    packed
}

/// The same, if that saves at least a quarter, and the text comes out of it again.
pub(crate) fn pack_if_worth_it(text: &[u8]) -> Option<Vec<u8>> {
    let packed = pack(text);
    let is_worth_it = packed.len() <= text.len() / 4 * 3;
    (is_worth_it && unpack(&packed, text.len()).is_ok_and(|again| again == text)).then_some(packed)
}

/// What was packed, by this version or an earlier one.
///
/// # Errors
/// Where it is damaged, or longer than `limit_bytes`.
pub(super) fn unpack(packed: &[u8], limit_bytes: usize) -> Result<Vec<u8>, StoreError> {
    let damaged = || corrupt("packed text", Rule("its pieces do not fit"));
    match packed.split_first() {
        Some((&PACKED, pieces)) => {
            let limit = limit_bytes.saturating_add(encodings::OVERHEAD_BYTES);
            let pieces = repeats::follow(pieces, limit).ok_or_else(damaged)?;
            encodings::put_back(&pieces, limit_bytes).ok_or_else(damaged)
        }
        Some((&WITHOUT_BASE64, pieces)) => {
            encodings::put_back_base64(pieces, limit_bytes).ok_or_else(damaged)
        }
        _ => inflate(packed, limit_bytes),
    }
}

fn inflate(packed: &[u8], limit_bytes: usize) -> Result<Vec<u8>, StoreError> {
    let mut text = Vec::new();
    let read = ZlibDecoder::new(packed).take(limit_bytes as u64 + 1).read_to_end(&mut text);
    if read.map_err(|error| corrupt("packed text", error))? > limit_bytes {
        return Err(corrupt("packed text", Rule("it is longer than any that is taken")));
    }
    Ok(text)
}

/// A number in seven bits a byte, the lowest first.
fn push_number(into: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        into.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    into.push(u8::try_from(number).expect("seven bits"));
}

fn pop_number(from: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..usize::BITS - 7).step_by(7) {
        let byte = from.split_off_first()?;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// As many bytes as the number before them says.
fn pop_piece<'a>(from: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = pop_number(from)?;
    from.split_off(..length)
}

#[cfg(test)]
mod tests;
