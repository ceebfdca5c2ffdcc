//! Who someone is: an OIDC issuer of our own, and the check of everybody's tokens.
//!
//! No HTTP here: requests and answers are plain values, and keys of other issuers come through
//! [`KeySource`]. No clock either: who calls says what time it is.
//!
//! | module | holds | source |
//! |---|---|---|
//! | [`password`] | passwords of local accounts | Argon2id, OWASP |
//! | [`TrustedIssuer`] | whose tokens are believed, for whom, and what they say in a certificate | |
//! | [`Verifier`] | tokens in, identities out | RFC 7515, 7517, 7519, OIDC Discovery |
//! | [`Issuer`] | our own tokens | OIDC Core |
//! | [`grant`] | requests and answers of the token endpoint | RFC 6749, RFC 8693 |
//! | [`device`] | signing in on another screen | RFC 8628 |
//! | [`code`] | signing in in the browser of this machine | RFC 6749, 7636, 8252 |

mod claims;
pub mod code;
pub mod device;
pub mod grant;
mod issuer;
mod issuer_url;
mod jwk;
mod jws;
mod mapping;
pub mod password;
mod preset;
mod rule;
mod template;
mod trusted;
mod verifier;

#[cfg(test)]
mod testing;

pub use claims::Claims;
pub use issuer::{Discovery, Issuer, MintError, TokenSubject};
pub use issuer_url::{IssuerUrl, IssuerUrlError};
pub use jwk::{Jwk, JwkSet};
pub use mapping::{ClaimMapping, Extension, MappingError, San};
pub use preset::Preset;
pub use rule::{ClaimRule, Pattern, RuleError};
pub use template::{Template, TemplateError};
pub use trusted::{DEFAULT_AUDIENCE, TrustedIssuer};
pub use verifier::{
    DOCUMENT_LIMIT_BYTES, KeySource, KeySourceError, TokenError, VerifiedIdentity, Verifier,
};
