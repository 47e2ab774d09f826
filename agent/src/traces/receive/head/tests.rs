use http::Request;

use super::*;
use crate::otlp::Code;

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// `version method path`, then headers.
fn read(line: &str, headers: &[(&str, &str)]) -> Result<Head, Box<Denied>> {
    let words: Vec<&str> = line.split(' ').collect();
    let version = if words[0] == "2" { Version::HTTP_2 } else { Version::HTTP_11 };
    let mut request = Request::builder().version(version).method(words[1]).uri(words[2]);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Head::read(&request.body(()).unwrap().into_parts().0)
}

fn denied(line: &str, headers: &[(&str, &str)]) -> (Voice, u16, Code) {
    let Denied { voice, refusal, .. } = *read(line, headers).unwrap_err();
    (voice, refusal.http.as_u16(), refusal.status.code)
}

#[test]
fn every_signal_is_found_over_both_transports() {
    for signal in Signal::ALL {
        let head = read(&format!("1 POST {}", signal.http_path()), &[("content-type", "application/json")]).unwrap();
        assert_eq!((head.signal, head.voice), (signal, Voice::Json));
        let head = read(&format!("2 POST {}", signal.grpc_path()), &[("content-type", "application/grpc")]).unwrap();
        assert_eq!((head.signal, head.voice), (signal, Voice::Grpc { named: false }));
    }
}

#[test]
fn content_types_are_read_without_parameters_and_case() {
    for (value, voice) in [
        ("application/json; charset=utf-8", Voice::Json),
        ("Application/JSON", Voice::Json),
        ("application/x-protobuf;x=y", Voice::Protobuf),
        (" application/x-protobuf ", Voice::Protobuf),
    ] {
        assert_eq!(read("1 POST /v1/traces", &[("content-type", value)]).unwrap().voice, voice, "{value}");
    }
    for (value, voice) in [
        ("application/grpc", Voice::Grpc { named: false }),
        ("application/grpc+proto", Voice::Grpc { named: true }),
        ("application/grpc; charset=utf-8", Voice::Grpc { named: false }),
    ] {
        assert_eq!(read(&format!("2 POST {TRACES}"), &[("content-type", value)]).unwrap().voice, voice, "{value}");
    }
}

#[test]
fn what_is_asked_otherwise_is_told_why() {
    const JSON: (&str, &str) = ("content-type", "application/json");
    const GRPC: (&str, &str) = ("content-type", "application/grpc");
    let grpc = Voice::Grpc { named: false };
    for (line, headers, expected) in [
        ("1 POST /v1/spans", &[JSON][..], (Voice::Json, 404, Code::Unimplemented)),
        ("1 GET /", &[], (Voice::Text, 404, Code::Unimplemented)),
        ("1 GET /v1/traces", &[], (Voice::Text, 405, Code::Unimplemented)),
        ("1 PUT /v1/traces", &[JSON], (Voice::Json, 405, Code::Unimplemented)),
        ("1 POST /v1/traces", &[], (Voice::Text, 415, Code::InvalidArgument)),
        ("1 POST /v1/traces", &[("content-type", "text/plain")], (Voice::Text, 415, Code::InvalidArgument)),
        ("1 POST /v1/traces", &[GRPC], (Voice::Text, 505, Code::Internal)),
        ("1 POST /v1/traces", &[JSON, ("content-encoding", "br")], (Voice::Json, 415, Code::Unimplemented)),
        ("1 POST /v1/traces", &[JSON, ("content-encoding", "gzip, gzip")], (Voice::Json, 415, Code::Unimplemented)),
        ("2 POST /v1/traces", &[GRPC], (grpc, 404, Code::Unimplemented)),
        ("2 POST /a.b/C", &[GRPC], (grpc, 404, Code::Unimplemented)),
        ("2 POST /a.b/C", &[], (Voice::Text, 404, Code::Unimplemented)),
        ("2 POST /v1/traces", &[("content-type", "application/grpc-web")], (Voice::Text, 415, Code::InvalidArgument)),
    ] {
        assert_eq!(denied(line, headers), expected, "{line} {headers:?}");
    }
    let line = format!("2 POST {TRACES}");
    for (headers, code) in [
        (&[GRPC, ("grpc-encoding", "snappy")][..], Code::Unimplemented),
        (&[GRPC, ("grpc-timeout", "soon")], Code::Internal),
        (&[("content-type", "application/grpc+json")], Code::Unimplemented),
    ] {
        assert_eq!(denied(&line, headers), (grpc, denied(&line, headers).1, code), "{headers:?}");
    }
}

#[test]
fn encodings_are_gzip_and_none() {
    for (value, gzip) in
        [("gzip", true), ("GZIP", true), ("x-gzip", true), ("identity", false), ("", false), ("identity, gzip", true)]
    {
        let protobuf = [("content-type", "application/x-protobuf"), ("content-encoding", value)];
        assert_eq!(read("1 POST /v1/logs", &protobuf).unwrap().gzip, gzip, "{value:?}");
        let grpc = [("content-type", "application/grpc"), ("grpc-encoding", value)];
        assert_eq!(read(&format!("2 POST {TRACES}"), &grpc).unwrap().gzip, gzip, "{value:?}");
    }
}

#[test]
fn timeouts_are_eight_digits_and_a_unit() {
    for (value, expected) in [
        ("1S", Some(Duration::from_secs(1))),
        ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
        ("2M", Some(Duration::from_secs(120))),
        ("10m", Some(Duration::from_millis(10))),
        ("10u", Some(Duration::from_micros(10))),
        ("10n", Some(Duration::from_nanos(10))),
        ("0S", Some(Duration::ZERO)),
        ("100000000n", None),
        ("S", None),
        ("", None),
        ("1", None),
        ("-1S", None),
        ("1s", None),
        ("1.5S", None),
    ] {
        assert_eq!(patience(value.as_bytes()), expected, "{value:?}");
    }
}
