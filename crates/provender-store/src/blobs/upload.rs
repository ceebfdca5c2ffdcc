//! Files that come in several requests, and outlive a restart in between.
//!
//! Each is a file in `uploads/`, named by a hash of whose it is and of its id, from its first bytes
//! on; one whose bytes are few and all come in its last request never gets there. What its bytes hash
//! to so far is kept in memory between two requests; after a restart the file is read once. At any
//! moment it is held by one at most, and what is kept of it counts and hashes the very bytes that
//! are in the file.
//!
//! Bytes are hashed where they arrive, while they are in the processor's caches, and written on
//! another thread meanwhile. The 256 KiB that are read from a socket at once take about 0.15 ms by
//! SHA-256, and half as long again where they have to be fetched from memory first.

use std::cmp::{Ordering, Reverse};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::atomic::{self, AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use bytes::Bytes;
use provender_domain::Algorithm;
use rustix::fs::Advice;
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;

use super::blob::{Blob, Body, Source, Staged, Unverified};
use super::blocking;
use super::growing::{EarlySync, Growing, Way};
use super::hashers::{Hashers, read_all};
use super::local::{Local, present};
use super::pieces::Pieces;
use super::small::SMALL_BLOB_BYTES;
use super::writer::{BUFFER_BYTES, Sink, Writer};
use crate::BlobError;

/// How many files one thread looks at in a row when abandoned uploads are removed: it is free for
/// others in between.
const SWEEP_STEP: usize = 256;
/// Which part of all that there may be goes at once where there is no room for more, so that not
/// every upload that begins looks at all others.
const FORGOTTEN_PART: usize = 10;

/// A file that comes in pieces, held. Dropping it keeps what has been written by then; pieces that
/// were still in memory are not, and are not counted when it is resumed.
#[derive(Debug)]
pub struct Upload {
    local: Arc<Local>,
    writer: Writer<UploadFile>,
    /// Ahead of what is in the file by what is in memory.
    received: Known,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemovedUploads {
    /// How many uploads.
    pub count: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

/// Which upload is meant, and who asks for it.
#[derive(Debug, Clone, Copy)]
pub struct UploadKey<'a> {
    /// Whose it is: nobody finds it who does not know that, and its id.
    pub owner: &'a str,
    /// Its id, which nobody should be able to guess.
    pub id: &'a str,
    /// Who goes on with it. Where there are too many, it counts for whoever this process knows to
    /// have done so first; whoever has most has to give way.
    pub publisher: &'a str,
}

impl Upload {
    pub(super) fn create(
        local: &Arc<Local>,
        key: UploadKey<'_>,
        algorithms: &[Algorithm],
    ) -> Result<Self, BlobError> {
        let hold = match Hold::take(local, key.file_name(), key.publisher) {
            Ok(hold) if hold.rest.is_none() => hold,
            Ok(_) | Err(_) => return Err(io::Error::from(io::ErrorKind::AlreadyExists).into()),
        };
        Ok(Self::begun(hold, algorithms))
    }

    fn begun(mut hold: Hold, algorithms: &[Algorithm]) -> Self {
        let received = Known { hashers: Hashers::new(algorithms), size_bytes: 0 };
        let fileless_since = Some(SystemTime::now());
        hold.rest = Some(Rest::new(received.clone(), fileless_since));
        let local = Arc::clone(&hold.local);
        Self { writer: Writer::new(Arc::clone(&local), hold), local, received }
    }

    /// `may_be_empty`: where nothing is known of it, it was begun and got no bytes yet.
    pub(super) async fn resume(
        local: Arc<Local>,
        key: UploadKey<'_>,
        may_be_empty: bool,
    ) -> Result<Option<Self>, BlobError> {
        let hold = Hold::take(&local, key.file_name(), key.publisher)?;
        let hold = match &hold.rest {
            Some(_) => hold,
            None => blocking(move || hold.read_again()).await?,
        };
        match &hold.rest {
            Some(rest) => {
                let received = rest.known.clone();
                let writer = Writer::new(Arc::clone(&local), hold);
                Ok(Some(Self { local, writer, received }))
            }
            None if may_be_empty => Ok(Some(Self::begun(hold, &[]))),
            None => Ok(None),
        }
    }

    /// Appends bytes. May return before they are written; an error then shows later.
    ///
    /// Dropping the future before it is done appends the first of them at most, which are counted.
    ///
    /// # Errors
    /// [`BlobError::Abandoned`] after any other error. What was written before can be resumed.
    pub async fn write(&mut self, mut chunk: Bytes) -> Result<(), BlobError> {
        while !chunk.is_empty() {
            // What a thread is given ends where a disk's blocks do, so that they can be written past
            // the kernel's cache.
            let behind = usize::try_from(self.received.size_bytes % BUFFER_BYTES as u64)
                .expect("less than a buffer");
            if behind == 0 {
                self.writer.hand_over(|| self.received.clone()).await?;
            }
            let part = chunk.split_to(chunk.len().min(BUFFER_BYTES - behind));
            self.writer.write(part.clone(), || self.received.clone()).await?;
            self.received.hashers.update(&part);
            self.received.size_bytes += part.len() as u64;
        }
        Ok(())
    }

    /// How many bytes there are, from all requests together.
    pub fn received_bytes(&self) -> u64 {
        self.received.size_bytes
    }

    /// Writes what is left and lets go of the upload, until it is resumed. When this returns, the
    /// bytes survive the end of this process, though not yet a power cut. Answers how many there
    /// are.
    pub async fn pause(mut self) -> Result<u64, BlobError> {
        let received_bytes = self.received.size_bytes;
        self.writer.write_out(|| self.received).await?;
        Ok(received_bytes)
    }

    /// Writes what is left and takes the file for whole. The upload is gone when the blob is
    /// committed or dropped; until then it is busy.
    pub async fn finish(mut self) -> Result<Blob<Unverified>, BlobError> {
        let (body, mut hold, early) = match self.take_small() {
            Some((hold, bytes)) => (Body::Memory(bytes), hold, Arc::default()),
            None => {
                let UploadFile { file, hold } = self.writer.finish(self.received.clone()).await?;
                let (file, early) = file.into_parts();
                (small_or_file(file, self.received.size_bytes).await?, hold, early)
            }
        };
        let path = match hold.has_file() {
            true => Some(TempPath::try_from_path(self.local.uploads().path(&hold.name))?),
            false => None,
        };
        hold.rest = None;
        let (id, digests) = self.received.hashers.finish();
        let (size_bytes, source) = (self.received.size_bytes, Source::Upload(hold));
        Ok(Blob::new(Staged { body, path, id, digests, size_bytes, source, early }))
    }

    /// All bytes, where they came in the last request and are few: nothing was written to the file
    /// then, nor need be.
    fn take_small(&mut self) -> Option<(Hold, Bytes)> {
        if self.writer.beginning().is_none_or(|hold| hold.size_bytes() > 0) {
            return None;
        }
        self.writer.take_small(SMALL_BLOB_BYTES)
    }

    /// Removes it.
    pub async fn cancel(mut self) -> Result<(), BlobError> {
        self.writer.forget_buffered();
        // One that has no file yet gets none.
        let hold = match self.writer.take_small(0) {
            Some((hold, _)) => hold,
            None => self.writer.finish(self.received).await?.hold,
        };
        blocking(move || hold.remove().map(drop)).await
    }
}

/// Every upload that somebody holds, or whose bytes need not be read again.
#[derive(Debug)]
pub(super) struct Uploads {
    directory: PathBuf,
    known: Mutex<HashMap<String, Place>>,
    /// Whether any was forgotten to make room for others.
    has_forgotten: AtomicBool,
    /// How often any was let go.
    pauses: AtomicU64,
}

/// One that this process knows of.
#[derive(Debug)]
struct Place {
    /// For whom it counts.
    publisher: Arc<str>,
    /// `None`: it is held.
    rest: Option<Rest>,
}

/// What is known of an upload that nobody holds.
#[derive(Debug)]
struct Rest {
    known: Known,
    /// Set as long as it has no file, and no bytes.
    fileless_since: Option<SystemTime>,
    /// What the disk said of its file so far.
    early: Arc<EarlySync>,
    /// Which pause of all this is: the fewer, the longer ago.
    pause: u64,
}

impl Rest {
    fn new(known: Known, fileless_since: Option<SystemTime>) -> Self {
        Self { known, fileless_since, early: Arc::default(), pause: 0 }
    }
}

/// What an upload's bytes hash to so far.
#[derive(Debug, Clone)]
pub(super) struct Known {
    hashers: Hashers,
    size_bytes: u64,
}

impl Uploads {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            known: Mutex::default(),
            has_forgotten: AtomicBool::new(false),
            pauses: AtomicU64::new(0),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.known().len()
    }

    pub(super) fn is_known(&self, key: UploadKey<'_>) -> bool {
        self.known().contains_key(&key.file_name())
    }

    /// Whether one more may come, where there are so many at most. Those that have no file are
    /// nothing but names, and nobody is kept waiting for them: the oldest that nobody holds go.
    fn forget_for_room(&self, limit: usize) -> bool {
        let mut known = self.known();
        if known.len() < limit {
            return true;
        }
        let mut idle: Vec<_> = known.values().filter_map(Place::fileless_since).collect();
        if let Some(last) = idle.len().checked_sub(1) {
            let (_, newest, _) = idle.select_nth_unstable(last.min(limit / FORGOTTEN_PART));
            let newest = *newest;
            known.retain(|_, place| place.fileless_since().is_none_or(|since| since > newest));
            self.has_forgotten.store(true, atomic::Ordering::Relaxed);
        }
        known.len() < limit
    }

    /// Of all that nobody holds, the one that has rested for longest of the publisher who has most
    /// uploads, held ones among them: so whoever fills the place takes it from themselves.
    fn to_give_way(&self) -> Option<String> {
        let known = self.known();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for place in known.values() {
            *counts.entry(&*place.publisher).or_default() += 1;
        }
        let resting = known.iter().filter_map(|(name, place)| {
            let pause = place.rest.as_ref()?.pause;
            Some((counts[&*place.publisher], Reverse(pause), name))
        });
        resting.max().map(|(_, _, name)| name.clone())
    }

    /// Whether there may be some that were begun, did not end, and of which nothing is known.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten.load(atomic::Ordering::Relaxed)
    }

    /// Forgets those without a file that nobody holds; how many.
    fn forget_fileless(&self, older_than: SystemTime) -> u64 {
        let mut known = self.known();
        let before = known.len();
        known.retain(|_, place| place.fileless_since().is_none_or(|since| since >= older_than));
        (before - known.len()) as u64
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Place>> {
        self.known.lock().expect("nobody panics while holding it")
    }
}

impl Place {
    /// Since when it has had no file, if it has none and nobody holds it.
    fn fileless_since(&self) -> Option<SystemTime> {
        self.rest.as_ref()?.fileless_since
    }
}

/// Whether one more may come, where there are so many at most: room is made, if need be at the cost
/// of the bytes of whoever has most.
pub(super) async fn make_room(local: &Arc<Local>, limit: usize) -> Result<bool, BlobError> {
    while !local.uploads().forget_for_room(limit) {
        let Some(name) = local.uploads().to_give_way() else { return Ok(false) };
        // Somebody may have taken it meanwhile.
        if let Ok(hold) = Hold::take(local, name, NOBODY) {
            blocking(move || hold.remove().map(drop)).await?;
        }
    }
    Ok(true)
}

/// For whom an upload counts that is held only to be removed.
const NOBODY: &str = "";

/// Removes, in steps, every upload that nobody holds and nobody wrote to since this moment.
pub(super) async fn remove_abandoned(
    local: Arc<Local>,
    older_than: SystemTime,
) -> Result<RemovedUploads, BlobError> {
    let directory = local.uploads().directory.clone();
    let mut entries = blocking(move || Ok(fs::read_dir(directory)?)).await?;
    let count = local.uploads().forget_fileless(older_than);
    let mut removed = RemovedUploads { count, bytes: 0 };
    loop {
        let local = Arc::clone(&local);
        let is_last;
        (entries, removed, is_last) = blocking(move || {
            for _ in 0..SWEEP_STEP {
                let Some(entry) = entries.next() else {
                    return Ok((entries, removed, true));
                };
                removed.look_at(&local, &entry?, older_than)?;
            }
            Ok((entries, removed, false))
        })
        .await?;
        if is_last {
            return Ok(removed);
        }
    }
}

impl RemovedUploads {
    fn look_at(
        &mut self,
        local: &Arc<Local>,
        entry: &fs::DirEntry,
        older_than: SystemTime,
    ) -> Result<(), BlobError> {
        let Ok(name) = entry.file_name().into_string() else {
            return Ok(());
        };
        let Ok(hold) = Hold::take(local, name, NOBODY) else {
            return Ok(());
        };
        let Some(metadata) = present(entry.metadata())? else {
            return Ok(());
        };
        if metadata.modified()? < older_than && hold.remove()? {
            self.count += 1;
            self.bytes += metadata.len();
        }
        Ok(())
    }
}

/// The one hold on an upload. Dropping it lets others take it, who find what it knows by then; if
/// that is nothing, they read the file.
#[derive(Debug)]
pub(super) struct Hold {
    local: Arc<Local>,
    name: String,
    rest: Option<Rest>,
}

impl Hold {
    /// Of an upload that need not be there. It counts for this publisher if it counts for nobody yet.
    fn take(local: &Arc<Local>, name: String, publisher: &str) -> Result<Self, BlobError> {
        let rest = match local.uploads().known().entry(name.clone()) {
            Entry::Occupied(mut entry) => match entry.get_mut().rest.take() {
                Some(rest) => Some(rest),
                None => return Err(BlobError::Busy),
            },
            Entry::Vacant(entry) => {
                entry.insert(Place { publisher: publisher.into(), rest: None });
                None
            }
        };
        Ok(Self { local: Arc::clone(local), name, rest })
    }

    /// How many bytes are in the file, as far as is known.
    fn size_bytes(&self) -> u64 {
        self.rest.as_ref().map_or(0, |rest| rest.known.size_bytes)
    }

    fn has_file(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.fileless_since.is_none())
    }

    /// Hashes what is in the file, if there is one: what is on the disk, as an earlier process may
    /// have been told that the disk did not take what is in the kernel's memory.
    fn read_again(mut self) -> Result<Self, BlobError> {
        let path = self.local.uploads().path(&self.name);
        if let Some(mut file) = present(File::open(path))? {
            file.sync_data()?;
            rustix::fs::fadvise(&file, 0, None, Advice::DontNeed).map_err(io::Error::from)?;
            let mut known = Known { hashers: Hashers::new(&[]), size_bytes: 0 };
            read_all(&mut file, |bytes| {
                known.hashers.update(bytes);
                known.size_bytes += bytes.len() as u64;
            })?;
            self.rest = Some(Rest::new(known, None));
        }
        Ok(self)
    }

    /// Opens the file, and makes it where nothing is in it. What cannot be opened is read again, if
    /// there was anything.
    fn open_file(&mut self) -> Result<File, BlobError> {
        let rest = self.rest.as_mut().ok_or(BlobError::Abandoned)?;
        let path = self.local.uploads().path(&self.name);
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if rest.known.size_bytes > 0 {
            return options.open(path).inspect_err(|_| self.rest = None).map_err(BlobError::from);
        }
        options.create(true).mode(0o600);
        let opened = self.local.steps().file(|| options.open(&path));
        if opened.is_ok() || path.try_exists().unwrap_or(true) {
            rest.fileless_since = None;
        }
        Ok(opened?)
    }

    /// Removes the file; whether it was there.
    fn remove(mut self) -> Result<bool, BlobError> {
        let has_file = self.has_file();
        self.rest = None;
        if !has_file {
            return Ok(false);
        }
        let path = self.local.uploads().path(&self.name);
        Ok(present(self.local.steps().file(|| fs::remove_file(path)))?.is_some())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let uploads = self.local.uploads();
        let mut known = uploads.known();
        match self.rest.take() {
            Some(mut rest) => {
                rest.pause = uploads.pauses.fetch_add(1, atomic::Ordering::Relaxed);
                if let Some(place) = known.get_mut(&self.name) {
                    place.rest = Some(rest);
                }
            }
            None => drop(known.remove(&self.name)),
        }
    }
}

/// An upload's file, open behind its last byte.
#[derive(Debug)]
pub(super) struct UploadFile {
    file: Growing,
    hold: Hold,
}

impl Sink for UploadFile {
    type Beginning = Hold;
    type Mark = Known;

    fn open(mut hold: Hold, _: &Local) -> Result<Self, BlobError> {
        let file = hold.open_file()?;
        // Where that fails it is read again.
        let rest = hold.rest.take().ok_or(BlobError::Abandoned)?;
        rest.early.known()?;
        let size_bytes = rest.known.size_bytes;
        match file.metadata()?.len().cmp(&size_bytes) {
            Ordering::Equal => {}
            // What a failed write has left.
            Ordering::Greater => file.set_len(size_bytes)?,
            Ordering::Less => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        }
        let early = Arc::clone(&rest.early);
        let file = Growing::new(file, size_bytes, early, Way::PastTheCache);
        hold.rest = Some(rest);
        Ok(Self { file, hold })
    }

    fn append(&mut self, local: &Local, pieces: &Pieces, mark: Known) -> Result<(), BlobError> {
        let rest = self.hold.rest.as_mut().ok_or(BlobError::Abandoned)?;
        let written = self.file.append(local, pieces);
        match &written {
            Ok(()) => rest.known = mark,
            // It is read again.
            Err(_) if rest.early.known().is_err() => self.hold.rest = None,
            // What is left there, whoever opens it next takes away.
            Err(_) => drop(self.file.file().set_len(rest.known.size_bytes)),
        }
        Ok(written?)
    }
}

/// Few bytes are read into memory.
async fn small_or_file(file: Arc<File>, size_bytes: u64) -> Result<Body, BlobError> {
    match usize::try_from(size_bytes) {
        Ok(length) if length <= SMALL_BLOB_BYTES => {
            let read = move || {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, 0)?;
                Ok(Body::Memory(bytes.into()))
            };
            blocking(read).await
        }
        _ => Ok(Body::File(file)),
    }
}

impl UploadKey<'_> {
    /// Found only by who knows whose it is, and its id.
    fn file_name(&self) -> String {
        let mut hasher = Sha256::new();
        hasher.update((self.owner.len() as u64).to_be_bytes());
        hasher.update(self.owner);
        hasher.update(self.id);
        hex::encode(hasher.finalize())
    }
}
