//! Texts that are mostly bytes in base64: handed on without it to whoever would take it out again.

use std::fmt;

/// A text that knows what in it is encoded.
pub trait EncodedText: fmt::Debug + Send + Sync {
    /// The whole of it.
    fn to_text(&self) -> String;

    /// The same piece by piece.
    fn take_apart(&self, into: &mut dyn TextPieces);
}

/// Takes the pieces of a text, in their order.
pub trait TextPieces {
    /// A piece as it stands there.
    fn text(&mut self, text: &str);

    /// Bytes whose base64 stands there (RFC 4648 section 4, padded).
    fn base64(&mut self, bytes: &[u8]);
}

/// One that knows nothing.
impl EncodedText for String {
    fn to_text(&self) -> String {
        self.clone()
    }

    fn take_apart(&self, into: &mut dyn TextPieces) {
        into.text(self);
    }
}
