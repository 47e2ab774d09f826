//! What a request must look like, and what is in it.

use std::io::Read as _;

use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    logs::v1::LogRecord,
    metrics::v1::metric::Data,
    trace::v1::Span,
};
use prost::Message as _;
use spyhop::otlp::Signal;

use super::faults::Refusal;

/// What is taken.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request, before and after decompression.
    pub request: usize,
    /// Whether the data are taken by that name at all.
    pub signals: [bool; 3],
}

impl Default for Limits {
    /// What the Collector takes over gRPC.
    fn default() -> Self {
        Self { request: 4 << 20, signals: [true; 3] }
    }
}

impl Limits {
    /// Whether this signal is taken.
    pub fn takes(&self, signal: Signal) -> bool {
        self.signals[signal as usize]
    }
}

/// A request that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
}

impl Request {
    /// Reads one.
    pub fn decode(signal: Signal, bytes: &[u8]) -> Result<Self, Refusal> {
        let bad = |error: prost::DecodeError| Refusal::new(3, 400, &error.to_string());
        Ok(match signal {
            Signal::Traces => Self::Traces(ExportTraceServiceRequest::decode(bytes).map_err(bad)?),
            Signal::Metrics => Self::Metrics(ExportMetricsServiceRequest::decode(bytes).map_err(bad)?),
            Signal::Logs => Self::Logs(ExportLogsServiceRequest::decode(bytes).map_err(bad)?),
        })
    }

    /// Its spans.
    pub fn spans(&self) -> Vec<&Span> {
        let Self::Traces(request) = self else { return Vec::new() };
        let scopes = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
        scopes.flat_map(|scope| &scope.spans).collect()
    }

    /// Its log records.
    pub fn logs(&self) -> Vec<&LogRecord> {
        let Self::Logs(request) = self else { return Vec::new() };
        let scopes = request.resource_logs.iter().flat_map(|group| &group.scope_logs);
        scopes.flat_map(|scope| &scope.log_records).collect()
    }

    /// How many spans, data points or log records.
    pub fn records(&self) -> usize {
        match self {
            Self::Traces(_) => self.spans().len(),
            Self::Logs(_) => self.logs().len(),
            Self::Metrics(request) => {
                let scopes = request.resource_metrics.iter().flat_map(|group| &group.scope_metrics);
                let metrics = scopes.flat_map(|scope| &scope.metrics).filter_map(|metric| metric.data.as_ref());
                metrics.map(points).sum()
            }
        }
    }

    /// An id of the wrong length, as the Collector refuses it.
    pub fn check_ids(&self) -> Result<(), Refusal> {
        let ids = self.spans().into_iter().map(|span| (&span.trace_id, &span.span_id));
        let ids = ids.chain(self.logs().into_iter().map(|log| (&log.trace_id, &log.span_id)));
        for (trace, span) in ids {
            if !matches!(trace.len(), 0 | 16) {
                return Err(Refusal::new(3, 400, "unmarshal: invalid TraceID length"));
            }
            if !matches!(span.len(), 0 | 8) {
                return Err(Refusal::new(3, 400, "unmarshal: invalid SpanID length"));
            }
        }
        Ok(())
    }

    /// Spans without an id.
    pub fn without_id(&self) -> usize {
        let empty = |id: &[u8]| id.iter().all(|byte| *byte == 0);
        self.spans().into_iter().filter(|span| empty(&span.trace_id) || empty(&span.span_id)).count()
    }
}

fn points(data: &Data) -> usize {
    match data {
        Data::Gauge(data) => data.data_points.len(),
        Data::Sum(data) => data.data_points.len(),
        Data::Histogram(data) => data.data_points.len(),
        Data::ExponentialHistogram(data) => data.data_points.len(),
        Data::Summary(data) => data.data_points.len(),
    }
}

/// Unpacks what may be compressed, within the limit.
pub fn unpacked(bytes: &[u8], encoding: &str, limit: usize) -> Result<Vec<u8>, Refusal> {
    let mut whole = Vec::new();
    match encoding {
        "" | "identity" => whole.extend_from_slice(bytes),
        "gzip" => {
            let most = limit as u64 + 1;
            let read = GzDecoder::new(bytes).take(most).read_to_end(&mut whole);
            read.map_err(|error| Refusal::new(13, 400, &format!("gzip: {error}")))?;
        }
        other => return Err(Refusal::new(12, 415, &format!("unsupported encoding {other}"))),
    }
    if whole.len() > limit {
        return Err(too_large(whole.len(), limit));
    }
    Ok(whole)
}

/// In the words of Go's gRPC.
pub fn too_large(length: usize, limit: usize) -> Refusal {
    Refusal::new(8, 413, &format!("grpc: received message larger than max ({length} vs. {limit})"))
}
