//! What files of one package have to do with each other.

use crate::FileName;

/// What one file has to do with another of its package that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReferenceRole {
    /// It needs it: it can't be published without, and keeps it from being collected.
    Required,
    /// It may have it, or somebody else has: it keeps it from being collected, where it is here.
    Optional,
    /// It is about it; that one need not be here.
    Subject,
}

impl ReferenceRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Required, Self::Optional, Self::Subject];

    /// The role's stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Optional => "optional",
            Self::Subject => "subject",
        }
    }
}

/// Another file of the same package that a file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Which file.
    pub file: FileName,
    /// What it has to do with it.
    pub role: ReferenceRole,
}
