//! OTLP/gRPC: section "OTLP/gRPC" of the specification, and what gRPC asks of every server.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use spyhop::{
    otlp::{Code, Signal, Status},
    traces::{
        intake::Answer,
        receive::{Reason, Transport},
    },
};

use super::support::{GRPC, Scene, call, connect, eventually, framed, gzip};

fn path() -> &'static str {
    Signal::Traces.grpc_path()
}

#[tokio::test]
async fn every_signal_is_taken_and_answered_in_full() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    for signal in Signal::ALL {
        let heard = call(&mut client, signal.grpc_path(), &[GRPC, ("te", "trailers")], framed(0, b"\x0a\x00")).await;
        assert_eq!((heard.http.as_u16(), heard.code()), (200, "0"));
        assert_eq!(heard.message.as_deref(), Some(&[][..]), "partial_success is not set");
        assert!(!heard.trailers_only);
        assert_eq!(heard.headers["content-type"], "application/grpc");
        assert!(!heard.headers.contains_key("grpc-encoding"), "answers are not compressed");
        assert_eq!(scene.counts.requests(signal, Transport::Grpc, Code::Ok), 1);
        assert_eq!(scene.counts.bytes(signal, Transport::Grpc), 7);
    }
    let expected: Vec<_> = Signal::ALL.into_iter().map(|signal| (signal, b"\x0a\x00".to_vec())).collect();
    assert_eq!(scene.intake.bodies(), expected);
    assert_eq!(scene.counts.connections(Transport::Grpc), 1);
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    assert_eq!(call(&mut client, path(), &[GRPC], framed(0, b"")).await.code(), "0");
    assert_eq!(scene.intake.bodies(), [(Signal::Traces, Vec::new())]);
}

#[tokio::test]
async fn gzip_and_identity_are_understood_whatever_is_announced() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    let plain = vec![b'x'; 100_000];
    let packed = gzip(&plain);
    let members: Vec<u8> = [gzip(&plain[..7]), gzip(b""), gzip(&plain[7..])].concat();
    for (encoding, body) in [
        ("gzip", framed(1, &packed)),
        ("gzip", framed(1, &members)),
        // The flag of a message says whether it is compressed, not the header.
        ("gzip", framed(0, &plain)),
        ("identity", framed(0, &plain)),
    ] {
        let heard = call(&mut client, path(), &[GRPC, ("grpc-encoding", encoding)], body).await;
        assert_eq!(heard.code(), "0", "{encoding}");
        assert!(heard.headers["grpc-accept-encoding"].to_str().unwrap().contains("gzip"));
    }
    let taken = scene.intake.bodies();
    assert_eq!(taken.len(), 4);
    assert!(taken.iter().all(|(_, bytes)| *bytes == plain));
}

#[tokio::test]
async fn what_cannot_be_unpacked_is_told_apart() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    let whole = gzip(b"whole");
    let mut trailing = whole.clone();
    trailing.extend(b"more");
    for (encoding, body, code) in [
        // Not spoken here: unimplemented, and what is spoken.
        (Some("snappy"), framed(1, b"x"), "12"),
        (Some("deflate"), framed(0, b"x"), "12"),
        // The flag without a way to unpack.
        (None, framed(1, &whole), "13"),
        (Some("identity"), framed(1, &whole), "13"),
        // Not what it says.
        (Some("gzip"), framed(1, b"no gzip at all"), "13"),
        (Some("gzip"), framed(1, &whole[..whole.len() - 1]), "13"),
        (Some("gzip"), framed(1, &trailing), "13"),
        (Some("gzip"), framed(1, b""), "13"),
    ] {
        let mut headers = vec![GRPC];
        headers.extend(encoding.map(|encoding| ("grpc-encoding", encoding)));
        let heard = call(&mut client, path(), &headers, body).await;
        assert_eq!((heard.code(), heard.trailers_only), (code, true), "{encoding:?}");
        let accepted = heard.headers["grpc-accept-encoding"].to_str().unwrap();
        assert_eq!(accepted, "identity,gzip");
    }
    assert!(scene.intake.bodies().is_empty());
    assert_eq!((scene.counts.refused(Reason::Encoding), scene.counts.refused(Reason::Gzip)), (2, 4));
}

#[tokio::test]
async fn a_call_carries_one_whole_message() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    for (body, code) in [
        (Vec::new(), "12"),
        ([framed(0, b"a"), framed(0, b"b")].concat(), "12"),
        ([framed(0, b"a"), vec![0]].concat(), "12"),
        (framed(0, b"abc")[..6].to_vec(), "13"),
        (framed(0, b"")[..3].to_vec(), "13"),
        (framed(2, b"a"), "13"),
    ] {
        let heard = call(&mut client, path(), &[GRPC], body.clone()).await;
        assert_eq!((heard.http.as_u16(), heard.code()), (200, code), "{body:?}");
        assert!(!heard.said().is_empty());
    }
    assert!(scene.intake.bodies().is_empty());
    assert_eq!(scene.counts.refused(Reason::Frames), 6);
}

#[tokio::test]
async fn unknown_services_and_methods_are_unimplemented() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    for path in [
        "/opentelemetry.proto.collector.trace.v1.TraceService/Import",
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/grpc.health.v1.Health/Check",
        "/v1/traces",
        "/",
    ] {
        let heard = call(&mut client, path, &[GRPC], framed(0, b"")).await;
        assert_eq!((heard.http.as_u16(), heard.code(), heard.trailers_only), (200, "12", true), "{path}");
    }
    assert_eq!(scene.counts.refused(Reason::Path), 5);
}

#[tokio::test]
async fn content_types_are_those_of_grpc() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    for value in ["application/grpc", "application/grpc+proto", "application/grpc;v=1", "Application/GRPC"] {
        let heard = call(&mut client, path(), &[("content-type", value)], framed(0, b"")).await;
        assert_eq!(heard.code(), "0", "{value}");
        assert!(heard.headers["content-type"].to_str().unwrap().starts_with("application/grpc"));
    }
    let heard = call(&mut client, path(), &[("content-type", "application/grpc+json")], framed(0, b"{}")).await;
    assert_eq!(heard.code(), "12");
    // Anything else is no call: 415 keeps an answer of gRPC, which is 200, from being taken for a success.
    for value in ["text/plain", "application/grpc-web"] {
        let request = http::Request::post("http://spyhop/v1/traces").header("content-type", value);
        let response = client.send_request(request.body(http_body_util::Full::default()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 415, "{value}");
    }
}

#[tokio::test]
async fn answers_of_the_intake_have_their_codes() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    scene.intake.answer(Answer::Taken { rejected: 3, message: "invalid ids".to_owned() });
    let heard = call(&mut client, path(), &[GRPC], framed(0, b"x")).await;
    let partial =
        ExportTraceServiceResponse::decode(heard.message.unwrap().as_slice()).unwrap().partial_success.unwrap();
    assert_eq!((partial.rejected_spans, partial.error_message.as_str()), (3, "invalid ids"));

    scene.intake.answer(Answer::Taken { rejected: 0, message: "clock is off".to_owned() });
    let heard = call(&mut client, path(), &[GRPC], framed(0, b"x")).await;
    assert_eq!(heard.trailers["grpc-status"], "0");
    let warning =
        ExportTraceServiceResponse::decode(heard.message.unwrap().as_slice()).unwrap().partial_success.unwrap();
    assert_eq!((warning.rejected_spans, warning.error_message.as_str()), (0, "clock is off"));

    scene.intake.answer(Answer::Malformed("no \u{e4} 100 %".to_owned()));
    let heard = call(&mut client, path(), &[GRPC], framed(0, b"x")).await;
    assert_eq!((heard.code(), heard.said(), heard.message.is_none()), ("3", "no %C3%A4 100 %25", true));

    scene.intake.answer(Answer::Unwanted("nobody wants logs".to_owned()));
    assert_eq!(call(&mut client, Signal::Logs.grpc_path(), &[GRPC], framed(0, b"x")).await.code(), "12");
}

#[tokio::test]
async fn a_busy_receiver_says_when_to_come_again() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    let retry = Duration::from_millis(2500);
    scene.intake.answer(Answer::Busy(retry));
    let heard = call(&mut client, path(), &[GRPC], framed(0, b"x")).await;
    assert_eq!((heard.code(), heard.trailers_only), ("14", true));
    let details = STANDARD_NO_PAD.decode(&heard.trailers["grpc-status-details-bin"]).unwrap();
    let status = Status::decode(&details).unwrap();
    assert_eq!((status.code, status.retry), (Code::Unavailable, Some(retry)));
}

#[tokio::test]
async fn a_deadline_of_the_client_is_kept() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    let closed = scene.intake.gate.acquire_many(1 << 20).await.unwrap();
    let heard = call(&mut client, path(), &[GRPC, ("grpc-timeout", "50m")], framed(0, b"x")).await;
    assert_eq!(heard.code(), "4");
    eventually("the request is given up", || *scene.intake.dropped.lock().unwrap() == 1).await;
    drop(closed);
    assert_eq!(call(&mut client, path(), &[GRPC, ("grpc-timeout", "1H")], framed(0, b"x")).await.code(), "0");
    assert_eq!(call(&mut client, path(), &[GRPC, ("grpc-timeout", "soon")], framed(0, b"x")).await.code(), "13");
}

#[tokio::test]
async fn a_call_that_is_cancelled_is_given_up() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    let _closed = scene.intake.gate.acquire_many(1 << 20).await.unwrap();
    let request = http::Request::post(format!("http://spyhop{}", path())).header(GRPC.0, GRPC.1);
    let body = http_body_util::Full::new(framed(0, b"x").into());
    let sent = tokio::spawn(client.send_request(request.body(body).unwrap()));
    eventually("the request is being taken", || scene.intake.taken.lock().unwrap().len() == 1).await;
    sent.abort();
    eventually("the request is given up", || *scene.intake.dropped.lock().unwrap() == 1).await;
    eventually("it is counted", || scene.counts.requests(Signal::Traces, Transport::Grpc, Code::Cancelled) == 1).await;
}
