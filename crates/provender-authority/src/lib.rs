//! Certificates, timestamps, identities and the repository of trusted keys: a private Sigstore but for its log.
//!
//! Nothing here knows packages or HTTP: what comes in are the bytes and documents of the protocols, what goes out too.
//!
//! [`Authority`] is all of it together.
//!
//! | module | holds | source |
//! |---|---|---|
//! | [`keys`] | private keys in files | PKCS #8 |
//! | [`ca`] | certificates of ten minutes | RFC 5280, Fulcio's API v2 |
//! | [`ct`] | promises that certificates are logged | RFC 6962 |
//! | [`tsa`] | timestamps | RFC 3161, RFC 5816 |
//! | [`trust`] | what clients are told to trust | Sigstore's trust root and signing config |
//! | [`tuf`] | how they are told | The Update Framework |
//! | [`settings`] | what an operator may set | |
//! | [`oidc`] | who is asking | OpenID Connect, RFC 8628, RFC 8693 |

mod authority;
pub mod ca;
pub mod clock;
pub mod ct;
pub mod error;
mod generations;
pub mod keys;
pub mod oidc;
pub mod settings;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod trust;
pub mod tsa;
pub mod tuf;

pub use authority::{
    Authority, CertifiedBy, ExportedKeys, LogStores, Options, Renewal, RootRotation,
    RotatedService, Rotation, ServiceStatus, SignedMessage, SigningIdentity, TrustStatus,
};
