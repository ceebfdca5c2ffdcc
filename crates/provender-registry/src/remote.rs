//! Upstreams as the client for them sees them, and what its failures are to ours.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Mutex;

use provender_domain::{
    EventKind, NewEvent, PackageName, Problem, ProblemCode, Upstream, UpstreamTarget,
};
use provender_ecosystem::UpstreamRequest;
use provender_upstream::{
    BreakerOptions, Class, Client, ClientOptions, Credentials, FetchError, Fields, Head,
    OriginHealth, PrivateAddresses, Remote, Wanted,
};
use url::Url;

use crate::Registry;
use crate::failure::Lately;
use crate::refused_address::RefusedAddress;

/// The one client, and which upstreams are failing as far as events have said.
pub(crate) struct Remotes {
    pub(crate) client: Client,
    /// Tells this process apart from every other; part of the `User-Agent` that it sends.
    mark: String,
    failing: Mutex<HashSet<UpstreamKey>>,
    /// The addresses that it was last told of that we did not go to.
    pub(crate) refused_addresses: Lately<RefusedAddress>,
    /// The upstreams of which it was told lately that they send nonsense: one bad page among good
    /// ones is asked for again and again.
    nonsense: Lately<UpstreamKey>,
}

/// Repository, ecosystem and name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct UpstreamKey(String, String, String);

impl UpstreamKey {
    pub(crate) fn of(upstream: &Upstream) -> Self {
        let repository = upstream.repository.to_string();
        Self(repository, upstream.ecosystem.clone(), upstream.name.to_string())
    }
}

impl Remotes {
    pub(crate) fn new(breaker: BreakerOptions) -> Self {
        let mark = format!("{:016x}", RandomState::new().hash_one(std::process::id()));
        let user_agent = format!("provender/{} ({mark})", env!("CARGO_PKG_VERSION"));
        let client = Client::new(ClientOptions { breaker, user_agent, ..ClientOptions::default() });
        Self {
            client,
            mark,
            failing: Mutex::default(),
            refused_addresses: Lately::default(),
            nonsense: Lately::default(),
        }
    }

    /// Whether a request with this `User-Agent` is one of our own: we are our own upstream, and
    /// answering would wait for itself.
    pub(crate) fn is_own(&self, user_agent: &str) -> bool {
        user_agent.starts_with("provender/") && user_agent.contains(&self.mark)
    }

    pub(crate) fn health(&self) -> Vec<OriginHealth> {
        self.client.health()
    }

    /// Remembers that an upstream fails or answers; `true` where that is news.
    fn note(&self, upstream: &Upstream, fails: bool) -> bool {
        let key = UpstreamKey::of(upstream);
        let mut failing = self.failing.lock().expect("nothing panics while it holds this lock");
        if fails { failing.insert(key) } else { failing.remove(&key) }
    }
}

impl Registry {
    /// What the head of an upstream's answer has in one field; `None` where there is nothing for
    /// us. What an error means for the upstream is for the caller to say.
    pub(crate) async fn head_field(
        &self,
        upstream: &Upstream,
        remote: &Remote,
        request: &UpstreamRequest,
        field: &str,
    ) -> Result<Option<Fields>, FetchError> {
        let wanted = Wanted {
            accept: request.accept,
            fields: &[field],
            realm_key: request.access.as_deref(),
        };
        let found = match self.inner.remotes.client.head(remote, &request.url, wanted).await {
            Ok(Head::Found { fields }) => Some(fields),
            Ok(Head::Missing { .. }) => None,
            Err(error) if is_nothing_for_nobody(upstream, wanted.realm_key, &error) => None,
            Err(error) => return Err(error),
        };
        self.upstream_answered(upstream);
        Ok(found)
    }
}

/// Whether a refusal only says that there is nothing there for anybody: registries that hand out
/// tokens for each package answer so to who has no credentials, whether the package is somebody
/// else's or nobody's. Where an ecosystem has no such tokens a refusal is one, and ends the search.
pub(crate) fn is_nothing_for_nobody(
    upstream: &Upstream,
    access: Option<&str>,
    error: &FetchError,
) -> bool {
    let is_nobody = matches!(&upstream.target, UpstreamTarget::Remote { credentials: None, .. });
    let is_refusal = match error {
        // Some refuse the token itself.
        FetchError::Token { .. } => matches!(error.class(), Class::Status(401 | 403)),
        _ => error.class() == Class::Status(401),
    };
    is_nobody && access.is_some() && is_refusal
}

impl Registry {
    /// The remote registry behind an upstream, with what the operator allowed of it; `None` for
    /// another repository of this server.
    pub(crate) fn remote_of(&self, upstream: &Upstream) -> Result<Option<Remote>, Problem> {
        let UpstreamTarget::Remote {
            url,
            credentials,
            allow_private_addresses,
            is_public_only,
            token_realm,
        } = &upstream.target
        else {
            return Ok(None);
        };
        let broken = |error: &(dyn std::error::Error + 'static)| {
            let message = format!("upstream {} is misconfigured", upstream.name);
            Problem::new(ProblemCode::UpstreamFailed, message).because(error)
        };
        let base = Url::parse(url).map_err(|error| broken(&error))?;
        let allowed = match (allow_private_addresses, is_public_only) {
            (true, _) => PrivateAddresses::Anywhere,
            (false, false) => PrivateAddresses::ThisOrigin,
            (false, true) => PrivateAddresses::Refused,
        };
        let mut remote = Remote::new(base)
            .map_err(|error| broken(&error))?
            .private_addresses(allowed)
            .timeouts(self.inner.tuning.upstream_timeouts);
        if let Some((user, password)) = credentials.as_deref().and_then(|text| text.split_once(':'))
        {
            let credentials =
                Credentials::Basic { user: user.to_owned(), password: password.to_owned() };
            remote = remote.credentials(credentials).map_err(|error| broken(&error))?;
        }
        if let Some(realm) = token_realm {
            let realm = Url::parse(realm).map_err(|error| broken(&error))?;
            remote = remote.token_realm(&realm).map_err(|error| broken(&error))?;
        }
        Ok(Some(remote))
    }

    /// What a client is told whose question about a package an upstream failed to answer. Tells once
    /// that the upstream began to fail; that it led to an address that we do not go to is no failure
    /// of it, and told by itself.
    pub(crate) fn upstream_failed(
        &self,
        upstream: &Upstream,
        package: &PackageName,
        error: &FetchError,
    ) -> Problem {
        let problem = self.failed_to_fetch(upstream, Some(package), None, error);
        tracing::warn!(upstream = %upstream.name, cause = problem.internal, "{}", problem.public);
        if error.refused_target().is_none() && self.inner.remotes.note(upstream, true) {
            let message = format!("{}; what is kept is served on", problem.public);
            self.record_upstream_event(EventKind::UpstreamFailing, upstream, message);
        }
        problem
    }

    /// Tells, once in a while, that an upstream sends what makes no sense.
    pub(crate) fn upstream_sent_nonsense(&self, upstream: &Upstream, problem: &Problem) {
        tracing::warn!(upstream = %upstream.name, cause = problem.internal, "{}", problem.public);
        if self.inner.remotes.nonsense.is_news(UpstreamKey::of(upstream), self.now()) {
            let message = format!("{}; what is kept is served on", problem.public);
            self.record_upstream_event(EventKind::UpstreamFailing, upstream, message);
        }
    }

    /// Tells once that it answers again.
    pub(crate) fn upstream_answered(&self, upstream: &Upstream) {
        if self.inner.remotes.note(upstream, false) {
            let message = format!("upstream {} answers again", upstream.name);
            self.record_upstream_event(EventKind::UpstreamRecovered, upstream, message);
        }
    }

    fn record_upstream_event(&self, kind: EventKind, upstream: &Upstream, message: String) {
        self.record_in_background(self.upstream_event(kind, upstream, message));
    }

    /// An event about an upstream.
    pub(crate) fn upstream_event(
        &self,
        kind: EventKind,
        upstream: &Upstream,
        message: String,
    ) -> NewEvent {
        let mut event = self.event(kind, &crate::Caller::system(), message);
        event.repository = Some(upstream.repository.clone());
        event.ecosystem = Some(upstream.ecosystem.clone());
        event.detail.set_text("upstream", upstream.name.as_str());
        event
    }
}
