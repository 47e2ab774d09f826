//! The agent's own spans: of scrapes, sweeps, rounds of probes and pushes, sampled, off by default.
//!
//! ```text
//!  tracing span -> tracing-opentelemetry -> OpenTelemetry SDK -> OTLP exporter -> channel -> whoever queues OTLP
//! ```
//!
//! The exporter is OpenTelemetry's own; its HTTP client is ours and sends nothing over a network: requests are handed to the queue that holds
//! what applications send, which outlives outages. A channel stands between, because the SDK exports on a thread of its own, outside the
//! runtime.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use tokio::sync::mpsc;
use tracing::{
    Event, Span,
    span::{Attributes, Id, Record},
};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{Layer as _, Registry, layer::Context};

/// Target of these spans: the log's level says nothing of them.
pub const TARGET: &str = "spyhop_spans";

/// Requests of the exporter that wait to be queued; each is of 512 spans at most.
const WAITING: usize = 16;

/// One answer to a scrape.
pub fn scrape() -> Span {
    tracing::error_span!(target: TARGET, "scrape", otel.kind = "server", containers = tracing::field::Empty)
}

/// One sweep of a tier of the isolation checks.
pub fn sweep(tier: &'static str) -> Span {
    tracing::error_span!(target: TARGET, "isolation sweep", tier)
}

/// One probe, with what it asks.
pub fn probe(target: &str) -> Span {
    tracing::error_span!(target: TARGET, "probe", otel.kind = "client", target)
}

/// One request to a back end.
pub fn push(destination: &str) -> Span {
    tracing::error_span!(target: TARGET, "push", otel.kind = "client", destination)
}

/// The layer that makes OpenTelemetry's spans of ours.
type Layer = OpenTelemetryLayer<Registry, SdkTracer>;

/// Where that layer stands in the subscriber. It comes later than the subscriber, if at all: the SDK has a thread of its own, and before the
/// agent has parted itself from the engine's socket there may be none.
#[derive(Clone, Default)]
pub(super) struct Late(Arc<OnceLock<Layer>>);

impl Late {
    /// Whether spans are made.
    pub(super) fn is_there(&self) -> bool {
        self.0.get().is_some()
    }

    /// Makes them from now on; the first one counts.
    pub(super) fn set(&self, layer: Layer) {
        self.0.set(layer).ok();
        if let Some(layer) = self.0.get() {
            tracing::dispatcher::get_default(|dispatch| layer.on_register_dispatch(dispatch));
        }
        tracing::callsite::rebuild_interest_cache();
    }
}

impl tracing_subscriber::Layer<Registry> for Late {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Registry>) {
        if let Some(layer) = self.0.get() {
            layer.on_new_span(attributes, id, context);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, Registry>) {
        if let Some(layer) = self.0.get() {
            layer.on_record(id, values, context);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, Registry>) {
        if let Some(layer) = self.0.get() {
            layer.on_event(event, context);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, Registry>) {
        if let Some(layer) = self.0.get() {
            layer.on_enter(id, context);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, Registry>) {
        if let Some(layer) = self.0.get() {
            layer.on_exit(id, context);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, Registry>) {
        if let Some(layer) = self.0.get() {
            layer.on_close(id, context);
        }
    }
}

/// The spans' way out.
#[derive(Debug)]
pub struct Spans {
    provider: SdkTracerProvider,
    requests: mpsc::Receiver<Bytes>,
}

/// The exporter could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("set up the agent's own spans")]
pub struct SpansError(#[from] opentelemetry_otlp::ExporterBuildError);

impl Spans {
    /// Spans of a share of operations, 0 to 1.
    ///
    /// # Errors
    /// The environment has settings for exporters (`OTEL_EXPORTER_OTLP_*`) that cannot be.
    pub(super) fn new(ratio: f64) -> Result<(Layer, Self), SpansError> {
        let (sender, requests) = mpsc::channel(WAITING);
        // The address is never resolved; the exporter wants one.
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Inside(sender))
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint("http://inside.invalid/v1/traces")
            .build()?;
        let own =
            [KeyValue::new("service.name", "spyhop"), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::TraceIdRatioBased(ratio))
            .with_resource(Resource::builder_empty().with_attributes(own).build())
            .with_batch_exporter(exporter)
            .build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("spyhop"));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        Ok((layer, Self { provider, requests }))
    }

    /// The next `ExportTraceServiceRequest`; `None` after [`Self::end`].
    pub async fn next(&mut self) -> Option<Bytes> {
        self.requests.recv().await
    }

    /// Exports what is left: [`Self::next`] gives it, and then `None`. On a thread that may block: the SDK waits for its own.
    pub fn end(&self) -> impl FnOnce() + Send + 'static {
        let provider = self.provider.clone();
        move || drop(provider.shutdown())
    }
}

/// The exporter's HTTP client.
#[derive(Debug)]
struct Inside(mpsc::Sender<Bytes>);

impl HttpClient for Inside {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: http::Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        // Never waits: a queue that is full is an answer the exporter knows.
        let taken = self.0.try_send(request.into_body()).is_ok();
        let status = if taken { http::StatusCode::OK } else { http::StatusCode::SERVICE_UNAVAILABLE };
        let mut answer = http::Response::new(Bytes::new());
        *answer.status_mut() = status;
        Box::pin(std::future::ready(Ok(answer)))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[tokio::test]
    async fn spans_come_out_as_one_request() {
        let (layer, mut spans) = Spans::new(1.0).unwrap();
        let late = Late::default();
        let subscriber = Registry::default().with(late.clone());
        tracing::subscriber::with_default(subscriber, || {
            drop(sweep("before anybody wants to know"));
            late.set(layer);
            let sweep = sweep("passive");
            let _within = sweep.enter();
            drop(probe("http://shop/web:80/"));
        });
        tokio::task::spawn_blocking(spans.end()).await.unwrap();
        let request = ExportTraceServiceRequest::decode(spans.next().await.unwrap()).unwrap();
        let made: Vec<_> = request.resource_spans.iter().flat_map(|group| &group.scope_spans).collect();
        let names: Vec<_> = made.iter().flat_map(|scope| &scope.spans).map(|span| &*span.name).collect();
        assert_eq!(names, ["probe", "isolation sweep"]);
        let spans_of = &made[0].spans;
        assert_eq!(spans_of[0].parent_span_id, spans_of[1].span_id);
        let keys: Vec<_> = spans_of[0].attributes.iter().map(|pair| &*pair.key).collect();
        assert!(keys.contains(&"target"), "{keys:?}");
        assert!(spans.next().await.is_none(), "the exporter has ended");
    }

    #[test]
    fn a_share_of_none_makes_none() {
        let (layer, spans) = Spans::new(0.0).unwrap();
        tracing::subscriber::with_default(Registry::default().with(layer), || drop(push("loki:3100")));
        spans.end()();
        let mut requests = spans.requests;
        assert!(requests.try_recv().is_err());
    }
}
