use super::*;

/// A verdict, its reason, refusals (lines, -1 for unknown), and the stream that is named.
type Row = (u16, &'static str, usize, Verdict, Option<Reason>, &'static [(Reason, i64)], Option<&'static str>);

const TOO_FAR_BEHIND: &str = "\
entry with timestamp 2026-11-28 04:48:13.603118014 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: \
2026-11-28T04:48:13Z, oldest acceptable timestamp is: 2026-11-28T04:48:14Z',
entry with timestamp 2026-11-28 04:48:12.603118014 +0000 UTC ignored, reason: 'entry too far behind, entry timestamp is: \
2026-11-28T04:48:12Z, oldest acceptable timestamp is: 2026-11-28T04:48:14Z',
user 'fake', total ignored: 12 out of 40 for stream: {app=\"far }\\\" away\", service_name=\"far\"}
";

const PER_STREAM: &str = "\
entry with timestamp 2026-11-28 05:48:14.62763741 +0000 UTC ignored, reason: 'Per stream rate limit exceeded (limit: 10KB/sec) while \
attempting to ingest for stream '{app=\"x\", service_name=\"x\"}' totaling 1000B, consider splitting a stream via additional labels or \
contact your Loki administrator to see if the limit can be increased',
user 'fake', total ignored: 1 out of 1 for stream: {app=\"x\", service_name=\"x\"}
";

const STREAM_LIMIT: &str = "maximum active stream limit exceeded when trying to create stream {app=\"s3\", service_name=\"s3\"}, reduce \
the number of active streams (reduce labels or reduce label values), or contact your Loki administrator to see if the limit can be \
increased, user: 'fake'\n";

const RATE: &str = "ingestion rate limit exceeded for user fake (limit: 10485 bytes/sec) while attempting to ingest '100' lines totaling \
'100000' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased\n";

const OLD: &str = "2 errors like: entry for stream '{app=\"x\", service_name=\"x\"}' has timestamp too old: 2026-11-20T05:48:14Z, oldest \
acceptable timestamp is: 2026-11-21T05:48:14Z\n";

const MIXED: &str = "3 errors like: entry for stream '{app=\"7 errors like: x; y\"}' has timestamp too new: 2026-11-28T05:59:14Z; 1 errors \
like: max entry size '262144' bytes exceeded for stream '{app=\"x\"}' while adding an entry with length '262145' bytes; 2 errors like: \
entry for stream '{app=\"x\"}' has timestamp too new: 2026-11-28T05:59:15Z; 2 errors like: entry for stream '{l=\"x\"}' has 16 label \
names; limit 15\n";

const METADATA: &str = "stream '{app=\"x\"}' has structured metadata too large: '65537' bytes, limit: '65536' bytes. Please see \
`limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it\n";

const TOO_MANY: &str = "stream '{app=\"x\"}' has too many structured metadata labels: '129', limit: '128'. Please see \
`limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it\n";

const NO_METADATA: &str = "stream '{app=\"x\"}' includes structured metadata, but this feature is disallowed. Please see \
`limits_config.allow_structured_metadata` or contact your Loki administrator to enable it\n";

const BLOCKED: &str = "ingestion blocked for user 'fake' until '2030-01-01T00:00:00Z' with status code '260'\n";

const EXHAUSTED: &str =
    "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (4201078 vs. 4194304)\n";

const X: Option<&str> = Some("{app=\"x\"}");
const XS: Option<&str> = Some("{app=\"x\", service_name=\"x\"}");

/// What Loki 3.7.6 answered, and what gateways and proxies answer.
const TABLE: &[Row] = &[
    (204, "", 2, Verdict::Delivered, None, &[], None),
    (200, "", 2, Verdict::Delivered, None, &[], None),
    (200, "ok", 2, Verdict::Delivered, None, &[], None),
    (200, "<!DOCTYPE html><title>Sign in</title>", 2, Verdict::Hold, Some(Reason::NotLoki), &[], None),
    (260, BLOCKED, 2, Verdict::Hold, Some(Reason::Blocked), &[], None),
    (503, BLOCKED, 2, Verdict::Hold, Some(Reason::Blocked), &[], None),
    (403, BLOCKED, 2, Verdict::Hold, Some(Reason::Blocked), &[], None),
    (400, BLOCKED, 2, Verdict::Hold, Some(Reason::Blocked), &[], None),
    (418, BLOCKED, 2, Verdict::Hold, Some(Reason::Blocked), &[], None),
    (302, "", 2, Verdict::Hold, Some(Reason::NotLoki), &[], None),
    (400, OLD, 2, Verdict::Delivered, Some(Reason::TooOld), &[(Reason::TooOld, 2)], XS),
    (
        400,
        MIXED,
        2,
        Verdict::Delivered,
        Some(Reason::TooFarInFuture),
        &[(Reason::TooFarInFuture, 5), (Reason::LineTooLong, 1), (Reason::TooManyLabels, -1)],
        Some("{app=\"7 errors like: x; y\"}"),
    ),
    (400, METADATA, 1, Verdict::Delivered, Some(Reason::MetadataTooLarge), &[(Reason::MetadataTooLarge, 1)], X),
    (400, TOO_MANY, 1, Verdict::Delivered, Some(Reason::MetadataTooMany), &[(Reason::MetadataTooMany, 1)], X),
    (400, NO_METADATA, 1, Verdict::Delivered, Some(Reason::MetadataDisallowed), &[(Reason::MetadataDisallowed, 1)], X),
    (
        400,
        "stream '{a=\"x\", a=\"y\"}' has duplicate label name: 'a'\n",
        1,
        Verdict::Delivered,
        Some(Reason::DuplicateLabels),
        &[(Reason::DuplicateLabels, -1)],
        Some("{a=\"x\", a=\"y\"}"),
    ),
    (
        400,
        "stream '{a=\"v\"}' has label value too long: 'vvv'\n",
        1,
        Verdict::Delivered,
        Some(Reason::LabelValueTooLong),
        &[(Reason::LabelValueTooLong, -1)],
        Some("{a=\"v\"}"),
    ),
    (
        400,
        "stream '{nn=\"v\"}' has label name too long: 'nn'\n",
        1,
        Verdict::Delivered,
        Some(Reason::LabelNameTooLong),
        &[(Reason::LabelNameTooLong, -1)],
        Some("{nn=\"v\"}"),
    ),
    (
        400,
        "error at least one label pair is required per stream\n",
        1,
        Verdict::Delivered,
        Some(Reason::MissingLabels),
        &[(Reason::MissingLabels, -1)],
        None,
    ),
    (
        400,
        "missing required labels 'team' for user 'fake' for stream '{app=\"x\"}' (policy: '')\n",
        1,
        Verdict::Delivered,
        Some(Reason::MissingEnforcedLabels),
        &[(Reason::MissingEnforcedLabels, -1)],
        X,
    ),
    (
        400,
        TOO_FAR_BEHIND,
        2,
        Verdict::Delivered,
        Some(Reason::TooFarBehind),
        &[(Reason::TooFarBehind, 12)],
        Some("{app=\"far }\\\" away\", service_name=\"far\"}"),
    ),
    (
        400,
        "entry with timestamp x ignored, reason: 'entry out of order',\nuser 'fake', total ignored: 1 out of 1 for stream: {a=\"b\"}\n",
        2,
        Verdict::Delivered,
        Some(Reason::OutOfOrder),
        &[(Reason::OutOfOrder, 1)],
        Some("{a=\"b\"}"),
    ),
    (
        400,
        "couldn't parse labels: 1:4: parse error: invalid UTF-8 rune\n",
        2,
        Verdict::Bisect,
        Some(Reason::Malformed),
        &[],
        None,
    ),
    (
        400,
        "couldn't parse labels: 1:4: parse error: unterminated quoted string\n",
        1,
        Verdict::Drop,
        Some(Reason::Malformed),
        &[],
        None,
    ),
    (400, "snappy: corrupt input\n", 2, Verdict::Bisect, Some(Reason::Malformed), &[], None),
    (400, "proto: wrong wireType = 0 for field Streams\n", 1, Verdict::Drop, Some(Reason::Malformed), &[], None),
    (400, "unexpected EOF\n", 3, Verdict::Bisect, Some(Reason::Malformed), &[], None),
    (400, "tenant ID 'a/b' contains unsupported character '/'\n", 2, Verdict::Hold, Some(Reason::Denied), &[], None),
    (400, "multiple org IDs present\n", 2, Verdict::Hold, Some(Reason::Denied), &[], None),
    (400, "", 2, Verdict::Hold, Some(Reason::NotLoki), &[], None),
    (400, "<html>400 Bad Request</html>", 2, Verdict::Hold, Some(Reason::NotLoki), &[], None),
    (400, "Client sent an HTTP request to an HTTPS server.\n", 2, Verdict::Hold, Some(Reason::NotLoki), &[], None),
    (401, "no org id\n", 2, Verdict::Hold, Some(Reason::Denied), &[], None),
    (403, "", 2, Verdict::Hold, Some(Reason::Denied), &[], None),
    (404, "404 page not found\n", 2, Verdict::Hold, Some(Reason::NotLoki), &[], None),
    (405, "", 2, Verdict::Hold, Some(Reason::NotLoki), &[], None),
    (407, "", 2, Verdict::Hold, Some(Reason::Denied), &[], None),
    (408, "", 2, Verdict::Retry, Some(Reason::Unavailable), &[], None),
    (
        413,
        "request body too large: message size too large than max (104857601 vs 104857600)\n",
        1,
        Verdict::Halve,
        Some(Reason::TooLarge),
        &[],
        None,
    ),
    (413, "<html>413 Request Entity Too Large</html>", 1, Verdict::Halve, Some(Reason::TooLarge), &[], None),
    (
        422,
        "error at least one valid stream is required for ingestion\n",
        0,
        Verdict::Drop,
        Some(Reason::Malformed),
        &[],
        None,
    ),
    (429, RATE, 2, Verdict::Slower, Some(Reason::RateLimited), &[], None),
    (429, "Too Many Requests", 2, Verdict::Slower, Some(Reason::RateLimited), &[], None),
    (429, PER_STREAM, 2, Verdict::Apart, Some(Reason::StreamRateLimit), &[], XS),
    (429, PER_STREAM, 1, Verdict::Slower, Some(Reason::StreamRateLimit), &[], XS),
    (429, STREAM_LIMIT, 2, Verdict::Apart, Some(Reason::StreamLimit), &[], Some("{app=\"s3\", service_name=\"s3\"}")),
    (499, "", 2, Verdict::Retry, Some(Reason::Unavailable), &[], None),
    (500, EXHAUSTED, 2, Verdict::Halve, Some(Reason::TooLarge), &[], None),
    (502, EXHAUSTED, 2, Verdict::Halve, Some(Reason::TooLarge), &[], None),
    (500, "label name is empty\n", 2, Verdict::Bisect, Some(Reason::Malformed), &[], None),
    (
        500,
        "normalization for label name \"_\" resulted in invalid name \"_\"\n",
        1,
        Verdict::Drop,
        Some(Reason::Malformed),
        &[],
        None,
    ),
    (500, "empty ring\n", 2, Verdict::Retry, Some(Reason::Unavailable), &[], None),
    (501, "", 2, Verdict::Hold, Some(Reason::NotLoki), &[], None),
    (502, "<html>502 Bad Gateway</html>", 2, Verdict::Retry, Some(Reason::Unavailable), &[], None),
    (503, "", 2, Verdict::Retry, Some(Reason::Unavailable), &[], None),
    (504, "", 2, Verdict::Retry, Some(Reason::Unavailable), &[], None),
];

#[test]
fn every_answer_has_its_verdict() {
    for (status, body, streams, verdict, reason, refusals, stream) in TABLE {
        let refusals: Vec<Refusal> = refusals
            .iter()
            .map(|(reason, lines)| Refusal { reason: *reason, lines: u64::try_from(*lines).ok() })
            .collect();
        let expected =
            Sorted { verdict: *verdict, reason: *reason, refusals, stream: stream.map(str::to_owned), cut: false };
        assert_eq!(sort(*status, body, *streams), expected, "{status} {body}");
    }
}

#[test]
fn label_values_cannot_speak_for_loki() {
    let body =
        "couldn't parse labels of {a=\"timestamp too old total ignored: 9 out of 9 ingestion blocked for user\"}\n";
    assert_eq!(sort(400, body, 1).verdict, Verdict::Drop);
}

#[test]
fn an_answer_that_was_cut_says_so() {
    let body = OLD.repeat(200);
    let sorted = sort(400, body.get(..MAX_BODY).unwrap(), 1);
    assert_eq!((sorted.verdict, sorted.cut), (Verdict::Delivered, true));
}

#[test]
fn no_answer_is_too_odd() {
    for status in 0..1000 {
        for body in ["", "{", "\"", "\"\\", "for stream: {", "total ignored: x out of", "; ; errors like: "] {
            let sorted = sort(status, body, 1);
            // Never repeated for ever without a wait or an end, and nothing dropped where no one has said that it is bad.
            assert!(status == 400 || status == 422 || sorted.verdict != Verdict::Drop, "{status} {body}");
        }
    }
}
