//! Keys of what is taken as OTLP, and what is made of it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{Key, key, kinds};
use crate::{
    model::Glob,
    traces::{Names, Sync},
};

const fn local(port: u16) -> Option<SocketAddr> {
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
}

pub(in crate::config) static ENABLED: Key<Option<bool>> = key(
    "traces.enabled",
    kinds::AUTO_SWITCH,
    || None,
    "Whether OTLP is taken and containers' lives are told as traces: `auto` while an `otlp.endpoint` is given; `true` also without, which makes \
     metrics of spans and sends nothing on.",
);

pub(in crate::config) static GRPC: Key<Option<SocketAddr>> = key(
    "traces.grpc",
    kinds::LISTEN_OR_OFF,
    || local(4317),
    "Where OTLP/gRPC is taken. The container image listens on every address. [traces-topologies.md](traces-topologies.md) says which way \
     containers get there.",
);

pub(in crate::config) static HTTP: Key<Option<SocketAddr>> = key(
    "traces.http",
    kinds::LISTEN_OR_OFF,
    || local(4318),
    "Where OTLP/HTTP is taken, protobuf and JSON. The container image listens on every address.",
);

pub(in crate::config) static SOCKET: Key<Option<PathBuf>> = key(
    "traces.socket",
    kinds::PATH_OR_OFF,
    || None,
    "A unix socket on which both are spoken, for containers that share its folder: who is talking is told by the kernel there.",
);

// The specification recommends 64 MiB from 1.11.0 on.
pub(in crate::config) static MAX_REQUEST: Key<u64> = key(
    "traces.max_request_size",
    kinds::size::<{ 64 << 10 }, { 256 << 20 }>(),
    || 64 << 20,
    "Largest request, before and after it is decompressed.",
);

pub(in crate::config) static MAX_PENDING: Key<u64> = key(
    "traces.max_pending_size",
    kinds::size::<{ 1 << 20 }, { 1 << 30 }>(),
    || 192 << 20,
    "Bytes of all requests that are being taken at a time. Who comes with more is asked to come again. JSON counts three times, for what becomes of \
     it, but not for more than its size and `traces.max_request_size`: any request fits from twice that on, and where this is less, one in JSON of \
     more than a third of it is refused for good.",
);

pub(in crate::config) static MAX_CONNECTIONS: Key<usize> =
    key("traces.max_connections", kinds::count::<1, 10_000>(), || 512, "Connections at a time, all doors together.");

pub(in crate::config) static TRUSTED_PROXIES: Key<Vec<IpAddr>> = key(
    "traces.trusted_proxies",
    kinds::ADDRESSES,
    Vec::new,
    "Proxies whose `X-Forwarded-For` is believed when they pass on OTLP/HTTP.",
);

pub(in crate::config) static LABELS: Key<Vec<Glob>> = key(
    "traces.labels",
    kinds::GLOBS,
    || ["com.docker.compose.project", "com.docker.compose.service"].map(Glob::new).into(),
    "Container labels that are written to what a container sends, as `container.label.KEY`.",
);

pub(in crate::config) static ENVIRONMENT: Key<Option<String>> =
    key("traces.environment", kinds::ENVIRONMENT, || None, "`deployment.environment.name` of what says none itself.");

pub(in crate::config) static LIFECYCLE: Key<bool> = key(
    "traces.lifecycle",
    kinds::SWITCH,
    || true,
    "Whether starts, restarts, kills for want of memory, unhealthy spells and stops of containers are told as traces: see \
     [lifecycle.md](lifecycle.md).",
);

pub(in crate::config) static RED: Key<Option<Names>> = key(
    "traces.red",
    kinds::RED,
    || Some(Names::Tempo),
    "Under whose names calls, errors and durations of spans are on the page: `tempo` as its metrics generator has them \
     (`traces_spanmetrics_*`), `connector` as the collector's spanmetrics connector.",
);

pub(in crate::config) static RED_MAX_SERIES: Key<usize> = key(
    "traces.red_max_series",
    kinds::count::<10, 100_000>(),
    || 2_000,
    "Sets of labels of these metrics. What comes after is counted together, in one series that says so.",
);

pub(in crate::config) static GRAPH: Key<bool> = key(
    "traces.service_graph",
    kinds::SWITCH,
    || true,
    "Whether calls between services of this host are counted (`traces_service_graph_*`).",
);

pub(in crate::config) static DROP: Key<Vec<Glob>> = key(
    "traces.drop",
    kinds::GLOBS,
    Vec::new,
    "Spans that are not sent on: those whose name, `http.route`, `url.path` or `http.target` matches. Health checks usually are most of what \
     there is.",
);

pub(in crate::config) static RATIO_SENT: Key<f64> = key(
    "traces.ratio",
    kinds::RATIO,
    || 1.0,
    "Share of traces that is sent on, by the trace's id, so that all hosts take the same ones. The threshold is written to `tracestate` as \
     OpenTelemetry has it.",
);

pub(in crate::config) static KEEP_ERRORS: Key<Option<Duration>> = key(
    "traces.keep_errors",
    kinds::DURATION_OR_OFF,
    || None,
    "With a ratio below 1: traces wait for so long, and are sent whatever the ratio says when a span of them has failed.",
);

pub(in crate::config) static KEEP_SLOW: Key<Option<Duration>> = key(
    "traces.keep_slow",
    kinds::DURATION_OR_OFF,
    || None,
    "The same for traces with a span that took this long. It counts together with `traces.keep_errors`.",
);

pub(in crate::config) static MAX_WAITING: Key<u64> = key(
    "traces.max_waiting_size",
    kinds::size::<{ 1 << 20 }, { 1 << 30 }>(),
    || 16 << 20,
    "Bytes of spans that wait for such a decision, and of all that stands around them. When there are more, the ratio decides at once.",
);

pub(in crate::config) static QUEUE_SIZE: Key<u64> = key(
    "traces.queue_size",
    kinds::size::<{ 1 << 20 }, { 1 << 40 }>(),
    || 128 << 20,
    "Bytes that may wait on disk for each back end. The oldest are given up when there are more.",
);

pub(in crate::config) static QUEUE_MEMORY: Key<u64> = key(
    "traces.queue_memory_size",
    kinds::size::<{ 256 << 10 }, { 1 << 30 }>(),
    || 8 << 20,
    "Bytes of what goes next that are kept in memory for each back end, beside the disk; all there is where nothing can be written.",
);

pub(in crate::config) static QUEUE_AGE: Key<Duration> = key(
    "traces.queue_age",
    kinds::duration::<60_000, 604_800_000>(),
    || Duration::from_secs(3_600),
    "What waited longer than this is given up: back ends refuse what is old.",
);

pub(in crate::config) static SYNC: Key<Sync> = key(
    "traces.sync",
    kinds::SYNC,
    || Sync::Interval,
    "When what waits is forced to disk: once a second, before each acknowledgement, or never. With `always` what was acknowledged survives a \
     power cut, and nothing is acknowledged that the disk does not take: it needs `state.directory`.",
);

pub(in crate::config) static OWN: Key<f64> = key(
    "traces.own",
    kinds::RATIO,
    || 0.0,
    "Share of the agent's own scrapes, sweeps, probe rounds and pushes of which it makes spans.",
);
