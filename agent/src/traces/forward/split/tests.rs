//! That parts are requests, hold every record once and in order, and are as small as asked for; OpenTelemetry's own types are the oracle.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

/// Lengths of names: of spans in scopes in groups.
type Shape = Vec<Vec<Vec<usize>>>;

fn request(shape: &Shape, resource: usize) -> ExportTraceServiceRequest {
    let mut number = 0_u64;
    let mut span = |length: &usize| {
        number += 1;
        Span { span_id: number.to_be_bytes().to_vec(), name: "n".repeat(*length), ..Span::default() }
    };
    let mut scope = |(at, spans): (usize, &Vec<usize>)| ScopeSpans {
        scope: Some(InstrumentationScope { name: format!("scope {at}"), ..InstrumentationScope::default() }),
        spans: spans.iter().map(&mut span).collect(),
        schema_url: "of the scope".to_owned(),
    };
    let value = Some(AnyValue { value: Some(Value::StringValue("v".repeat(resource))) });
    let attribute = KeyValue { key: "service.name".to_owned(), value, ..KeyValue::default() };
    let mut group = |(at, scopes): (usize, &Vec<Vec<usize>>)| ResourceSpans {
        resource: Some(Resource { attributes: vec![attribute.clone()], ..Resource::default() }),
        scope_spans: scopes.iter().enumerate().map(&mut scope).collect(),
        schema_url: format!("of group {at}"),
    };
    ExportTraceServiceRequest { resource_spans: shape.iter().enumerate().map(&mut group).collect() }
}

/// Every span with what it stands under.
fn flat(requests: &[ExportTraceServiceRequest]) -> Vec<(String, String, Span)> {
    let mut flat = Vec::new();
    for group in requests.iter().flat_map(|request| &request.resource_spans) {
        for scope in &group.scope_spans {
            let name = scope.scope.clone().unwrap_or_default().name;
            flat.extend(scope.spans.iter().map(|span| (group.schema_url.clone(), name.clone(), span.clone())));
        }
    }
    flat
}

fn parted(request: &ExportTraceServiceRequest, most: usize) -> Vec<Bytes> {
    split(&request.encode_to_vec().into(), most).unwrap().unwrap()
}

#[test]
fn a_request_that_is_small_enough_is_left_alone() {
    let whole: Bytes = request(&vec![vec![vec![5, 5]]], 5).encode_to_vec().into();
    let parts = split(&whole, whole.len()).unwrap().unwrap();
    assert_eq!(parts, std::slice::from_ref(&whole));
    assert_eq!(parts[0].as_ptr(), whole.as_ptr(), "not copied");
}

#[test]
fn fields_of_newer_senders_stand_in_each_part() {
    let mut newer = Writer::new();
    newer.raw(&request(&vec![vec![vec![50; 20]]], 5).encode_to_vec());
    newer.string(90, "whatever");
    let parts = split(&newer.into_bytes().into(), 400).unwrap().unwrap();
    assert!(parts.len() > 3);
    for part in parts {
        assert!(Fields::new(&part).any(|field| field.unwrap().number == 90));
    }
}

#[test]
fn what_is_repeated_does_not_become_a_flood() {
    let many = request(&vec![vec![vec![1; 1000]]], 10_000);
    assert_eq!(split(&many.encode_to_vec().into(), 1_000).unwrap(), None);
    assert!(split(&many.encode_to_vec().into(), 25_000).unwrap().is_some());
}

#[test]
fn what_is_no_request_is_an_error() {
    assert!(split(&Bytes::from_static(&[0x0a, 200, 1, 0]), 1).is_err());
}

proptest! {
    #[test]
    fn every_span_is_in_one_part_under_what_it_stood_under(
        shape in prop::collection::vec(prop::collection::vec(prop::collection::vec(0_usize..300, 0..12), 0..4), 0..5),
        most in 200_usize..3_000,
    ) {
        let whole = request(&shape, 20);
        let Some(parts) = split(&whole.encode_to_vec().into(), most).unwrap() else { return Ok(()) };
        let read: Vec<_> = parts.iter().map(|part| ExportTraceServiceRequest::decode(part.clone()).unwrap()).collect();
        prop_assert_eq!(flat(&read), flat(std::slice::from_ref(&whole)));
        for (part, read) in parts.iter().zip(&read) {
            prop_assert!(part.len() <= most || flat(std::slice::from_ref(read)).len() <= 1, "{} bytes", part.len());
        }
        prop_assert_eq!(parted(&whole, most), parts);
    }
}
