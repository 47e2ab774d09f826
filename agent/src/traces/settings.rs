//! What the configuration says of OTLP.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

pub use crate::otlp::Protocol;
use crate::{delivery::http, model::Glob, otlp::Signal};

/// Sections `traces`, `otlp`, `otlp_2`, `otlp_3`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What listens; `None` while OTLP is off.
    pub receiver: Option<Receiver>,
    /// `container.label.<key>` is written for labels of these names.
    pub labels: Vec<Glob>,
    /// `deployment.environment.name` where a sender says none.
    pub environment: Option<String>,
    /// What is made of containers' lives.
    pub lifecycle: Lifecycle,
    /// Metrics made from spans.
    pub red: Red,
    /// Which spans are sent on.
    pub sampling: Sampling,
    /// What waits for destinations.
    pub queue: Queue,
    /// Share of the agent's own operations of which spans are made, 0 to 1; 0 is none.
    pub own: f64,
}

/// Where OTLP is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// OTLP/gRPC; `None` is off.
    pub grpc: Option<SocketAddr>,
    /// OTLP/HTTP; `None` is off.
    pub http: Option<SocketAddr>,
    /// A unix socket on which both are spoken; `None` is off.
    pub socket: Option<PathBuf>,
    /// Largest request in bytes, before and after decompression.
    pub max_request: usize,
    /// Bytes of all requests that are being taken at a time.
    pub max_pending: usize,
    /// Connections at a time, all doors together.
    pub max_connections: usize,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
}

/// Traces of what containers go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Whether they are made.
    pub enabled: bool,
    /// A start burst of a project is over when nothing began for so long.
    pub quiet: Duration,
    /// ... and after this at the latest.
    pub cap: Duration,
}

/// Metrics of requests, errors and durations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Red {
    /// Under whose names; `None` makes none.
    pub names: Option<Names>,
    /// Sets of labels at most; what comes after is counted in one overflow series.
    pub max_series: usize,
    /// Whether calls between services are counted, too.
    pub graph: bool,
}

/// Whose names metrics from spans bear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// Tempo's metrics generator: `traces_spanmetrics_*`.
    #[default]
    Tempo,
    /// The collector's spanmetrics connector: `traces_span_metrics_*`.
    Connector,
}

/// Which spans are sent on. RED metrics are made before.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Spans with a route, target or name that matches are not sent: health checks.
    pub drop: Vec<Glob>,
    /// Share of traces that is sent, above 0, 1 is all.
    pub ratio: f64,
    /// Traces with an error are kept whatever the ratio says; they wait for this long until it is known.
    pub keep_errors: Option<Duration>,
    /// Traces slower than this are kept, too; counts with `keep_errors` alone.
    pub keep_slow: Option<Duration>,
    /// Bytes of spans that wait for such a decision.
    pub max_waiting: usize,
}

/// What waits for destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Bytes on disk for each destination; where there is no state directory, or no disk, the memory's share alone is there.
    pub max_bytes: u64,
    /// Bytes in memory for each destination.
    pub max_memory: usize,
    /// What waits longer is given up.
    pub max_age: Duration,
    /// When what is queued is forced to disk.
    pub sync: Sync,
}

/// When the queue is forced to disk: what an acknowledged request survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Once a second: a power cut may cost so much.
    #[default]
    Interval,
    /// Before each acknowledgement.
    Always,
    /// By the kernel alone: a crash of the agent costs nothing, a power cut what the kernel had not written.
    Off,
}

/// One place requests go to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Name in metrics and logs: host and port.
    pub name: String,
    /// Its folder in the state directory.
    pub folder: &'static str,
    /// What is spoken.
    pub protocol: Protocol,
    /// Where and how; for HTTP the address is the base to which `/v1/traces` is added.
    pub server: http::Settings,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// Which signals it gets.
    pub signals: Vec<Signal>,
}
