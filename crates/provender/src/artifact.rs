//! What is signed: a file, or a folder by the list of what is in it.
//!
//! A folder's list is text: a first line that names the form, then a line for everything in it,
//! sorted by path.
//!
//! ```text
//! provender-tree 1
//! directory empty
//! file 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae 3 - a%20b
//! file 486ea46224d1bb4fb680f34f7c9ad96a8f24ec88be73ea8e5a6c65260e9cb8a7 5 x bin/run
//! link ../a lib/link
//! ```
//!
//! A file's line holds its SHA-256, its length and whether it can be run. Paths and the targets of
//! links are percent-encoded, so that no name looks like two lines. Times and owners are left out:
//! they change when a folder is copied. A directory has a line of its own only if it is empty.

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest as _, Sha256};

use crate::exit::unread;
use crate::instance::usage;

/// Files and folders of one tree, at most.
const ENTRIES_LIMIT: usize = 1_000_000;
/// Folders within folders, at most.
const DEPTH_LIMIT: usize = 256;
/// Files up to this size are read into memory, in bytes: some kinds of signature need all of a
/// file at once.
const IN_MEMORY_BYTES: u64 = 16 * 1024 * 1024;
/// Bytes that are hashed at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// How the list of a folder begins.
const LIST_HEADER: &[u8] = b"provender-tree 1\n";

/// What stays as it is in a path: the unreserved characters and the slash.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// What is signed or verified.
pub(crate) struct Target {
    path: PathBuf,
    kind: Kind,
}

enum Kind {
    File,
    /// A folder's list.
    Tree(Vec<u8>),
}

impl Target {
    /// Looks what is there; a folder is read through.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|error| unread(path, error))?;
        let kind = if metadata.is_dir() {
            Kind::Tree(list(path)?)
        } else if metadata.is_file() {
            if begins_as_list(path)? {
                return Err(usage(&format!(
                    "{}: begins as the list of a folder does; signed, it would stand for a folder",
                    path.display()
                )));
            }
            Kind::File
        } else {
            bail!("{}: only files and folders can be signed", path.display());
        };
        Ok(Self { path: path.to_owned(), kind })
    }

    /// As it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its last part, as a statement names it.
    pub(crate) fn name(&self) -> String {
        let resolved = std::fs::canonicalize(&self.path);
        let path = resolved.as_deref().unwrap_or(&self.path);
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }

    /// Whether a folder's list stands for it.
    pub(crate) fn is_tree(&self) -> bool {
        matches!(self.kind, Kind::Tree(_))
    }

    /// The SHA-256 of what is signed.
    pub(crate) fn sha256(&self) -> Result<[u8; 32]> {
        match &self.kind {
            Kind::Tree(list) => Ok(Sha256::digest(list).into()),
            Kind::File => sha256(&self.path),
        }
    }

    /// Hands what is signed to `verify`: in memory if it is small, else as a stream.
    pub(crate) fn with<T>(
        &self,
        verify: impl FnOnce(provender_attest::Artifact<'_>) -> T,
    ) -> Result<T> {
        if let Kind::Tree(list) = &self.kind {
            return Ok(verify(provender_attest::Artifact::Bytes(list)));
        }
        let mut file = self.file()?;
        if file.metadata()?.len() > IN_MEMORY_BYTES {
            return Ok(verify(provender_attest::Artifact::Reader(&mut file)));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).with_context(|| self.path.display().to_string())?;
        Ok(verify(provender_attest::Artifact::Bytes(&bytes)))
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>> {
        match &self.kind {
            Kind::Tree(list) => Ok(list.clone()),
            Kind::File => {
                std::fs::read(&self.path).with_context(|| self.path.display().to_string())
            }
        }
    }

    fn file(&self) -> Result<std::fs::File> {
        std::fs::File::open(&self.path).with_context(|| self.path.display().to_string())
    }

    /// The path with an ending behind it: `firmware.bin` → `firmware.bin.sigstore.json`. A folder
    /// that dots name has its own name there: what is written must not come into it.
    pub(crate) fn beside(&self, ending: &str) -> Result<PathBuf> {
        let shown = || self.path.display().to_string();
        let path = match self.path.file_name() {
            Some(_) => self.path.components().collect(),
            None => std::fs::canonicalize(&self.path).with_context(shown)?,
        };
        let Some(name) = path.file_name() else {
            return Err(usage(&format!("{}: nothing is beside it", shown())));
        };
        let mut name = name.to_owned();
        name.push(ending);
        Ok(path.with_file_name(name))
    }

    /// Whether what is written to this path comes into the folder that is signed.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        if !self.is_tree() {
            return false;
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let place = std::fs::canonicalize(path)
            .or_else(|_| std::fs::canonicalize(parent.unwrap_or(Path::new("."))));
        match (place, std::fs::canonicalize(&self.path)) {
            (Ok(place), Ok(folder)) => place.starts_with(folder),
            _ => false,
        }
    }
}

/// Whether a file could be taken for the list of a folder.
fn begins_as_list(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| unread(path, error))?;
    file.take(LIST_HEADER.len() as u64).read_to_end(&mut start).map_err(|e| unread(path, e))?;
    Ok(start == LIST_HEADER)
}

fn sha256(path: &Path) -> Result<[u8; 32]> {
    let read = || -> std::io::Result<[u8; 32]> {
        let mut file = std::fs::File::open(path)?;
        let mut hash = Sha256::new();
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok(hash.finalize().into()),
                read => hash.update(&chunk[..read]),
            }
        }
    };
    read().with_context(|| path.display().to_string())
}

/// The list of a folder.
fn list(root: &Path) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    walk(root, root, 0, &mut lines)?;
    // By path, not by line: the order does not depend on what a file holds.
    lines.sort();
    let mut text = LIST_HEADER.to_vec();
    for (_, line) in lines {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    Ok(text)
}

fn walk(
    root: &Path,
    folder: &Path,
    depth: usize,
    lines: &mut Vec<(Vec<u8>, String)>,
) -> Result<()> {
    if depth > DEPTH_LIMIT {
        bail!("{}: folders are nested too deep", folder.display());
    }
    let mut is_empty = true;
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let entry = entry.with_context(|| folder.display().to_string())?;
        is_empty = false;
        if lines.len() >= ENTRIES_LIMIT {
            bail!("{}: more than {ENTRIES_LIMIT} files and folders", root.display());
        }
        let path = entry.path();
        let kind = entry.file_type().with_context(|| path.display().to_string())?;
        let shown = encoded(relative(root, &path));
        if kind.is_dir() {
            walk(root, &path, depth + 1, lines)?;
            continue;
        }
        let line = if kind.is_symlink() {
            let target = std::fs::read_link(&path).with_context(|| path.display().to_string())?;
            format!("link {} {shown}", encoded(target.as_os_str().as_bytes()))
        } else if kind.is_file() {
            let metadata = entry.metadata().with_context(|| path.display().to_string())?;
            let run = if metadata.permissions().mode() & 0o111 == 0 { '-' } else { 'x' };
            format!("file {} {} {run} {shown}", hex::encode(sha256(&path)?), metadata.len())
        } else {
            bail!("{}: only files, folders and links can be signed", path.display());
        };
        lines.push((relative(root, &path).to_vec(), line));
    }
    if is_empty && folder != root {
        let path = relative(root, folder);
        lines.push((path.to_vec(), format!("directory {}", encoded(path))));
    }
    Ok(())
}

fn relative<'a>(root: &Path, path: &'a Path) -> &'a [u8] {
    path.strip_prefix(root).unwrap_or(path).as_os_str().as_bytes()
}

fn encoded(path: &[u8]) -> String {
    percent_encode(path, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};

    use super::Target;

    #[test]
    fn folders_are_listed_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("empty")).unwrap();
        std::fs::create_dir_all(at("bin")).unwrap();
        std::fs::create_dir_all(at("lib")).unwrap();
        std::fs::write(at("a b"), "foo").unwrap();
        std::fs::write(at("bin/run"), "hello").unwrap();
        std::fs::set_permissions(at("bin/run"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(at("two\nlines"), "").unwrap();
        std::os::unix::fs::symlink("../a b", at("lib/link")).unwrap();
        let target = Target::open(folder.path()).unwrap();
        let expected = "\
provender-tree 1
file 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae 3 - a%20b
file 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 5 x bin/run
directory empty
link ../a%20b lib/link
file e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 - two%0Alines
";
        assert_eq!(String::from_utf8(target.bytes().unwrap()).unwrap(), expected);
        assert!(target.is_tree());

        let before = target.sha256().unwrap();
        std::fs::write(at("bin/run"), "hellO").unwrap();
        assert_ne!(Target::open(folder.path()).unwrap().sha256().unwrap(), before);
    }

    #[test]
    fn what_stands_beside_a_path() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: &Path, expected: PathBuf| {
            let target = Target::open(path).unwrap();
            assert_eq!(target.beside(".sigstore.json").unwrap(), expected);
        };
        let shown = folder.path().display();
        check(folder.path(), PathBuf::from(format!("{shown}.sigstore.json")));
        check(Path::new(&format!("{shown}//")), PathBuf::from(format!("{shown}.sigstore.json")));
        let file = folder.path().join("f.bin");
        std::fs::write(&file, "x").unwrap();
        check(&file, folder.path().join("f.bin.sigstore.json"));
        assert!(Target::open(&folder.path().join("absent")).is_err());

        let sub = folder.path().join("sub");
        std::fs::create_dir_all(sub.join("inner")).unwrap();
        let expected = folder.path().join("sub.sigstore.json");
        check(&sub.join("."), expected.clone());
        check(&sub.join("./"), expected.clone());
        check(&sub.join("inner/.."), expected.canonicalize().unwrap_or(expected));
        let sub = Target::open(&sub).unwrap();
        assert!(sub.holds(&folder.path().join("sub/b.json")));
        assert!(sub.holds(&folder.path().join("sub/inner/../b.json")));
        assert!(!sub.holds(&folder.path().join("sub.json")));
        assert!(!sub.holds(Path::new("b.json")));
        assert!(!Target::open(&file).unwrap().holds(&file));
        std::fs::write(&file, "provender-tree 1\nlink a b\n").unwrap();
        assert!(Target::open(&file).is_err(), "no file stands for a folder");
    }
}
