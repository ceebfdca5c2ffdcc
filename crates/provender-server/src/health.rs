//! Whether the server can do its work, and what it has done.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use provender_registry::Status;

use crate::body::Body;
use crate::limits::{HEALTH_INTERVAL, HEALTH_TIMEOUT};
use crate::server::Server;

/// What the store last said, and when it was asked.
#[derive(Default)]
pub(crate) struct Health {
    last: Mutex<Option<Known>>,
}

struct Known {
    asked_at: Instant,
    /// `None` if the store failed.
    status: Option<Arc<Status>>,
}

/// `{"status":"ok"}` with 200, or `{"status":"failing"}` with 503: the store does not answer, or a
/// task of a log died and only a restart helps. Where there is no space to store
/// anything it is `{"status":"storage-full"}`, with 200: what is kept is served.
pub(crate) async fn health(server: &Server) -> Response<Body> {
    let (status, body) = words(current(server).await.as_deref());
    let mut response = plain(body, "application/json");
    *response.status_mut() = status;
    response
}

fn words(status: Option<&Status>) -> (StatusCode, &'static str) {
    match status {
        None | Some(Status { log_died: true, .. }) => {
            (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"failing\"}\n")
        }
        Some(Status { storage_full_since: Some(_), .. }) => {
            (StatusCode::OK, "{\"status\":\"storage-full\"}\n")
        }
        Some(_) => (StatusCode::OK, "{\"status\":\"ok\"}\n"),
    }
}

/// Counters in the text format of Prometheus. They name no repository, package or upstream, so
/// that anybody may see them.
pub(crate) async fn metrics(server: &Server) -> Response<Body> {
    let status = current(server).await;
    let text = server.metrics().render(status.as_deref());
    plain(text, "text/plain; version=0.0.4; charset=utf-8")
}

fn plain(body: impl Into<Body>, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// However many ask, the store is asked once a second; who asks meanwhile gets what it said last.
async fn current(server: &Server) -> Option<Arc<Status>> {
    if let Some(known) = server.health().recent() {
        return known;
    }
    let asked = tokio::time::timeout(HEALTH_TIMEOUT, server.registry().status()).await;
    let status = match asked {
        Ok(Ok(status)) => Some(Arc::new(status)),
        Ok(Err(problem)) => {
            tracing::error!(cause = problem.internal, "the store fails: {problem}");
            None
        }
        Err(_) => {
            tracing::error!("the store did not answer within {HEALTH_TIMEOUT:?}");
            None
        }
    };
    server.health().set(status.clone());
    status
}

impl Health {
    /// What was said within [`HEALTH_INTERVAL`]. Else nothing, to one caller, who then has to ask;
    /// the others go on with what there was.
    #[expect(clippy::option_option, reason = "whether it is known, and what is known")]
    fn recent(&self) -> Option<Option<Arc<Status>>> {
        let mut last = self.last.lock().expect("nothing panics while it holds this lock");
        let known = last.as_mut()?;
        if known.asked_at.elapsed() < HEALTH_INTERVAL {
            return Some(known.status.clone());
        }
        known.asked_at = Instant::now();
        None
    }

    fn set(&self, status: Option<Arc<Status>>) {
        let mut last = self.last.lock().expect("nothing panics while it holds this lock");
        *last = Some(Known { asked_at: Instant::now(), status });
    }
}

#[cfg(test)]
mod tests {
    use provender_domain::Timestamp;
    use provender_registry::Status;

    use super::{Health, Known, words};
    use crate::limits::HEALTH_INTERVAL;

    #[test]
    fn what_is_said() {
        let now = Timestamp::from_microseconds(0);
        let well = Status {
            version: "1",
            started_at: now,
            repositories: 1,
            packages: 0,
            files: 0,
            bytes: 0,
            events: 1,
            signing_pending: 0,
            storage_full_since: None,
            log_died: false,
            upstreams: Vec::new(),
        };
        let full = Status { storage_full_since: Some(now), ..well.clone() };
        let check = |status: Option<&Status>, code: u16, word: &str| {
            let (said, body) = words(status);
            assert_eq!((said.as_u16(), body), (code, &*format!("{{\"status\":\"{word}\"}}\n")));
        };
        check(Some(&well), 200, "ok");
        check(Some(&full), 200, "storage-full");
        check(Some(&Status { log_died: true, ..full }), 503, "failing");
        check(None, 503, "failing");
    }

    #[test]
    fn one_caller_asks_anew_while_the_others_go_on() {
        let health = Health::default();
        assert!(health.recent().is_none());
        health.set(None);
        assert!(matches!(health.recent(), Some(None)));
        let asked_at = std::time::Instant::now().checked_sub(HEALTH_INTERVAL).unwrap();
        *health.last.lock().unwrap() = Some(Known { asked_at, status: None });
        assert!(health.recent().is_none());
        assert!(matches!(health.recent(), Some(None)));
    }
}
