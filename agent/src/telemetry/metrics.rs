//! The counters themselves. Clone the struct freely: all clones count into one registry.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder, MetricEncoder, NoLabelSet},
    metrics::{MetricType, counter::Counter, family::Family as Counters, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};

use super::families;
use crate::model::metric::{Family, Kind};

/// Upper bounds of the scrape histogram: a scrape of 100 containers should land in the first, a stuck one past the last.
const SCRAPE_BUCKETS: [f64; 8] = [0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];

/// Declares an enumeration whose label value is the word beside each variant.
macro_rules! label_words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The label value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl EncodeLabelValue for $name {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
                self.as_str().encode(encoder)
            }
        }
    };
}

label_words! {
    /// Which engine call was made.
    EngineCall {
        /// `GET /_ping`.
        Ping => "ping",
        /// `GET /version`.
        Version => "version",
        /// `GET /info`.
        Info => "info",
        /// `GET /containers/json`.
        List => "list",
        /// `GET /containers/{id}/json`.
        Inspect => "inspect",
        /// `GET /networks`.
        Networks => "networks",
        /// `GET /images/{id}/json`.
        Image => "image",
        /// `GET /containers/{id}/stats`.
        Stats => "stats",
        /// `GET /events`.
        Events => "events",
        /// `GET /containers/{id}/logs`.
        Logs => "logs",
    }
}

label_words! {
    /// How it ended.
    Outcome {
        /// As hoped.
        Ok => "ok",
        /// The thing asked for is gone: expected on a host that lives.
        Gone => "gone",
        /// Anything else.
        Error => "error",
    }
}

label_words! {
    /// Which ceiling something was refused by.
    Reason {
        /// More containers than the inventory holds.
        Containers => "containers",
        /// More services than counters are kept for.
        Services => "services",
        /// More allow-listed labels on a container, or longer ones, than a series carries.
        Labels => "labels",
        /// More samples than the page carries.
        Samples => "samples",
        /// More interfaces or devices of a container than are read.
        Devices => "devices",
        /// More events waiting than the queue holds; the inventory is reconciled instead.
        Events => "events",
        /// More HTTP connections than are served at once.
        Connections => "connections",
        /// A request larger or slower than is accepted.
        Requests => "requests",
        /// More bytes of HTTP answers waiting for slow readers than are kept.
        Answers => "answers",
        /// More scrapes waiting than are queued.
        Scrapes => "scrapes",
        /// More files than the process may keep open; the rest is opened anew at each scrape.
        Handles => "handles",
        /// More declared targets than are kept, or names of theirs that are too long or collide.
        Targets => "targets",
        /// More people who look at the live page than there are seats for, or who take too slowly what they are told.
        Viewers => "viewers",
        /// More fetches of targets at once than there are places.
        Fetches => "fetches",
        /// More containers, or objectives of services, than the last hour is kept of.
        History => "history",
    }
}

label_words! {
    /// How a request for a declared target through `/proxy` ended.
    TargetOutcome {
        /// Passed on to its end.
        Ok => "ok",
        /// Nobody declares it.
        Undeclared => "undeclared",
        /// Declared, but wrongly, or out of the agent's reach.
        Unreachable => "unreachable",
        /// No place was free.
        Busy => "busy",
        /// It could not be connected to.
        Connect => "connect",
        /// It did not speak TLS, or its certificate did not count.
        Tls => "tls",
        /// It was late.
        Timeout => "timeout",
        /// Its answer was not HTTP, or broke off.
        Broken => "broken",
        /// Its status was not 200.
        Status => "status",
        /// It sent elsewhere.
        Redirect => "redirect",
        /// Its answer was not metrics.
        ContentType => "content_type",
        /// Its answer was packed in a way that was not asked for, or not as it said.
        Encoding => "encoding",
        /// Its answer was too large.
        TooLarge => "too_large",
        /// The client left before the end.
        Abandoned => "abandoned",
    }
}

label_words! {
    /// Why somebody who asked over HTTP was refused.
    HttpRefusal {
        /// No TLS handshake was made of what the client sent, or not in time.
        Handshake => "handshake",
        /// A host name that is none of the agent's.
        Host => "host",
        /// A page of another site asked.
        Origin => "origin",
        /// No credentials.
        Unauthenticated => "unauthenticated",
        /// Wrong credentials.
        Credentials => "credentials",
        /// Wrong credentials too often from one address.
        Guessing => "guessing",
        /// More passwords waiting to be verified than are queued.
        Verification => "verification",
        /// No client certificate where one is needed.
        Certificate => "certificate",
        /// A connection from before TLS or its trust changed.
        Outdated => "outdated",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabel {
    outcome: TargetOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabel {
    reason: HttpRefusal,
}

/// One thing a process of the agent has given up, or has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sandboxed {
    /// `agent` or `broker`.
    pub process: &'static str,
    /// What was to be given up.
    pub measure: &'static str,
    /// Whether it was.
    pub holds: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SandboxLabels {
    process: &'static str,
    measure: &'static str,
}

/// A gauge that may have no value, and then no sample.
#[derive(Clone, Debug, Default)]
struct Absentable(Arc<Mutex<Option<i64>>>);

impl Absentable {
    fn set(&self, value: Option<i64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

impl EncodeMetric for Absentable {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(value) => encoder.encode_gauge(&value),
            None => Ok(()),
        }
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }

    /// Then the family is not on the page at all.
    fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

/// A count that another process tells, absent while it has told none.
#[derive(Clone, Debug, Default)]
struct Told(Absentable);

impl EncodeMetric for Told {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        match *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(count) => encoder.encode_counter::<NoLabelSet, _, u64>(&count.cast_unsigned(), None),
            None => Ok(()),
        }
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    call: EngineCall,
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: Reason,
}

/// Labels of an answered request: `route` is a name from the route table, never a path from the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct HttpAnswer {
    /// Route as the table spells it, `other` for what is not in it.
    pub route: &'static str,
    /// Status code.
    pub code: u16,
}

/// Handles to every counter of the agent's own health.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    engine_requests: Counters<CallLabels, Counter>,
    /// Events received.
    pub engine_events: Counter,
    /// Event streams opened after the first.
    pub engine_reconnects: Counter,
    /// Answers repaired before they could be read.
    pub engine_repairs: Counter,
    /// Whole comparisons with the engine's list.
    pub reconciliations: Counter,
    refused: Counters<ReasonLabel, Counter>,
    state_writes: Counters<OutcomeLabel, Counter>,
    target_requests: Counters<TargetLabel, Counter>,
    /// Seconds a scrape took.
    pub scrape_duration: Histogram,
    /// Kernel files that could not be read.
    pub scrape_errors: Counter,
    http_requests: Counters<HttpAnswer, Counter>,
    /// Connections open.
    pub http_connections: Gauge,
    /// Live pages open.
    pub page_viewers: Gauge,
    http_refused: Counters<RefusalLabel, Counter>,
    access_reloads: Counters<OutcomeLabel, Counter>,
    access_current: Absentable,
    tls_certificate_expiry: Absentable,
    /// Own log lines left out.
    pub log_lines_suppressed: Counter,
    broker_refused: Told,
    sandbox_state: Counters<SandboxLabels, Gauge>,
    sandbox: Arc<Mutex<Vec<Sandboxed>>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let metrics = Self {
            registry: Arc::default(),
            engine_requests: register(&mut registry, &families::ENGINE_REQUESTS, Counters::default()),
            engine_events: register(&mut registry, &families::ENGINE_EVENTS, Counter::default()),
            engine_reconnects: register(&mut registry, &families::ENGINE_RECONNECTS, Counter::default()),
            engine_repairs: register(&mut registry, &families::ENGINE_REPAIRS, Counter::default()),
            reconciliations: register(&mut registry, &families::INVENTORY_RECONCILIATIONS, Counter::default()),
            refused: register(&mut registry, &families::REFUSED, Counters::default()),
            state_writes: register(&mut registry, &families::STATE_WRITES, Counters::default()),
            target_requests: register(&mut registry, &families::TARGET_REQUESTS, Counters::default()),
            scrape_duration: register(&mut registry, &families::SCRAPE_DURATION, Histogram::new(SCRAPE_BUCKETS)),
            scrape_errors: register(&mut registry, &families::SCRAPE_ERRORS, Counter::default()),
            http_requests: register(&mut registry, &families::HTTP_REQUESTS, Counters::default()),
            http_connections: register(&mut registry, &families::HTTP_CONNECTIONS, Gauge::default()),
            page_viewers: register(&mut registry, &families::PAGE_VIEWERS, Gauge::default()),
            http_refused: register(&mut registry, &families::HTTP_REFUSED, Counters::default()),
            access_reloads: register(&mut registry, &families::ACCESS_RELOADS, Counters::default()),
            access_current: register(&mut registry, &families::ACCESS_CURRENT, Absentable::default()),
            tls_certificate_expiry: register(&mut registry, &families::TLS_CERTIFICATE_EXPIRY, Absentable::default()),
            log_lines_suppressed: register(&mut registry, &families::LOG_LINES_SUPPRESSED, Counter::default()),
            broker_refused: register(&mut registry, &families::BROKER_REFUSED, Told::default()),
            sandbox_state: register(&mut registry, &families::SANDBOX_STATE, Counters::default()),
            sandbox: Arc::default(),
        };
        // A ceiling never reached must read 0, not be absent: alerts on it would otherwise miss its first refusal.
        for reason in Reason::ALL {
            metrics.refuse(*reason, 0);
        }
        for outcome in TargetOutcome::ALL {
            metrics.target_requests.get_or_create(&TargetLabel { outcome: *outcome }).inc_by(0);
        }
        for reason in HttpRefusal::ALL {
            metrics.http_refuse(*reason, 0);
        }
        Self { registry: Arc::new(registry), ..metrics }
    }
}

impl Metrics {
    /// The registry, for the page.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Counts one engine call.
    pub fn engine_request(&self, call: EngineCall, outcome: Outcome) {
        self.engine_requests.get_or_create(&CallLabels { call, outcome }).inc();
    }

    /// Counts something a ceiling refused.
    pub fn refuse(&self, reason: Reason, count: u64) {
        self.refused.get_or_create(&ReasonLabel { reason }).inc_by(count);
    }

    /// Counts somebody refused over HTTP.
    pub fn http_refuse(&self, reason: HttpRefusal, count: u64) {
        self.http_refused.get_or_create(&RefusalLabel { reason }).inc_by(count);
    }

    /// Counts one reading of certificates, users and tokens.
    pub fn access_reload(&self, outcome: Outcome) {
        self.access_reloads.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Says whether what is in use is what the files hold; `None` when there are no files.
    pub fn set_access_current(&self, current: Option<bool>) {
        self.access_current.set(current.map(i64::from));
    }

    /// Says when the agent's own certificate ends, in Unix seconds; `None` without TLS.
    pub fn set_certificate_expiry(&self, ends: Option<i64>) {
        self.tls_certificate_expiry.set(ends);
    }

    /// Takes what a broker says it has refused since it started.
    pub fn set_broker_refused(&self, count: u64) {
        self.broker_refused.0.set(i64::try_from(count).ok());
    }

    /// Says what the processes of the agent have given up.
    pub fn set_sandbox(&self, measures: Vec<Sandboxed>) {
        for Sandboxed { process, measure, holds } in &measures {
            self.sandbox_state.get_or_create(&SandboxLabels { process, measure }).set(i64::from(*holds));
        }
        *self.sandbox.lock().unwrap_or_else(PoisonError::into_inner) = measures;
    }

    /// What they have given up; empty before it is known.
    pub fn sandbox(&self) -> Vec<Sandboxed> {
        self.sandbox.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts one write of the state file.
    pub fn state_write(&self, outcome: Outcome) {
        self.state_writes.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Counts one request for a declared target.
    pub fn target_request(&self, outcome: TargetOutcome) {
        self.target_requests.get_or_create(&TargetLabel { outcome }).inc();
    }

    /// Counts one answered request.
    pub fn http_request(&self, answer: &HttpAnswer) {
        self.http_requests.get_or_create(answer).inc();
    }
}

/// Registers under the catalogue's name. The registry appends `_total` to counters and a full stop to the help itself.
fn register<M: Metric + Clone>(registry: &mut Registry, family: &Family, metric: M) -> M {
    let name = match family.kind {
        Kind::Counter => family.name.strip_suffix("_total").unwrap_or(family.name),
        Kind::Info => family.name.strip_suffix("_info").unwrap_or(family.name),
        Kind::Gauge | Kind::Histogram => family.name,
    };
    registry.register(name, family.help.trim_end_matches('.'), metric.clone());
    metric
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_absent_leaves_no_trace() {
        let metrics = Metrics::default();
        let page = || {
            let mut page = String::new();
            prometheus_client::encoding::text::encode(&mut page, metrics.registry()).unwrap();
            page
        };
        assert!(!page().contains("spyhop_tls_certificate") && !page().contains("spyhop_access_last"));
        metrics.set_certificate_expiry(Some(1_924_992_000));
        assert!(page().contains("\nspyhop_tls_certificate_expiry_timestamp_seconds 1924992000\n"));
        metrics.set_certificate_expiry(None);
        assert!(!page().contains("spyhop_tls_certificate") && !page().contains("spyhop_broker_refused"));
        metrics.set_broker_refused(3);
        assert!(
            page().contains("\n# TYPE spyhop_broker_refused counter\nspyhop_broker_refused_total 3\n"),
            "{}",
            page()
        );
    }
}
