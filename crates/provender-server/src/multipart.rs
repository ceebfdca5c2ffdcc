//! `multipart/form-data` (RFC 7578), streamed.
//!
//! Written here rather than taken from a library because every buffer has to be bounded before it
//! is filled: a part's head without an end, or a boundary that never comes, must not collect in
//! memory what an archive may have in bytes.

use std::fmt;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use memchr::memmem;

use crate::limits::PART_HEAD_BYTES;

/// Longest boundary (RFC 2046 section 5.1.1).
const BOUNDARY_BYTES: usize = 70;

/// Why a body is not a form.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MultipartError<E> {
    /// The content type is another, or has no boundary.
    #[error("the body has to be multipart/form-data with a boundary")]
    NoBoundary,
    /// The body does not begin with its boundary, or has something odd behind one.
    #[error("the form's parts are not separated by its boundary")]
    Malformed,
    /// A part does not say what it is called.
    #[error("a part of the form has no name")]
    Nameless,
    /// A part's header fields are over [`PART_HEAD_BYTES`].
    #[error("the header fields of a part of the form are over {PART_HEAD_BYTES} bytes")]
    HeadTooLarge,
    /// The body ended before its last boundary.
    #[error("the form ended early")]
    Incomplete,
    /// The body could not be read.
    #[error("the form could not be read")]
    Body(#[source] E),
}

/// What a part's header fields say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// The field's name.
    pub(crate) name: String,
    /// The name that a file had at the client.
    pub(crate) file_name: Option<String>,
}

/// A form that is being read.
pub(crate) struct Multipart<S> {
    body: S,
    buffer: BytesMut,
    /// `\r\n--boundary`: what ends a part.
    delimiter: memmem::Finder<'static>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first boundary.
    Start,
    /// In a part's bytes.
    Part,
    /// Behind a boundary.
    Boundary,
    /// Behind the last one.
    End,
}

impl<S, E> Multipart<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: fmt::Debug,
{
    /// A form in this body, by the request's content type.
    pub(crate) fn new(content_type: &str, body: S) -> Result<Self, MultipartError<E>> {
        let boundary = boundary(content_type).ok_or(MultipartError::NoBoundary)?;
        let delimiter = memmem::Finder::new(&format!("\r\n--{boundary}")).into_owned();
        // The first boundary need not follow a line's end; with one put in front it always does.
        Ok(Self { body, buffer: BytesMut::from(&b"\r\n"[..]), delimiter, place: Place::Start })
    }

    /// The next part's head; what is left of the part before is skipped. `None` at the end, behind
    /// which an epilogue is not read.
    pub(crate) async fn next_part(&mut self) -> Result<Option<PartHead>, MultipartError<E>> {
        while self.place == Place::Part {
            self.data().await?;
        }
        match self.place {
            Place::End => return Ok(None),
            Place::Start => self.expect_delimiter().await?,
            Place::Boundary | Place::Part => {}
        }
        if self.is_last_boundary().await? {
            self.place = Place::End;
            return Ok(None);
        }
        let head = self.head().await?;
        self.place = Place::Part;
        Ok(Some(head))
    }

    /// The next bytes of the current part, never empty; `None` at its end.
    pub(crate) async fn data(&mut self) -> Result<Option<Bytes>, MultipartError<E>> {
        if self.place != Place::Part {
            return Ok(None);
        }
        loop {
            if let Some(length) = self.delimiter.find(&self.buffer) {
                let bytes = self.buffer.split_to(length).freeze();
                let _ = self.buffer.split_to(self.delimiter.needle().len());
                self.place = Place::Boundary;
                return Ok((!bytes.is_empty()).then_some(bytes));
            }
            // The delimiter may have begun in the last bytes; all before them are the part's.
            let certain = (self.buffer.len() + 1).saturating_sub(self.delimiter.needle().len());
            if certain > 0 {
                return Ok(Some(self.buffer.split_to(certain).freeze()));
            }
            self.fill().await?;
        }
    }

    async fn expect_delimiter(&mut self) -> Result<(), MultipartError<E>> {
        // Some clients begin with an empty line; nobody sends a preamble.
        let length = self.delimiter.needle().len();
        self.fill_to(length + 2).await?;
        if self.buffer.starts_with(b"\r\n\r\n") {
            let _ = self.buffer.split_to(2);
        }
        if !self.buffer.starts_with(self.delimiter.needle()) {
            return Err(MultipartError::Malformed);
        }
        let _ = self.buffer.split_to(length);
        Ok(())
    }

    /// Takes what follows a boundary: `--`, or transport padding and the line's end.
    async fn is_last_boundary(&mut self) -> Result<bool, MultipartError<E>> {
        self.fill_to(2).await?;
        if self.buffer.starts_with(b"--") {
            return Ok(true);
        }
        while matches!(self.buffer.first(), Some(b' ' | b'\t')) {
            let _ = self.buffer.split_to(1);
            self.fill_to(2).await?;
        }
        if !self.buffer.starts_with(b"\r\n") {
            return Err(MultipartError::Malformed);
        }
        // Kept: a part without header fields then has its empty line right here.
        Ok(false)
    }

    async fn head(&mut self) -> Result<PartHead, MultipartError<E>> {
        let mut searched = 0;
        let end = loop {
            let found = memmem::find(&self.buffer[searched..], b"\r\n\r\n");
            if let Some(end) = found.map(|end| searched + end) {
                break end;
            }
            if self.buffer.len() > PART_HEAD_BYTES {
                return Err(MultipartError::HeadTooLarge);
            }
            searched = self.buffer.len().saturating_sub(3);
            self.fill().await?;
        };
        if end > PART_HEAD_BYTES {
            return Err(MultipartError::HeadTooLarge);
        }
        let head = self.buffer.split_to(end);
        let _ = self.buffer.split_to(4);
        let head = std::str::from_utf8(&head).map_err(|_| MultipartError::Malformed)?;
        part_head(head).ok_or(MultipartError::Nameless)
    }

    async fn fill_to(&mut self, length: usize) -> Result<(), MultipartError<E>> {
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), MultipartError<E>> {
        match self.body.next().await {
            Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
            Some(Err(error)) => return Err(MultipartError::Body(error)),
            None => return Err(MultipartError::Incomplete),
        }
        Ok(())
    }
}

fn boundary(content_type: &str) -> Option<String> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(parameters, "boundary")?;
    let is_valid = (1..=BOUNDARY_BYTES).contains(&boundary.len())
        && boundary.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    is_valid.then_some(boundary)
}

fn part_head(head: &str) -> Option<PartHead> {
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let (kind, parameters) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let file_name = parameter(parameters, "filename")
        .or_else(|| extended(&parameter(parameters, "filename*")?));
    Some(PartHead { name: parameter(parameters, "name")?, file_name })
}

/// A parameter's value: a token, or a string in quotes with `\"` in it. Browsers and Python write
/// a quote as `%22` instead (HTML, multipart form data), which no name here needs undone.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    while let Some((name, behind)) = rest.split_once('=') {
        let behind = behind.trim_start();
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted_string(quoted)?,
            None => {
                let (token, behind) = behind.split_once(';').unwrap_or((behind, ""));
                (token.trim().to_owned(), behind)
            }
        };
        if name.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
    None
}

fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            // Only these two are escaped: old clients send bare backslashes in paths.
            '\\' if text[at + 1..].starts_with(['"', '\\']) => {
                value.push(characters.next()?.1);
            }
            _ => value.push(character),
        }
    }
    None
}

/// RFC 5987: `UTF-8''percent%20encoded`.
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_encoding::percent_decode_str(encoded).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests;
