//! The name of an object, checked to stay where objects are.

use std::path::{Path, PathBuf};

use provender_tlog::StorageError;

/// Longest name, in bytes: a tile of the largest possible log has 60.
const PATH_LIMIT_BYTES: usize = 200;

/// A name of one or more segments.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    /// # Errors
    /// Where a segment is empty, begins with a dot, or has characters other than those of tiles'
    /// paths: nothing else can leave the root or mean one thing here and another there.
    pub(super) fn parse(path: &str) -> Result<Self, StorageError> {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        let is_segment = |segment: &str| {
            !segment.is_empty() && !segment.starts_with('.') && segment.bytes().all(is_plain)
        };
        if path.len() > PATH_LIMIT_BYTES || !path.split('/').all(is_segment) {
            return Err(StorageError::message(format!("no object is called {path:?}")));
        }
        Ok(Self(path.to_owned()))
    }

    pub(super) fn below(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }

    /// The directories that the object is in, from the root on, without the root.
    pub(super) fn directories(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.match_indices('/').map(|(end, _)| &self.0[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn names() {
        let check = |path: &str, expected: Option<&[&str]>| {
            let place = Place::parse(path).ok();
            let directories = place.as_ref().map(|place| place.directories().collect::<Vec<_>>());
            assert_eq!(directories.as_deref(), expected, "{path:?}");
        };
        check("checkpoint", Some(&[]));
        check(
            "tile/0/x001/234.p/56",
            Some(&["tile", "tile/0", "tile/0/x001", "tile/0/x001/234.p"]),
        );
        check("index/0/000-1", Some(&["index", "index/0"]));
        let hostile = [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            ".",
            "..",
            "../a",
            "a/../b",
            "a/./b",
            ".staging/a",
            "A",
            "a\\b",
            "a\0",
            "a b",
            "a:b",
            "%2e%2e/a",
            "ä",
            "a/\u{2024}\u{2024}/b",
        ];
        for path in hostile {
            check(path, None);
        }
        check(&"a/".repeat(200), None);
        check(&"a".repeat(201), None);
    }
}
