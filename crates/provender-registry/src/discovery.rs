//! The time in which upstreams are still being looked for.
//!
//! A server may be asked before it knows where to look. Then "there is no such package" would be a
//! lie that clients believe, so they are told to come again in a moment.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use provender_domain::{EcosystemId, Origin, PackageName, Problem, ProblemCode, UpstreamTarget};
use provender_ecosystem::Operation;
use provender_store::{Milestone, Write};

use crate::access::Authorized;
use crate::error::store_problem;
use crate::resolve::{Query, Turn};
use crate::{FIRST_REPOSITORY, Registry};

/// When clients are told to come again: discovery takes about as long.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Of which ecosystems upstreams are being looked for, and by how many.
#[derive(Debug, Default)]
pub(crate) struct Searches {
    of: Mutex<HashMap<EcosystemId, usize>>,
    /// Spares whoever reads the lock: there are some in a server's first seconds alone.
    are_any: AtomicBool,
}

impl Searches {
    fn change(&self, change: impl FnOnce(&mut HashMap<EcosystemId, usize>)) {
        let mut of = self.lock();
        change(&mut of);
        self.are_any.store(!of.is_empty(), Ordering::Release);
    }

    fn are_under_way(&self, ecosystem: EcosystemId) -> bool {
        self.are_any.load(Ordering::Acquire) && self.lock().contains_key(&ecosystem)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EcosystemId, usize>> {
        self.of.lock().expect("nobody panics while holding it")
    }
}

/// Upstreams of one ecosystem are being looked for, until this is dropped.
#[derive(Debug)]
pub struct Discovering {
    searches: Arc<Searches>,
    ecosystem: EcosystemId,
}

impl Drop for Discovering {
    fn drop(&mut self) {
        self.searches.change(|of| {
            if let Some(count) = of.get_mut(&self.ecosystem) {
                *count -= 1;
                if *count == 0 {
                    of.remove(&self.ecosystem);
                }
            }
        });
    }
}

impl Registry {
    /// Whether upstreams of [`FIRST_REPOSITORY`] were ever looked for to the end, or not wanted.
    pub async fn is_discovered(&self) -> Result<bool, Problem> {
        let is_reached = self.inner.metadata.is_reached(Milestone::UpstreamsDiscovered).await;
        is_reached.map_err(|error| store_problem(&error))
    }

    /// Remembers that they were.
    pub async fn remember_discovery(&self) -> Result<(), Problem> {
        let milestone = Milestone::UpstreamsDiscovered;
        let reached = Write::Reach { milestone, at: self.now() };
        let outcome = self.inner.metadata.commit(vec![reached], Vec::new()).await;
        outcome.map(drop).map_err(|error| store_problem(&error))
    }

    /// As long as what this returns is kept, whoever asks [`FIRST_REPOSITORY`], or a repository in
    /// front of it, for a package of this ecosystem that nobody knows is told to ask again. What is
    /// known here, or belongs here, is answered as ever.
    pub fn discovering(&self, ecosystem: EcosystemId) -> Discovering {
        let searches = self.inner.searches.clone();
        searches.change(|of| *of.entry(ecosystem).or_default() += 1);
        Discovering { searches, ecosystem }
    }

    /// The package that an operation asks for, if an upstream that is still being looked for may
    /// have it. To be asked before the answer is looked for: a search may end meanwhile.
    pub(crate) fn sought<'a>(
        &self,
        authorized: &'a Authorized<Operation>,
    ) -> Option<&'a PackageName> {
        let is_sought = self.inner.searches.are_under_way(authorized.ecosystem.id());
        authorized.operation.package().filter(|_| is_sought)
    }

    /// What is said instead of "not found" while an upstream may turn up that has it.
    pub(crate) async fn unless_sought(&self, query: &Query, missing: Problem) -> Problem {
        match self.may_be_discovered(query).await {
            Ok(false) => missing,
            Ok(true) => {
                let message = "upstreams are being discovered; try again in a moment";
                Problem::new(ProblemCode::Busy, message).retry_after(RETRY_AFTER)
            }
            Err(problem) => problem,
        }
    }

    /// Whether the name is free in the first repository, asked directly or from one in front.
    fn may_be_discovered<'a>(
        &'a self,
        query: &'a Query,
    ) -> Pin<Box<dyn Future<Output = Result<bool, Problem>> + Send + 'a>> {
        Box::pin(async move {
            let bound = self.name_origin(query).await?;
            if bound == Some(Origin::Published) {
                return Ok(false);
            }
            let is_first = query.repository.repository.name.as_str() == FIRST_REPOSITORY;
            if bound.is_none() && is_first {
                return Ok(true);
            }
            for Turn { upstream, .. } in self.turns(query, bound.as_ref()).await? {
                let UpstreamTarget::Repository { repository } = &upstream.target else { continue };
                let behind = self.nested(query, repository.as_str())?;
                if self.may_be_discovered(&behind).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}
