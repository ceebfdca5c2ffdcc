//! Administration: repositories, tokens, accounts, issuers, owned names, upstreams, reports. Each
//! call checks its caller's rights itself.

pub(crate) mod accounts;
pub(crate) mod attest;
pub(crate) mod chain;
pub(crate) mod events;
pub(crate) mod evidence;
pub(crate) mod issuers;
pub(crate) mod owned;
pub(crate) mod packages;
pub(crate) mod policy;
pub(crate) mod repositories;
pub(crate) mod sign_ins;
pub(crate) mod status;
pub(crate) mod tokens;
pub(crate) mod trust;
pub(crate) mod upstreams;
