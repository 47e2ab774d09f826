//! The tables of the specification, row by row, and answers as the Collector 0.159 gives them.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

/// `google.rpc.Status` of code 14 with a `RetryInfo` of 2.5 s, from the Collector.
const RETRY_IN_2_5_S: &str =
    "CA4SB3NhaWQgc28aNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIKCggIAhCAyrXuAQ";

fn details() -> Vec<u8> {
    BASE64_STANDARD_NO_PAD.decode(RETRY_IN_2_5_S).unwrap()
}

#[test]
fn every_code_of_grpc_is_what_the_specification_says() {
    let plain: Vec<_> = (0..=17).map(|code| grpc(code, "said so", &[], &[]).verdict).collect();
    use Verdict::{Delivered, Drop, Hold, Retry};
    assert_eq!(
        plain,
        [
            Delivered, // OK
            Retry,     // CANCELLED
            Drop,      // UNKNOWN
            Drop,      // INVALID_ARGUMENT
            Retry,     // DEADLINE_EXCEEDED
            Drop,      // NOT_FOUND
            Drop,      // ALREADY_EXISTS
            Hold,      // PERMISSION_DENIED
            Drop,      // RESOURCE_EXHAUSTED without RetryInfo
            Drop,      // FAILED_PRECONDITION
            Retry,     // ABORTED
            Retry,     // OUT_OF_RANGE
            Hold,      // UNIMPLEMENTED
            Drop,      // INTERNAL
            Retry,     // UNAVAILABLE
            Retry,     // DATA_LOSS
            Hold,      // UNAUTHENTICATED
            Drop,      // no code there is
        ]
    );
}

#[test]
fn a_delay_makes_two_codes_ask_for_patience() {
    for (code, verdict, after) in [
        (8, Verdict::Slower, Some(2_500)),
        (14, Verdict::Slower, Some(2_500)),
        (4, Verdict::Retry, Some(2_500)),
        (3, Verdict::Drop, None),
    ] {
        let sorted = grpc(code, "said so", &details(), &[]);
        assert_eq!((sorted.verdict, sorted.after), (verdict, after.map(Duration::from_millis)), "{code}");
    }
}

#[test]
fn every_status_of_http_is_what_the_specification_says() {
    let said = |verdict| move |status: &u16| http(*status, None, b"").verdict == verdict;
    let all = || 100..=599_u16;
    let of = |verdict| all().filter(said(verdict)).collect::<Vec<_>>();
    assert_eq!(of(Verdict::Delivered), (200..300).collect::<Vec<_>>());
    // Retryable: these four, and no other.
    assert_eq!(of(Verdict::Slower), [429]);
    assert_eq!(of(Verdict::Retry), [502, 503, 504]);
    assert_eq!(of(Verdict::Halve), [413]);
    let held = (100..200).chain(300..400).chain([401, 403, 404, 405, 407, 415, 501, 505]);
    assert_eq!(of(Verdict::Hold), held.collect::<Vec<_>>());
    for status in [400, 408, 409, 422, 500] {
        assert_eq!(http(status, None, b"").verdict, Verdict::Drop, "{status}");
    }
}

#[test]
fn the_longer_of_two_delays_counts_and_both_are_capped() {
    let seconds = |n| Some(Duration::from_secs(n));
    assert_eq!(http(503, seconds(2), &details()).after, Some(Duration::from_millis(2_500)));
    assert_eq!(http(503, seconds(2), &details()).words, "said so");
    assert_eq!(http(429, seconds(7), &details()).after, seconds(7));
    assert_eq!(http(429, seconds(9_999), b"").after, Some(MAX_WAIT));
    assert_eq!(http(503, seconds(7), b"").verdict, Verdict::Slower);
    assert_eq!(http(500, seconds(7), b"").after, None, "never sent again, so nothing waits");
}

#[test]
fn partial_successes_are_counted_and_never_sent_again() {
    let partial = |rejected_spans, error_message: &str| {
        let partial = ExportTracePartialSuccess { rejected_spans, error_message: error_message.to_owned() };
        ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
    };
    let logs = ExportLogsPartialSuccess { rejected_log_records: 5, error_message: "too old".to_owned() };
    let logs = ExportLogsServiceResponse { partial_success: Some(logs) }.encode_to_vec();
    let long = partial(7, &"long ".repeat(1000));
    for (body, rejected, words) in [
        (&b""[..], 0, ""),
        (b"\x0a\x00", 0, ""),
        (&partial(3, "no ids"), 3, "no ids"),
        (&partial(0, "deprecated"), 0, "deprecated"),
        (&partial(-4, ""), 0, ""),
        (&logs, 5, "too old"),
        (&long[..100], 7, ""),
        (b"{}", 0, ""),
        (br#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no ids"}}"#, 3, "no ids"),
        (br#"{"partialSuccess":{"rejectedLogRecords":4}}"#, 4, ""),
        (b"\xff\xff\xff", 0, ""),
        (b"ok\n", 0, ""),
    ] {
        for sorted in [http(200, None, body), grpc(0, "", &[], body)] {
            let told = (sorted.verdict, sorted.rejected, sorted.words.as_str());
            assert_eq!(told, (Verdict::Delivered, rejected, words), "{body:?}");
        }
    }
}

#[test]
fn a_page_is_no_acknowledgement() {
    assert_eq!(http(200, None, b"  <!DOCTYPE html><title>Sign in</title>").verdict, Verdict::Hold);
}

#[test]
fn refusals_for_size_are_known_by_their_words() {
    let collector = b"\x08\x03\x12\x1chttp: request body too large";
    assert_eq!(http(400, None, collector).verdict, Verdict::Halve);
    assert_eq!(http(400, None, b"\x08\x03\x12\x0eunexpected EOF").verdict, Verdict::Drop);
    for (code, words) in [
        (8, "grpc: received message larger than max (5242880 vs. 4194304)"),
        (8, "Received message larger than max (5242880 vs. 4194304)"),
        (8, "gRPC message exceeds maximum size 4194304: 5242880"),
        (8, "Received message exceeds the maximum configured message size."),
        // tonic: retryable by its code, and would be sent for ever.
        (11, "Error, decoded message length too large: found 5242880 bytes, the limit is: 4194304 bytes"),
    ] {
        assert_eq!(grpc(code, words, &[], &[]).verdict, Verdict::Halve, "{words}");
    }
    assert_eq!(grpc(8, "quota of the day is used up", &[], &[]).verdict, Verdict::Drop);
    assert_eq!(grpc(3, "span name too long", &[], &[]).verdict, Verdict::Drop);
}

#[test]
fn words_are_one_short_line() {
    let words = http(500, None, "no\n\u{1b}[31mé ".repeat(200).as_bytes()).words;
    assert!(words.chars().count() <= MAX_WORDS && !words.chars().any(char::is_control), "{words}");
}

proptest! {
    #[test]
    fn nothing_that_a_server_says_is_too_much(code in 0_u32..20, status in 100_u16..600, body: Vec<u8>, more: Vec<u8>) {
        for sorted in [http(status, None, &body), grpc(code, "", &body, &more)] {
            prop_assert!(sorted.after.is_none_or(|after| after <= MAX_WAIT));
            prop_assert!(sorted.words.chars().count() <= MAX_WORDS);
        }
    }
}
