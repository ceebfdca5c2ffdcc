//! Paths that are safe to create below a directory.

use std::borrow::Borrow;
use std::fmt;

use crate::{ArchiveError, Limits, shown};

/// The path of an entry: proof that it was checked.
///
/// Relative, UTF-8, segments separated by single `/`, none of them empty, `.` or `..`; no backslash,
/// no drive letter, no control or text-direction character; no trailing `/`, for directories
/// neither. Joined to a directory it names something below that directory, on every system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchivePath(Box<str>);

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathProblem {
    /// No name at all.
    #[error("is empty")]
    Empty,
    /// Bytes that are not UTF-8.
    #[error(
        "is not UTF-8; the archive was made with a legacy character set, make it with UTF-8 names"
    )]
    NotUtf8,
    /// Starts at the root of a file system.
    #[error("is absolute; make the archive with paths relative to the package's root")]
    Absolute,
    /// Starts with a Windows drive.
    #[error("starts with a drive letter; make the archive with relative paths")]
    DriveLetter,
    /// Would be a separator on Windows and part of a name elsewhere.
    #[error("contains a backslash, which some tools read as a separator; use `/`")]
    Backslash,
    /// NUL, other control characters, or characters that reorder text on screen.
    #[error("contains a control character")]
    ControlCharacter,
    /// `..`
    #[error("contains a `..` segment and could be unpacked outside of its directory")]
    ParentSegment,
    /// `.` or nothing between two separators.
    #[error("contains an empty or `.` segment; tools disagree which file that is")]
    EmptySegment,
    /// More than [`Limits::path_bytes`].
    #[error("is longer than {limit_bytes} bytes, which many systems can not create")]
    TooLong {
        /// The limit.
        limit_bytes: usize,
    },
    /// More than [`Limits::path_depth`].
    #[error("is nested more than {limit} directories deep")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
}

impl ArchivePath {
    /// Checks a name as it stands in an archive.
    pub fn parse(name: &[u8], limits: &Limits) -> Result<Self, ArchiveError> {
        match check(name, limits) {
            Ok(path) => Ok(Self(path.into())),
            Err(problem) => Err(ArchiveError::UnsafePath { name: shown(name), problem }),
        }
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its segments, at least one.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Its last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// The directory it is in; `None` at the root.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }
}

impl fmt::Display for ArchivePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ArchivePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ArchivePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

fn check<'a>(name: &'a [u8], limits: &Limits) -> Result<&'a str, PathProblem> {
    let path = check_text(name, limits)?;
    if path.starts_with('/') {
        return Err(PathProblem::Absolute);
    }
    for (index, segment) in path.split('/').enumerate() {
        match segment {
            "" | "." => return Err(PathProblem::EmptySegment),
            ".." => return Err(PathProblem::ParentSegment),
            _ if index >= limits.path_depth => {
                return Err(PathProblem::TooDeep { limit: limits.path_depth });
            }
            _ => {}
        }
    }
    Ok(path)
}

/// The rules that entry names and link targets share: length, characters, no drive.
pub(crate) fn check_text<'a>(name: &'a [u8], limits: &Limits) -> Result<&'a str, PathProblem> {
    if name.is_empty() {
        return Err(PathProblem::Empty);
    }
    if name.len() > limits.path_bytes {
        return Err(PathProblem::TooLong { limit_bytes: limits.path_bytes });
    }
    let text = std::str::from_utf8(name).map_err(|_| PathProblem::NotUtf8)?;
    if text.chars().any(is_deceptive) {
        return Err(PathProblem::ControlCharacter);
    }
    if text.contains('\\') {
        return Err(PathProblem::Backslash);
    }
    if matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic()) {
        return Err(PathProblem::DriveLetter);
    }
    Ok(text)
}

/// Control characters, line and paragraph separators, and the bidirectional overrides and isolates
/// that make a name look like another on screen.
fn is_deceptive(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
