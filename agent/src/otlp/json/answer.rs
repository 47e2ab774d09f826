//! What a sender that asked in JSON is answered with.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::otlp::Signal;

/// All was taken: an `Export*ServiceResponse` without `partialSuccess`.
pub const fn success() -> &'static str {
    "{}"
}

/// Taken in part, or with a warning where `rejected` is 0.
pub fn partial(signal: Signal, rejected: u64, message: &str) -> String {
    let mut partial = Map::new();
    if rejected > 0 {
        // A number of 64 bits is a string, for languages whose numbers have 53.
        partial.insert(signal.rejected_key().into(), rejected.to_string().into());
    }
    partial.insert("errorMessage".into(), message.into());
    json!({ "partialSuccess": partial }).to_string()
}

/// A `google.rpc.Status`: `code` of gRPC, with `RetryInfo` where the sender is to come again after `retry`.
pub fn status(code: u32, message: &str, retry: Option<Duration>) -> String {
    let mut status = Map::new();
    status.insert("code".into(), code.into());
    status.insert("message".into(), message.into());
    if let Some(delay) = retry {
        let info = json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": seconds(delay) });
        status.insert("details".into(), vec![info].into());
    }
    Value::from(status).to_string()
}

/// A `google.protobuf.Duration` in JSON, to the millisecond.
fn seconds(delay: Duration) -> String {
    match delay.subsec_millis() {
        0 => format!("{}s", delay.as_secs()),
        milliseconds => format!("{}.{milliseconds:03}s", delay.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::{
        logs::v1::ExportLogsServiceResponse, metrics::v1::ExportMetricsServiceResponse,
        trace::v1::ExportTraceServiceResponse,
    };

    use super::*;

    #[test]
    fn the_protocols_own_types_read_a_success_and_a_partial_one() {
        let traces: ExportTraceServiceResponse = serde_json::from_str(success()).unwrap();
        assert_eq!(traces.partial_success, None);

        let text = partial(Signal::Traces, 5, "5 spans \"without\" an id");
        assert_eq!(text, r#"{"partialSuccess":{"errorMessage":"5 spans \"without\" an id","rejectedSpans":"5"}}"#);
        let text = partial(Signal::Logs, 0, "a warning");
        assert_eq!(text, r#"{"partialSuccess":{"errorMessage":"a warning"}}"#);
        assert!(partial(Signal::Metrics, u64::MAX, "").contains(r#""rejectedDataPoints":"18446744073709551615""#));
        let _: ExportLogsServiceResponse = serde_json::from_str("{}").unwrap();
        let _: ExportMetricsServiceResponse = serde_json::from_str("{}").unwrap();
    }

    #[test]
    fn a_status_is_one_of_google_rpc() {
        assert_eq!(status(3, "no id", None), r#"{"code":3,"message":"no id"}"#);
        let text = status(14, "full", Some(Duration::from_millis(2500)));
        let read: Value = serde_json::from_str(&text).unwrap();
        let info = json!({ "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2.500s" });
        assert_eq!(read, json!({ "code": 14, "message": "full", "details": [info] }));
        assert_eq!(seconds(Duration::from_secs(30)), "30s");
    }
}
