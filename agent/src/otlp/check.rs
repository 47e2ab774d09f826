//! Whether bytes are a request, to the last field.
//!
//! What is walked for what is changed in it ([`super::wire`]) looks at little of a span. A back end decodes all of it and refuses a whole request for
//! one broken attribute, by which time records of many senders may stand in one. So each is read once at the door, against the tables that JSON
//! is read by; fields they do not have are passed over, as newer senders may write any.
//!
//! Source: the encoding document of Protocol Buffers; strings are UTF-8 in proto3, and decoders refuse others.

use super::{
    Signal,
    json::table::{self, Entry, Kind},
    wire::{Field, Fields, Malformed, Value},
};

/// Messages in messages, as decoders allow at most.
const MAX_DEPTH: u32 = 100;

/// Reads a whole request.
///
/// # Errors
/// It is none of this signal.
pub fn check(signal: Signal, request: &[u8]) -> Result<(), Malformed> {
    message(request, table::request(signal), MAX_DEPTH)
}

fn message(bytes: &[u8], entries: &[Entry], depth: u32) -> Result<(), Malformed> {
    let depth = depth.checked_sub(1).ok_or(Malformed::Depth)?;
    for field in Fields::new(bytes) {
        let field = field?;
        if let Some(entry) = entries.iter().find(|entry| entry.number == field.number) {
            value(field, entry, depth)?;
        }
    }
    Ok(())
}

fn value(field: Field<'_>, entry: &Entry, depth: u32) -> Result<(), Malformed> {
    use Kind::{
        Base64, Bool, Double, Enum, Fixed32, Fixed64, Id, Int64, Message, Sfixed64, Sint32, Text, Uint32, Uint64,
    };
    match (entry.kind, field.value) {
        (Message(inner), Value::Bytes(bytes)) => message(bytes, inner, depth),
        (Text, Value::Bytes(bytes)) => std::str::from_utf8(bytes).map(drop).map_err(|_| Malformed::Text),
        (Id | Base64, Value::Bytes(_))
        | (Bool | Enum | Uint32 | Int64 | Uint64 | Sint32, Value::Varint(_))
        | (Double | Fixed64 | Sfixed64, Value::Fixed64(_))
        | (Fixed32, Value::Fixed32(_)) => Ok(()),
        (Double | Fixed64 | Sfixed64, Value::Bytes(packed)) if entry.many => whole(packed.len(), 8),
        (Fixed32, Value::Bytes(packed)) if entry.many => whole(packed.len(), 4),
        (Bool | Enum | Uint32 | Int64 | Uint64 | Sint32, Value::Bytes(packed)) if entry.many => varints(packed),
        _ => Err(Malformed::WireType),
    }
}

fn whole(length: usize, each: usize) -> Result<(), Malformed> {
    if length.is_multiple_of(each) { Ok(()) } else { Err(Malformed::Length) }
}

/// Numbers one behind the other, none of them longer than 64 bits.
fn varints(packed: &[u8]) -> Result<(), Malformed> {
    let mut length = 0;
    for byte in packed {
        length += 1;
        if length == 10 && *byte > 1 {
            return Err(Malformed::Varint);
        }
        if byte & 0x80 == 0 {
            length = 0;
        }
    }
    if length == 0 { Ok(()) } else { Err(Malformed::Varint) }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        collector::{
            logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
            trace::v1::ExportTraceServiceRequest,
        },
        common::v1::{AnyValue, ArrayValue, KeyValue, any_value::Value as Any},
        metrics::v1::{Histogram, HistogramDataPoint, Metric, ResourceMetrics, ScopeMetrics, metric::Data},
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Span, span::Event},
    };
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn attribute(value: Any) -> KeyValue {
        KeyValue { key: "k".to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    fn spans() -> Vec<u8> {
        let nested = Any::ArrayValue(ArrayValue { values: vec![AnyValue { value: Some(Any::DoubleValue(1.5)) }] });
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "GET /ü".to_owned(),
            kind: 2,
            start_time_unix_nano: 1,
            end_time_unix_nano: 2,
            attributes: vec![attribute(Any::IntValue(-1)), attribute(nested)],
            events: vec![Event { name: "e".to_owned(), time_unix_nano: 3, ..Event::default() }],
            ..Span::default()
        };
        let group = ResourceSpans {
            resource: Some(Resource { attributes: vec![attribute(Any::BoolValue(true))], ..Resource::default() }),
            scope_spans: vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }],
            schema_url: "https://opentelemetry.io/schemas/1.44.0".to_owned(),
        };
        ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec()
    }

    fn metrics() -> Vec<u8> {
        let point = HistogramDataPoint {
            bucket_counts: vec![1, 2, 3],
            explicit_bounds: vec![0.5, 1.0],
            sum: Some(3.0),
            count: 6,
            ..HistogramDataPoint::default()
        };
        let data = Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: 2 });
        let metric = Metric { name: "m".to_owned(), data: Some(data), ..Metric::default() };
        let scope = ScopeMetrics { metrics: vec![metric], ..ScopeMetrics::default() };
        let group = ResourceMetrics { scope_metrics: vec![scope], ..ResourceMetrics::default() };
        ExportMetricsServiceRequest { resource_metrics: vec![group] }.encode_to_vec()
    }

    /// Whether OpenTelemetry's own types read it.
    fn decodes(signal: Signal, bytes: &[u8]) -> bool {
        match signal {
            Signal::Traces => ExportTraceServiceRequest::decode(bytes).is_ok(),
            Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).is_ok(),
            Signal::Logs => ExportLogsServiceRequest::decode(bytes).is_ok(),
        }
    }

    #[test]
    fn whole_requests_are_requests_of_their_signal() {
        assert_eq!(check(Signal::Traces, &spans()), Ok(()));
        assert_eq!(check(Signal::Metrics, &metrics()), Ok(()));
        for signal in Signal::ALL {
            assert_eq!(check(signal, b""), Ok(()));
        }
        assert!(check(Signal::Logs, &spans()).is_err(), "a span is no log record");
        assert!(check(Signal::Traces, &metrics()).is_err(), "a metric is no span");
    }

    #[test]
    fn one_broken_attribute_deep_inside_is_found() {
        let good = spans();
        // The key of an attribute, and of its event: text that is none.
        let at = good.windows(3).position(|bytes| bytes == [0x0a, 1, b'k']).unwrap() + 2;
        let mut broken = good;
        broken[at] = 0xff;
        assert_eq!(check(Signal::Traces, &broken), Err(Malformed::Text));
    }

    #[test]
    fn depth_has_a_ceiling() {
        let mut value = AnyValue { value: Some(Any::BoolValue(true)) };
        for _ in 0..60 {
            value = AnyValue { value: Some(Any::ArrayValue(ArrayValue { values: vec![value] })) };
        }
        let pair = KeyValue { key: "k".to_owned(), value: Some(value), ..KeyValue::default() };
        let resource = Some(Resource { attributes: vec![pair], ..Resource::default() });
        let group = ResourceSpans { resource, ..ResourceSpans::default() };
        let request = ExportTraceServiceRequest { resource_spans: vec![group] }.encode_to_vec();
        assert_eq!(check(Signal::Traces, &request), Err(Malformed::Depth));
        assert!(!decodes(Signal::Traces, &request), "nor does anybody else take it");
    }

    proptest! {
        /// A byte changed anywhere: what OpenTelemetry's types refuse is refused, and nothing else.
        #[test]
        fn it_says_what_a_decoder_says(which in 0..2_usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let (signal, mut bytes) = if which == 0 { (Signal::Traces, spans()) } else { (Signal::Metrics, metrics()) };
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let groups = Fields::new(&bytes).any(|field| field == Err(Malformed::WireType));
            prop_assert_eq!(check(signal, &bytes).is_ok(), decodes(signal, &bytes), "{} {}", at, groups);
        }
    }
}
