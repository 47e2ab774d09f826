//! What becomes of a request between the door and the queues.

use std::path::PathBuf;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;

use super::*;
use crate::{
    inventory::Reader,
    traces::{attribute::Around, settings},
};

const QUEUE: settings::Queue = settings::Queue {
    max_bytes: 1 << 20,
    max_memory: 1 << 20,
    max_age: Duration::from_secs(60),
    sync: settings::Sync::Interval,
};

const SAMPLING: settings::Sampling =
    settings::Sampling { drop: Vec::new(), ratio: 1.0, keep_errors: None, keep_slow: None, max_waiting: 1 << 20 };

/// One without a destination; with RED metrics, or without.
fn pipeline(red: bool, sampling: &settings::Sampling) -> Pipeline {
    let around = Around {
        proc: PathBuf::from("/nowhere"),
        own: None,
        local_engine: true,
        labels: Vec::new(),
        environment: None,
        host_id: None,
    };
    let attributor = Attributor::new(Reader::new(), around);
    let names = red.then_some(settings::Names::Tempo);
    let red = Red::new(&settings::Red { names, max_series: 100, graph: true });
    let forwarder = Forwarder::start(Vec::new(), QUEUE, None, &CancellationToken::new()).unwrap();
    Pipeline::new(attributor, red, Sampler::new(sampling), Arc::new(forwarder))
}

fn span(id: u8, name: &str) -> Span {
    let end = u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap();
    Span {
        trace_id: vec![id; 16],
        span_id: vec![id; 8],
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: end - 5_000_000,
        end_time_unix_nano: end,
        ..Span::default()
    }
}

fn request(service: &str, spans: Vec<Span>) -> Bytes {
    let value = Some(AnyValue { value: Some(Value::StringValue(service.to_owned())) });
    let name = KeyValue { key: "service.name".to_owned(), value, ..KeyValue::default() };
    let group = ResourceSpans {
        resource: Some(Resource { attributes: vec![name], ..Resource::default() }),
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec().into()
}

async fn take(pipeline: &Pipeline, signal: Signal, request: Bytes) -> Answer {
    let bound = pipeline.greet(Caller { way: Way::Inside }).bound;
    pipeline.take(&bound, signal, request).await
}

#[tokio::test]
async fn who_has_nobody_to_send_to_says_so() {
    let pipeline = pipeline(false, &SAMPLING);
    let answer = take(&pipeline, Signal::Traces, request("shop", vec![span(1, "GET /")])).await;
    assert!(matches!(&answer, Answer::Unwanted(text) if text.contains("traces")), "{answer:?}");
    assert_eq!(pipeline.records().get(Signal::Traces, Outcome::Accepted), 0);
}

#[tokio::test]
async fn spans_are_counted_without_a_destination_too_and_only_those() {
    let pipeline = pipeline(true, &SAMPLING);
    let answer = take(&pipeline, Signal::Traces, request("shop", vec![span(1, "GET /"), span(2, "GET /")])).await;
    assert_eq!(answer, Answer::taken());
    assert_eq!(pipeline.records().get(Signal::Traces, Outcome::Accepted), 2);
    assert_eq!(pipeline.red().unwrap().series(), 1);
    let logs = take(&pipeline, Signal::Logs, Bytes::new()).await;
    assert!(matches!(logs, Answer::Unwanted(_)), "{logs:?}");
}

#[tokio::test]
async fn spans_without_valid_ids_are_rejected_and_the_rest_is_taken() {
    let pipeline = pipeline(true, &SAMPLING);
    let nameless = Span { trace_id: vec![0; 16], ..span(1, "GET /") };
    let short = Span { span_id: vec![7; 4], ..span(2, "GET /") };
    let answer = take(&pipeline, Signal::Traces, request("shop", vec![nameless, span(3, "GET /"), short])).await;
    assert!(matches!(&answer, Answer::Taken { rejected: 2, message } if message.starts_with("2 spans")), "{answer:?}");
    let records = pipeline.records();
    assert_eq!((records.get(Signal::Traces, Outcome::Accepted), records.get(Signal::Traces, Outcome::Invalid)), (1, 2));
}

#[tokio::test]
async fn what_is_left_out_on_purpose_is_taken_all_the_same() {
    let sampling = settings::Sampling { drop: vec![crate::model::Glob::new("GET /health*")], ..SAMPLING };
    let pipeline = pipeline(true, &sampling);
    let spans = vec![span(1, "GET /health/live"), span(2, "GET /")];
    assert_eq!(take(&pipeline, Signal::Traces, request("shop", spans)).await, Answer::taken());
    assert_eq!(pipeline.records().get(Signal::Traces, Outcome::Dropped), 1);
    assert_eq!(pipeline.red().unwrap().series(), 2, "metrics are of everything");
}

#[tokio::test]
async fn what_a_rule_leaves_out_is_no_example() {
    let examples = async |sampling: &settings::Sampling, spans: Vec<Span>| -> Vec<u8> {
        let pipeline = pipeline(true, sampling);
        assert_eq!(take(&pipeline, Signal::Traces, request("shop", spans)).await, Answer::taken());
        let figures = pipeline.red().unwrap().figures(pipeline.now());
        let exemplars = figures.rows.iter().flat_map(|row| row.series.latency.exemplars.iter().flatten());
        let mut traces: Vec<u8> = exemplars.map(|exemplar| exemplar.trace_id[0]).collect();
        traces.sort_unstable();
        traces
    };
    let rules = settings::Sampling { drop: vec![crate::model::Glob::new("GET /health*")], ..SAMPLING };
    let many = |names: [&str; 2]| (1..=130).map(|id| span(id, names[usize::from(id % 65 == 0)])).collect::<Vec<_>>();
    assert_eq!(examples(&rules, many(["GET /health", "GET /"])).await, [130], "the last that was sent");
    assert_eq!(examples(&rules, many(["GET /", "GET /health"])).await, [129]);
    // A share is known at once; of what waits, an error that a rule leaves out is none either.
    let half = settings::Sampling { ratio: 0.5, ..rules.clone() };
    assert_eq!(examples(&half, vec![span(200, "GET /"), span(1, "GET /other")]).await, [200]);
    let tail = settings::Sampling { keep_errors: Some(Duration::from_secs(5)), ..half };
    let failed = |id, name| Span {
        status: Some(opentelemetry_proto::tonic::trace::v1::Status { code: 2, ..Default::default() }),
        ..span(id, name)
    };
    assert_eq!(examples(&tail, vec![failed(1, "GET /"), failed(2, "GET /health"), span(3, "GET /other")]).await, [1]);
}

#[tokio::test]
async fn what_is_no_request_is_never_wanted_again() {
    let pipeline = pipeline(true, &SAMPLING);
    let answer = take(&pipeline, Signal::Traces, Bytes::from_static(b"\x0a\xff")).await;
    assert!(matches!(answer, Answer::Malformed(_)), "{answer:?}");
    assert_eq!(pipeline.records().get(Signal::Traces, Outcome::Accepted), 0);
}
