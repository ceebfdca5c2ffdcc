//! Hexadecimal and base64 taken out of a text, and put back.
//!
//! Plain text and bytes in turn: the text behind its length, the bytes behind a number that tells
//! their length and what they stand for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{pop_number, pop_piece, push_number};

/// Shortest encoding that is taken out, in characters: less is not worth two lengths.
const ENCODED_MIN: usize = 32;
/// How much longer than a text its pieces may be: by the length before the first, as what is taken
/// out saves more than its own lengths.
pub(super) const OVERHEAD_BYTES: usize = 10;
/// How far a text in base64 is read that stands within another in base64.
const DEPTH_MAX: usize = 2;

/// Which bytes stand for six bits in base64 (RFC 4648 section 4).
const IS_LETTER: [bool; 256] = {
    let mut is_letter = [false; 256];
    let mut byte = 0_u8;
    loop {
        is_letter[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        if byte == u8::MAX {
            break is_letter;
        }
        byte += 1;
    }
};

/// What bytes stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Base64,
    /// In small letters.
    Hexadecimal,
    /// The base64 of a text whose own encodings are taken out.
    TextInBase64,
}

impl Encoding {
    /// Each at its number.
    const ALL: [Self; 3] = [Self::Base64, Self::Hexadecimal, Self::TextInBase64];
}

/// Only what is written in the one right way is taken out, so that putting it back gives the same.
pub(super) fn take_out(text: &[u8]) -> Vec<u8> {
    take_out_to(text, 0)
}

fn take_out_to(text: &[u8], depth: usize) -> Vec<u8> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let Some(found) = next(rest, depth) else {
            push_number(&mut pieces, rest.len());
            pieces.extend_from_slice(rest);
            break;
        };
        push_number(&mut pieces, found.begin);
        pieces.extend_from_slice(&rest[..found.begin]);
        push_number(&mut pieces, found.bytes.len() * Encoding::ALL.len() + found.encoding as usize);
        pieces.extend_from_slice(&found.bytes);
        rest = &rest[found.end..];
    }
    pieces
}

/// The text again; `None` where it is damaged or longer than that.
pub(super) fn put_back(pieces: &[u8], limit_bytes: usize) -> Option<Vec<u8>> {
    put_back_from(pieces, limit_bytes, 0)
}

fn put_back_from(mut pieces: &[u8], limit_bytes: usize, depth: usize) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(pieces.len() * 3 / 2);
    while !pieces.is_empty() {
        text.extend_from_slice(pop_piece(&mut pieces)?);
        if pieces.is_empty() {
            break;
        }
        let number = pop_number(&mut pieces)?;
        let bytes = pieces.split_off(..number / Encoding::ALL.len())?;
        match Encoding::ALL[number % Encoding::ALL.len()] {
            Encoding::Hexadecimal => text.extend_from_slice(hex::encode(bytes).as_bytes()),
            Encoding::Base64 => text.extend_from_slice(STANDARD.encode(bytes).as_bytes()),
            Encoding::TextInBase64 if depth < DEPTH_MAX => {
                let inner = put_back_from(bytes, limit_bytes, depth + 1)?;
                text.extend_from_slice(STANDARD.encode(inner).as_bytes());
            }
            Encoding::TextInBase64 => return None,
        }
        if text.len() > limit_bytes {
            return None;
        }
    }
    (text.len() <= limit_bytes).then_some(text)
}

/// The same of what earlier versions wrote, who knew base64 alone and wrote bytes behind each text.
pub(super) fn put_back_base64(mut pieces: &[u8], limit_bytes: usize) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(pieces.len() * 4 / 3);
    while !pieces.is_empty() {
        text.extend_from_slice(pop_piece(&mut pieces)?);
        text.extend_from_slice(STANDARD.encode(pop_piece(&mut pieces)?).as_bytes());
    }
    (text.len() <= limit_bytes).then_some(text)
}

/// Something encoded in a text: where it is, and the bytes.
struct Found {
    begin: usize,
    end: usize,
    encoding: Encoding,
    bytes: Vec<u8>,
}

/// The next that is worth it.
fn next(text: &[u8], depth: usize) -> Option<Found> {
    let mut begin = 0;
    while begin < text.len() {
        // The letter of a line's end in JSON is none of what the line begins with.
        begin += usize::from(begin > 0 && text[begin - 1..].starts_with(b"\\n"));
        let letters = text[begin..].iter().position(|byte| !IS_LETTER[usize::from(*byte)]);
        let end = letters.map_or(text.len(), |letters| begin + letters);
        let padding = text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        if end - begin >= ENCODED_MIN {
            let found = hexadecimal(&text[begin..end]).map(|found| (found, end));
            let found = found.or_else(|| {
                let end = end + padding;
                base64(&text[begin..end], depth).map(|found| (found, end))
            });
            if let Some(((encoding, bytes), end)) = found {
                return Some(Found { begin, end, encoding, bytes });
            }
        }
        begin = end + 1;
    }
    None
}

fn hexadecimal(letters: &[u8]) -> Option<(Encoding, Vec<u8>)> {
    let is_small = letters.iter().all(|letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f'));
    Some((Encoding::Hexadecimal, is_small.then(|| hex::decode(letters).ok()).flatten()?))
}

fn base64(letters: &[u8], depth: usize) -> Option<(Encoding, Vec<u8>)> {
    let bytes = STANDARD.decode(letters).ok()?;
    Some(match bytes.first() {
        Some(b'{') if depth < DEPTH_MAX => (Encoding::TextInBase64, take_out_to(&bytes, depth + 1)),
        _ => (Encoding::Base64, bytes),
    })
}
