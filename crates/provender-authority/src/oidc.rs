//! Who someone is: an OpenID Connect issuer of our own, and the check of everybody's tokens.
//!
//! No HTTP here: requests and answers are plain values, and keys of other issuers come through a trait.

pub mod password;
