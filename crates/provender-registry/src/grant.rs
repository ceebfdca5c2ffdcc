//! Access tokens: what clients of some ecosystems exchange their credential for.

use provender_domain::{EcosystemId, Problem, Timestamp};
use provender_ecosystem::{Document, Page, TokenRequest};

use crate::{Caller, Registry};

/// An access token: it opens what was asked for and its caller may have, for a while.
pub struct Grant {
    /// Its text. Secret.
    pub token: String,
    /// For how long, in seconds.
    pub expires_in_seconds: u64,
    /// Since when.
    pub issued_at: Timestamp,
}

impl Registry {
    /// An access token for a caller, who may be nobody. What they may not have is left out.
    pub fn grant(&self, _: &Caller, _: EcosystemId, _: &TokenRequest) -> Result<Grant, Problem> {
        Err(Problem::not_found("no access tokens here"))
    }

    /// The packages of every repository that the caller may read, rendered.
    pub async fn all_packages(
        &self,
        _: &Caller,
        _: EcosystemId,
        _: &Page,
    ) -> Result<Document, Problem> {
        std::future::ready(Err(Problem::not_found("no packages here"))).await
    }
}
