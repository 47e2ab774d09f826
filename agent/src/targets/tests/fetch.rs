use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn only_metrics_types_are_passed_on() {
    for (value, expected) in [
        ("text/plain", true),
        ("text/plain; version=0.0.4; charset=utf-8", true),
        ("Text/Plain;version=1.0.0", true),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", true),
        ("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited", true),
        ("application/vnd.google.protobuf", false),
        ("text/html", false),
        ("text/plainly", false),
        ("application/json", false),
        ("", false),
    ] {
        let found = metrics_type(&headers(&[("content-type", value)]));
        assert_eq!(found.is_some(), expected, "{value}");
        assert!(found.is_none_or(|found| found == value));
    }
    assert!(metrics_type(&HeaderMap::new()).is_some_and(|value| value == "text/plain; version=0.0.4"));
    let long = format!("text/plain; x={}", "y".repeat(MAX_CONTENT_TYPE));
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::try_from(long).unwrap());
    assert!(metrics_type(&headers).is_none());
}

#[test]
fn only_the_encoding_that_was_asked_for_is_taken() {
    let coded = |value| headers(&[("content-encoding", value)]);
    for (headers, asked, expected) in [
        (HeaderMap::new(), true, Some(false)),
        (coded("identity"), true, Some(false)),
        (coded("gzip"), true, Some(true)),
        (coded("GZIP"), true, Some(true)),
        (coded("gzip"), false, None),
        (coded("br"), true, None),
        (coded("gzip, gzip"), true, None),
        (headers(&[("content-encoding", "gzip"), ("content-encoding", "gzip")]), true, None),
    ] {
        assert_eq!(gzip(&headers, asked), expected, "{headers:?}");
    }
}

#[test]
fn patience_is_less_than_the_clients() {
    let cap = Duration::from_secs(10);
    for (header, milliseconds) in [
        ("1", 950),
        ("1.000000", 950),
        ("0.1", 95),
        ("5", 4750),
        ("10.5", 10_000),
        ("30", 10_000),
        ("1e300", 10_000),
        ("0", 10_000),
        ("-1", 10_000),
        ("NaN", 10_000),
        ("inf", 10_000),
        ("ten", 10_000),
    ] {
        let found = patience(Some(&HeaderValue::from_static(header)), cap);
        assert_eq!(found.as_millis(), milliseconds, "{header}");
    }
    assert_eq!(patience(None, cap), cap);
}
