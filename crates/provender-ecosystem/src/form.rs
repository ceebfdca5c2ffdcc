//! Publications, as clients send them.

use provender_domain::{Attributes, Digest, FileName, PackageName, Tag, Version};

/// The fields that came with an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Names and values, in the order sent, repeated ones included; the archive is not among them.
    pub fields: Vec<(String, String)>,
    /// The name that the client gave the archive, as sent.
    pub file_name: Option<String>,
}

impl Form {
    /// The field in which the registry tells an ecosystem a whole body's SHA-256, in hexadecimal;
    /// never taken from a client.
    pub const SHA256: &'static str = ":sha256";

    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Most attestations that come with one publication.
pub const ATTESTATIONS_LIMIT: usize = 16;
/// Largest attestation, in bytes, as the client sends it.
pub const ATTESTATION_LIMIT_BYTES: usize = 256 << 10;

/// A publisher's own attestation of what is being published: a Sigstore bundle (version 0.3, JSON)
/// with an in-toto statement in a DSSE envelope. A claim until the registry has verified it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttestationClaim {
    /// The bundle.
    pub bundle: String,
}

/// A verified attestation, on its way into a companion that clients of the ecosystem read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// The bundle, as the claim had it or as the server made it.
    pub bundle: String,
    /// Whom its certificate names: an address, or a URI.
    pub identity: String,
    /// Who vouched for that, by the certificate.
    pub issuer: String,
}

/// What a form says is being published. The archive has to agree; see [`crate::Ecosystem::inspect`].
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The package.
    pub package: PackageName,
    /// The version, where there is one.
    pub version: Option<Version>,
    /// The file.
    pub file: FileName,
    /// The tag that is to point to it.
    pub tag: Option<Tag>,
    /// Every digest that the client claims; all are checked.
    pub digests: Vec<Digest>,
    /// What the publisher attests of it; at most [`ATTESTATIONS_LIMIT`]. All are verified, and one
    /// that does not hold refuses the publication.
    pub attestations: Vec<AttestationClaim>,
    /// What only the ecosystem understands and only the form tells.
    pub attributes: Attributes,
}
