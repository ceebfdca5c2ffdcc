//! Publications, as clients send them.

use provender_domain::{Attributes, Digest, FileName, PackageName, Version};

/// The fields that came with an archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Form {
    /// Names and values, in the order sent, repeated ones included; the archive is not among them.
    pub fields: Vec<(String, String)>,
    /// The name that the client gave the archive, as sent.
    pub file_name: Option<String>,
}

impl Form {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a form says is being published. The archive has to agree; see [`crate::Ecosystem::inspect`].
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    /// The package.
    pub package: PackageName,
    /// The version.
    pub version: Version,
    /// The file.
    pub file: FileName,
    /// Every digest that the client claims; all are checked.
    pub digests: Vec<Digest>,
    /// What only the ecosystem understands and only the form tells.
    pub attributes: Attributes,
}
