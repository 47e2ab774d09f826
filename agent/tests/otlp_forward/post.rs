//! A forwarder under test, spans to send through it, and the account of them at the end.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use spyhop::{
    delivery::http::{self, Auth, Tls},
    otlp::Signal,
    traces::{
        Destination, Protocol, Queue, Sync,
        forward::{Board, Forwarder, Full, Lost, Outcome},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    otlp_backend::{Backend, Speaks},
    wait::{self, eventually, holds},
};

/// Time for an answer in tests in which one does not come.
pub(crate) const SHORT: Duration = Duration::from_millis(600);

/// The queue of most tests.
pub(crate) const QUEUE: Queue =
    Queue { max_bytes: 64 << 20, max_memory: 4 << 20, max_age: Duration::from_secs(3600), sync: Sync::Interval };

/// A forwarder, what it was given, and where it keeps what waits.
pub(crate) struct Post {
    pub(crate) forwarder: Forwarder,
    state: PathBuf,
    queue: Queue,
    destinations: Vec<Destination>,
    next: u64,
    /// Numbers of spans that were acknowledged.
    pub(crate) taken: BTreeSet<u64>,
}

/// A destination that is this back end.
pub(crate) fn destination(backend: &Backend, speaks: Speaks, folder: &'static str) -> Destination {
    Destination {
        name: backend.address().to_string(),
        folder,
        protocol: match speaks {
            Speaks::Grpc => Protocol::Grpc,
            Speaks::Http => Protocol::Http,
        },
        server: http::Settings {
            url: backend.url(),
            auth: Auth::None,
            headers: Vec::new(),
            tls: Tls::default(),
            connect_timeout: wait::patience(),
            request_timeout: wait::patience(),
        },
        gzip: true,
        signals: Signal::ALL.to_vec(),
    }
}

/// The same, which is not waited for long.
pub(crate) fn hurried(backend: &Backend, speaks: Speaks, folder: &'static str) -> Destination {
    let mut destination = destination(backend, speaks, folder);
    (destination.server.connect_timeout, destination.server.request_timeout) = (SHORT, SHORT);
    destination
}

impl Post {
    /// One with its queue in this folder.
    pub(crate) fn open(destinations: Vec<Destination>, queue: Queue, state: &Path) -> Self {
        let forwarder = start(&destinations, queue, state);
        Self { forwarder, state: state.to_owned(), queue, destinations, next: 1, taken: BTreeSet::new() }
    }

    /// Stops it and starts it anew over the same folder, as another process would.
    pub(crate) async fn restart(&mut self) {
        self.forwarder.stop().await;
        self.forwarder = start(&self.destinations, self.queue, &self.state);
    }

    /// A request of so many new spans with names of so many bytes.
    pub(crate) async fn put(&mut self, spans: u64, bytes: usize) -> Result<(), Full> {
        let numbers = self.next..self.next + spans;
        self.next += spans;
        let records = u32::try_from(spans).unwrap();
        self.forwarder.put(Signal::Traces, request(numbers.clone(), bytes), records).await?;
        self.taken.extend(numbers);
        Ok(())
    }

    /// The board of the first destination.
    pub(crate) fn board(&self) -> &Board {
        &self.forwarder.boards()[0]
    }

    /// Records lost at the first destination for this reason.
    pub(crate) fn lost(&self, why: Lost) -> u64 {
        self.board().lost(Signal::Traces, why)
    }

    /// Requests of the first destination that ended so.
    pub(crate) fn requests(&self, outcome: Outcome) -> u64 {
        self.board().requests(Signal::Traces, outcome)
    }

    /// Waits until nothing waits at any destination.
    #[track_caller]
    pub(crate) fn complete(&self) {
        eventually("nothing waits", || {
            let waits: Vec<_> = self.forwarder.boards().iter().map(|board| board.queue_bytes()).collect();
            holds(waits.iter().all(|bytes| *bytes == 0), || format!("{waits:?} bytes, {:?}", self.board().trouble()))
        });
    }

    /// [`Self::complete`], and everything taken is at the back end exactly once.
    #[track_caller]
    pub(crate) fn arrived(&self, backend: &Backend) {
        self.complete();
        let found = numbers(backend);
        assert_eq!(found.len(), self.taken.len(), "nothing twice, nothing lost");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), self.taken);
        backend.is_content();
    }
}

fn start(destinations: &[Destination], queue: Queue, state: &Path) -> Forwarder {
    let failed = CancellationToken::new();
    Forwarder::start(destinations.to_vec(), queue, Some(state), &failed).unwrap()
}

/// Spans of these numbers.
pub(crate) fn request(numbers: impl Iterator<Item = u64>, bytes: usize) -> Bytes {
    let span = |number: u64| Span {
        trace_id: [number.to_be_bytes(), [7; 8]].concat(),
        span_id: number.to_be_bytes().to_vec(),
        // Not to be compressed to nothing.
        name: (0..bytes).map(|at| char::from(b'a' + (number as usize * 31 + at * at) as u8 % 26)).collect(),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: numbers.map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

/// Numbers of the spans which a back end has stored, in order of arrival.
pub(crate) fn numbers(backend: &Backend) -> Vec<u64> {
    let kept = backend.kept();
    let spans = kept.iter().flat_map(|request| request.spans().into_iter().map(|span| span.span_id.clone()));
    spans.map(|id| u64::from_be_bytes(id.try_into().unwrap())).collect()
}

/// A gauge with so many points.
pub(crate) fn metrics(points: u64) -> Bytes {
    use opentelemetry_proto::tonic::{
        collector::metrics::v1::ExportMetricsServiceRequest,
        metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data},
    };
    let point = |time_unix_nano| NumberDataPoint { time_unix_nano, ..NumberDataPoint::default() };
    let data = Some(Data::Gauge(Gauge { data_points: (1..=points).map(point).collect() }));
    let metrics = vec![Metric { name: "a gauge".to_owned(), data, ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}
