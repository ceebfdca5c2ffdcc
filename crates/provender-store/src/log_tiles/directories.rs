//! Directories of objects: made as they are needed, each durable before what is in it is.

use std::collections::HashSet;
use std::fs::{DirBuilder, File};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use super::place::Place;
use crate::steps::Steps;

/// How many directories are remembered; then it is begun afresh.
const REMEMBERED_LIMIT: usize = 4096;

/// Those that are known to be durable, by their names below the root.
#[derive(Debug, Default)]
pub(super) struct Directories(Mutex<HashSet<String>>);

impl Directories {
    /// Makes the root with all above it, durably.
    pub(super) fn make_root(root: &Path, steps: &Steps) -> io::Result<Self> {
        let mut missing = Vec::new();
        let mut current = Some(root);
        while let Some(directory) = current.filter(|directory| !directory.exists()) {
            missing.push(directory);
            current = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
        }
        for directory in missing.iter().rev() {
            steps.file(|| make(directory))?;
            let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
            steps.file(|| sync(parent.unwrap_or(Path::new("."))))?;
        }
        Ok(Self::default())
    }

    /// Makes every directory that this object is in, durably.
    ///
    /// Whoever finds one that another has just made cannot know whether it is durable: it is only
    /// if it is remembered, and else is made so here.
    pub(super) fn ensure(&self, root: &Path, place: &Place, steps: &Steps) -> io::Result<()> {
        let is_known = |name: &&str| self.remembered().contains(*name);
        let known = place.directories().rev().find(is_known).map_or(0, str::len);
        for name in place.directories().filter(|name| name.len() > known) {
            let directory = root.join(name);
            steps.file(|| make(&directory))?;
            steps.file(|| sync(directory.parent().unwrap_or(root)))?;
            self.remember(name);
        }
        Ok(())
    }

    /// Some of the object's directories may be gone.
    pub(super) fn forget(&self, place: &Place) {
        let mut remembered = self.remembered();
        for name in place.directories() {
            remembered.remove(name);
        }
    }

    fn remember(&self, name: &str) {
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_LIMIT {
            remembered.clear();
        }
        remembered.insert(name.to_owned());
    }

    fn remembered(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().expect("nobody panics while holding it")
    }
}

/// Makes a directory for its owner alone; one that is there is fine.
pub(super) fn make(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
