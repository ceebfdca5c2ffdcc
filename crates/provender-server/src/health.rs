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

/// `{"status":"ok"}` with 200, or `{"status":"failing"}` with 503.
pub(crate) async fn health(server: &Server) -> Response<Body> {
    let (status, body) = match current(server).await {
        Some(_) => (StatusCode::OK, "{\"status\":\"ok\"}\n"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "{\"status\":\"failing\"}\n"),
    };
    let mut response = plain(body, "application/json");
    *response.status_mut() = status;
    response
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
    use super::{Health, Known};
    use crate::limits::HEALTH_INTERVAL;

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
