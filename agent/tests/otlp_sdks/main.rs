//! The official SDKs against the receiver: what applications send arrives as they meant it, and what they are answered is understood as it is
//! meant. Python over gRPC and HTTP, JavaScript over gRPC, HTTP with protobuf and HTTP with JSON.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test says no")]

mod peers;
#[path = "../otlp_receive/support.rs"]
#[allow(dead_code, reason = "of the receiver's scene and its raw clients only the scene is of use here")]
mod support;

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use peers::{PEERS, Peer, Said};
use prost::Message as _;
use spyhop::{
    otlp::{Signal, wire},
    traces::{caller::Way, intake::Answer},
};
use support::Scene;

/// Sends spans once; what the program said, and the requests that reached the intake.
async fn sent(scene: &Scene, peer: Peer, compression: &str) -> (Said, Vec<Vec<u8>>) {
    let address = if peer.is_grpc() { scene.grpc } else { scene.http };
    let said = peer.send(address, compression, Signal::Traces).await;
    let requests = scene.intake.bodies().into_iter().map(|(signal, body)| {
        assert_eq!(signal, Signal::Traces);
        body
    });
    (said, requests.collect())
}

/// Runs a test with each exporter that is here, one after the other: none of them has anything to do with another.
macro_rules! with_each_peer {
    ($($name:ident => $test:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            for peer in PEERS.into_iter().filter(|peer| peer.is_here()) {
                $test(peer).await;
            }
        }
    )*};
}

with_each_peer! {
    spans_arrive_as_they_were_meant => spans;
    a_partial_success_is_not_sent_again => partial;
    a_full_receiver_is_asked_again => busy;
    a_refused_request_is_not_sent_again => malformed;
    a_request_that_is_too_large_is_not_sent_again => oversize;
}

async fn spans(peer: Peer) {
    for compression in ["none", "gzip"] {
        let scene = Scene::new();
        let (said, requests) = sent(&scene, peer, compression).await;
        assert_eq!(said.results, ["SUCCESS"], "{peer:?}: {}", said.log);
        let [request] = requests.as_slice() else { panic!("{peer:?}: {} requests", requests.len()) };
        assert_eq!(wire::count(Signal::Traces, request), Ok(2), "{peer:?}");
        let request = ExportTraceServiceRequest::decode(request.as_slice()).unwrap();
        let group = &request.resource_spans[0];
        check_resource(group.resource.as_ref().unwrap());
        let scope = group.scope_spans[0].scope.as_ref().unwrap();
        assert_eq!((scope.name.as_str(), scope.version.as_str()), ("scope", "1.2"), "{peer:?}");
        let span = |name: &str| group.scope_spans[0].spans.iter().find(|span| span.name == name).unwrap();
        check_root(span("root"), &said);
        let (root, child) = (span("root"), span("child"));
        assert_eq!(
            (child.kind(), &child.parent_span_id, &child.trace_id),
            (SpanKind::Client, &root.span_id, &root.trace_id)
        );
        // JavaScript's spans have a clock each, which agree to the millisecond.
        let (start, end) = (root.start_time_unix_nano - 2_000_000, root.end_time_unix_nano + 2_000_000);
        assert!((start..=end).contains(&child.start_time_unix_nano), "{peer:?}: {root:?} {child:?}");
        assert!((child.start_time_unix_nano..=end).contains(&child.end_time_unix_nano), "{peer:?}: {root:?} {child:?}");
        // Both SDKs say whether the parent is of another process, in the bits beyond the W3C's eight; these Python leaves out.
        let sampled = u32::from(!peer.is_python());
        assert_eq!(child.flags & 0x3ff, 0x100 | sampled, "{peer:?}: the parent is of the same process");
        let link = &root.links[0];
        assert_eq!(link.flags & 0x3ff, 0x300 | sampled, "{peer:?}: what it links to is of another");
    }
}

fn check_resource(resource: &Resource) {
    let of = |key: &str| text(&resource.attributes, key);
    assert_eq!((of("service.name").as_str(), of("deployment.environment.name").as_str()), ("sdk-test", "test"));
    assert_eq!(of("telemetry.sdk.name"), "opentelemetry");
}

fn check_root(root: &Span, said: &Said) {
    let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!((hex(&root.trace_id), hex(&root.span_id)), (said.trace.clone(), said.span.clone()));
    assert_eq!((root.kind(), root.parent_span_id.as_slice()), (SpanKind::Server, &[][..]));
    let status = root.status.as_ref().unwrap();
    assert_eq!((status.code(), status.message.as_str()), (StatusCode::Error, "broken"));
    let of = |key: &str| value(&root.attributes, key);
    assert_eq!(of("text"), Value::StringValue("é 😀".into()));
    assert_eq!(of("empty"), Value::StringValue(String::new()));
    assert_eq!(
        (of("int"), of("double"), of("bool")),
        (Value::IntValue(42), Value::DoubleValue(0.5), Value::BoolValue(true))
    );
    let Value::ArrayValue(list) = of("list") else { panic!("{root:?}") };
    let word = |word: &str| AnyValue { value: Some(Value::StringValue(word.into())) };
    assert_eq!(list.values, [word("a"), word("b")]);
    assert_eq!(
        (root.events[0].name.as_str(), value(&root.events[0].attributes, "n")),
        ("happened", Value::IntValue(1))
    );
    let link = &root.links[0];
    let ids = (hex(&link.trace_id), hex(&link.span_id));
    assert_eq!(ids, ("0af7651916cd43dd8448eb211c80319c".into(), "b7ad6b7169203331".into()));
    assert_eq!(text(&link.attributes, "why"), "caused");
    let age = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
        - u128::from(root.end_time_unix_nano);
    assert!(age < Duration::from_secs(120).as_nanos(), "{age} ns old");
}

async fn partial(peer: Peer) {
    let scene = Scene::new();
    scene.intake.answer(Answer::Taken { rejected: 1, message: "one span has no valid id".into() });
    let (said, requests) = sent(&scene, peer, "none").await;
    assert_eq!((said.results.as_slice(), requests.len()), (&["SUCCESS".to_owned()][..], 1), "{peer:?}: {}", said.log);
    // The JavaScript SDK logs what a partial success says; Python's looks at no body.
    if matches!(peer, Peer::NodeGrpc | Peer::NodeProtobuf | Peer::NodeJson) {
        assert!(said.log.contains("one span has no valid id"), "{peer:?}: {}", said.log);
    }
}

async fn busy(peer: Peer) {
    let scene = Scene::new();
    scene.intake.answer(Answer::Busy(Duration::from_secs(1)));
    let began = std::time::Instant::now();
    let (said, requests) = sent(&scene, peer, "none").await;
    if peer == Peer::NodeGrpc {
        // Against the specification this exporter asks nobody twice: what it sends to a full receiver is lost, and it says so.
        assert_eq!((said.results.as_slice(), requests.len()), (&["FAILURE".to_owned()][..], 1), "{}", said.log);
        return assert!(said.log.contains("UNAVAILABLE"), "{}", said.log);
    }
    assert_eq!((said.results.as_slice(), requests.len()), (&["SUCCESS".to_owned()][..], 2), "{peer:?}: {}", said.log);
    assert_eq!(requests[0], requests[1], "{peer:?}: the same request comes again");
    assert!(began.elapsed() >= Duration::from_secs(1), "{peer:?}: after the time it was given");
}

async fn malformed(peer: Peer) {
    let scene = Scene::new();
    scene.intake.answer(Answer::Malformed("no request of this signal".into()));
    let (said, requests) = sent(&scene, peer, "none").await;
    assert_eq!((said.results.as_slice(), requests.len()), (&["FAILURE".to_owned()][..], 1), "{peer:?}: {}", said.log);
}

async fn oversize(peer: Peer) {
    let scene = Scene::with(|receiver, _| receiver.max_request = 256);
    let (said, requests) = sent(&scene, peer, "none").await;
    assert_eq!((said.results.as_slice(), requests.len()), (&["FAILURE".to_owned()][..], 0), "{peer:?}: {}", said.log);
}

/// gRPC in Python speaks to unix sockets; who sends is told by the kernel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_unix_socket_is_spoken_to() {
    let peer = Peer::PythonGrpc;
    if !peer.is_here() {
        return;
    }
    for compression in ["none", "gzip"] {
        let scene = Scene::new();
        let endpoint = format!("unix://{}", scene.socket.display());
        let said = peer.send_to(endpoint, compression, Signal::Traces).await;
        assert_eq!(said.results, ["SUCCESS"], "{}", said.log);
        let taken = scene.intake.taken.lock().unwrap();
        let [(caller, Signal::Traces, request)] = taken.as_slice() else { panic!("{} requests", taken.len()) };
        let sent_by = match caller.way {
            Way::Unix { pid, .. } => pid.unwrap(),
            ref other => panic!("{other:?}"),
        };
        assert!(sent_by > 1 && sent_by != std::process::id());
        let request = ExportTraceServiceRequest::decode(request.clone()).unwrap();
        let group = &request.resource_spans[0];
        check_resource(group.resource.as_ref().unwrap());
        check_root(group.scope_spans[0].spans.iter().find(|span| span.name == "root").unwrap(), &said);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_and_logs_arrive_too() {
    for peer in [Peer::PythonGrpc, Peer::PythonHttp].into_iter().filter(|peer| peer.is_here()) {
        let scene = Scene::new();
        let address = if peer.is_grpc() { scene.grpc } else { scene.http };
        for signal in [Signal::Metrics, Signal::Logs] {
            let said = peer.send(address, "gzip", signal).await;
            assert_eq!(said.results, ["SUCCESS"], "{peer:?}: {}", said.log);
        }
        let bodies = scene.intake.bodies();
        let [(Signal::Metrics, metrics), (Signal::Logs, logs)] = bodies.as_slice() else { panic!("{bodies:?}") };
        assert_eq!((wire::count(Signal::Metrics, metrics), wire::count(Signal::Logs, logs)), (Ok(3), Ok(1)));

        let metrics = ExportMetricsServiceRequest::decode(metrics.as_slice()).unwrap();
        let group = &metrics.resource_metrics[0];
        check_resource(group.resource.as_ref().unwrap());
        let mut names: Vec<_> = group.scope_metrics[0].metrics.iter().map(|metric| metric.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["duration", "requests", "temperature"]);

        let logs = ExportLogsServiceRequest::decode(logs.as_slice()).unwrap();
        let record = &logs.resource_logs[0].scope_logs[0].log_records[0];
        let body = record.body.as_ref().unwrap().value.clone();
        assert_eq!((record.severity_number, body), (17, Some(Value::StringValue("a line".into()))));
    }
}

fn value(attributes: &[KeyValue], key: &str) -> Value {
    let pair = attributes.iter().find(|pair| pair.key == key).unwrap_or_else(|| panic!("no {key} in {attributes:?}"));
    pair.value.as_ref().unwrap().value.clone().unwrap()
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let Value::StringValue(text) = value(attributes, key) else { panic!("{key} is no string") };
    text
}
