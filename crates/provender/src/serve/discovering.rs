//! Upstreams that are looked for at a start: once for each data directory.

use std::sync::Arc;

use anyhow::Result;
use provender_ecosystem::Ecosystem;
use provender_registry::{Discovering, FIRST_REPOSITORY, Registry};
use tokio::task::JoinSet;

use super::Options;
use super::announce::Announcer;
use crate::api::Api;
use crate::discovery::{self, Adoption, Discovered};
use crate::ecosystems;

/// What is to be looked for. As long as it is kept, the registry tells whoever asks for what it
/// does not know to ask again.
pub(super) struct Discovery(Vec<Search>);

struct Search {
    ecosystem: Arc<dyn Ecosystem>,
    under_way: Discovering,
}

impl Discovery {
    /// Nothing where it was done at an earlier start, or is not wanted, which is remembered. One
    /// that did not come to its end is done again, for those ecosystems that have no upstream yet:
    /// whoever has named one since then has chosen.
    pub(super) async fn due(
        options: &Options,
        registry: &Registry,
        api: &Api,
    ) -> Result<Option<Self>> {
        if registry.is_discovered().await? {
            return Ok(None);
        }
        if options.no_discover {
            registry.remember_discovery().await?;
            return Ok(None);
        }
        let existing = discovery::upstreams_of(FIRST_REPOSITORY, api).await?;
        let is_open = |ecosystem: &Arc<dyn Ecosystem>| {
            let id = ecosystem.id();
            options.upstream.iter().all(|upstream| upstream.ecosystem != id.as_str())
                && existing.iter().all(|upstream| upstream.ecosystem != id.as_str())
        };
        let open = ecosystems::all().into_iter().filter(is_open);
        let searches = open.map(|ecosystem| {
            let under_way = registry.discovering(ecosystem.id());
            Search { ecosystem, under_way }
        });
        Ok(Some(Self(searches.collect())))
    }

    /// Looks, for all ecosystems at once, and adopts what is found. Never fails the start: what
    /// goes wrong is said.
    pub(super) async fn run(
        self,
        origin: &str,
        registry: &Registry,
        api: &Api,
        announcer: Announcer,
    ) {
        if let Err(error) = self.look(origin, api, announcer).await {
            tracing::warn!(
                "upstreams could not be adopted, and are looked for again at the next start: {error:#}"
            );
            return;
        }
        if let Err(problem) = registry.remember_discovery().await {
            tracing::warn!(
                cause = problem.internal,
                "upstreams will be looked for again at the next start: {problem}"
            );
        }
    }

    /// An ecosystem whose clients are quick does not wait for another's.
    async fn look(self, origin: &str, api: &Api, announcer: Announcer) -> Result<()> {
        let is_wanted = !self.0.is_empty();
        let adoption =
            Adoption { repository: FIRST_REPOSITORY, own_origins: &[origin], dry_run: false };
        let mut asking: JoinSet<(Vec<Discovered>, Discovering)> = JoinSet::new();
        for Search { ecosystem, under_way } in self.0 {
            asking.spawn(async move { (discovery::ask_clients(&ecosystem).await, under_way) });
        }
        let mut findings = Vec::new();
        while let Some(asked) = asking.join_next().await {
            let (discovered, under_way) = asked?;
            findings.extend(discovery::adopt(discovered, adoption, api).await?);
            drop(under_way);
        }
        // Whoever has named one is not told to name one.
        let is_told = is_wanted
            && (!findings.is_empty()
                || discovery::upstreams_of(FIRST_REPOSITORY, api).await?.is_empty());
        if is_told { announcer.discovered(&findings) } else { Ok(()) }
    }
}
