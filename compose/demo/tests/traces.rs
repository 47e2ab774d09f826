//! Spans of answers and calls, in the hands of whoever takes OTLP over HTTP.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod support;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use serde_json::Value;
use support::{Demo, PATIENCE, json};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// An endpoint. It answers with these statuses first and takes all that comes after them.
struct Endpoint {
    address: String,
    requests: Receiver<(String, Value)>,
}

impl Endpoint {
    fn start(first: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = sync_channel(64);
        thread::spawn(move || {
            let mut answers = first.iter().copied();
            for stream in listener.incoming().flatten() {
                answer(stream, answers.next().unwrap_or(200), &sender);
            }
        });
        Self { address, requests }
    }

    /// The next span with this name, of the service that is said to have made it.
    fn span(&self, spans: &mut Vec<(String, Value)>, name: &str) -> (String, Value) {
        loop {
            if let Some(at) = spans.iter().position(|(_, span)| span["name"] == name) {
                return spans.remove(at);
            }
            let (path, request) = self.requests.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no span {name}"));
            assert_eq!(path, "/v1/traces");
            for group in request["resourceSpans"].as_array().unwrap() {
                let resource = attributes(&group["resource"]);
                let service = resource["service.name"]["stringValue"].as_str().unwrap().to_owned();
                let found = group["scopeSpans"][0]["spans"].as_array().unwrap();
                spans.extend(found.iter().map(|span| (service.clone(), span.clone())));
            }
        }
    }
}

fn answer(stream: TcpStream, status: u16, requests: &SyncSender<(String, Value)>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (Vec::new(), 0);
    for line in reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()) {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push(line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: application/json")), "{head:?}");
    if status == 200 {
        let path = head[0].split(' ').nth(1).unwrap().to_owned();
        requests.send((path, serde_json::from_slice(&body).unwrap())).unwrap();
    }
    let answer = format!("HTTP/1.1 {status} As told\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let pairs = of["attributes"].as_array().unwrap().iter();
    pairs.map(|pair| (pair["key"].as_str().unwrap().to_owned(), pair["value"].clone())).collect()
}

fn ask(demo: &Demo) {
    let answer = demo.ask(&format!(
        "GET / HTTP/1.1\r\nhost: demo\r\ntraceparent: 00-{TRACE}-{PARENT}-01\r\ntracestate: vendor=1\r\nconnection: close\r\n\r\n"
    ));
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn one_trace_goes_through_all_who_take_part() {
    let endpoint = Endpoint::start(&[]);
    let to =
        |name: &'static str| ["--otlp-endpoint", endpoint.address.as_str(), "--service-name", name].map(str::to_owned);
    let start = |arguments: Vec<String>| Demo::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let back = start(to("back").to_vec());
    let relay = ["--relay".to_owned(), format!("http://{}/api/cars", back.address)];
    let front = start([to("front").as_slice(), &relay].concat());
    ask(&front);

    let mut spans = Vec::new();
    let (service, served) = endpoint.span(&mut spans, "GET /");
    assert_eq!((service.as_str(), &served["kind"], &served["parentSpanId"]), ("front", &2.into(), &PARENT.into()));
    let (service, called) = endpoint.span(&mut spans, "GET");
    assert_eq!((service.as_str(), &called["kind"], &called["parentSpanId"]), ("front", &3.into(), &served["spanId"]));
    let (service, answered) = endpoint.span(&mut spans, "GET /api");
    assert_eq!((service.as_str(), &answered["parentSpanId"]), ("back", &called["spanId"]));
    for span in [&served, &called, &answered] {
        assert_eq!((&span["traceId"], &span["traceState"]), (&TRACE.into(), &"vendor=1".into()));
        assert_eq!(attributes(span)["http.response.status_code"]["intValue"], "200");
        let time = |key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
        assert!(time("startTimeUnixNano") <= time("endTimeUnixNano"));
    }
    assert_eq!(json(&back.line_with("request served"))["trace_id"], TRACE);
}

#[test]
fn a_service_without_an_endpoint_passes_the_context_on() {
    let endpoint = Endpoint::start(&[]);
    let back = Demo::start(&["--otlp-endpoint", &endpoint.address]);
    let front = Demo::start(&["--relay", &format!("http://{}/", back.address)]);
    ask(&front);
    let (service, span) = endpoint.span(&mut Vec::new(), "GET /");
    assert_eq!((service.as_str(), &span["parentSpanId"]), ("unknown_service:spyhop-demo", &PARENT.into()));
    assert_eq!((&span["traceId"], &span["traceState"]), (&TRACE.into(), &"vendor=1".into()));
}

#[test]
fn calls_by_the_clock_begin_traces_and_failures_are_told() {
    let endpoint = Endpoint::start(&[]);
    let neighbour = Demo::start(&["--error-rate", "1"]);
    let urls = format!("http://{}/,redis://127.0.0.1:1", neighbour.address);
    let _demo = Demo::start(&["--otlp-endpoint", &endpoint.address, "--call", &urls, "--call-every", "50ms"]);
    let mut spans = Vec::new();
    let (_, refused) = endpoint.span(&mut spans, "GET");
    assert_eq!((refused.get("parentSpanId"), &refused["status"]["code"]), (None, &2.into()));
    assert_eq!(attributes(&refused)["error.type"]["stringValue"], "500");
    let (_, unreachable) = endpoint.span(&mut spans, "PING");
    let told = attributes(&unreachable);
    assert_eq!(
        (&told["error.type"]["stringValue"], &told["db.system.name"]["stringValue"]),
        (&"unreachable".into(), &"redis".into())
    );
}

#[test]
fn what_was_not_taken_is_sent_again_and_what_is_left_at_the_end_is_sent() {
    let endpoint = Endpoint::start(&[503, 429]);
    let mut demo = Demo::start(&["--otlp-endpoint", &endpoint.address]);
    ask(&demo);
    // It ends while the first tries are refused.
    demo.signal(rustix::process::Signal::TERM);
    let (_, span) = endpoint.span(&mut Vec::new(), "GET /");
    assert_eq!(span["traceId"], TRACE);
    assert!(demo.ended().success());
}
