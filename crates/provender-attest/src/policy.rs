//! Whose signature is wanted.

use crate::key::PublicKey;
use crate::pattern::Pattern;

/// What a caller wants of a bundle beside that it holds.
#[derive(Debug, Clone)]
pub enum Policy {
    /// Signed with a certificate of a trusted authority, for this signer.
    Certificate(ExpectedSigner),
    /// Signed with this key, which the caller trusts by himself.
    Key(PublicKey),
}

/// Who is expected to have signed. What is left out is not compared, and [`crate::Verified`] says
/// so: a signature by somebody proves little.
#[derive(Debug, Clone, Default)]
pub struct ExpectedSigner {
    /// The certificate's subject: an e-mail address or a URI.
    pub identity: Option<Pattern>,
    /// Who vouched for the subject: the URL of an `OpenID` Connect issuer.
    pub issuer: Option<Pattern>,
}

impl Policy {
    /// Exactly this identity, vouched for by exactly this issuer.
    pub fn identity(identity: impl Into<String>, issuer: impl Into<String>) -> Self {
        Self::Certificate(ExpectedSigner {
            identity: Some(Pattern::Exact(identity.into())),
            issuer: Some(Pattern::Exact(issuer.into())),
        })
    }

    /// Anybody whom a trusted authority gave a certificate. The caller decides afterwards, from
    /// what was verified.
    pub fn anybody() -> Self {
        Self::Certificate(ExpectedSigner::default())
    }
}
