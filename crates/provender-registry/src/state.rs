//! Settings in memory: loaded whole, replaced whole, read without a database.

mod owned;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use provender_domain::{
    OwnedName, PackageName, Repository, RepositoryName, Upstream, UpstreamTarget,
};
use provender_store::{Account, Settings, Token};

use self::owned::OwnedNames;
use crate::admin::issuers::{self, IssuerSummary};

/// Every repository, token, account and issuer.
#[derive(Debug, Default)]
pub(crate) struct State {
    repositories: BTreeMap<String, Arc<RepositoryState>>,
    tokens: HashMap<String, Arc<Token>>,
    accounts: BTreeMap<String, Account>,
    issuers: Vec<IssuerSummary>,
}

/// One repository with all that belongs to it.
#[derive(Debug)]
pub(crate) struct RepositoryState {
    pub(crate) repository: Repository,
    pub(crate) owned: Vec<OwnedName>,
    /// In the order in which they are asked.
    pub(crate) upstreams: Vec<Arc<Upstream>>,
    /// By ecosystem.
    owned_names: HashMap<String, OwnedNames>,
}

impl State {
    pub(crate) fn new(settings: Settings) -> Self {
        let mut repositories: BTreeMap<String, RepositoryState> = settings
            .repositories
            .into_iter()
            .map(|repository| (repository.name.to_string(), RepositoryState::new(repository)))
            .collect();
        for owned in settings.owned {
            if let Some(repository) = repositories.get_mut(owned.repository.as_str()) {
                repository.add_owned(owned);
            }
        }
        for upstream in settings.upstreams {
            if let Some(repository) = repositories.get_mut(upstream.repository.as_str()) {
                repository.upstreams.push(Arc::new(upstream));
            }
        }
        for repository in repositories.values_mut() {
            repository.upstreams.sort_by_key(|upstream| upstream.position);
        }
        Self {
            repositories: repositories.into_iter().map(|(name, r)| (name, Arc::new(r))).collect(),
            tokens: settings
                .tokens
                .into_iter()
                .map(|token| (token.id.0.clone(), Arc::new(token)))
                .collect(),
            accounts: settings
                .accounts
                .into_iter()
                .map(|account| (account.name.clone(), account))
                .collect(),
            issuers: settings.issuers.iter().filter_map(issuers::read).collect(),
        }
    }

    pub(crate) fn repository(&self, name: &str) -> Option<&Arc<RepositoryState>> {
        self.repositories.get(name)
    }

    pub(crate) fn repositories(&self) -> impl Iterator<Item = &Arc<RepositoryState>> {
        self.repositories.values()
    }

    pub(crate) fn token(&self, id: &str) -> Option<&Arc<Token>> {
        self.tokens.get(id)
    }

    pub(crate) fn tokens(&self) -> impl Iterator<Item = &Arc<Token>> {
        self.tokens.values()
    }

    pub(crate) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// By name.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// By URL.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &IssuerSummary> {
        self.issuers.iter()
    }
}

impl RepositoryState {
    fn new(repository: Repository) -> Self {
        Self { repository, owned: Vec::new(), upstreams: Vec::new(), owned_names: HashMap::new() }
    }

    fn add_owned(&mut self, owned: OwnedName) {
        self.owned_names.entry(owned.ecosystem.clone()).or_default().add(&owned.pattern);
        self.owned.push(owned);
    }

    /// Whether a name belongs to this repository and must never be asked for outside.
    pub(crate) fn owns(&self, ecosystem: &str, package: &PackageName) -> bool {
        self.owned_names.get(ecosystem).is_some_and(|owned| owned.contain(package.as_str()))
    }

    /// The repositories of this server that are its upstreams.
    pub(crate) fn behind(&self) -> impl Iterator<Item = &RepositoryName> {
        self.upstreams.iter().filter_map(|upstream| match &upstream.target {
            UpstreamTarget::Repository { repository } => Some(repository),
            UpstreamTarget::Remote { .. } => None,
        })
    }

    /// This repository's upstreams of one ecosystem, in order.
    pub(crate) fn upstreams_of(&self, ecosystem: &str) -> impl Iterator<Item = &Arc<Upstream>> {
        self.upstreams.iter().filter(move |upstream| upstream.ecosystem == ecosystem)
    }
}
