//! What is signed about a file, on its way to clients that look for it beside that file.

use provender_domain::{Attributes, EncodedText, File, FileName};

use crate::Reference;

/// A statement about a file that this server signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// What it is about.
    pub file: &'a File,
    /// The statement's predicate type, a URI.
    pub predicate_type: &'a str,
    /// The Sigstore bundle (version 0.3, JSON) that holds it.
    pub bundle: &'a dyn EncodedText,
    /// When it was signed: RFC 3339, in seconds.
    pub at: &'a str,
}

/// A signature over a text that names a file, both kept under a tag: the form of clients from before
/// there were files that say what they are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedSignature {
    /// What is signed: a file of the same package, with a text that names another.
    pub text: FileName,
    /// The signature, in base64.
    pub signature: String,
    /// Whose it is: a certificate, PEM.
    pub certificate: Option<String>,
    /// Where it is logged, JSON.
    pub log_entry: Option<String>,
    /// When it was made, JSON.
    pub timestamp: Option<String>,
}

/// A file that the server makes of what it signed.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeFile {
    /// Its name, which promises the digest of its bytes.
    pub name: FileName,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What an index needs to know of it.
    pub attributes: Attributes,
    /// What it refers to.
    pub references: Vec<Reference>,
}
