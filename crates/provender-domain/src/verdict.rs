//! Facts and what policy makes of them.

use serde::Serialize;

use crate::{FileState, KeptFile, Origin, SignatureRule, Signer, Timestamp};

/// What is known of one file at the moment it is decided upon.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Where it came from, or would come from.
    pub origin: Origin,
    /// The origin that its package's name is bound to, if any.
    pub name_origin: Option<Origin>,
    /// `None` for a file that an upstream lists and nobody has asked for yet.
    pub state: Option<FileState>,
    /// Why it is in that state.
    pub state_reason: Option<String>,
    /// When it was uploaded, by whose clock [`crate::File::uploaded_at`] says.
    pub uploaded_at: Option<Timestamp>,
    /// The signatures that its repository asks for.
    pub signatures_asked: Vec<SignatureRule>,
    /// Who is known to have signed it; looked up only where signatures are asked for.
    pub signers: Vec<Signer>,
}

impl Facts {
    /// What is known of a kept file by itself; who signed it is looked up where that is asked for.
    pub fn of(kept: &KeptFile, name_origin: Option<Origin>) -> Self {
        Self {
            origin: kept.origin.clone(),
            name_origin,
            state: Some(kept.state),
            state_reason: kept.state_reason.clone(),
            uploaded_at: kept.file.uploaded_at,
            signatures_asked: Vec::new(),
            signers: Vec::new(),
        }
    }
}

/// Why a verdict is what it is, in words fit for whoever asked for the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// A stable word for machines: `quarantined`, `deleted`, `foreign-origin`.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
}

/// What policy says of serving one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", content = "reasons", rename_all = "lowercase")]
pub enum Verdict {
    /// Serve it.
    Allow,
    /// Serve it, and say so.
    Warn(Vec<Reason>),
    /// Neither list nor serve it until somebody has looked.
    Quarantine(Vec<Reason>),
    /// Neither list nor serve it.
    Deny(Vec<Reason>),
}

impl Verdict {
    /// Whether the file is listed and served.
    pub fn is_served(&self) -> bool {
        matches!(self, Self::Allow | Self::Warn(_))
    }

    /// The reasons; none for [`Verdict::Allow`].
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Allow => &[],
            Self::Warn(reasons) | Self::Quarantine(reasons) | Self::Deny(reasons) => reasons,
        }
    }
}
