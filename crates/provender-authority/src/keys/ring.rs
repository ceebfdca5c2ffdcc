//! The folder of keys.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use der::pem::LineEnding;
use zeroize::Zeroizing;

use super::{KeyAlgorithm, KeyError, SigningKey, file};

/// The folder that holds this server's private keys: `NAME.pem`, and `root/NAME.pem` for those
/// that are needed only to certify others and may be moved to another place.
#[derive(Debug, Clone)]
pub struct KeyRing {
    directory: PathBuf,
}

impl KeyRing {
    /// Opens the folder, and makes it if it is not there.
    ///
    /// # Errors
    /// Where others than its owner may look into it.
    pub fn open(directory: &Path) -> Result<Self, KeyError> {
        file::private_directory(directory)?;
        file::remove_abandoned(directory)?;
        file::remove_abandoned(&directory.join(ROOT_PREFIX))?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// The key of this name; it is generated and kept if there is none. When this returns, it is
    /// durable. Of several processes that start at once, one generates it.
    ///
    /// # Errors
    /// Where the key is of another kind, or open to others than its owner.
    pub fn load_or_generate(
        &self,
        name: &KeyName,
        algorithm: KeyAlgorithm,
    ) -> Result<SigningKey, KeyError> {
        if let Some(key) = self.load(name, algorithm)? {
            return Ok(key);
        }
        let key = SigningKey::generate(algorithm).map_err(|_| KeyError::Generation)?;
        let path = self.path(name);
        file::private_directory(path.parent().expect("keys are in a folder"))?;
        if file::create(&path, to_pem(&key)?.as_bytes(), file::PRIVATE_MODE)? {
            tracing::debug!(key = %name, %algorithm, "made a private key");
            return Ok(key);
        }
        self.required(name, algorithm)
    }

    /// The key of this name, if there is one.
    ///
    /// # Errors
    /// As for [`Self::load_or_generate`].
    pub fn load(
        &self,
        name: &KeyName,
        algorithm: KeyAlgorithm,
    ) -> Result<Option<SigningKey>, KeyError> {
        let path = self.path(name);
        let Some(pem) = file::read(&path)? else { return Ok(None) };
        match from_pem(&pem, algorithm) {
            Some(key) => Ok(Some(key)),
            None => Err(KeyError::Malformed { path, expected: algorithm }),
        }
    }

    /// The key of this name, which must be there: something else already depends on it.
    ///
    /// # Errors
    /// [`KeyError::Missing`], or as for [`Self::load_or_generate`].
    pub fn required(
        &self,
        name: &KeyName,
        algorithm: KeyAlgorithm,
    ) -> Result<SigningKey, KeyError> {
        self.load(name, algorithm)?.ok_or_else(|| KeyError::Missing { path: self.path(name) })
    }

    /// The names of the keys in this folder, but for those in folders below, in order.
    pub(crate) fn names(&self) -> Result<Vec<KeyName>, KeyError> {
        let mut names: Vec<_> = file::names(&self.directory)?
            .into_iter()
            .filter_map(|name| KeyName::new(name.strip_suffix(".pem")?).ok())
            .collect();
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(names)
    }

    /// The folder in it of keys that are needed only to certify others, as a ring of its own.
    pub(crate) fn root(&self) -> Self {
        Self { directory: self.directory.join(ROOT_PREFIX) }
    }

    /// The folder.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A folder that an operator names: it must be there.
    ///
    /// # Errors
    /// Where it is not, or others than its owner may look into it.
    pub(crate) fn existing(directory: &Path) -> Result<Self, KeyError> {
        file::check_directory(directory)?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// Where the key of this name is kept, or would be.
    pub fn path(&self, name: &KeyName) -> PathBuf {
        self.directory.join(format!("{name}.pem"))
    }
}

fn from_pem(pem: &[u8], algorithm: KeyAlgorithm) -> Option<SigningKey> {
    let (label, der) = der::pem::decode_vec(pem).ok()?;
    let der = Zeroizing::new(der);
    if label != PEM_LABEL {
        return None;
    }
    SigningKey::from_pkcs8_der(algorithm, &der)
}

fn to_pem(key: &SigningKey) -> Result<Zeroizing<String>, KeyError> {
    let der = key.to_pkcs8_der().map_err(|_| KeyError::Generation)?;
    let pem = der::pem::encode_string(PEM_LABEL, LineEnding::LF, &der)
        .expect("a private key is short and its label valid");
    Ok(Zeroizing::new(pem))
}

const PEM_LABEL: &str = "PRIVATE KEY";

/// The name of a key: lower-case letters, digits and `-`; `root/` before it for keys that are
/// needed only to certify others.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyName(Cow<'static, str>);

/// The text names no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is named by at most {NAME_BYTES_MAX} lower-case letters, digits and hyphens")]
pub struct KeyNameError;

const NAME_BYTES_MAX: usize = 64;
const ROOT_PREFIX: &str = "root/";

impl KeyName {
    /// A name that is known when the program is compiled.
    ///
    /// # Panics
    /// Where it is none.
    pub const fn known(name: &'static str) -> Self {
        assert!(is_name(name.as_bytes()), "not the name of a key");
        Self(Cow::Borrowed(name))
    }

    /// A name that is made up at run time.
    pub fn new(name: impl Into<String>) -> Result<Self, KeyNameError> {
        let name = name.into();
        if is_name(name.as_bytes()) { Ok(Self(Cow::Owned(name))) } else { Err(KeyNameError) }
    }

    /// The name of a service's key: the plain one for the first, with its number for those after it.
    pub(crate) fn of_generation(name: &str, generation: u32) -> Self {
        match generation {
            1 => Self(Cow::Owned(name.to_owned())),
            _ => Self(Cow::Owned(format!("{name}-{generation}"))),
        }
    }

    /// Whether it is a key that certifies others.
    pub fn is_root(&self) -> bool {
        self.0.starts_with(ROOT_PREFIX)
    }

    /// The name in the folder of those that certify others.
    pub(crate) fn in_root_folder(&self) -> Self {
        Self(Cow::Owned(self.base().to_owned()))
    }

    /// The name without what says that it certifies others.
    pub(crate) fn base(&self) -> &str {
        self.0.strip_prefix(ROOT_PREFIX).unwrap_or(&self.0)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

const fn is_name(name: &[u8]) -> bool {
    let mut at = prefix_length(name);
    if at == name.len() || name.len() > NAME_BYTES_MAX {
        return false;
    }
    while at < name.len() {
        if !matches!(name[at], b'a'..=b'z' | b'0'..=b'9' | b'-') {
            return false;
        }
        at += 1;
    }
    true
}

const fn prefix_length(name: &[u8]) -> usize {
    let prefix = ROOT_PREFIX.as_bytes();
    if name.len() < prefix.len() {
        return 0;
    }
    let mut at = 0;
    while at < prefix.len() {
        if name[at] != prefix[at] {
            return 0;
        }
        at += 1;
    }
    prefix.len()
}
