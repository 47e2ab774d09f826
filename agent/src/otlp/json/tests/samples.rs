//! One request of each signal in which every field is set.

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric,
        NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span},
};

pub(super) fn of(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(super) fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(of(value)), ..KeyValue::default() }
}

fn values() -> Vec<KeyValue> {
    let list = ArrayValue { values: vec![of(Value::IntValue(-1)), AnyValue::default(), of(Value::DoubleValue(0.5))] };
    vec![
        pair("text", Value::StringValue("quoted \" and é 😀".into())),
        pair("empty", Value::StringValue(String::new())),
        pair("true", Value::BoolValue(true)),
        pair("false", Value::BoolValue(false)),
        pair("int", Value::IntValue(i64::MIN)),
        pair("double", Value::DoubleValue(-2.5e-300)),
        pair("bytes", Value::BytesValue(vec![0, 255, 3, 250])),
        pair("list", Value::ArrayValue(list)),
        pair("map", Value::KvlistValue(KeyValueList { values: vec![pair("inner", Value::IntValue(7))] })),
        KeyValue { key: "nothing".into(), value: Some(AnyValue::default()), ..KeyValue::default() },
    ]
}

/// Every field is named here, so that the compiler tells when the protocol gains one. What `Default` fills is of profiles alone.
fn resource() -> Resource {
    let entity = EntityRef {
        schema_url: "https://example.invalid/entity".into(),
        r#type: "service".into(),
        id_keys: vec!["service.name".into(), "host.id".into()],
        description_keys: vec!["service.version".into()],
    };
    Resource { attributes: values(), dropped_attributes_count: u32::MAX, entity_refs: vec![entity] }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "scope".into(),
        version: "1".into(),
        attributes: values(),
        dropped_attributes_count: 3,
    }
}

pub(super) fn traces() -> ExportTraceServiceRequest {
    let event =
        span::Event { time_unix_nano: 5, name: "event".into(), attributes: values(), dropped_attributes_count: 1 };
    let link = span::Link {
        trace_id: vec![0xab; 16],
        span_id: vec![0xcd; 8],
        trace_state: "a=b".into(),
        attributes: values(),
        dropped_attributes_count: 2,
        flags: 0x301,
    };
    let span = Span {
        trace_id: (1..17).collect(),
        span_id: (200..208).collect(),
        trace_state: "vendor=1".into(),
        parent_span_id: vec![9; 8],
        flags: 0x101,
        name: "GET /".into(),
        kind: 2,
        start_time_unix_nano: u64::MAX,
        end_time_unix_nano: 1_544_712_660_123_456_789,
        attributes: values(),
        dropped_attributes_count: 4,
        events: vec![event.clone(), event],
        dropped_events_count: 5,
        links: vec![link],
        dropped_links_count: 6,
        status: Some(Status { message: "broken".into(), code: 2 }),
    };
    let spans = ScopeSpans { scope: Some(scope()), spans: vec![span, Span::default()], schema_url: "inner".into() };
    let group = ResourceSpans { resource: Some(resource()), scope_spans: vec![spans], schema_url: "outer".into() };
    ExportTraceServiceRequest { resource_spans: vec![group, ResourceSpans::default()] }
}

fn exemplar(value: exemplar::Value) -> Exemplar {
    Exemplar {
        filtered_attributes: values(),
        time_unix_nano: 8,
        span_id: vec![1; 8],
        trace_id: vec![2; 16],
        value: Some(value),
    }
}

pub(super) fn metrics() -> ExportMetricsServiceRequest {
    let number = |value| NumberDataPoint {
        attributes: values(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        exemplars: vec![exemplar(exemplar::Value::AsInt(-3)), exemplar(exemplar::Value::AsDouble(0.25))],
        flags: 1,
        value: Some(value),
    };
    let histogram = HistogramDataPoint {
        attributes: values(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: u64::MAX,
        sum: Some(0.0),
        bucket_counts: vec![0, 1, u64::MAX],
        explicit_bounds: vec![-1.0, 0.1],
        exemplars: vec![exemplar(exemplar::Value::AsInt(i64::MAX))],
        flags: 1,
        min: Some(-0.5),
        max: None,
    };
    let exponential = ExponentialHistogramDataPoint {
        attributes: values(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: None,
        scale: -7,
        zero_count: 4,
        positive: Some(Buckets { offset: -5, bucket_counts: vec![1, 300, u64::MAX] }),
        negative: Some(Buckets { offset: i32::MAX, bucket_counts: vec![] }),
        flags: 1,
        exemplars: vec![],
        min: None,
        max: Some(1.5),
        zero_threshold: 0.001,
    };
    let summary = SummaryDataPoint {
        attributes: values(),
        start_time_unix_nano: 1,
        time_unix_nano: 2,
        count: 3,
        sum: 4.5,
        quantile_values: vec![ValueAtQuantile { quantile: 0.99, value: 12.0 }],
        flags: 1,
    };
    let data = [
        Data::Gauge(Gauge { data_points: vec![number(number_data_point::Value::AsDouble(0.1))] }),
        Data::Sum(Sum {
            data_points: vec![number(number_data_point::Value::AsInt(i64::MIN))],
            aggregation_temporality: 2,
            is_monotonic: true,
        }),
        Data::Histogram(Histogram { data_points: vec![histogram], aggregation_temporality: 1 }),
        Data::ExponentialHistogram(ExponentialHistogram { data_points: vec![exponential], aggregation_temporality: 2 }),
        Data::Summary(Summary { data_points: vec![summary] }),
    ];
    let metric = |data| Metric {
        name: "name".into(),
        description: "what it is".into(),
        unit: "By".into(),
        metadata: values(),
        data: Some(data),
    };
    let metrics = ScopeMetrics { scope: Some(scope()), metrics: data.map(metric).into(), schema_url: "inner".into() };
    let group =
        ResourceMetrics { resource: Some(resource()), scope_metrics: vec![metrics], schema_url: "outer".into() };
    ExportMetricsServiceRequest { resource_metrics: vec![group] }
}

pub(super) fn logs() -> ExportLogsServiceRequest {
    let record = LogRecord {
        time_unix_nano: 1,
        observed_time_unix_nano: 2,
        severity_number: 17,
        severity_text: "ERROR".into(),
        body: Some(of(Value::StringValue("line".into()))),
        attributes: values(),
        dropped_attributes_count: 1,
        flags: 1,
        trace_id: vec![3; 16],
        span_id: vec![4; 8],
        event_name: "event".into(),
    };
    let logs = ScopeLogs { scope: Some(scope()), log_records: vec![record], schema_url: "inner".into() };
    let group = ResourceLogs { resource: Some(resource()), scope_logs: vec![logs], schema_url: "outer".into() };
    ExportLogsServiceRequest { resource_logs: vec![group] }
}
