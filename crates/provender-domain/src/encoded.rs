//! Texts that are mostly bytes in base64: handed on without it to whoever would take it out again.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A text that knows what in it is encoded.
pub trait EncodedText: fmt::Debug + Send + Sync {
    /// The text piece by piece.
    fn take_apart(&self, into: &mut dyn TextPieces);

    /// The whole of it.
    fn to_text(&self) -> String {
        let mut text = String::new();
        self.take_apart(&mut text);
        text
    }
}

/// Takes the pieces of a text, in their order.
pub trait TextPieces {
    /// A piece as it stands there.
    fn text(&mut self, text: &str);

    /// Bytes whose base64 stands there (RFC 4648 section 4, padded).
    fn base64(&mut self, bytes: &[u8]);
}

/// Puts them together.
impl TextPieces for String {
    fn text(&mut self, text: &str) {
        self.push_str(text);
    }

    fn base64(&mut self, bytes: &[u8]) {
        STANDARD.encode_string(bytes, self);
    }
}

/// One that knows nothing.
impl EncodedText for String {
    fn take_apart(&self, into: &mut dyn TextPieces) {
        into.text(self);
    }
}
