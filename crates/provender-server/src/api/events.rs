//! Events, once or as they happen.

use std::pin::pin;
use std::sync::LazyLock;
use std::time::Duration;

use provender_domain::{NameError, Problem, ProblemCode, RepositoryName};
use provender_registry::Registry;
use provender_store::EventFilter;
use tokio::sync::watch;

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
    let mut news = registry.watch_events();
    let deadline = tokio::time::sleep(wait);
    let mut ending = ENDING.subscribe();
    let mut over = pin!(async {
        tokio::select! {
            () = deadline => {}
            _ = ending.wait_for(|is_ending| *is_ending) => {}
        }
    });
    loop {
        // Before looking, so that nothing that happens in between is missed.
        news.mark_unchanged();
        let mut found = registry.events(&caller, filter.clone()).await?;
        if found.is_empty() && !wait.is_zero() {
            tokio::select! {
                Ok(()) = news.changed() => continue,
                () = &mut over => {}
            }
        }
        if filter.newest_first {
            found.reverse();
        }
        return Ok(Found(Items::from_each(found)));
    }
}

/// Whether whoever waits for events is to be answered now. The process ends as a whole, so this is
/// one for all its servers.
static ENDING: LazyLock<watch::Sender<bool>> = LazyLock::new(|| watch::Sender::new(false));

/// Answers everybody who waits for events, now and from now on: the server is about to end.
pub fn end_waiting() {
    ENDING.send_replace(true);
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
