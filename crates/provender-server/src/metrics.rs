//! What the server counts, with nothing but atomics on the way of a request.

use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use http::StatusCode;
use provender_registry::Status;

/// Counters since the server started.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By the status's first digit, from 1 on.
    answered: [AtomicU64; 5],
    repeated: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
    in_flight: AtomicI64,
    connections: AtomicI64,
    failed_accepts: AtomicU64,
}

/// Counts something for as long as it lives.
pub(crate) struct Gauge<'a>(&'a AtomicI64);

impl<'a> Gauge<'a> {
    fn new(value: &'a AtomicI64) -> Self {
        value.fetch_add(1, Ordering::Relaxed);
        Self(value)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// A response is about to be sent.
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(counter) = self.answered.get(class) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A response was sent that was made for an earlier request.
    pub(crate) fn repeated(&self, status: StatusCode) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
        self.answered(status);
    }

    /// Bytes went to a client.
    pub(crate) fn sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes of a publication came from a client.
    pub(crate) fn received(&self, bytes: usize) {
        self.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The kernel could not accept a connection.
    pub(crate) fn failed_accept(&self) {
        self.failed_accepts.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is being answered.
    pub(crate) fn in_flight(&self) -> Gauge<'_> {
        Gauge::new(&self.in_flight)
    }

    /// A connection is open.
    pub(crate) fn connection(&self) -> Gauge<'_> {
        Gauge::new(&self.connections)
    }

    /// In the text format of Prometheus, version 0.0.4; with what the registry says of itself, if
    /// its store answers.
    pub(crate) fn render(&self, status: Option<&Status>) -> String {
        let mut text = Text(String::with_capacity(4096));
        text.heading("requests_total", "counter", "Requests answered, by class of status.");
        for (class, counter) in (1..).zip(&self.answered) {
            let labels = format!("{{status=\"{class}xx\"}}");
            text.value("requests_total", &labels, counter.load(Ordering::Relaxed));
        }
        let help = "Requests answered by what was made for an equal one.";
        text.counter("repeated_answers_total", help, &self.repeated);
        text.counter("sent_bytes_total", "Bytes sent to clients.", &self.sent_bytes);
        text.counter("received_bytes_total", "Bytes of uploads received.", &self.received_bytes);
        text.counter("failed_accepts_total", "Failures to accept.", &self.failed_accepts);
        text.gauge("requests_in_flight", "Requests being answered.", &self.in_flight);
        text.gauge("connections", "Open connections.", &self.connections);
        text.heading("store_up", "gauge", "Whether the store answers.");
        text.value("store_up", "", u8::from(status.is_some()));
        if let Some(status) = status {
            text.heading("log_up", "gauge", "Whether the transparency logs take entries.");
            text.value("log_up", "", u8::from(!status.log_died));
            text.registry(status);
        }
        text.0
    }
}

struct Text(String);

impl Text {
    fn registry(&mut self, status: &Status) {
        let counts = [
            ("repositories", "Repositories.", status.repositories),
            ("packages", "Packages known.", status.packages),
            ("files", "Files kept.", status.files),
            ("file_bytes", "Bytes of the files kept.", status.bytes),
            ("events", "Events recorded.", status.events),
        ];
        for (name, help, count) in counts {
            self.heading(name, "gauge", help);
            self.value(name, "", count);
        }
        let mut by_state = std::collections::BTreeMap::new();
        for upstream in &status.upstreams {
            *by_state.entry(upstream.state).or_insert(0u64) += 1;
        }
        self.heading("upstreams", "gauge", "Upstreams asked since the start, by their state.");
        for (state, count) in by_state {
            self.value("upstreams", &format!("{{state=\"{state}\"}}"), count);
        }
    }

    fn counter(&mut self, name: &str, help: &str, counter: &AtomicU64) {
        self.heading(name, "counter", help);
        self.value(name, "", counter.load(Ordering::Relaxed));
    }

    fn gauge(&mut self, name: &str, help: &str, gauge: &AtomicI64) {
        self.heading(name, "gauge", help);
        self.value(name, "", gauge.load(Ordering::Relaxed));
    }

    fn heading(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP provender_{name} {help}\n# TYPE provender_{name} {kind}");
    }

    fn value(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "provender_{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::Metrics;

    #[test]
    fn text() {
        let metrics = Metrics::default();
        metrics.answered(StatusCode::OK);
        metrics.answered(StatusCode::NOT_MODIFIED);
        metrics.answered(StatusCode::NOT_FOUND);
        metrics.repeated(StatusCode::OK);
        metrics.sent(5);
        let _connection = metrics.connection();
        drop(metrics.in_flight());
        let text = metrics.render(None);
        for line in [
            "# TYPE provender_requests_total counter",
            "provender_requests_total{status=\"2xx\"} 2",
            "provender_repeated_answers_total 1",
            "provender_requests_total{status=\"3xx\"} 1",
            "provender_requests_total{status=\"4xx\"} 1",
            "provender_requests_total{status=\"5xx\"} 0",
            "provender_sent_bytes_total 5",
            "provender_requests_in_flight 0",
            "provender_connections 1",
            "provender_store_up 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
