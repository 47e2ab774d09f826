//! Requests in JSON against OpenTelemetry's own types and their JSON, where these keep to the specification; by hand where they do not.

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, ArrayValue, KeyValueList, any_value::Value},
    trace::v1::Span,
};
use proptest::{collection::vec, prelude::*};
use prost::Message;

use self::samples::{logs, metrics, of, pair, traces};
use super::*;

#[path = "tests/samples.rs"]
mod samples;

fn converted(signal: Signal, body: &[u8]) -> Vec<u8> {
    let mut out = b"before".to_vec();
    to_protobuf(signal, body, usize::MAX, &mut out)
        .unwrap_or_else(|mistake| panic!("{}: {mistake}", String::from_utf8_lossy(body)));
    out.split_off(6)
}

#[test]
fn every_field_of_every_message_is_carried_over() {
    fn same<M: Message + Default + PartialEq + std::fmt::Debug + serde::Serialize>(signal: Signal, request: &M) {
        let bytes = converted(signal, &serde_json::to_vec(request).unwrap());
        assert_eq!(&M::decode(bytes.as_slice()).unwrap(), request);
        let bytes = converted(signal, &serde_json::to_vec_pretty(request).unwrap());
        assert_eq!(&M::decode(bytes.as_slice()).unwrap(), request, "with blanks");
    }
    same(Signal::Traces, &traces());
    same(Signal::Metrics, &metrics());
    same(Signal::Logs, &logs());
}

/// The attribute's value that `{"attributes":[{"key":"k","value":...}]}` gives, or the mistake.
fn value(json: &str) -> Result<Option<Value>, String> {
    let body = format!(r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"k","value":{json}}}]}}}}]}}"#);
    let mut out = Vec::new();
    to_protobuf(Signal::Logs, body.as_bytes(), usize::MAX, &mut out).map_err(|mistake| mistake.to_string())?;
    let request = ExportLogsServiceRequest::decode(out.as_slice()).unwrap();
    Ok(request.resource_logs[0].resource.as_ref().unwrap().attributes[0]
        .value
        .as_ref()
        .and_then(|value| value.value.clone()))
}

#[test]
fn values_are_what_the_mapping_says() {
    for (json, meant) in [
        (r#"{"intValue":"12"}"#, Some(Value::IntValue(12))),
        (r#"{"intValue":12}"#, Some(Value::IntValue(12))),
        (r#"{"intValue":-0}"#, Some(Value::IntValue(0))),
        (r#"{"intValue":1e3}"#, Some(Value::IntValue(1000))),
        (r#"{"intValue":"12.0"}"#, Some(Value::IntValue(12))),
        (r#"{"intValue":"-9223372036854775808"}"#, Some(Value::IntValue(i64::MIN))),
        (r#"{"intValue":9223372036854775807}"#, Some(Value::IntValue(i64::MAX))),
        (r#"{"doubleValue":1}"#, Some(Value::DoubleValue(1.0))),
        (r#"{"doubleValue":0.1}"#, Some(Value::DoubleValue(0.1))),
        // One that a fast way of reading gets wrong in the last bit.
        (r#"{"doubleValue":2.2250738585072011e-308}"#, Some(Value::DoubleValue(2.225_073_858_507_201e-308))),
        (r#"{"doubleValue":"-1.5"}"#, Some(Value::DoubleValue(-1.5))),
        (r#"{"doubleValue":"Infinity"}"#, Some(Value::DoubleValue(f64::INFINITY))),
        (r#"{"doubleValue":"-Infinity"}"#, Some(Value::DoubleValue(f64::NEG_INFINITY))),
        (r#"{"boolValue":false}"#, Some(Value::BoolValue(false))),
        (r#"{"stringValue":""}"#, Some(Value::StringValue(String::new()))),
        (r#"{"bytesValue":"AP8D+g=="}"#, Some(Value::BytesValue(vec![0, 255, 3, 250]))),
        (r#"{"bytesValue":"AP8D-g"}"#, Some(Value::BytesValue(vec![0, 255, 3, 250]))),
        (r#"{"arrayValue":{}}"#, Some(Value::ArrayValue(ArrayValue::default()))),
        (
            r#"{"arrayValue":{"values":[null,{}]}}"#,
            Some(Value::ArrayValue(ArrayValue { values: vec![AnyValue::default(); 2] })),
        ),
        (r#"{"kvlistValue":{"values":null}}"#, Some(Value::KvlistValue(KeyValueList::default()))),
        (r#"{"string\u0056alue":"x"}"#, Some(Value::StringValue("x".into()))),
        (r#"{"stringValue":"\ud800"}"#, Some(Value::StringValue("\u{fffd}".into()))),
        ("{}", None),
        ("null", None),
        (r#"{"stringValue":null}"#, None),
        // Names of the proto files, names of another case and fields that came later are all unknown.
        (r#"{"string_value":"x","StringValue":"x","laterValue":{"deep":[1,{"a":null}]}}"#, None),
    ] {
        assert_eq!(value(json), Ok(meant), "{json}");
    }
    assert!(matches!(value(r#"{"doubleValue":"NaN"}"#), Ok(Some(Value::DoubleValue(number))) if number.is_nan()));
}

#[test]
fn values_of_another_type_are_refused() {
    for json in [
        r#"{"intValue":1.5}"#,
        r#"{"intValue":"x"}"#,
        r#"{"intValue":""}"#,
        r#"{"intValue":" 1"}"#,
        r#"{"intValue":"+1"}"#,
        r#"{"intValue":true}"#,
        r#"{"intValue":9223372036854775808}"#,
        r#"{"intValue":1e400}"#,
        r#"{"doubleValue":"inf"}"#,
        r#"{"doubleValue":"nan"}"#,
        r#"{"doubleValue":""}"#,
        r#"{"doubleValue":1e400}"#,
        r#"{"boolValue":"true"}"#,
        r#"{"boolValue":1}"#,
        r#"{"stringValue":1}"#,
        r#"{"bytesValue":"*"}"#,
        r#"{"arrayValue":[]}"#,
        r#"{"kvlistValue":{"values":[null]}}"#,
        r#"{"kvlistValue":{"values":{}}}"#,
        "[]",
        "1",
    ] {
        assert!(value(json).is_err(), "{json}");
    }
}

fn span(fields: &str) -> Result<Span, String> {
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{fields}}}]}}]}}]}}"#);
    let mut out = Vec::new();
    to_protobuf(Signal::Traces, body.as_bytes(), usize::MAX, &mut out).map_err(|mistake| mistake.to_string())?;
    let mut request = ExportTraceServiceRequest::decode(out.as_slice()).unwrap();
    Ok(request.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0))
}

#[test]
fn the_deviations_of_otlp_are_kept() {
    // Ids in hexadecimal digits of either case. As base64 this one would be 24 bytes.
    let read =
        span(r#""traceId":"5B8EFFF798038103d269b633813fc60c","spanId":"EEE19b7ec3c1b174","parentSpanId":"""#).unwrap();
    let id = [0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03, 0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c];
    assert_eq!((read.trace_id, read.span_id.len(), read.parent_span_id), (id.to_vec(), 8, vec![]));
    // Of a wrong length it is the span that is wrong, and not the request.
    assert_eq!(span(r#""traceId":"abcd""#).unwrap().trace_id, [0xab, 0xcd]);
    for id in ["abc", "zz", "W47/95gDgQPSabYzgT/GDA==", "+1"] {
        assert!(span(&format!(r#""spanId":"{id}""#)).is_err(), "{id}");
    }

    // Enums are numbers, of which there may be more some day.
    assert_eq!(span(r#""kind":2,"status":{"code":2}"#).unwrap().status.unwrap().code, 2);
    assert_eq!(span(r#""kind":77"#).unwrap().kind, 77);
    assert_eq!(span(r#""kind":-1"#).unwrap().kind, -1);
    for kind in [r#""SPAN_KIND_SERVER""#, r#""2""#, "2.5", "3000000000"] {
        assert!(span(&format!(r#""kind":{kind}"#)).is_err(), "{kind}");
    }
    assert!(span(r#""status":{"code":"STATUS_CODE_ERROR"}"#).unwrap_err().contains("the number of an enum"));

    // Unknown fields are ignored, whatever is in them; keys of the proto files are unknown.
    let read = span(
        r#""new":{"a":[[],{}]},"trace_id":"zz","trace_id":7,"name":"n","startTimeUnixNano":5,"endTimeUnixNano":"6""#,
    )
    .unwrap();
    assert_eq!((read.name.as_str(), read.start_time_unix_nano, read.end_time_unix_nano), ("n", 5, 6));
    assert_eq!(span(r#""name":"first","name":"last""#).unwrap().name, "last");
    assert!(span(r#""flags":4294967296"#).unwrap_err().contains("out of range"));
    assert!(span(r#""startTimeUnixNano":-1"#).is_err());
}

#[test]
fn an_empty_request_is_one_and_an_empty_body_is_none() {
    for signal in Signal::ALL {
        assert_eq!(converted(signal, b" {} "), b"");
        assert_eq!(converted(signal, br#"{"resourceSpans":null,"other":[1]}"#), b"");
        for body in ["", "null", "[]", "{} {}", "{\"a\":}", "\u{feff}{}"] {
            let mut out = vec![1];
            assert!(to_protobuf(signal, body.as_bytes(), usize::MAX, &mut out).is_err(), "{body}");
            assert_eq!(out, [1]);
        }
    }
}

/// Receivers written with the usual libraries stop at a hundred messages in each other: none that is taken here is refused there for that.
#[test]
fn the_deepest_request_that_is_taken_can_be_decoded() {
    let nested =
        |levels: usize, open: &str, close: &str| value(&format!("{}{{}}{}", open.repeat(levels), close.repeat(levels)));
    for (open, close) in [(r#"{"kvlistValue":{"values":[{"value":"#, "}]}}"), (r#"{"arrayValue":{"values":["#, "]}}")] {
        let deepest = (1..100).take_while(|levels| nested(*levels, open, close).is_ok()).last().unwrap();
        assert!((25..50).contains(&deepest), "{deepest}");
        assert!(nested(deepest + 1, open, close).unwrap_err().contains("nested too deeply"));
    }
}

#[test]
fn a_body_that_would_grow_without_measure_is_refused() {
    let body = |zeros: usize| {
        let bounds = vec!["0"; zeros].join(",");
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"histogram":{{"dataPoints":[{{"explicitBounds":[{bounds}]}}]}}}}]}}]}}]}}"#
        )
    };
    assert!(to_protobuf(Signal::Metrics, body(100_000).as_bytes(), usize::MAX, &mut Vec::new()).is_ok());
    let mistake = to_protobuf(Signal::Metrics, body(1_000_000).as_bytes(), usize::MAX, &mut Vec::new()).unwrap_err();
    assert_eq!(mistake.what, What::Growth);
    let mistake = to_protobuf(Signal::Metrics, body(100_000).as_bytes(), 700_000, &mut Vec::new()).unwrap_err();
    assert_eq!(mistake.what, What::Growth, "eight hundred thousand bytes of seven");
}

/// Values of any depth that the types' own JSON can write. It writes no NaN.
fn any_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<String>().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        (-1e300..1e300).prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..9).prop_map(Value::BytesValue),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4)
                .prop_map(|values| Value::ArrayValue(ArrayValue { values: values.into_iter().map(of).collect() })),
            vec((any::<String>(), inner), 0..4).prop_map(|pairs| {
                let values = pairs.into_iter().map(|(key, value)| pair(&key, value)).collect();
                Value::KvlistValue(KeyValueList { values })
            }),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_is_carried_over(meant in any_values()) {
        let json = serde_json::to_string(&of(meant.clone())).unwrap();
        prop_assert_eq!(value(&json), Ok(Some(meant)));
    }

    #[test]
    fn a_request_cut_off_is_refused(cut in any::<prop::sample::Index>()) {
        let body = serde_json::to_vec(&traces()).unwrap();
        let mut out = Vec::new();
        prop_assert!(to_protobuf(Signal::Traces, &body[..cut.index(body.len())], usize::MAX, &mut out).is_err());
        prop_assert!(out.is_empty());
    }
}
