//! The client of unary calls against servers good, slow, lying and dead, over real sockets.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message as _;
use spyhop::{
    delivery::{
        grpc::{Answer, Client, MAX_ANSWER},
        http::{Auth, Credential, SendError, Settings, SettingsError, Tls},
    },
    otlp::Signal,
    secret::Secret,
};

#[path = "support/otlp_backend/mod.rs"]
mod otlp_backend;
#[path = "support/tls_proxy.rs"]
#[expect(dead_code, unreachable_pub, clippy::expect_used, reason = "shared with other tests")]
mod tls_proxy;
#[path = "support/wait.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with other tests")]
mod wait;

use otlp_backend::{Backend, Fault, Speaks};
use tls_proxy::Authority;
use wait::{eventually, holds};

/// What servers have in the tests about time.
const SHORT: Duration = Duration::from_millis(400);

fn settings(url: impl Into<String>) -> Settings {
    Settings {
        url: url.into(),
        auth: Auth::None,
        headers: Vec::new(),
        tls: Tls::default(),
        connect_timeout: wait::patience(),
        request_timeout: wait::patience(),
    }
}

fn client(backend: &Backend) -> Client {
    Client::new(settings(backend.url())).unwrap()
}

fn hurried(backend: &Backend) -> Client {
    Client::new(Settings { connect_timeout: SHORT, request_timeout: SHORT, ..settings(backend.url()) }).unwrap()
}

/// One span, of which no other has the id.
fn request(number: u64) -> Bytes {
    let trace_id = [number.to_be_bytes(), [7; 8]].concat();
    let span = Span { trace_id, span_id: vec![1; 8], name: "a span".to_owned(), ..Span::default() };
    let scope_spans = vec![ScopeSpans { spans: vec![span], ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

async fn call(client: &Client, number: u64) -> Result<Answer, SendError> {
    client.call(Signal::Traces.grpc_path(), request(number), None).await
}

#[tokio::test]
async fn one_connection_serves_many_calls_at_a_time() {
    let backend = Backend::start(Speaks::Grpc);
    let client = Arc::new(client(&backend));
    backend.always(Some(Fault::Slow(Duration::from_millis(100))));
    let calls = (0..8).map(|number| {
        let client = Arc::clone(&client);
        tokio::spawn(async move { call(&client, number).await.unwrap() })
    });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(answer.code, 0);
        assert!(ExportTraceServiceResponse::decode(&*answer.body).is_ok());
    }
    assert_eq!((backend.connections(), backend.records()), ((1, 1), 8));
    backend.is_content();
    drop(client);
    // The driver of the connection ends with a turn of the runtime.
    tokio::task::yield_now().await;
    eventually("the idle one is closed", || {
        holds(backend.connections().1 == 0, || format!("{:?}", backend.connections()))
    });
}

/// Waits until every connection has ended, here and, as far as that can be told, there.
async fn ended(backend: &Backend) {
    eventually("it has ended", || holds(backend.connections().1 == 0, || "it is open".to_owned()));
    tokio::time::sleep(wait::STEP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_the_server_ends_between_calls_loses_none() {
    let backend = Backend::start(Speaks::Grpc);
    let client = client(&backend);
    for number in 0..20 {
        if number % 3 == 2 {
            backend.cut();
            ended(&backend).await;
        }
        assert_eq!(call(&client, number).await.unwrap().code, 0, "call {number}");
    }
    backend.is_content();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_is_told_to_end_is_left() {
    let backend = Backend::start(Speaks::Grpc);
    let client = client(&backend);
    backend.fail(3, Fault::GoAway);
    for number in 0..5 {
        assert_eq!(call(&client, number).await.unwrap().code, 0, "call {number}");
        if number < 3 {
            ended(&backend).await;
        }
    }
    let connections: Vec<_> = backend.asked().iter().map(|asked| asked.connection).collect();
    assert_eq!(connections, [1, 2, 3, 4, 4]);
    backend.is_content();
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_costs_the_connection() {
    let backend = Backend::start(Speaks::Grpc);
    let client = hurried(&backend);
    backend.fail(1, Fault::Silence);
    let error = call(&client, 1).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout { .. }) && !error.surely_unsent(), "{error}");
    assert_eq!(call(&client, 2).await.unwrap().code, 0);
    assert_eq!(backend.asked().last().unwrap().connection, 2);
    backend.black_hole(true);
    let error = call(&hurried(&backend), 3).await.unwrap_err();
    assert_eq!(error.kind(), "timeout");
    let gone = backend.url();
    drop(backend);
    let client = Client::new(Settings { connect_timeout: SHORT, ..settings(gone) }).unwrap();
    let error = eventually_refused(&client).await;
    assert!(error.surely_unsent(), "{error}");
}

/// The listener of a back end that was dropped closes a moment later.
async fn eventually_refused(client: &Client) -> SendError {
    loop {
        match call(client, 9).await {
            Err(error @ SendError::Connect { .. }) => return error,
            _ => tokio::time::sleep(wait::STEP).await,
        }
    }
}

#[tokio::test]
async fn what_ends_in_the_middle_is_no_answer() {
    let backend = Backend::start(Speaks::Grpc);
    let client = client(&backend);
    for (number, fault) in [Fault::Cut, Fault::Lost, Fault::Torn].into_iter().enumerate() {
        backend.fail(1, fault.clone());
        let error = call(&client, number as u64).await.unwrap_err();
        assert_eq!((error.kind(), error.surely_unsent()), ("closed", false), "{fault:?}: {error}");
    }
    assert_eq!(call(&client, 9).await.unwrap().code, 0);
}

#[tokio::test]
async fn proxies_speak_in_place_of_servers() {
    let backend = Backend::start(Speaks::Grpc);
    let client = client(&backend);
    let page = "<title>Bad Gateway</title>";
    for (status, code) in [(502, 14), (503, 14), (401, 16), (403, 7), (404, 12), (400, 13), (418, 2), (200, 2)] {
        backend.fail(1, Fault::Foreign { status, kind: "text/html", body: page });
        let answer = call(&client, u64::from(status)).await.unwrap();
        assert_eq!(answer.code, code, "{status}");
        assert_eq!(answer.message, format!("not gRPC: status {status} with text/html"));
    }
}

#[tokio::test]
async fn long_answers_are_read_to_their_end_and_not_kept() {
    let backend = Backend::start(Speaks::Grpc);
    let client = client(&backend);
    backend.fail(1, Fault::Long(1 << 20));
    let answer = call(&client, 1).await.unwrap();
    assert_eq!((answer.code, answer.body.len()), (0, spyhop::delivery::grpc::MAX_KEPT));
    backend.fail(1, Fault::Long(MAX_ANSWER + 1));
    assert_eq!(call(&client, 2).await.unwrap().code, 8);
    assert_eq!(call(&client, 3).await.unwrap().code, 0);
}

#[tokio::test]
async fn tls_is_spoken_with_credentials_from_files() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    authority.write_client(folder.path());
    let file = |name: &str| folder.path().join(name);
    let backend = Backend::tls(Speaks::Grpc, authority.server("localhost"));
    let url = format!("https://localhost:{}", backend.address().port());
    std::fs::write(file("token"), "first\n").unwrap();
    let auth = Auth::Bearer(Credential::File(file("token")));
    let headers = vec![("x-scope-orgid".to_owned(), Secret::new("shop"))];
    let tls = Tls { ca: Some(file("ca.pem")), client: Some((file("cert.pem"), file("key.pem"))) };
    let client = Client::new(Settings { auth, headers, tls, ..settings(url.clone()) }).unwrap();
    assert_eq!(call(&client, 1).await.unwrap().code, 0);
    std::fs::write(file("token"), "the second").unwrap();
    assert_eq!(call(&client, 2).await.unwrap().code, 0);
    let asked = backend.asked();
    let tokens: Vec<_> = asked.iter().map(|asked| asked.headers["authorization"].as_str()).collect();
    assert_eq!(tokens, ["Bearer first", "Bearer the second"]);
    assert_eq!(asked[0].headers["x-scope-orgid"], "shop");
    assert!(asked[0].headers["user-agent"].starts_with("spyhop/"));
    backend.is_content();
    let error = call(&Client::new(settings(url)).unwrap(), 3).await.unwrap_err();
    assert_eq!(error.kind(), "tls", "{error}");
}

#[test]
fn settings_that_can_never_work_are_refused() {
    let new = |url: &str, header: &str| {
        let headers = vec![(header.to_owned(), Secret::new("x"))];
        Client::new(Settings { headers, ..settings(url) }).map(drop)
    };
    assert_eq!(new("http://tempo:4317", "x-tenant"), Ok(()));
    assert_eq!(new("http://tempo:4317/", "x-tenant"), Ok(()));
    assert_eq!(new("http://tempo:4317/v1/traces", "x-tenant"), Err(SettingsError::Path));
    for header in ["grpc-timeout", "te", "content-type"] {
        assert_eq!(new("http://tempo:4317", header), Err(SettingsError::Header(header.to_owned())));
    }
}
