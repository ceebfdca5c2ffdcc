//! The repository: opened, updated, renewed, rotated.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use jiff::Timestamp;

use super::disk::{Disk, DiskError, Versions};
use super::key::PublicKey;
use super::lives::{Lives, life};
use super::metadata::{self, Document, Head, Roles, sha256};
use crate::keys::{KeyError, SigningFailed, SigningKey};

/// The most targets.
pub const TARGETS_MAX: usize = 64;
/// The longest name of a target.
pub const TARGET_NAME_LIMIT_BYTES: usize = 128;
/// The longest target.
pub const TARGET_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// The keys of the roles.
#[derive(Clone, Debug)]
pub struct RoleKeys {
    /// The root key; `None` where it is kept elsewhere.
    pub root: Option<Arc<SigningKey>>,
    /// The key that signs the list of targets.
    pub targets: Arc<SigningKey>,
    /// The key that signs snapshots and timestamps.
    pub online: Arc<SigningKey>,
}

/// Why the repository cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum TufError {
    /// Its folder cannot be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A key did not sign.
    #[error("a document of the TUF repository could not be signed")]
    Sign(#[from] SigningFailed),
    /// The root key is needed, and is not here.
    #[error("the TUF root key is needed for this: bring it back to keys/root/")]
    NoRootKey,
    /// A root document is missing or damaged, or not signed as it must be: clients could not follow.
    #[error(
        "root document {version} of the TUF repository is missing, damaged or signed by another key"
    )]
    RootChain {
        /// Which one.
        version: u64,
    },
    /// The root document gives this role to another key: the folders of keys and documents do not belong
    /// together.
    #[error("the TUF root document gives the role {role} to another key than the one in keys/")]
    OtherKey {
        /// Which role.
        role: &'static str,
    },
    /// What was published before is lost, and with it the versions that clients have seen.
    #[error("the TUF repository has lost its timestamp and its versions: restore its folder")]
    VersionsLost,
    /// A target has an impossible name or size, or there are too many.
    #[error("a target of the TUF repository has an impossible name or size: {name:?}")]
    Target {
        /// Its name.
        name: String,
    },
}

impl TufError {
    /// Whether there was no room for a document: clients see what they saw before.
    pub(crate) fn is_full_disk(&self) -> bool {
        let Self::Disk(DiskError::Write(KeyError::Io { source, .. })) = self else { return false };
        matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

/// What [`Repository::renew`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// Whether anything was signed anew.
    pub changed: bool,
    /// When clients will no longer believe the root document.
    pub root_expires: Timestamp,
    /// Whether the root document should be renewed, but its key is not here.
    pub needs_root_key: bool,
}

/// A document, and until when clients believe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocumentStatus {
    /// `root`, `targets`, `snapshot` or `timestamp`.
    pub role: &'static str,
    /// Its version.
    pub version: u64,
    /// When clients will no longer believe it.
    pub expires: Timestamp,
}

/// The repository. Its methods write files and so may block for some milliseconds; reading
/// ([`Self::file`]) does not.
#[derive(Debug)]
pub struct Repository {
    disk: Disk,
    lives: Lives,
    state: Mutex<State>,
    files: RwLock<Arc<BTreeMap<String, Bytes>>>,
}

#[derive(Debug)]
struct State {
    keys: RoleKeys,
    versions: Versions,
    root: Document,
    published: Option<Published>,
}

/// What clients see beside the root.
#[derive(Clone, Debug)]
struct Published {
    contents: BTreeMap<String, Bytes>,
    targets: Document,
    snapshot: Document,
    timestamp: Document,
}

impl Repository {
    /// Opens the repository in this folder, or begins one, for which the root key is needed.
    ///
    /// Damaged documents other than the root's are made anew by the next [`Self::update`].
    ///
    /// # Errors
    /// Where the keys are not the documents', or clients could not follow what would be published.
    pub fn open(
        directory: &Path,
        keys: RoleKeys,
        lives: Lives,
        now: Timestamp,
    ) -> Result<Self, TufError> {
        let disk = Disk::open(directory)?;
        let mut files = disk.files()?;
        let kept = disk.versions()?;
        let root = match read_roots(&files)? {
            Some(root) => root,
            None if kept.is_some() => return Err(TufError::RootChain { version: 1 }),
            None => {
                let root = new_root(1, &keys, &[], lives, now)?;
                disk.keep("1.root.json", &root.bytes)?;
                files.insert("1.root.json".to_owned(), root.bytes.clone());
                root
            }
        };
        check_keys(&root, &keys)?;
        let published = read_published(&files, &keys);
        let versions = highest(&files, kept, published.as_ref())?;
        if published.is_none() {
            files.remove(TIMESTAMP);
        }
        files.insert(ROOT.to_owned(), root.bytes.clone());
        let state = State { keys, versions, root, published };
        Ok(Self { disk, lives, state: Mutex::new(state), files: RwLock::new(Arc::new(files)) })
    }

    /// Publishes exactly these targets. `false`: they are what was published already.
    ///
    /// When this returns, the change is durable. After an error, clients see what they saw before.
    pub fn update(&self, targets: &[(&str, Bytes)], now: Timestamp) -> Result<bool, TufError> {
        let contents = checked(targets)?;
        let mut state = self.state();
        if state.published.as_ref().is_some_and(|published| published.contents == contents) {
            return Ok(false);
        }
        self.publish(&mut state, contents, Step::Targets, now)?;
        Ok(true)
    }

    /// Renews the documents of which enough of the life is gone. To be called every few hours.
    ///
    /// A clock that was far ahead and came back is noticed: a document that lives longer than it should is
    /// signed anew. Versions rise whatever the clock does.
    pub fn renew(&self, now: Timestamp) -> Result<Renewed, TufError> {
        let mut state = self.state();
        let mut changed = false;
        let mut needs_root_key = false;
        if self.lives.is_due(&state.root, self.lives.root_days, now) {
            match state.keys.root.clone() {
                Some(_) => {
                    let keys = state.keys.clone();
                    self.follow_root(&mut state, keys, &[], now)?;
                    changed = true;
                }
                None => needs_root_key = true,
            }
        }
        if let Some(published) = state.published.clone() {
            let from = self.due(&published, &state.keys, now);
            if let Some(from) = from {
                self.publish(&mut state, published.contents, from, now)?;
                changed = true;
            }
        }
        Ok(Renewed { changed, root_expires: state.root.expires, needs_root_key })
    }

    /// Replaces keys: a new root document, signed by the old root key and the new one, and everything else
    /// signed by its new keys.
    ///
    /// # Errors
    /// [`TufError::OtherKey`] where `old_root` is not the present root key, [`TufError::NoRootKey`] where
    /// `new` has none.
    pub fn rotate_root(
        &self,
        old_root: &SigningKey,
        new: RoleKeys,
        now: Timestamp,
    ) -> Result<(), TufError> {
        let mut state = self.state();
        if state.root.role_key("root") != Some(PublicKey::of(old_root)) {
            return Err(TufError::OtherKey { role: "root" });
        }
        self.follow_root(&mut state, new, &[old_root], now)?;
        if let Some(published) = state.published.clone() {
            self.publish(&mut state, published.contents, Step::Targets, now)?;
        }
        Ok(())
    }

    /// The same for the root key alone; it `stays` here, to renew the document, or is kept elsewhere.
    /// Gives when clients will no longer believe the new document.
    ///
    /// # Errors
    /// As for [`Self::rotate_root`].
    pub fn rotate_root_key(
        &self,
        old_root: &SigningKey,
        new_root: Arc<SigningKey>,
        stays: bool,
        now: Timestamp,
    ) -> Result<Timestamp, TufError> {
        let present = self.state().keys.clone();
        self.rotate_root(old_root, RoleKeys { root: Some(new_root), ..present }, now)?;
        let mut state = self.state();
        if !stays {
            state.keys.root = None;
        }
        Ok(state.root.expires)
    }

    /// Takes a key to renew the root document with, if it is the one that the document names.
    pub(crate) fn offer_root_key(&self, key: SigningKey) {
        let mut state = self.state();
        if state.root.role_key("root") == Some(PublicKey::of(&key)) {
            state.keys.root = Some(Arc::new(key));
        }
    }

    /// Whether it is the key that the present root document names.
    pub fn is_root_key(&self, key: &SigningKey) -> bool {
        self.state().root.role_key("root") == Some(PublicKey::of(key))
    }

    /// The root key was taken elsewhere.
    pub fn forget_root_key(&self) {
        self.state().keys.root = None;
    }

    /// Whether the root document can be renewed.
    pub fn has_root_key(&self) -> bool {
        self.state().keys.root.is_some()
    }

    /// The version of the present root document.
    pub fn root_version(&self) -> u64 {
        self.state().root.version
    }

    /// The present documents, the root's first.
    pub fn status(&self) -> Vec<DocumentStatus> {
        let state = self.state();
        let of = |role, document: &Document| DocumentStatus {
            role,
            version: document.version,
            expires: document.expires,
        };
        let published = state.published.iter().flat_map(|published| {
            let Published { targets, snapshot, timestamp, .. } = published;
            [of("targets", targets), of("snapshot", snapshot), of("timestamp", timestamp)]
        });
        [of("root", &state.root)].into_iter().chain(published).collect()
    }

    /// The file that clients ask for by this path, relative to the repository's URL.
    pub fn file(&self, path: &str) -> Option<Bytes> {
        self.files.read().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    /// The newest root document: what a client is given to begin with.
    pub fn root_json(&self) -> Bytes {
        self.file(ROOT).expect("it is shown since the repository was opened")
    }

    /// A target, as it was last published.
    pub fn target(&self, name: &str) -> Option<Bytes> {
        self.state().published.as_ref()?.contents.get(name).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new root document after the present one, signed also by `others`.
    fn follow_root(
        &self,
        state: &mut State,
        keys: RoleKeys,
        others: &[&SigningKey],
        now: Timestamp,
    ) -> Result<(), TufError> {
        let version = state.root.version + 1;
        let root = new_root(version, &keys, others, self.lives, now)?;
        let path = format!("{version}.root.json");
        self.disk.keep(&path, &root.bytes)?;
        self.show([(path, root.bytes.clone()), (ROOT.to_owned(), root.bytes.clone())]);
        state.root = root;
        state.keys = keys;
        Ok(())
    }

    /// The first document in the chain that has to be made anew.
    fn due(&self, published: &Published, keys: &RoleKeys, now: Timestamp) -> Option<Step> {
        let lives = self.lives;
        if lives.is_due(&published.targets, lives.targets_days, now)
            || !published.is_signed_by(keys)
        {
            return Some(Step::Targets);
        }
        if lives.is_due(&published.snapshot, lives.snapshot_days, now) {
            return Some(Step::Snapshot);
        }
        lives.is_due(&published.timestamp, lives.timestamp_days, now).then_some(Step::Timestamp)
    }

    /// Signs documents anew from one in the chain on, keeps them, and shows them. The timestamp comes last:
    /// before it is there, nobody asks for the rest.
    fn publish(
        &self,
        state: &mut State,
        contents: BTreeMap<String, Bytes>,
        from: Step,
        now: Timestamp,
    ) -> Result<(), TufError> {
        let before = state.published.as_ref();
        let from = if before.is_none() { Step::Targets } else { from };
        let mut next = state.versions;
        next.timestamp += 1;
        next.snapshot += u64::from(from <= Step::Snapshot);
        next.targets += u64::from(from <= Step::Targets);
        self.disk.keep_versions(next)?;
        state.versions = next;
        let lives = self.lives;
        let keys = &state.keys;
        let targets = match before.filter(|_| from > Step::Targets) {
            Some(before) => before.targets.clone(),
            None => {
                let head = head(next.targets, lives.targets_days, now);
                Document::sign(&metadata::targets(&head, &contents), &[&keys.targets])?
            }
        };
        let snapshot = match before.filter(|_| from > Step::Snapshot) {
            Some(before) => before.snapshot.clone(),
            None => {
                let head = head(next.snapshot, lives.snapshot_days, now);
                Document::sign(&metadata::snapshot(&head, &targets), &[&keys.online])?
            }
        };
        let timestamp_head = head(next.timestamp, lives.timestamp_days, now);
        let timestamp =
            Document::sign(&metadata::timestamp(&timestamp_head, &snapshot), &[&keys.online])?;
        let published = Published { contents, targets, snapshot, timestamp };
        self.keep(&published, from)?;
        state.published = Some(published);
        Ok(())
    }

    fn keep(&self, published: &Published, from: Step) -> Result<(), TufError> {
        let mut files = Vec::new();
        if from <= Step::Targets {
            let target =
                |(name, bytes): (&String, &Bytes)| (target_path(name, bytes), bytes.clone());
            files.extend(published.contents.iter().map(target));
            let path = format!("{}.targets.json", published.targets.version);
            files.push((path, published.targets.bytes.clone()));
        }
        if from <= Step::Snapshot {
            let path = format!("{}.snapshot.json", published.snapshot.version);
            files.push((path, published.snapshot.bytes.clone()));
        }
        files.push((TIMESTAMP.to_owned(), published.timestamp.bytes.clone()));
        for (path, bytes) in &files {
            self.disk.keep(path, bytes)?;
        }
        self.show(files);
        Ok(())
    }

    /// Shows files to clients, all at once.
    fn show(&self, added: impl IntoIterator<Item = (String, Bytes)>) {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut files).extend(added);
    }
}

impl Published {
    /// Whether the present keys signed it: not so where a change of keys was interrupted.
    fn is_signed_by(&self, keys: &RoleKeys) -> bool {
        self.targets.is_signed_by("targets", &PublicKey::of(&keys.targets))
            && self.timestamp.is_signed_by("timestamp", &PublicKey::of(&keys.online))
    }
}

/// The newest root document, without its version; it is in no file of the folder.
const ROOT: &str = "root.json";
const TIMESTAMP: &str = "timestamp.json";

/// Where in the chain of documents to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Targets,
    Snapshot,
    Timestamp,
}

fn head(version: u64, life_days: u32, now: Timestamp) -> Head {
    Head { version, expires: now.saturating_add(life(life_days)).unwrap_or(Timestamp::MAX) }
}

fn new_root(
    version: u64,
    keys: &RoleKeys,
    others: &[&SigningKey],
    lives: Lives,
    now: Timestamp,
) -> Result<Document, TufError> {
    let root = keys.root.as_deref().ok_or(TufError::NoRootKey)?;
    let roles = Roles {
        root: PublicKey::of(root),
        targets: PublicKey::of(&keys.targets),
        online: PublicKey::of(&keys.online),
    };
    let signers: Vec<&SigningKey> = others.iter().copied().chain([root]).collect();
    let head = head(version, lives.root_days, now);
    Ok(Document::sign(&metadata::root(&head, &roles), &signers)?)
}

/// The newest root document, after every step to it was checked as clients will check it; `None` where
/// there is none at all.
fn read_roots(files: &BTreeMap<String, Bytes>) -> Result<Option<Document>, TufError> {
    let mut newest: Option<Document> = None;
    let count = files.keys().filter(|path| path.ends_with(".root.json")).count();
    for version in 1..=count as u64 {
        let broken = || TufError::RootChain { version };
        let bytes = files.get(&format!("{version}.root.json")).ok_or_else(broken)?;
        let root = Document::parse(bytes.clone()).filter(|root| root.version == version);
        let root = root.ok_or_else(broken)?;
        let key = root.role_key("root").ok_or_else(broken)?;
        let before = newest.as_ref().map_or(Some(key.clone()), |before| before.role_key("root"));
        let before = before.ok_or_else(broken)?;
        if !root.is_signed_by("root", &key) || !root.is_signed_by("root", &before) {
            return Err(broken());
        }
        newest = Some(root);
    }
    Ok(newest)
}

/// Whether the keys are those that the root document names.
fn check_keys(root: &Document, keys: &RoleKeys) -> Result<(), TufError> {
    let given = [
        ("root", keys.root.as_ref()),
        ("targets", Some(&keys.targets)),
        ("snapshot", Some(&keys.online)),
        ("timestamp", Some(&keys.online)),
    ];
    for (role, key) in given {
        let Some(key) = key else { continue };
        if root.role_key(role) != Some(PublicKey::of(key)) {
            return Err(TufError::OtherKey { role });
        }
    }
    Ok(())
}

/// What clients see, if all of it is there, signed by the present keys and unchanged.
fn read_published(files: &BTreeMap<String, Bytes>, keys: &RoleKeys) -> Option<Published> {
    let read = |path: &str, role: &str, key: &SigningKey| {
        let document = Document::parse(files.get(path)?.clone())?;
        document.is_signed_by(role, &PublicKey::of(key)).then_some(document)
    };
    let timestamp = read(TIMESTAMP, "timestamp", &keys.online)?;
    let reference = &timestamp.signed["meta"]["snapshot.json"];
    let path = format!("{}.snapshot.json", reference["version"].as_u64()?);
    let snapshot = read(&path, "snapshot", &keys.online)?;
    let snapshot = Some(snapshot).filter(|snapshot| snapshot.is_referred_to_by(reference))?;
    let reference = &snapshot.signed["meta"]["targets.json"];
    let path = format!("{}.targets.json", reference["version"].as_u64()?);
    let targets = read(&path, "targets", &keys.targets)?;
    let targets = Some(targets).filter(|targets| targets.is_referred_to_by(reference))?;
    let mut contents = BTreeMap::new();
    for (name, entry) in targets.signed["targets"].as_object()? {
        let hash = entry["hashes"]["sha256"].as_str()?;
        let bytes = files.get(&format!("targets/{hash}.{name}"))?;
        if sha256(bytes) != hash {
            return None;
        }
        contents.insert(name.clone(), bytes.clone());
    }
    Some(Published { contents, targets, snapshot, timestamp })
}

/// The highest versions that may have been seen, from all that is known of them.
fn highest(
    files: &BTreeMap<String, Bytes>,
    kept: Option<Versions>,
    published: Option<&Published>,
) -> Result<Versions, TufError> {
    let highest_of = |suffix: &str| {
        let version = |path: &String| path.strip_suffix(suffix)?.parse::<u64>().ok();
        files.keys().filter_map(version).max().unwrap_or(0)
    };
    let timestamp = published.map(|published| published.timestamp.version);
    let was_published = files.contains_key(TIMESTAMP) || highest_of(".snapshot.json") > 0;
    if kept.is_none() && timestamp.is_none() && was_published {
        return Err(TufError::VersionsLost);
    }
    let kept = kept.unwrap_or_default();
    Ok(Versions {
        targets: kept.targets.max(highest_of(".targets.json")),
        snapshot: kept.snapshot.max(highest_of(".snapshot.json")),
        timestamp: kept.timestamp.max(timestamp.unwrap_or(0)),
    })
}

/// The targets by name, if names and sizes are such as every client can ask for.
fn checked(targets: &[(&str, Bytes)]) -> Result<BTreeMap<String, Bytes>, TufError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let mut contents = BTreeMap::new();
    for (name, bytes) in targets {
        let is_name = (1..=TARGET_NAME_LIMIT_BYTES).contains(&name.len())
            && name.bytes().all(is_plain)
            && !name.starts_with('.')
            && name.strip_suffix(".json").is_some();
        let is_first = contents.insert((*name).to_owned(), bytes.clone()).is_none();
        if !is_name || !is_first || bytes.len() > TARGET_LIMIT_BYTES || contents.len() > TARGETS_MAX
        {
            return Err(TufError::Target { name: (*name).to_owned() });
        }
    }
    Ok(contents)
}

fn target_path(name: &str, bytes: &[u8]) -> String {
    format!("targets/{}.{name}", sha256(bytes))
}

#[cfg(test)]
mod tests;
