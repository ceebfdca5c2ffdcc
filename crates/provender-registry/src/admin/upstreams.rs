//! Upstreams of repositories.

use provender_domain::{
    EventKind, Problem, ProblemCode, RepositoryName, Scope, Timestamp, Upstream, UpstreamName,
    UpstreamTarget, Visibility,
};
use provender_store::Write;
use serde::Serialize;
use url::Url;

use super::repositories::invalid;
use crate::resolve::UPSTREAM_DEPTH_LIMIT;
use crate::state::{RepositoryState, State};
use crate::{Caller, Registry};

/// Most upstreams of one repository.
const UPSTREAMS_LIMIT: usize = 64;

/// What a new upstream is to be.
#[derive(Debug, Clone, Default)]
pub struct NewUpstream {
    /// Whose.
    pub repository: String,
    /// Of which ecosystem, by purl type.
    pub ecosystem: String,
    /// What to call it; made from its host or repository where it is not given.
    pub name: Option<String>,
    /// A remote registry's base URL; may carry `user:password@`, which is kept apart.
    pub url: Option<String>,
    /// Another repository of this server, instead of a URL.
    pub from_repository: Option<String>,
    /// Its place in the order of asking; last where it is not given.
    pub position: Option<i64>,
    /// Whether to hold our names against its complete list.
    pub watch_names: bool,
    /// Whether its files and redirects may lead to private addresses of other origins too.
    pub allow_private_addresses: bool,
    /// A URL of another origin that may be given the URL's user and password for a token.
    pub token_realm: Option<String>,
}

/// An upstream without its secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpstreamSummary {
    /// Whose.
    pub repository: RepositoryName,
    /// Of which ecosystem.
    pub ecosystem: String,
    /// What the operator calls it.
    pub name: UpstreamName,
    /// Its place in the order of asking, lowest first.
    pub position: i64,
    /// Its URL, without credentials; `None` for a repository of this server.
    pub url: Option<String>,
    /// The repository of this server that it is.
    pub from_repository: Option<RepositoryName>,
    /// Whether it has credentials.
    pub has_credentials: bool,
    /// Whether our names are held against its complete list.
    pub watch_names: bool,
    /// Whether it may lead to private addresses of other origins.
    pub allow_private_addresses: bool,
    /// The other origin that may be given its credentials for a token.
    pub token_realm: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Registry {
    /// A repository's upstreams, in the order of asking.
    pub fn upstreams(
        &self,
        caller: &Caller,
        repository: &str,
    ) -> Result<Vec<UpstreamSummary>, Problem> {
        let repository = self.administered(caller, repository)?;
        Ok(repository.upstreams.iter().map(|upstream| summary(upstream)).collect())
    }

    /// Adds an upstream.
    pub async fn add_upstream(
        &self,
        caller: &Caller,
        request: NewUpstream,
    ) -> Result<UpstreamSummary, Problem> {
        let repository = self.administered(caller, &request.repository)?;
        let ecosystem = self.known_ecosystem(&request.ecosystem)?;
        if repository.upstreams.len() >= UPSTREAMS_LIMIT {
            let message = format!("a repository has at most {UPSTREAMS_LIMIT} upstreams");
            return Err(Problem::new(ProblemCode::TooLarge, message));
        }
        if request.allow_private_addresses && !caller.holds(Scope::Admin, None, None) {
            let message = "private addresses are the server's own network, not one repository's: \
                           allowing them takes an administrator of all repositories, or the operator";
            return Err(Problem::new(ProblemCode::PermissionDenied, message));
        }
        let mut target = self.target(caller, &request)?;
        if let UpstreamTarget::Remote { is_public_only, .. } = &mut target {
            *is_public_only = !caller.holds(Scope::Admin, None, None);
        }
        let last = repository.upstreams.iter().map(|upstream| upstream.position).max();
        let upstream = Upstream {
            repository: repository.repository.name.clone(),
            ecosystem: ecosystem.id().to_string(),
            name: checked_name(&repository, &request, &target)?,
            position: request.position.unwrap_or(last.map_or(0, |last| last.saturating_add(1))),
            target,
            watch_names: request.watch_names,
            created_at: self.now(),
        };
        let summary = summary(&upstream);
        let shown = summary.url.as_deref().unwrap_or("another repository of this server");
        let message = format!("upstream {} ({shown}) was added", upstream.name);
        let mut event = self.event(EventKind::UpstreamAdded, caller, message);
        event.repository = Some(upstream.repository.clone());
        event.ecosystem = Some(upstream.ecosystem.clone());
        event.detail.set_text("upstream", upstream.name.as_str());
        let (caller, front) = (caller.clone(), upstream.clone());
        let check = move |state: &State| check_target(state, &caller, &front);
        self.write_settings_if(check, vec![Write::AddUpstream(upstream)], vec![event]).await?;
        Ok(summary)
    }

    /// Removes an upstream. Names that are bound to it keep their kept files and their binding.
    pub async fn remove_upstream(
        &self,
        caller: &Caller,
        repository: &str,
        ecosystem: &str,
        name: &str,
    ) -> Result<(), Problem> {
        let repository = self.administered(caller, repository)?.repository.name.clone();
        let ecosystem = self.known_ecosystem(ecosystem)?.id().to_string();
        let name = UpstreamName::new(name).map_err(|error| invalid(&error))?;
        let message = format!("upstream {name} was removed");
        let mut event = self.event(EventKind::UpstreamRemoved, caller, message);
        event.repository = Some(repository.clone());
        event.ecosystem = Some(ecosystem.clone());
        event.detail.set_text("upstream", name.as_str());
        let write = Write::RemoveUpstream { repository, ecosystem, name };
        self.write_settings(vec![write], vec![event]).await
    }

    fn target(&self, caller: &Caller, request: &NewUpstream) -> Result<UpstreamTarget, Problem> {
        match (&request.url, &request.from_repository) {
            (Some(url), None) => remote_target(url, request),
            (None, Some(name)) => {
                let behind = self.readable(caller, name, None)?;
                Ok(UpstreamTarget::Repository { repository: behind.repository.name.clone() })
            }
            _ => {
                let message = "an upstream is either a URL or another repository of this server";
                Err(Problem::new(ProblemCode::InvalidRequest, message))
            }
        }
    }
}

/// Whether an upstream may be added, by the settings as they are at that moment.
fn check_target(state: &State, caller: &Caller, upstream: &Upstream) -> Result<(), Problem> {
    check_once(state, upstream)?;
    let UpstreamTarget::Repository { repository: behind } = &upstream.target else {
        return Ok(());
    };
    let find = |name: &RepositoryName| {
        let missing = || Problem::not_found(format!("no repository {name}"));
        state.repository(name.as_str()).ok_or_else(missing)
    };
    let front = find(&upstream.repository)?;
    check_exposure(caller, front, find(behind)?)?;
    check_depth(state, front, behind)
}

/// Nobody is asked twice for the same: each of its names would be a namesake twice as well.
fn check_once(state: &State, upstream: &Upstream) -> Result<(), Problem> {
    let front = state.repository(upstream.repository.as_str());
    let mut others = front.iter().flat_map(|front| front.upstreams_of(&upstream.ecosystem));
    let Some(other) = others.find(|other| is_same(&other.target, &upstream.target)) else {
        return Ok(());
    };
    let (repository, ecosystem) = (&upstream.repository, &upstream.ecosystem);
    let message = match &upstream.target {
        UpstreamTarget::Remote { url, .. } => format!(
            "{repository} has {url} as an upstream of {ecosystem} already: {}; remove that first",
            other.name
        ),
        UpstreamTarget::Repository { repository: behind } => format!(
            "{repository} has repository {behind} as an upstream of {ecosystem} already: {}",
            other.name
        ),
    };
    Err(Problem::new(ProblemCode::Conflict, message))
}

/// Whether two lead to one place, whatever is told on the way.
fn is_same(a: &UpstreamTarget, b: &UpstreamTarget) -> bool {
    match (a, b) {
        (UpstreamTarget::Remote { url: a, .. }, UpstreamTarget::Remote { url: b, .. }) => {
            a.trim_end_matches('/') == b.trim_end_matches('/')
        }
        (
            UpstreamTarget::Repository { repository: a },
            UpstreamTarget::Repository { repository: b },
        ) => a == b,
        _ => false,
    }
}

/// A private repository behind another shows its content to whoever reads the other: only who
/// administers both may do that.
fn check_exposure(
    caller: &Caller,
    front: &RepositoryState,
    behind: &RepositoryState,
) -> Result<(), Problem> {
    let is_private = behind.repository.visibility == Visibility::Private;
    if !is_private {
        return Ok(());
    }
    caller.require(Scope::Admin, Some(&behind.repository.name))?;
    if front.repository.visibility == Visibility::Public {
        let message = "a private repository cannot be the upstream of a public one";
        return Err(Problem::new(ProblemCode::PolicyDenied, message));
    }
    Ok(())
}

fn remote_target(url: &str, request: &NewUpstream) -> Result<UpstreamTarget, Problem> {
    let refuse = |message: &str| Problem::new(ProblemCode::InvalidRequest, message);
    let begins = "an upstream's URL begins with http:// or https:// and names a host";
    let mut url = Url::parse(url).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => refuse(begins),
        error => invalid(&error),
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(refuse(begins));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("an upstream's URL has no query and no fragment"));
    }
    let credentials = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => {
            let decode = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
            Some(format!("{}:{}", decode(user), decode(password.unwrap_or_default())))
        }
    };
    // Both fail only for URLs without a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let named = request.token_realm.as_deref();
    let token_realm = named.map(|realm| token_realm(realm, &url)).transpose()?;
    let allow_private_addresses = request.allow_private_addresses;
    Ok(UpstreamTarget::Remote {
        url: url.into(),
        credentials,
        allow_private_addresses,
        is_public_only: false,
        token_realm,
    })
}

/// The origin of the URL at which an upstream has tokens given.
fn token_realm(realm: &str, upstream: &Url) -> Result<String, Problem> {
    let refuse = |message: &str| Problem::new(ProblemCode::InvalidRequest, message);
    let realm = Url::parse(realm).map_err(|error| invalid(&error))?;
    if !matches!(realm.scheme(), "http" | "https") || realm.host_str().is_none() {
        return Err(refuse("a token realm's URL begins with http:// or https:// and names a host"));
    }
    if !realm.username().is_empty() || realm.password().is_some() {
        return Err(refuse("a token realm is given the upstream's user and password, no others"));
    }
    if upstream.scheme() == "https" && realm.scheme() == "http" {
        return Err(refuse("an https upstream's token realm is not asked over http"));
    }
    Ok(realm.origin().ascii_serialization())
}

/// No repository stands behind itself, however far away.
fn check_depth(
    state: &State,
    repository: &RepositoryState,
    behind: &RepositoryName,
) -> Result<(), Problem> {
    let mut frontier = vec![behind.clone()];
    for _ in 0..UPSTREAM_DEPTH_LIMIT {
        if frontier.contains(&repository.repository.name) {
            let message = format!("{behind} has this repository as an upstream already");
            return Err(Problem::new(ProblemCode::Conflict, message));
        }
        frontier = frontier
            .iter()
            .filter_map(|name| state.repository(name.as_str()))
            .flat_map(|found| found.behind().cloned())
            .collect();
        if frontier.is_empty() {
            return Ok(());
        }
    }
    let message =
        format!("more than {UPSTREAM_DEPTH_LIMIT} repositories would stand behind each other");
    Err(Problem::new(ProblemCode::TooLarge, message))
}

fn checked_name(
    repository: &RepositoryState,
    request: &NewUpstream,
    target: &UpstreamTarget,
) -> Result<UpstreamName, Problem> {
    if let Some(name) = &request.name {
        return UpstreamName::new(name).map_err(|error| invalid(&error));
    }
    let base = match target {
        UpstreamTarget::Repository { repository } => repository.to_string(),
        UpstreamTarget::Remote { url, .. } => host_slug(url),
    };
    let is_taken = |name: &str| {
        repository.upstreams.iter().any(|upstream| {
            upstream.ecosystem == request.ecosystem && upstream.name.as_str() == name
        })
    };
    let candidates = std::iter::once(base.clone()).chain((2..).map(|n| format!("{base}-{n}")));
    let free = candidates
        .take(UPSTREAMS_LIMIT + 1)
        .find(|name| !is_taken(name))
        .expect("there are fewer upstreams than candidates");
    UpstreamName::new(&free).map_err(|error| invalid(&error))
}

fn host_slug(url: &str) -> String {
    /// Leaves room for a counter below the limit of a name.
    const LENGTH_LIMIT: usize = 48;
    let host = Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_ascii_lowercase));
    let slug: String = host
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
        .take(LENGTH_LIMIT)
        .collect();
    let slug = slug.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if slug.is_empty() { "upstream".to_owned() } else { slug.to_owned() }
}

fn summary(upstream: &Upstream) -> UpstreamSummary {
    let shared = UpstreamSummary {
        repository: upstream.repository.clone(),
        ecosystem: upstream.ecosystem.clone(),
        name: upstream.name.clone(),
        position: upstream.position,
        url: None,
        from_repository: None,
        has_credentials: false,
        watch_names: upstream.watch_names,
        allow_private_addresses: false,
        token_realm: None,
        created_at: upstream.created_at,
    };
    match upstream.target.clone() {
        UpstreamTarget::Remote {
            url, credentials, allow_private_addresses, token_realm, ..
        } => UpstreamSummary {
            url: Some(url),
            has_credentials: credentials.is_some(),
            allow_private_addresses,
            token_realm,
            ..shared
        },
        UpstreamTarget::Repository { repository } => {
            UpstreamSummary { from_repository: Some(repository), ..shared }
        }
    }
}
