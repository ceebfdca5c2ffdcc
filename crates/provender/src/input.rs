//! Files that a command is given: none is read without a bound, as some never end, and one that is not
//! there ends the command with the status for that.

use std::io::Read;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::exit::{Failure, unread};
use crate::instance::usage;

/// All of a file that has at most so many bytes.
pub(crate) fn read_limited(path: &Path, limit_bytes: usize) -> Result<Vec<u8>> {
    let bytes = read_at_most(path, limit_bytes)?;
    bytes.ok_or_else(|| Failure::Refused(too_large(path, limit_bytes)).into())
}

/// The same; nothing if it is larger. What a file says of its length is not asked: some say zero.
pub(crate) fn read_at_most(path: &Path, limit_bytes: usize) -> Result<Option<Vec<u8>>> {
    let read = || taken(std::fs::File::open(path)?, limit_bytes);
    read().map_err(|error| unread(path, error))
}

/// What to say of a larger one.
pub(crate) fn too_large(path: &Path, limit_bytes: usize) -> String {
    format!("{}: larger than {limit_bytes} bytes", path.display())
}

/// The text of a file that an option names; what is no text, or more than the option takes, is wrong
/// usage.
pub(crate) fn read_text(option: &str, path: &Path, limit_bytes: usize) -> Result<String> {
    let bytes = read_at_most(path, limit_bytes).with_context(|| option.to_owned())?;
    text(bytes, || format!("{option} {}", path.display()), limit_bytes)
}

/// The same of standard input.
pub(crate) fn read_stdin(option: &str, limit_bytes: usize) -> Result<String> {
    let bytes = taken(std::io::stdin().lock(), limit_bytes);
    let bytes = bytes.with_context(|| format!("{option}: standard input"))?;
    text(bytes, || format!("{option} -"), limit_bytes)
}

fn text(bytes: Option<Vec<u8>>, shown: impl Fn() -> String, limit_bytes: usize) -> Result<String> {
    let wrong = |why: &str| usage(&format!("{}: {why}", shown()));
    let bytes = bytes.ok_or_else(|| wrong(&format!("larger than {limit_bytes} bytes")))?;
    String::from_utf8(bytes).map_err(|_| wrong("this is no text"))
}

/// All there is, if it is not more than so many bytes.
fn taken(source: impl Read, limit_bytes: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(limit_bytes as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() <= limit_bytes))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{read_at_most, read_limited, read_text, taken};

    #[test]
    fn nothing_is_read_beyond_its_bound() {
        let check = |bytes: &[u8], expected: Option<&[u8]>| {
            assert_eq!(taken(bytes, 3).unwrap().as_deref(), expected, "{bytes:?}");
        };
        check(b"", Some(b""));
        check(b"abc", Some(b"abc"));
        check(b"abcd", None);
        let endless = Path::new("/dev/zero");
        assert_eq!(read_at_most(endless, 3).unwrap(), None);
        assert!(read_limited(endless, 3).is_err());
        assert!(read_text("--file", endless, 3).is_err());
    }

    #[test]
    fn what_is_said_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("file");
        let check = |bytes: &[u8], expected: &str| {
            std::fs::write(&place, bytes).unwrap();
            let message = read_text("--file", &place, 3).unwrap_err();
            assert_eq!(format!("{message:#}"), format!("--file {}: {expected}", place.display()));
        };
        check(b"abcd", "larger than 3 bytes");
        check(b"\xff", "this is no text");
    }
}
