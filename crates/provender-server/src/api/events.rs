//! Events, once or as they happen.

use std::time::Duration;

use provender_domain::{NameError, Problem, ProblemCode, RepositoryName};
use provender_registry::Registry;
use provender_store::EventFilter;

use super::endpoint::{Context, Found, NoBody};
use super::types::{Event, EventQuery, Items};

/// How many events are answered with unless told.
const USUAL_LIMIT: u32 = 100;
/// Most events in one answer.
const LARGEST_LIMIT: u32 = 1000;
/// Longest that a request waits for something to happen, in seconds.
const WAIT_LIMIT_SECONDS: u32 = 60;

pub(super) async fn list(
    Context { registry, caller }: Context,
    query: EventQuery,
    NoBody: NoBody,
) -> Result<Found<Items<Event>>, Problem> {
    let wait = Duration::from_secs(query.wait_seconds.unwrap_or(0).min(WAIT_LIMIT_SECONDS).into());
    let filter = filter(&registry, query)?;
    let deadline = tokio::time::Instant::now() + wait;
    // Before looking, so that nothing that happens in between is missed.
    let mut news = registry.watch_events();
    loop {
        news.mark_unchanged();
        let mut found = registry.events(&caller, filter.clone()).await?;
        let changed = tokio::time::timeout_at(deadline, news.changed());
        if !found.is_empty() || wait.is_zero() || !matches!(changed.await, Ok(Ok(()))) {
            if filter.newest_first {
                found.reverse();
            }
            return Ok(Found(Items::from_each(found)));
        }
    }
}

fn filter(registry: &Registry, query: EventQuery) -> Result<EventFilter, Problem> {
    let package = match (&query.ecosystem, &query.package) {
        (_, None) => None,
        (None, Some(_)) => {
            let message = "a package is of an ecosystem: say which";
            return Err(Problem::new(ProblemCode::InvalidRequest, message));
        }
        (Some(ecosystem), Some(package)) => {
            let ecosystem = registry
                .ecosystem(ecosystem)
                .ok_or_else(|| Problem::not_found("this server has no such ecosystem"))?;
            Some(ecosystem.package_name(package).map_err(|error| invalid(&error))?)
        }
    };
    let repository = query.repository.as_deref().map(RepositoryName::new).transpose();
    Ok(EventFilter {
        after: query.after,
        limit: query.limit.unwrap_or(USUAL_LIMIT).clamp(1, LARGEST_LIMIT),
        newest_first: query.after.is_none(),
        kinds: query.kind.map(|kinds| kinds.0).unwrap_or_default(),
        minimum_severity: query.severity,
        repository: repository.map_err(|error| invalid(&error))?,
        ecosystem: query.ecosystem,
        package,
        ..EventFilter::default()
    })
}

fn invalid(error: &NameError) -> Problem {
    Problem::new(ProblemCode::InvalidRequest, error.to_string())
}
