//! Administration: repositories, tokens, owned names, upstreams, reports. Each call checks its
//! caller's rights itself.

pub(crate) mod events;
pub(crate) mod owned;
pub(crate) mod packages;
pub(crate) mod repositories;
pub(crate) mod status;
pub(crate) mod tokens;
pub(crate) mod upstreams;
