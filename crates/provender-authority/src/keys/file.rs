//! Files that are written whole or not at all, and those that only their owner may read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::KeyError;

/// For private keys.
pub(crate) const PRIVATE_MODE: u32 = 0o600;
/// For what everybody may know.
pub(crate) const PUBLIC_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o700;
const ANYBODY_ELSE: u32 = 0o077;

/// Longer than any key in PEM form.
const KEY_BYTES_MAX: u64 = 64 * 1024;

/// Makes the folder with what leads to it; one that is there must be its owner's alone.
pub(crate) fn private_directory(path: &Path) -> Result<(), KeyError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
        .map_err(io_error("make", path))?;
    check_mode(path, &fs::metadata(path).map_err(io_error("read", path))?)
}

/// A folder that must be there, and its owner's alone.
pub(crate) fn check_directory(path: &Path) -> Result<(), KeyError> {
    check_mode(path, &fs::metadata(path).map_err(io_error("read", path))?)
}

/// The names of what is in a folder; nothing where there is none.
pub(crate) fn names(directory: &Path) -> Result<Vec<String>, KeyError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error("read", directory)(error)),
    };
    let name = |entry: io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name());
    let names = entries.map(name).collect::<io::Result<Vec<_>>>();
    let names = names.map_err(io_error("read", directory))?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// Removes a file. When this returns, it stays away.
pub(crate) fn remove(path: &Path) -> Result<(), KeyError> {
    let directory = path.parent().expect("files are in a folder");
    fs::remove_file(path)
        .and_then(|()| File::open(directory)?.sync_all())
        .map_err(io_error("remove", path))
}

/// A private file's text; `None` where there is none.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, KeyError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let metadata = file.metadata().map_err(io_error("read", path))?;
    check_mode(path, &metadata)?;
    if metadata.len() > KEY_BYTES_MAX {
        let error = io::Error::new(io::ErrorKind::InvalidData, "far too long for a key");
        return Err(io_error("read", path)(error));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind.
    let capacity = usize::try_from(metadata.len()).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
    io::Read::read_to_end(&mut io::Read::take(file, KEY_BYTES_MAX), &mut bytes)
        .map_err(io_error("read", path))?;
    Ok(Some(bytes))
}

/// Writes a file that is not there yet. When this returns, it is durable; `false`: someone
/// else was first, and theirs stays.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<bool, KeyError> {
    let directory = path.parent().expect("keys are in a folder");
    let staged = staged_path(path);
    let written =
        write_synced(&staged, bytes, mode).and_then(|()| match fs::hard_link(&staged, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        });
    let removed = match fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let is_first = written.map_err(io_error("write", path))?;
    removed.map_err(io_error("remove", &staged))?;
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(io_error("write", directory))?;
    Ok(is_first)
}

/// Replaces a file, or makes it. When this returns, it is durable; whoever reads meanwhile has the
/// old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyError> {
    let directory = path.parent().expect("files are in a folder");
    let staged = staged_path(path);
    write_synced(&staged, bytes, mode)
        .and_then(|()| fs::rename(&staged, path))
        .and_then(|()| File::open(directory)?.sync_all())
        .map_err(io_error("write", path))
}

/// Removes what a crash left half written in this folder: copies of keys that nobody would look
/// for there. What is young may be another process's that is just writing it.
pub(crate) fn remove_abandoned(directory: &Path) -> Result<(), KeyError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("read", directory)(error)),
    };
    for entry in entries {
        let path = entry.map_err(io_error("read", directory))?.path();
        if path.extension().is_some_and(|extension| extension == STAGED) && is_abandoned(&path) {
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
    }
    Ok(())
}

/// What ends the names of files that are being written.
const STAGED: &str = "new";
/// Nobody writes a key for so long.
const ABANDONED_AFTER: Duration = Duration::from_mins(1);

fn is_abandoned(path: &Path) -> bool {
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age >= ABANDONED_AFTER))
}

/// Beside the target, for a link does not cross file systems; of a name of its own, for others may
/// be writing the same.
fn staged_path(path: &Path) -> PathBuf {
    let mut unique = [0; 8];
    aws_lc_rs::rand::fill(&mut unique).expect("the system gives randomness, or no key was made");
    path.with_extension(format!("{}.{STAGED}", hex::encode(unique)))
}

fn write_synced(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn check_mode(path: &Path, metadata: &fs::Metadata) -> Result<(), KeyError> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & ANYBODY_ELSE != 0 {
        let wanted = if metadata.is_dir() { DIRECTORY_MODE } else { PRIVATE_MODE };
        return Err(KeyError::OpenToOthers { path: path.to_owned(), mode, wanted });
    }
    Ok(())
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> KeyError + 'a {
    move |source| KeyError::Io { action, path: path.to_owned(), source }
}
