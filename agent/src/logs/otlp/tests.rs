//! Requests as OpenTelemetry's own types read them.

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message as _;

use super::*;
use crate::logs::loki::{Metadata, entry, labels};

const TIME: i64 = 1_764_000_000_123_456_789;

fn text(pair: &KeyValue) -> (String, String) {
    match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => (pair.key.clone(), text.clone()),
        other => panic!("{}: {other:?}", pair.key),
    }
}

fn pairs(attributes: &[KeyValue]) -> Vec<(String, String)> {
    attributes.iter().map(text).collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn lines_are_records_under_the_resource_of_their_container() {
    let stream = labels([
        ("host", "kraken"),
        ("project", "shop"),
        ("service", "a \"web\"\n"),
        ("stream", "stderr"),
        ("service_name", "a \"web\"\n"),
    ]);
    let container =
        |id, replica| Metadata::from_iter([("container_id", id), ("container_name", "web"), ("replica", replica)]);
    let (one, two) = (container("aaa", "1"), container("bbb", "2"));
    let mut entries = Vec::new();
    let ids = [("trace_id", "0af7651916cd43dd8448eb211c80319c"), ("span_id", "B7AD6B7169203331")];
    let facts = [("detected_level", "critical"), ("log_kind", "access"), ids[0], ids[1]];
    entry(&mut entries, TIME, "it broke", &one, &facts);
    entry(
        &mut entries,
        TIME + 1,
        "second",
        &two,
        &[("trace_id", "no id"), ("original_timestamp", "2025-11-24T15:00:00.5Z")],
    );
    entry(&mut entries, TIME + 2, "third", &one, &[("detected_level", "loud")]);
    let ids = vec!["aaa0123456789abcdef", "ccc"];
    let lines = Lines { labels: &stream, entries: &entries, ids };
    let request = request(std::iter::once(lines)).unwrap();
    let request = ExportLogsServiceRequest::decode(&*request).unwrap();
    let [first, second] = request.resource_logs.as_slice() else { panic!("two containers: {request:?}") };
    let of_host = [("host.name", "kraken"), ("service.name", "a \"web\"\n"), ("service.namespace", "shop")];
    let of = |id, instance| {
        let own = [("container.id", id), ("container.name", "web"), ("service.instance.id", instance)];
        owned(&[of_host.as_slice(), own.as_slice()].concat())
    };
    assert_eq!(pairs(&first.resource.as_ref().unwrap().attributes), of("aaa0123456789abcdef", "shop.a \"web\"\n.1"));
    assert_eq!(pairs(&second.resource.as_ref().unwrap().attributes), of("bbb", "shop.a \"web\"\n.2"));
    let scope = &first.scope_logs[0];
    assert_eq!(scope.scope.as_ref().unwrap().name, "spyhop");
    let [broke, third] = scope.log_records.as_slice() else { panic!("two lines: {scope:?}") };
    assert_eq!((broke.time_unix_nano, broke.observed_time_unix_nano), (TIME as u64, TIME as u64));
    assert_eq!((broke.severity_number, broke.severity_text.as_str()), (18, "critical"));
    assert_eq!(broke.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(broke.span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    assert_eq!(pairs(&broke.attributes), owned(&[("log.iostream", "stderr"), ("log_kind", "access")]));
    let body = broke.body.as_ref().unwrap().value.clone();
    assert_eq!(body, Some(Value::StringValue("it broke".to_owned())));
    assert_eq!(pairs(&third.attributes), owned(&[("log.iostream", "stderr"), ("detected_level", "loud")]));
    let late = &second.scope_logs[0].log_records[0];
    assert_eq!((late.time_unix_nano, late.observed_time_unix_nano), (1_763_996_400_500_000_000, TIME as u64 + 1));
    assert_eq!(pairs(&late.attributes), owned(&[("log.iostream", "stderr"), ("trace_id", "no id")]));
    assert_eq!((late.severity_number, late.trace_id.len()), (0, 0));
}

#[test]
fn what_is_no_entry_is_an_error() {
    let lines = Lines { labels: "{}", entries: &[0x12, 200, 1], ids: Vec::new() };
    assert!(request(std::iter::once(lines)).is_err());
    assert_eq!(request(std::iter::empty()).unwrap(), b"");
}
