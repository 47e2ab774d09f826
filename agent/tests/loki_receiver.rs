//! The strict Loki of the tests refuses what the real one refuses, and in the same words.
//!
//! With `SPYHOP_LOKI=http://127.0.0.1:3100` (a Loki 3.x with its default limits) the same pushes go to that one too, and both must say
//! the same. Without it the sentences recorded here stand alone.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, SystemTime};

use spyhop::{
    delivery::{
        Verdict,
        http::{Answer, Client, Settings, Tls},
    },
    logs::loki::{CONTENT_ENCODING, CONTENT_TYPE, Metadata, PUSH_PATH, Pusher, Reason, entry, labels, sort},
    secret::Secret,
};

#[path = "support/loki/mod.rs"]
mod loki;

use loki::{Entry, Fault, Limits, Receiver};

const SECOND: i64 = 1_000_000_000;
const HOUR: i64 = 3600 * SECOND;

/// How long ago it was written, in nanoseconds; the line; metadata.
type Line = (i64, String, Vec<(&'static str, String)>);

/// A stream of a push.
type Stream = (String, Vec<Line>);

fn now() -> i64 {
    i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos()).unwrap()
}

fn client(url: &str) -> Client {
    Client::new(Settings {
        url: format!("{url}{PUSH_PATH}"),
        auth: Default::default(),
        headers: vec![("X-Scope-OrgID".into(), Secret::new("fake"))],
        tls: Tls::default(),
        connect_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(30),
    })
    .unwrap()
}

fn body(streams: &[Stream], now: i64) -> bytes::Bytes {
    let chunks: Vec<(&str, Vec<u8>)> = streams
        .iter()
        .map(|(labels, lines)| {
            let mut chunk = Vec::new();
            for (ago, line, pairs) in lines {
                let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
                entry(&mut chunk, now - ago, line, &Metadata::new(), &pairs);
            }
            (labels.as_str(), chunk)
        })
        .collect();
    Pusher::new().body(chunks.iter().map(|(labels, chunk)| (*labels, &chunk[..]))).unwrap()
}

async fn push(client: &Client, streams: &[Stream], now: i64) -> Answer {
    client.post(body(streams, now), CONTENT_TYPE, None).await.unwrap()
}

fn plain(labels: &str, lines: &[(i64, &str)]) -> Stream {
    (labels.to_owned(), lines.iter().map(|(ago, line)| (*ago, (*line).to_owned(), Vec::new())).collect())
}

fn many(prefix: &str, count: usize) -> String {
    let labels: Vec<String> = (0..count).map(|n| format!("{prefix}{n:02}=\"x\"")).collect();
    format!("{{{}}}", labels.join(", "))
}

fn with(pairs: Vec<(&'static str, String)>) -> Stream {
    (r#"{app="metadata"}"#.to_owned(), vec![(0, "line".to_owned(), pairs)])
}

/// What is sent, and what comes back: status, and the sentence with `T` for each time.
fn cases() -> Vec<(Vec<Stream>, u16, String)> {
    let one = |labels: &str| vec![plain(labels, &[(0, "line")])];
    let unparsed = |labels: &str, why: &str| (one(labels), 400, format!("couldn't parse labels: 1:{why}\n"));
    let stored = |streams: Vec<Stream>| (streams, 204, String::new());
    let behind = |what: &str| {
        format!(
            "entry with timestamp T ignored, reason: 'entry too far behind, entry timestamp is: T, oldest acceptable timestamp is: T',\n{what}"
        )
    };
    let service = |labels: &str| format!("{{{labels}, service_name=\"unknown_service\"}}");
    let long_name = "n".repeat(1025);
    let long_value = "v".repeat(2049);
    let sixteen: Vec<String> = (0..16).map(|n| format!("n{n:02}=\"x\"")).collect();
    vec![
        stored(one(r#"{app="good"}"#)),
        stored(one(r#"{a="",b="c"}"#)),
        stored(one("{}")),
        stored(one(&many("n", 15))),
        stored(one(&format!("{{a=\"{}\"}}", "v".repeat(2048)))),
        stored(vec![plain(r#"{app="good"}"#, &[(0, "")])]),
        stored(vec![plain(r#"{app="nothing"}"#, &[])]),
        stored(vec![plain(r#"{app="good"}"#, &[(0, &"x".repeat(262_144))])]),
        stored(vec![with((0..128).map(|n| (KEYS[n], "v".to_owned())).collect())]),
        stored(vec![with(vec![("k", "v".repeat(65_535))])]),
        stored(vec![plain(r#"{app="soon"}"#, &[(-590 * SECOND, "soon")])]),
        (vec![], 422, "error at least one valid stream is required for ingestion\n".into()),
        unparsed("{a=b}", "4: parse error: unexpected identifier \"b\" in label set, expected string"),
        unparsed(r#"{a="b""#, "7: parse error: unexpected end of input inside braces"),
        unparsed(r#"{1a="b"}"#, "2: parse error: unexpected character inside braces: '1'"),
        unparsed(r#"{a.b="b"}"#, "3: parse error: unexpected character inside braces: '.'"),
        unparsed("{a=\"b\nc\"}", "4: parse error: unterminated quoted string"),
        unparsed("{a=\"b\u{fffd}c\"}", "4: parse error: invalid UTF-8 rune"),
        unparsed("{a=\"b\\ufffdc\"}", "4: parse error: invalid UTF-8 rune"),
        (
            one(r#"{a="x",a="y"}"#),
            400,
            format!("stream '{}' has duplicate label name: 'a'\n", service(r#"a="x", a="y""#)),
        ),
        (
            one(&many("n", 16)),
            400,
            format!("entry for stream '{}' has 16 label names; limit 15\n", service(&sixteen.join(", "))),
        ),
        (
            one(&format!("{{{long_name}=\"x\"}}")),
            400,
            format!("stream '{}' has label name too long: '{long_name}'\n", service(&format!("{long_name}=\"x\""))),
        ),
        (
            one(&format!("{{a=\"{long_value}\"}}")),
            400,
            format!("stream '{}' has label value too long: '{long_value}'\n", service(&format!("a=\"{long_value}\""))),
        ),
        (
            vec![plain(r#"{app="x"}"#, &[(0, &"x".repeat(262_145)), (0, "beside a long line")])],
            400,
            "max entry size '262144' bytes exceeded for stream '{app=\"x\", service_name=\"x\"}' while adding an entry with length \
             '262145' bytes\n"
                .into(),
        ),
        (
            vec![plain(r#"{app="x"}"#, &[(192 * HOUR, "old"), (0, "beside an old line"), (192 * HOUR, "old too")])],
            400,
            "2 errors like: entry for stream '{app=\"x\", service_name=\"x\"}' has timestamp too old: T, oldest acceptable timestamp \
             is: T\n"
                .into(),
        ),
        (
            vec![plain(r#"{app="x"}"#, &[(-660 * SECOND, "future")])],
            400,
            "entry for stream '{app=\"x\", service_name=\"x\"}' has timestamp too new: T\n".into(),
        ),
        (
            vec![with(vec![("k", "v".repeat(65_536))])],
            400,
            "stream '{app=\"metadata\", service_name=\"metadata\"}' has structured metadata too large: '65537' bytes, limit: '65536' \
             bytes. Please see `limits_config.max_structured_metadata_size` or contact your Loki administrator to increase it\n"
                .into(),
        ),
        (
            vec![with(vec![("k", "v".to_owned()); 129])],
            400,
            "stream '{app=\"metadata\", service_name=\"metadata\"}' has too many structured metadata labels: '129', limit: '128'. \
             Please see `limits_config.max_structured_metadata_entries_count` or contact your Loki administrator to increase it\n"
                .into(),
        ),
        stored(one(r#"{app="far"}"#)),
        (
            vec![plain(r#"{app="far"}"#, &[(HOUR + SECOND, "late"), (SECOND, "in time")])],
            400,
            behind("user 'fake', total ignored: 1 out of 2 for stream: {app=\"far\", service_name=\"far\"}\n"),
        ),
        // Of several streams only the last one's failure is told.
        stored(vec![plain(r#"{app="far"}"#, &[(2 * HOUR, "late")]), plain(r#"{app="other"}"#, &[(0, "good")])]),
        // A failure in the ingester hides the line which the distributor refused.
        (
            vec![
                plain(r#"{app="other"}"#, &[(0, &"x".repeat(262_145))]),
                plain(r#"{app="far"}"#, &[(2 * HOUR, "late")]),
            ],
            400,
            behind("user 'fake', total ignored: 1 out of 1 for stream: {app=\"far\", service_name=\"far\"}\n"),
        ),
        (
            (0..13).map(|n| plain(&format!("{{app=\"big{n}\"}}"), &[(n, &"x".repeat(200_000)), (n + 1, &"y".repeat(200_000))])).collect(),
            500,
            "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (N vs. 4194304)\n".into(),
        ),
    ]
}

/// Names of metadata; there is no end to them only because a case wants 128.
static KEYS: std::sync::LazyLock<Vec<&'static str>> =
    std::sync::LazyLock::new(|| (0..128).map(|n| &*Box::leak(format!("k{n}").into_boxed_str())).collect());

/// Times and sizes differ from run to run and from Loki to Loki.
fn without_times(text: &str) -> String {
    let times = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000 UTC)";
    let text = regex::Regex::new(times).unwrap().replace_all(text, "T");
    regex::Regex::new(r"\(\d+ vs").unwrap().replace_all(&text, "(N vs").into_owned()
}

async fn compare(url: &str) {
    let client = client(url);
    for (streams, status, sentence) in cases() {
        let answer = push(&client, &streams, now()).await;
        let what = streams.first().map_or("no stream", |(labels, _)| labels.as_str());
        assert_eq!((answer.status, without_times(&answer.text())), (status, sentence), "{what:.60}");
    }
    for (content_type, encoding, body, sentence) in [
        ("a b", None, &[][..], "mime: expected slash after first token\n"),
        (CONTENT_TYPE, Some("zstd"), &[], "Content-Encoding \"zstd\" not supported\n"),
        (CONTENT_TYPE, None, &[], "snappy: corrupt input\n"),
        (CONTENT_TYPE, Some(CONTENT_ENCODING), b"not snappy at all", "snappy: corrupt input\n"),
        (CONTENT_TYPE, None, b"\x03\x08\x0a\xff\x01", "unexpected EOF\n"),
    ] {
        let answer = client.post(body.to_vec().into(), content_type, encoding).await.unwrap();
        assert_eq!((answer.status, &*answer.text()), (400, sentence), "{content_type} {encoding:?}");
    }
}

/// Labels and names of metadata as our own encoder writes them: whatever they hold, a push is taken.
async fn hostile(url: &str) {
    let controls: String = (0..0xa0).filter_map(char::from_u32).collect();
    let long = "ä\"\n".repeat(2000);
    let values =
        [controls.as_str(), &long, "\"} {", "\u{fffd}", "\u{200b}\u{e000}\u{10ffff}\u{ad}", "🐳 `'\\", "\r\n", " "];
    let streams: Vec<Stream> = values
        .iter()
        .map(|value| {
            let labels = labels([("app", *value), ("1.ü/x", *value), ("service_name", "hostile")]);
            let names = ["", "_", "ключ", "-", "9", "a.b", "__x", "\u{fffd}"];
            (labels, vec![(0, (*value).to_owned(), names.iter().map(|name| (*name, (*value).to_owned())).collect())])
        })
        .collect();
    let client = client(url);
    for stream in &streams {
        let answer = push(&client, std::slice::from_ref(stream), now()).await;
        assert_eq!((answer.status, &*answer.text()), (204, ""), "{:?}", stream.0);
    }
    assert_eq!(push(&client, &streams, now()).await.status, 204);
}

#[tokio::test]
async fn whatever_our_labels_hold_is_taken() {
    let receiver = Receiver::usual();
    hostile(&receiver.url()).await;
    assert_eq!(receiver.entries("service_name", "hostile").len(), 16);
    if let Ok(url) = std::env::var("SPYHOP_LOKI") {
        hostile(&url).await;
    }
}

#[tokio::test]
async fn it_says_what_loki_says() {
    let receiver = Receiver::start(Limits { rate: (1e9, 1e9), ..Limits::default() });
    compare(&receiver.url()).await;
    for (reason, lines) in [("line_too_long", 2), ("greater_than_max_sample_age", 2), ("too_far_behind", 3)] {
        assert_eq!(receiver.discarded(reason), lines, "{reason}");
    }
    // What stood beside a bad line is stored.
    let lines: Vec<String> = receiver.entries("app", "x").into_iter().map(|entry| entry.line).collect();
    assert_eq!(lines, ["beside a long line", "beside an old line"]);
    match std::env::var("SPYHOP_LOKI") {
        Ok(url) => compare(&url).await,
        Err(_) => println!("SPYHOP_LOKI names no real Loki: its recorded sentences stand"),
    }
}

#[tokio::test]
async fn tenants_and_credentials_are_asked_for() {
    let receiver = Receiver::start(Limits { tenants: true, ..Limits::default() });
    let mut settings = Settings {
        url: format!("{}{PUSH_PATH}", receiver.url()),
        auth: Default::default(),
        headers: Vec::new(),
        tls: Tls::default(),
        connect_timeout: Duration::from_secs(10),
        request_timeout: Duration::from_secs(30),
    };
    let line = [plain(r#"{app="x"}"#, &[(0, "line")])];
    for (tenant, status, sentence) in [
        (None, 401, "no org id\n"),
        (Some("a/b"), 400, "tenant ID 'a/b' contains unsupported character '/'\n"),
        (Some("a|b"), 400, "multiple org IDs present\n"),
        (Some("shop"), 204, ""),
    ] {
        settings.headers = tenant.map(|tenant| ("X-Scope-OrgID".into(), Secret::new(tenant))).into_iter().collect();
        let answer = push(&Client::new(settings.clone()).unwrap(), &line, now()).await;
        assert_eq!((answer.status, &*answer.text()), (status, sentence));
        let hold = sort(answer.status, &answer.text(), 1).verdict == Verdict::Hold;
        assert_eq!(hold, status != 204);
    }
    assert_eq!(receiver.streams_of("shop").len(), 1);
    receiver.limit(|limits| limits.authorization = Some("Bearer good".into()));
    assert_eq!(push(&Client::new(settings).unwrap(), &line, now()).await.status, 401);
}

#[tokio::test]
async fn rates_and_streams_are_limited() {
    let receiver = Receiver::start(Limits { rate: (1000.0, 2000.0), ..Limits::default() });
    receiver.clock(Some(now()));
    let client = client(&receiver.url());
    let big = plain(r#"{app="big"}"#, &[(0, &"x".repeat(1500))]);
    let small = plain(r#"{app="small"}"#, &[(0, "x")]);
    assert_eq!(push(&client, std::slice::from_ref(&big), now()).await.status, 204);
    let answer = push(&client, &[big.clone(), small.clone()], now()).await;
    let sorted = sort(answer.status, &answer.text(), 2);
    assert_eq!((sorted.verdict, sorted.reason), (Verdict::Slower, Some(Reason::RateLimited)), "{}", answer.text());
    assert!(receiver.entries("app", "small").is_empty(), "nothing of the push is stored");
    receiver.clock(Some(now() + 2 * SECOND));
    assert_eq!(push(&client, &[big.clone(), small.clone()], now()).await.status, 204);

    receiver.clock(Some(now() + 4 * SECOND));
    receiver.limit(|limits| (limits.rate, limits.stream_rate) = ((1e9, 1e9), (1000.0, 1000.0)));
    let masked = push(&client, &[big.clone(), small.clone()], now()).await;
    assert_eq!(
        (masked.status, receiver.discarded("per_stream_rate_limit")),
        (204, 1),
        "only the last stream's failure is told"
    );
    let answer = push(&client, &[small.clone(), big], now()).await;
    let sorted = sort(answer.status, &answer.text(), 2);
    assert_eq!((sorted.verdict, sorted.reason), (Verdict::Apart, Some(Reason::StreamRateLimit)), "{}", answer.text());
    assert_eq!(sorted.stream.as_deref(), Some(r#"{app="big", service_name="big"}"#));

    receiver.limit(|limits| limits.streams = 2);
    let answer = push(&client, &[small, plain(r#"{app="third"}"#, &[(0, "x")])], now()).await;
    let sorted = sort(answer.status, &answer.text(), 2);
    assert_eq!((sorted.verdict, sorted.reason), (Verdict::Apart, Some(Reason::StreamLimit)), "{}", answer.text());
    assert_eq!(sorted.stream.as_deref(), Some(r#"{app="third", service_name="third"}"#));
}

#[tokio::test]
async fn a_repeated_push_is_recognised_within_a_block() {
    let receiver = Receiver::usual();
    let client = client(&receiver.url());
    let lines: Vec<Line> = (0..300).map(|n| (300 - n, format!("{n:0>1000}"), vec![("n", "x".to_owned())])).collect();
    let (at, few) = (now(), vec![(r#"{app="few"}"#.to_owned(), lines[..100].to_vec())]);
    for _ in 0..2 {
        assert_eq!(push(&client, &few, at).await.status, 204);
    }
    assert_eq!(receiver.entries("app", "few").len(), 100);
    // 256 KiB are in a block. Of 300 lines of 1002 bytes 38 are in the open one when they come again, and it is cut before their turn.
    let all = vec![(r#"{app="many"}"#.to_owned(), lines)];
    for _ in 0..2 {
        assert_eq!(push(&client, &all, at).await.status, 204);
    }
    assert_eq!(receiver.entries("app", "many").len(), 2 * 300);
    // Other metadata makes another entry.
    let other = vec![(r#"{app="few"}"#.to_owned(), vec![(300, format!("{:0>1000}", 0), vec![("n", "y".to_owned())])])];
    push(&client, &other, at).await;
    assert_eq!(receiver.entries("app", "few").len(), 101);
}

#[tokio::test]
async fn what_is_stored_can_be_asked_for() {
    let receiver = Receiver::usual();
    let client = client(&receiver.url());
    let at = now();
    let streams = [
        (r#"{app="a", stream="stdout"}"#.to_owned(), vec![(2, "one".to_owned(), vec![("k.x", "v".to_owned())])]),
        plain(r#"{app="a", stream="stderr"}"#, &[(3, "two"), (1, "three \"x\"")]),
        plain(r#"{app="b"}"#, &[(0, "four")]),
    ];
    assert_eq!(push(&client, &streams, at).await.status, 204);
    let found = |query: &str| {
        let query: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let text = get(&receiver, &format!("/loki/api/v1/query_range?query={query}&direction=forward"));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let mut lines: Vec<(String, String)> = Vec::new();
        for stream in value["data"]["result"].as_array().unwrap() {
            for pair in stream["values"].as_array().unwrap() {
                lines.push((pair[0].as_str().unwrap().to_owned(), pair[1].as_str().unwrap().to_owned()));
            }
        }
        lines.sort();
        lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>()
    };
    assert_eq!(found(r#"{app="a"}"#), ["two", "one", "three \"x\""]);
    assert_eq!(found(r#"{app=~"a|b", stream!="stdout"}"#), ["two", "three \"x\"", "four"]);
    assert_eq!(found(r#"{service_name="a"} |= "o" != "one""#), ["two"]);
    assert_eq!(found(r#"{app="a"} |= "\"x\"""#), ["three \"x\""]);
    assert!(found(r#"{app="none"}"#).is_empty());
    let stored = receiver.entries("stream", "stdout");
    let expected = Entry { time: at - 2, line: "one".into(), metadata: vec![("k_x".into(), "v".into())] };
    assert_eq!(stored, [expected]);
    assert_eq!(get(&receiver, "/ready"), "ready\n");
}

/// The body of a `GET`, over a connection of its own.
fn get(receiver: &Receiver, path: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(receiver.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: loki\r\n\r\n").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn it_fails_on_command() {
    let receiver = Receiver::usual();
    let client = client(&receiver.url());
    let line = |n: i64| [plain(r#"{app="x"}"#, &[(0, &format!("line {n}"))])];
    receiver.fail(1, Fault::status(503, "busy\n"));
    receiver.fail(1, Fault::limited(Some("7")));
    receiver.fail(1, Fault::LostAnswer { status: 502 });
    receiver.fail(1, Fault::LostReset);
    receiver.fail(1, Fault::Reset);
    assert_eq!(push(&client, &line(1), now()).await.status, 503);
    let limited = push(&client, &line(2), now()).await;
    assert_eq!((limited.status, limited.retry_after), (429, Some(Duration::from_secs(7))));
    assert_eq!(push(&client, &line(3), now()).await.status, 502);
    for n in [4, 5] {
        let error = client.post(body(&line(n), now()), CONTENT_TYPE, None).await.unwrap_err();
        assert_eq!((error.kind(), error.surely_unsent()), ("closed", false), "{error}");
    }
    let stored: Vec<String> = receiver.entries("app", "x").into_iter().map(|entry| entry.line).collect();
    assert_eq!(stored, ["line 3", "line 4"], "an acknowledgement lost is a push stored");

    receiver.refuse();
    let error = client.post(body(&line(6), now()), CONTENT_TYPE, None).await.unwrap_err();
    assert_eq!((error.kind(), error.surely_unsent()), ("connect", true), "{error}");
    receiver.listen();
    assert_eq!(push(&client, &line(7), now()).await.status, 204);
    receiver.always(Some(Fault::status(260, "ingestion blocked for user 'fake'")));
    for n in 8..10 {
        assert_eq!(push(&client, &line(n), now()).await.status, 260);
    }
    receiver.always(None);
    assert_eq!(push(&client, &line(10), now()).await.status, 204);
    assert_eq!(receiver.wait_asked(9).len(), 9);
}
