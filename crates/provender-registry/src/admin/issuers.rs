//! Issuers whose identity tokens are believed: whose, and for whom of theirs.

use std::sync::Arc;

use provender_authority::oidc::TrustedIssuer;
use provender_domain::{EventKind, Problem, ProblemCode, Scope, Timestamp};
use provender_store::{Issuer, Write};

use super::repositories::invalid;
use crate::state::State;
use crate::{Caller, Registry};

/// Most issuers of one server.
const ISSUERS_LIMIT: usize = 64;
/// Longest definition of one, in bytes.
const DEFINITION_LIMIT_BYTES: usize = 32 << 10;

/// An issuer, and since when it is trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuerSummary {
    /// What it is trusted for.
    pub issuer: Arc<TrustedIssuer>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Registry {
    /// The issuers that are trusted at this moment, by URL; for whoever verifies tokens.
    pub fn trusted_issuers(&self) -> Vec<TrustedIssuer> {
        self.state().issuers().map(|found| TrustedIssuer::clone(&found.issuer)).collect()
    }

    /// The trusted issuers, by URL, for an administrator.
    pub fn issuers(&self, caller: &Caller) -> Result<Vec<IssuerSummary>, Problem> {
        caller.require(Scope::Admin, None)?;
        Ok(self.state().issuers().cloned().collect())
    }

    /// Trusts an issuer, in place of how it was trusted before. The definition is a
    /// [`TrustedIssuer`] as JSON. Without a rule it grants nothing.
    pub async fn put_issuer(
        &self,
        caller: &Caller,
        definition: serde_json::Value,
    ) -> Result<IssuerSummary, Problem> {
        caller.require(Scope::Admin, None)?;
        let issuer: TrustedIssuer =
            serde_json::from_value(definition).map_err(|error| invalid(&error))?;
        let definition =
            serde_json::to_string(&issuer).map_err(|error| Problem::internal(&error))?;
        if definition.len() > DEFINITION_LIMIT_BYTES {
            let message =
                format!("an issuer's definition has at most {DEFINITION_LIMIT_BYTES} bytes");
            return Err(Problem::new(ProblemCode::TooLarge, message));
        }
        check_audiences(&issuer)?;
        if issuer.url == *self.authority().issuer().url() {
            let message =
                "this is the server's own issuer, whose tokens are believed without a rule";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        let url = issuer.url.as_str().to_owned();
        let before = self.state().issuers().find(|found| found.issuer.url == issuer.url).cloned();
        let created_at = before.map_or_else(|| self.now(), |before| before.created_at);
        let message = format!("issuer {url} is trusted, {}", extent(issuer.rules.len()));
        let mut event = self.event(EventKind::IssuerTrusted, caller, message);
        event.detail.set_text("issuer", url.as_str());
        event.detail.set_text("definition", definition.as_str());
        let stored = Issuer { url: url.clone(), definition, created_at };
        let check = move |state: &State| check_room(state, &url);
        self.write_settings_if(check, vec![Write::PutIssuer(stored)], vec![event]).await?;
        Ok(IssuerSummary { issuer: Arc::new(issuer), created_at })
    }

    /// Trusts an issuer no more. What its identities signed stays valid.
    pub async fn remove_issuer(&self, caller: &Caller, url: &str) -> Result<(), Problem> {
        caller.require(Scope::Admin, None)?;
        let message = format!("issuer {url} is trusted no more");
        let mut event = self.event(EventKind::IssuerRemoved, caller, message);
        event.detail.set_text("issuer", url);
        self.write_settings(vec![Write::RemoveIssuer { url: url.to_owned() }], vec![event]).await
    }
}

/// Reads what is kept of an issuer. One that cannot be read is not trusted, and the operator's log
/// says so: it may have been written by a newer version.
pub(crate) fn read(stored: &Issuer) -> Option<IssuerSummary> {
    match serde_json::from_str(&stored.definition) {
        Ok(issuer) => {
            Some(IssuerSummary { issuer: Arc::new(issuer), created_at: stored.created_at })
        }
        Err(error) => {
            tracing::error!(issuer = stored.url, %error, "an issuer cannot be read and is not trusted");
            None
        }
    }
}

/// Without an audience, every token that it ever gave anybody would be one for us.
fn check_audiences(issuer: &TrustedIssuer) -> Result<(), Problem> {
    if issuer.audiences.is_empty() || issuer.audiences.iter().any(String::is_empty) {
        let message = "an issuer's tokens are for at least one audience, and none is empty";
        return Err(Problem::new(ProblemCode::InvalidRequest, message));
    }
    Ok(())
}

fn check_room(state: &State, url: &str) -> Result<(), Problem> {
    let others = state.issuers().filter(|found| found.issuer.url.as_str() != url);
    if others.count() >= ISSUERS_LIMIT {
        let message = format!("a server trusts at most {ISSUERS_LIMIT} issuers");
        return Err(Problem::new(ProblemCode::TooLarge, message));
    }
    Ok(())
}

fn extent(rules: usize) -> String {
    match rules {
        0 => "for nobody: it has no rule".to_owned(),
        1 => "by one rule".to_owned(),
        rules => format!("by {rules} rules"),
    }
}
