//! Hexadecimal and base64 taken out of a text, and put back.
//!
//! Plain text and bytes in turn: the text behind its length, the bytes behind a number that tells
//! their length and what they stand for.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provender_domain::{EncodedText, TextPieces};

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

/// A text taken apart.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pub(super) bytes: Vec<u8>,
    /// Where among them stand bytes that were encoded and are no text, in order. What is in them
    /// repeats nothing, as a rule, but for all of another.
    pub(super) raw: Vec<Range<usize>>,
}

/// Only what is written in the one right way is taken out, so that putting it back gives the same.
pub(super) fn take_out(text: &[u8]) -> Pieces {
    take_out_to(text, 0)
}

/// The same of a text that knows where it is encoded; what it hands over as text is looked through.
pub(super) fn take_apart(text: &dyn EncodedText) -> Pieces {
    let mut taker = Taker::default();
    text.take_apart(&mut taker);
    let Taker { mut pieces, plain } = taker;
    let rest = pieces.take_out_of(&plain, 0);
    pieces.push_last(rest);
    pieces
}

fn take_out_to(text: &[u8], depth: usize) -> Pieces {
    let mut pieces = Pieces { bytes: Vec::with_capacity(text.len()), raw: Vec::new() };
    let rest = pieces.take_out_of(text, depth);
    pieces.push_last(rest);
    pieces
}

impl Pieces {
    /// Appends the pieces of a text up to the last that is encoded; gives what stands behind that.
    fn take_out_of<'a>(&mut self, text: &'a [u8], depth: usize) -> &'a [u8] {
        let mut rest = text;
        while let Some(found) = next(rest, depth) {
            self.push_text(&rest[..found.begin]);
            match found.encoded {
                Encoded::Bytes(encoding, bytes) => self.push_bytes(encoding, &bytes),
                Encoded::Text(inner) => self.push_inner(inner),
            }
            rest = &rest[found.end..];
        }
        rest
    }

    fn push_text(&mut self, text: &[u8]) {
        push_number(&mut self.bytes, text.len());
        self.bytes.extend_from_slice(text);
    }

    fn push_last(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.push_text(text);
        }
    }

    fn push_bytes(&mut self, encoding: Encoding, bytes: &[u8]) {
        self.push_length(encoding, bytes.len());
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.raw.push(begin..self.bytes.len());
    }

    fn push_inner(&mut self, inner: Self) {
        self.push_length(Encoding::TextInBase64, inner.bytes.len());
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(&inner.bytes);
        let raw = inner.raw.into_iter().map(|raw| begin + raw.start..begin + raw.end);
        self.raw.extend(raw);
    }

    fn push_length(&mut self, encoding: Encoding, bytes: usize) {
        push_number(&mut self.bytes, bytes * Encoding::ALL.len() + encoding as usize);
    }
}

#[derive(Default)]
struct Taker {
    pieces: Pieces,
    /// What came since the last that is encoded.
    plain: Vec<u8>,
}

impl TextPieces for Taker {
    fn text(&mut self, text: &str) {
        self.plain.extend_from_slice(text.as_bytes());
    }

    fn base64(&mut self, bytes: &[u8]) {
        let rest = self.pieces.take_out_of(&self.plain, 0);
        self.pieces.push_text(rest);
        self.plain.clear();
        match text_within(bytes, 0) {
            Some(inner) => self.pieces.push_inner(inner),
            None => self.pieces.push_bytes(Encoding::Base64, bytes),
        }
    }
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

/// Something encoded in a text: where it is, and what it is.
struct Found {
    begin: usize,
    end: usize,
    encoded: Encoded,
}

enum Encoded {
    Bytes(Encoding, Vec<u8>),
    Text(Pieces),
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
            if let Some((encoded, end)) = found {
                return Some(Found { begin, end, encoded });
            }
        }
        begin = end + 1;
    }
    None
}

fn hexadecimal(letters: &[u8]) -> Option<Encoded> {
    let is_small = letters.iter().all(|letter| matches!(letter, b'0'..=b'9' | b'a'..=b'f'));
    let bytes = is_small.then(|| hex::decode(letters).ok()).flatten()?;
    Some(Encoded::Bytes(Encoding::Hexadecimal, bytes))
}

fn base64(letters: &[u8], depth: usize) -> Option<Encoded> {
    let bytes = STANDARD.decode(letters).ok()?;
    let inner = text_within(&bytes, depth).map(Encoded::Text);
    Some(inner.unwrap_or(Encoded::Bytes(Encoding::Base64, bytes)))
}

/// What is in bytes that stand in base64, if they are a text of the kind that is packed.
fn text_within(bytes: &[u8], depth: usize) -> Option<Pieces> {
    let is_text = bytes.first() == Some(&b'{') && depth < DEPTH_MAX;
    is_text.then(|| take_out_to(bytes, depth + 1))
}
