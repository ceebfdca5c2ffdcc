//! Signed notes (C2SP signed-note): a text, and who signed it. Ed25519 only, the one kind of key
//! that every witness knows.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::Hash;

/// What a line with a signature begins with: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";
/// The kind of signature in a key's hash: Ed25519.
const ED25519_KIND: u8 = 1;
/// The bytes of a key's hash that stand before a signature.
const KEY_HASH_BYTES: usize = 4;
/// The bytes of an Ed25519 key.
const KEY_BYTES: usize = 32;
/// The longest note in bytes: a checkpoint with room for many cosignatures.
pub const NOTE_MAX_BYTES: usize = 64 * 1024;
/// The most signatures on a note.
const SIGNATURES_MAX: usize = 100;

/// A key or its name that cannot be used, or a note that is none or that is not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A name is empty, or has a space or a plus.
    #[error("`{0}` cannot be the name of a key: it is empty, or has a space or a plus")]
    Name(String),
    /// It is no Ed25519 key.
    #[error("this is no Ed25519 key")]
    Key,
    /// The text is not one that can be signed: it does not end with a line end, or has control
    /// characters.
    #[error("this text cannot be a note")]
    Text,
    /// It is no note.
    #[error("this is no signed note: {0}")]
    Malformed(&'static str),
    /// The key did not sign it.
    #[error("the note is not signed by the key `{0}`")]
    NotSigned(String),
    /// A signature of the key is wrong.
    #[error("the signature of the key `{0}` on the note is wrong")]
    WrongSignature(String),
}

/// A named key that signs notes. It cannot be read back, and shows its name only.
#[derive(Clone)]
pub struct NoteSigner {
    key: Arc<Ed25519KeyPair>,
    verifier: NoteVerifier,
}

impl NoteSigner {
    /// Takes a key pair by its name.
    ///
    /// # Errors
    /// Where the name cannot be one.
    pub fn new(name: &str, key: Ed25519KeyPair) -> Result<Self, NoteError> {
        let public = key.public_key().as_ref().try_into().map_err(|_| NoteError::Key)?;
        Ok(Self { verifier: NoteVerifier::new(name, public)?, key: Arc::new(key) })
    }

    /// Takes a private key in PKCS#8 DER (RFC 8410) by its name.
    ///
    /// # Errors
    /// Where it is no Ed25519 key, or the name cannot be one.
    pub fn from_pkcs8(name: &str, der: &[u8]) -> Result<Self, NoteError> {
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| NoteError::Key)?;
        Self::new(name, key)
    }

    /// The public half.
    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// Signs a text, which ends with a line end.
    ///
    /// # Errors
    /// Where the text cannot be that of a note.
    pub fn sign(&self, text: &str) -> Result<String, NoteError> {
        if !is_text(text) {
            return Err(NoteError::Text);
        }
        let mut signature = self.verifier.key_hash().to_vec();
        signature.extend_from_slice(self.key.sign(text.as_bytes()).as_ref());
        let name = self.verifier.name();
        Ok(format!("{text}\n{SIGNATURE_PREFIX}{name} {}\n", STANDARD.encode(signature)))
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({})", self.verifier.name)
    }
}

/// A named key that notes are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteVerifier {
    name: Arc<str>,
    key: [u8; KEY_BYTES],
    id: Hash,
}

impl NoteVerifier {
    /// Takes a raw Ed25519 public key by its name.
    ///
    /// # Errors
    /// Where the name cannot be one.
    pub fn new(name: &str, key: [u8; KEY_BYTES]) -> Result<Self, NoteError> {
        let is_name = !name.is_empty()
            && !name.contains('+')
            && !name.chars().any(|char| char.is_whitespace() || char.is_control());
        if !is_name {
            return Err(NoteError::Name(name.to_owned()));
        }
        let id = [name.as_bytes(), &[b'\n', ED25519_KIND], &key].concat();
        Ok(Self { name: name.into(), key, id: Hash::of(&id) })
    }

    /// Takes a public key in SPKI DER (RFC 8410) by its name.
    ///
    /// # Errors
    /// Where it is no Ed25519 key, or the name cannot be one.
    pub fn from_spki(name: &str, der: &[u8]) -> Result<Self, NoteError> {
        use der::Decode as _;
        let spki = spki::SubjectPublicKeyInfoRef::from_der(der).map_err(|_| NoteError::Key)?;
        if spki.algorithm.oid != const_oid::db::rfc8410::ID_ED_25519 {
            return Err(NoteError::Key);
        }
        let key = spki.subject_public_key.as_bytes().and_then(|bytes| bytes.try_into().ok());
        Self::new(name, key.ok_or(NoteError::Key)?)
    }

    /// Takes a key as it is written down: `<name>+<hash>+<key>`.
    ///
    /// # Errors
    /// Where it is not written like that, or the hash is not that of the key.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        let key = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let Some((&ED25519_KIND, key)) = key.split_first() else { return Err(NoteError::Key) };
        let verifier = Self::new(name, key.try_into().map_err(|_| NoteError::Key)?)?;
        if hash == verifier.key_hash_hex() { Ok(verifier) } else { Err(NoteError::Key) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The raw public key.
    pub fn public_key(&self) -> &[u8; KEY_BYTES] {
        &self.key
    }

    /// The whole hash of name and key: SHA-256(name ‖ "\n" ‖ 0x01 ‖ key). What Sigstore calls the
    /// id of a log.
    pub fn id(&self) -> Hash {
        self.id
    }

    /// The first bytes of that hash, which stand before a signature.
    pub fn key_hash(&self) -> [u8; KEY_HASH_BYTES] {
        *self.id.as_bytes().first_chunk().expect("a hash is longer")
    }

    /// Checks that this key signed a note, and gives its text. Signatures of other keys are passed
    /// over.
    ///
    /// # Errors
    /// Where it is no note, or this key did not sign it, or a signature of this key is wrong.
    pub fn verify<'a>(&self, note: &'a str) -> Result<&'a str, NoteError> {
        let (text, signatures) = split(note)?;
        let mut signed = false;
        for Signature { name, bytes } in signatures {
            let Some((hash, bytes)) = bytes.split_first_chunk() else { continue };
            if name != self.name() || *hash != self.key_hash() {
                continue;
            }
            UnparsedPublicKey::new(&ED25519, &self.key)
                .verify(text.as_bytes(), bytes)
                .map_err(|_| NoteError::WrongSignature(name.to_owned()))?;
            signed = true;
        }
        if signed { Ok(text) } else { Err(NoteError::NotSigned(self.name().to_owned())) }
    }

    fn key_hash_hex(&self) -> String {
        self.id.to_string()[..2 * KEY_HASH_BYTES].to_owned()
    }
}

impl fmt::Display for NoteVerifier {
    /// As [`NoteVerifier::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519_KIND], self.key.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, self.key_hash_hex(), STANDARD.encode(key))
    }
}

/// The text of a note, with its last line end, and the signatures: names and bytes. Nothing is
/// checked but the form.
fn split(note: &str) -> Result<(&str, Vec<Signature<'_>>), NoteError> {
    if note.len() > NOTE_MAX_BYTES {
        return Err(NoteError::Malformed("it is too long"));
    }
    let end = note.rfind("\n\n").ok_or(NoteError::Malformed("it has no blank line"))?;
    let (text, signatures) = (&note[..=end], &note[end + 2..]);
    if !is_text(text) {
        return Err(NoteError::Malformed("its text has control characters"));
    }
    let lines =
        signatures.strip_suffix('\n').ok_or(NoteError::Malformed("its last line has no end"))?;
    if lines.split('\n').count() > SIGNATURES_MAX {
        return Err(NoteError::Malformed("it has too many signatures"));
    }
    let signatures = lines.split('\n').map(signature).collect::<Result<_, NoteError>>()?;
    Ok((text, signatures))
}

/// Who signed, and the bytes: a key's hash and what that kind of key signs with.
struct Signature<'a> {
    name: &'a str,
    bytes: Vec<u8>,
}

fn signature(line: &str) -> Result<Signature<'_>, NoteError> {
    let line = line.strip_prefix(SIGNATURE_PREFIX);
    let parts = line.and_then(|line| line.split_once(' '));
    let (name, bytes) = parts.ok_or(NoteError::Malformed("a line is no signature"))?;
    let bytes =
        STANDARD.decode(bytes).map_err(|_| NoteError::Malformed("a signature is not in base64"))?;
    Ok(Signature { name, bytes })
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|char| char != '\n' && char.is_ascii_control())
}

#[cfg(test)]
pub(crate) mod tests;
