//! The whole agent between senders and the strict back end: killed under load, and with the lines of containers as log records.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::any_value::Value,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use spyhop::{
    delivery::{
        Verdict,
        http::{Auth, Settings, Tls},
    },
    otlp::{Client, Protocol, Signal},
};

#[path = "support/loki/mod.rs"]
mod loki;
#[path = "support/otlp_backend/mod.rs"]
mod otlp_backend;
#[path = "support/log_shop.rs"]
mod shop;
#[path = "support/mod.rs"]
mod support;

use otlp_backend::{Backend, Fault, Request, Speaks};
use support::{
    agent::{Agent, Home},
    fake_engine::{FakeEngine, World},
    log_writer::{LogFile, Run},
    prometheus::Release,
    scene::binary,
    wait::{eventually, holds},
};

/// Where an agent may listen: nobody does for the moment. Of IPv6, so that its page is the one port of IPv4.
fn free_port() -> u16 {
    TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port()
}

/// What a sender has sent and had acknowledged, by number.
#[derive(Default)]
struct Sent {
    next: AtomicU64,
    taken: Mutex<BTreeSet<u64>>,
    over: AtomicBool,
}

/// Sends requests of ten spans to the agent, one after the other, whatever happens to it.
fn sender(port: u16, sent: Arc<Sent>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let settings = Settings {
            url: format!("http://[::1]:{port}"),
            auth: Auth::None,
            headers: Vec::new(),
            tls: Tls::default(),
            connect_timeout: Duration::from_secs(1),
            request_timeout: Duration::from_secs(5),
        };
        let client = Client::new(Protocol::Http, &settings, true).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            while !sent.over.load(Ordering::Relaxed) {
                let first = sent.next.fetch_add(10, Ordering::Relaxed) + 1;
                let answer = client.send(Signal::Traces, spans(first..first + 10)).await;
                if answer.is_ok_and(|answer| answer.verdict == Verdict::Delivered) {
                    sent.taken.lock().unwrap().extend(first..first + 10);
                }
            }
        });
    })
}

fn spans(numbers: impl Iterator<Item = u64>) -> Bytes {
    let span = |number: u64| Span {
        trace_id: [number.to_be_bytes(), [7; 8]].concat(),
        span_id: number.to_be_bytes().to_vec(),
        name: format!("GET /orders/{number} {}", "x".repeat(200)),
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: numbers.map(span).collect(), ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

/// SIGKILL under load, with a back end that is there, away and slow: every span that was acknowledged arrives.
#[test]
fn a_killed_agent_loses_nothing_that_it_acknowledged() {
    let (backend, engine, port) = (Backend::start(Speaks::Grpc), FakeEngine::start(World::new()), free_port());
    let more = format!(
        "otlp:\n  endpoint: {}\n  timeout: 5s\ntraces:\n  grpc: off\n  http: \"[::1]:{port}\"\n  lifecycle: false\n",
        backend.url()
    );
    let home = Home::with(&binary(), &engine.socket(), &more);
    let sent = Arc::new(Sent::default());
    let mut agent = home.start();
    let senders: Vec<_> = (0..3).map(|_| sender(port, Arc::clone(&sent))).collect();
    for round in 0..4 {
        match round {
            1 => backend.refuse(),
            2 => {
                backend.listen();
                backend.always(Some(Fault::Slow(Duration::from_millis(300))));
            }
            _ => backend.always(None),
        }
        let before = sent.taken.lock().unwrap().len();
        eventually("it takes spans", || {
            let taken = sent.taken.lock().unwrap().len() - before;
            holds(taken > 2000, || format!("{taken} taken in round {round}"))
        });
        agent.kill();
        agent = home.start();
    }
    sent.over.store(true, Ordering::Relaxed);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    eventually("all of it arrives", || {
        let kept = backend.kept();
        let ids = kept.iter().flat_map(|request| request.spans().into_iter().map(|span| span.span_id.clone()));
        let found: BTreeSet<u64> = ids.map(|id| u64::from_be_bytes(id.try_into().unwrap())).collect();
        let taken = sent.taken.lock().unwrap();
        let missing = taken.difference(&found).count();
        holds(missing == 0, || format!("{missing} of {} are missing", taken.len()))
    });
    let status = agent.terminate();
    assert!(status.success(), "{status}");
}

/// Text of all log records whose service is this one, in order of arrival.
fn lines(kept: &[Request], service: &str) -> Vec<String> {
    let mut found = Vec::new();
    for request in kept {
        let Request::Logs(request) = request else { continue };
        for group in &request.resource_logs {
            let resource = group.resource.as_ref().unwrap();
            let text = |value: &Option<Value>| match value {
                Some(Value::StringValue(text)) => text.clone(),
                other => panic!("{other:?}"),
            };
            let get = |key: &str| {
                let pair = resource.attributes.iter().find(|pair| pair.key == key);
                pair.map(|pair| text(&pair.value.as_ref().unwrap().value))
            };
            if get("service.name").as_deref() != Some(service) {
                continue;
            }
            assert_eq!(get("service.namespace").as_deref(), Some("shop"));
            assert_eq!(get("container.id").map(|id| id.len()), Some(64));
            let records = group.scope_logs.iter().flat_map(|scope| &scope.log_records);
            found.extend(records.map(|record| {
                assert!(record.time_unix_nano > 0 && record.observed_time_unix_nano > 0);
                text(&record.body.as_ref().unwrap().value)
            }));
        }
    }
    found
}

/// Waits until so many lines were acknowledged to this process.
fn sent(agent: &Agent, lines: u64) {
    eventually("lines are acknowledged", || {
        let sent = agent.scrape().value("spyhop_logs_sent_lines_total", &[("service", "web")]).unwrap_or(0.0);
        holds(sent >= lines as f64, || format!("{sent} of {lines}"))
    });
}

/// Lines of containers as log records, to a back end that goes away, over a restart: each of them, in order.
#[test]
fn lines_arrive_as_log_records() {
    for (speaks, word) in [(Speaks::Grpc, "grpc"), (Speaks::Http, "http")] {
        let (backend, log) = (Backend::start(speaks), LogFile::new());
        let mut run = Run::new("web-run");
        let engine = FakeEngine::start(World::new().with(shop::container("web", &log, 1)));
        let more = format!(
            "otlp:\n  endpoint: {}\n  protocol: {word}\n  signals: [logs]\ntraces:\n  enabled: false\nlogs:\n  batch_wait: 100ms\n  events: false\n  own: false\n",
            backend.url()
        );
        let home = Home::with(&binary(), &engine.socket(), &more);
        let agent = home.start();
        let mut log = log;
        log.write(&mut run, 300);
        sent(&agent, 300);
        backend.refuse();
        log.write(&mut run, 500);
        let status = agent.terminate();
        assert!(status.success(), "{status}");
        log.write(&mut run, 200);
        backend.listen();
        let agent = home.start();
        eventually("the last line arrives", || {
            let newest = run.next - 1;
            let found = lines(&backend.kept(), "web");
            let missing = run.account(found.iter().map(String::as_str)).missing;
            holds(!missing.contains(&newest), || format!("{} of {newest} are missing", missing.len()))
        });
        let found = lines(&backend.kept(), "web");
        let account = run.account(found.iter().map(String::as_str));
        println!("{word}: {account:?}");
        account.is_complete(0);
        backend.is_content();
        drop(agent);
    }
}

/// Examples of spans by both lines of Prometheus: each is a trace that was sent, and none that a rule left out.
#[test]
fn examples_are_scraped_and_name_traces_that_were_sent() {
    let (backend, engine, port) = (Backend::start(Speaks::Grpc), FakeEngine::start(World::new()), free_port());
    let more = format!(
        "otlp:\n  endpoint: {}\ntraces:\n  grpc: off\n  http: \"[::1]:{port}\"\n  lifecycle: false\n  drop: [\"GET /health*\"]\n",
        backend.url()
    );
    let home = Home::with(&binary(), &engine.socket(), &more);
    let agent = home.start();
    let now = || u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap();
    let span = |id: u8, name: &str, ms: u64| {
        let end = now();
        let (trace_id, span_id) = (vec![id; 16], vec![id; 8]);
        let (start_time_unix_nano, end_time_unix_nano) = (end - ms * 1_000_000, end);
        Span {
            trace_id,
            span_id,
            name: name.to_owned(),
            kind: 2,
            start_time_unix_nano,
            end_time_unix_nano,
            ..Span::default()
        }
    };
    let settings = Settings {
        url: format!("http://[::1]:{port}"),
        auth: Auth::None,
        headers: Vec::new(),
        tls: Tls::default(),
        connect_timeout: Duration::from_secs(5),
        request_timeout: Duration::from_secs(5),
    };
    let client = Client::new(Protocol::Http, &settings, false).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let send = || {
        let spans = vec![span(0xaa, "GET /orders", 3), span(0xbb, "GET /orders", 300), span(0xcc, "GET /health", 3)];
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let request = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        let answer = runtime.block_on(client.send(Signal::Traces, request.into())).unwrap();
        assert_eq!(answer.verdict, Verdict::Delivered);
    };
    for release in Release::both() {
        let target = agent.address;
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n  - job_name: spyhop\n    static_configs: [{{targets: ['{target}']}}]\n"
        );
        let prometheus = release.start_featured(&config, &["exemplar-storage"]);
        let query = "traces_spanmetrics_latency_bucket";
        let found = eventually("examples are stored", || {
            // A series is an example of what comes between two scrapes.
            send();
            let seconds = now() / 1_000_000_000;
            let path = format!("/api/v1/query_exemplars?query={query}&start={}&end={}", seconds - 600, seconds + 600);
            let data = prometheus.api(&path)?;
            let list = data.as_array().ok_or("no list")?.iter();
            let exemplars = list.flat_map(|series| {
                let name = series["seriesLabels"]["span_name"].as_str().unwrap_or_default().to_owned();
                let exemplars = series["exemplars"].as_array().cloned().unwrap_or_default();
                exemplars.into_iter().map(move |exemplar| (name.clone(), exemplar["labels"].clone()))
            });
            let found: BTreeSet<(String, String)> = exemplars
                .map(|(name, labels)| (name, labels["traceID"].as_str().unwrap_or_default().to_owned()))
                .collect();
            holds(found.len() >= 2, || format!("{data}")).map(|()| found)
        });
        let expected = ["aa", "bb"].map(|byte| ("GET /orders".to_owned(), byte.repeat(16)));
        assert_eq!(found, expected.into(), "{}", release.version);
        let counted = prometheus.number("traces_spanmetrics_calls_total{span_name=\"GET /health\"}").unwrap();
        assert!(counted >= 1.0, "what a rule leaves out is counted all the same");
    }
    assert!(agent.terminate().success());
}
