//! What the service counts. Names and labels are those which dashboards for web services commonly ask for.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// The type which `encode` writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds in seconds, as in the systems which this program stands for.
const REQUEST_BUCKETS: [f64; 5] = [0.1, 0.5, 1.0, 2.0, 5.0];

/// Neighbours share a host, where a call takes milliseconds.
const CALL_BUCKETS: [f64; 7] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 2.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: &'static str,
    status_code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Peer {
    peer: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    peer: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Level {
    level: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Event {
    event: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Item {
    item: &'static str,
}

const GOODS: Item = Item { item: "goods" };

/// All counters. Clones count into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Request, Counter>,
    request_seconds: Family<Request, Histogram, fn() -> Histogram>,
    calls: Family<Call, Counter>,
    call_seconds: Family<Peer, Histogram, fn() -> Histogram>,
    events: Family<Event, Counter>,
    stock: Family<Item, Gauge>,
    log_lines: Family<Level, Counter>,
    /// Lines which found the queue to the log thread full.
    pub log_lines_dropped: Counter,
    /// Connections closed unread because too many were open.
    pub connections_refused: Counter,
}

impl Metrics {
    /// The counters, and the registry which writes them out.
    pub fn new() -> (Self, Registry) {
        let request_histogram: fn() -> Histogram = || Histogram::new(REQUEST_BUCKETS);
        let call_histogram: fn() -> Histogram = || Histogram::new(CALL_BUCKETS);
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(request_histogram),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(call_histogram),
            events: Family::default(),
            stock: Family::default(),
            log_lines: Family::default(),
            log_lines_dropped: Counter::default(),
            connections_refused: Counter::default(),
        };
        let mut registry = Registry::default();
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register("http_request_duration_seconds", "Time to answer a request", metrics.request_seconds.clone());
        registry.register("demo_calls", "Calls to neighbours, by result", metrics.calls.clone());
        registry.register(
            "demo_call_duration_seconds",
            "Time until a neighbour answered",
            metrics.call_seconds.clone(),
        );
        registry.register("demo_events", "What good answers came to", metrics.events.clone());
        registry.register("demo_stock_items", "Items in stock", metrics.stock.clone());
        registry.register("demo_log_lines", "Log lines written", metrics.log_lines.clone());
        registry.register(
            "demo_log_lines_dropped",
            "Log lines lost to a slow reader",
            metrics.log_lines_dropped.clone(),
        );
        registry.register(
            "demo_connections_refused",
            "Connections over the ceiling",
            metrics.connections_refused.clone(),
        );
        (metrics, registry)
    }

    /// Counts an answered request. `method` and `route` come from closed lists, so that no caller can make series.
    pub fn request(&self, method: &'static str, route: &'static str, status_code: u16, took: Duration) {
        let labels = Request { method, route, status_code };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Counts a call to a neighbour; the time only of those which were answered.
    pub fn call(&self, peer: &str, result: &'static str, answered_after: Option<Duration>) {
        self.calls.get_or_create(&Call { peer: peer.to_owned(), result }).inc();
        if let Some(took) = answered_after {
            self.call_seconds.get_or_create(&Peer { peer: peer.to_owned() }).observe(took.as_secs_f64());
        }
    }

    /// Counts what a good answer came to. The word is a setting, not the caller's.
    pub fn event(&self, event: &str) {
        self.events.get_or_create(&Event { event: event.to_owned() }).inc();
    }

    /// Fills the stock.
    pub fn filled(&self, full: u32) {
        self.stock.get_or_create(&GOODS).set(full.into());
    }

    /// Takes one item out of the stock, which is filled up first when there is none.
    pub fn sold(&self, full: u32) {
        let stock = self.stock.get_or_create(&GOODS);
        let left = stock.get();
        stock.set(if left > 0 { left } else { full.into() } - 1);
    }

    /// Counts a written log line.
    pub fn log_line(&self, level: &'static str) {
        self.log_lines.get_or_create(&Level { level }).inc();
    }
}

/// The page of `/metrics`.
pub fn page(registry: &Registry) -> Result<String, std::fmt::Error> {
    let mut page = String::new();
    encode(&mut page, registry)?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_under_the_common_names() {
        let (metrics, registry) = Metrics::new();
        metrics.request("GET", "/", 200, Duration::from_millis(150));
        let page = page(&registry).unwrap();
        for line in [
            "# TYPE http_requests counter",
            r#"http_requests_total{method="GET",route="/",status_code="200"} 1"#,
            r#"http_request_duration_seconds_bucket{le="0.1",method="GET",route="/",status_code="200"} 0"#,
            r#"http_request_duration_seconds_bucket{le="0.5",method="GET",route="/",status_code="200"} 1"#,
            "# EOF",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\nis not in\n{page}");
        }
    }

    #[test]
    fn a_call_without_an_answer_has_no_duration() {
        let (metrics, registry) = Metrics::new();
        metrics.call("api:8080", "unreachable", None);
        let page = page(&registry).unwrap();
        assert!(page.contains(r#"demo_calls_total{peer="api:8080",result="unreachable"} 1"#), "{page}");
        assert!(!page.contains("demo_call_duration_seconds_count"), "{page}");
    }
}
