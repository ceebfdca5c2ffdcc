//! Where symbolic links may point.

use crate::path::check_text;
use crate::{ArchiveError, ArchivePath, Limits, shown};

/// Checks that the symbolic link at `path` stays below the root, and returns its target.
///
/// Only leading `..` segments are allowed. They climb from the directory that holds the link, which
/// is a real one, because no entry may lie below a link ([`crate::tree`]); so counting them is exact.
/// A `..` after a name could follow that name through another link and climb from somewhere else:
/// no count proves where it ends, so it is refused. Every link being such, a chain of them can not
/// leave either.
pub(crate) fn check_symlink(
    path: &ArchivePath,
    target: &[u8],
    limits: &Limits,
) -> Result<Box<str>, ArchiveError> {
    let escapes =
        || ArchiveError::LinkEscapes { name: shown(path.as_str()), target: shown(target) };
    let text = check_text(target, limits).map_err(|problem| ArchiveError::UnsafeLink {
        name: shown(path.as_str()),
        target: shown(target),
        problem,
    })?;
    if text.starts_with('/') {
        return Err(escapes());
    }

    let mut height = path.segments().count() - 1;
    let mut descended = false;
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." if descended || height == 0 => return Err(escapes()),
            ".." => height -= 1,
            _ => descended = true,
        }
    }
    Ok(text.into())
}
