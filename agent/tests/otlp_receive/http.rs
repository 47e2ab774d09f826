//! OTLP/HTTP: section "OTLP/HTTP" of the specification.

use std::time::Duration;

use http_body_util::Full;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message as _;
use spyhop::{
    otlp::{Code, Signal},
    traces::{
        intake::Answer,
        receive::{Reason, Transport},
    },
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::support::{SOON, Scene, Told, connect, gzip, hear, post, request};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test]
async fn every_signal_is_taken_and_answered_in_full() {
    let scene = Scene::new();
    for signal in Signal::ALL {
        let told = post(scene.http, signal.http_path(), &[PROTOBUF], b"\x0a\x00").await;
        assert_eq!((told.status, told.body.len()), (200, 0));
        assert_eq!(told.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(told.header("content-encoding"), None, "an answer is not compressed");
        assert_eq!(scene.counts.requests(signal, Transport::Http, Code::Ok), 1);
        assert_eq!(scene.counts.bytes(signal, Transport::Http), 2);
    }
    let expected: Vec<_> = Signal::ALL.into_iter().map(|signal| (signal, b"\x0a\x00".to_vec())).collect();
    assert_eq!(scene.intake.bodies(), expected);
}

#[tokio::test]
async fn a_connection_carries_requests_one_after_the_other() {
    let scene = Scene::new();
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    for body in [&b""[..], b"one", b"two"] {
        stream.write_all(&request("/v1/traces", &[PROTOBUF], body)).await.unwrap();
        assert_eq!(hear(&mut stream).await.status, 200);
    }
    let bodies: Vec<_> = scene.intake.bodies().into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies, [b"".to_vec(), b"one".to_vec(), b"two".to_vec()]);
}

#[tokio::test]
async fn a_body_in_chunks_is_one_body() {
    let scene = Scene::new();
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n\
                transfer-encoding: chunked\r\n\r\n";
    for piece in [head, "3\r\none\r\n", "3\r\ntwo\r\n", "0\r\n\r\n"] {
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    assert_eq!(hear(&mut stream).await.status, 200);
    assert_eq!(scene.intake.bodies(), [(Signal::Traces, b"onetwo".to_vec())]);
}

#[tokio::test]
async fn gzip_is_unpacked_and_others_are_not_spoken() {
    let scene = Scene::new();
    let plain = vec![b'x'; 100_000];
    for encoding in ["gzip", "x-gzip", "identity, gzip"] {
        let told = post(scene.http, "/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], &gzip(&plain)).await;
        assert_eq!(told.status, 200, "{encoding}");
    }
    assert!(scene.intake.bodies().iter().all(|(_, body)| *body == plain));
    for encoding in ["br", "zstd", "gzip, gzip"] {
        let told = post(scene.http, "/v1/traces", &[PROTOBUF, ("content-encoding", encoding)], b"x").await;
        assert_eq!((told.status, told.header("accept-encoding")), (415, Some("identity,gzip")), "{encoding}");
        assert_eq!(told.rpc_status().code, Code::Unimplemented);
    }
    let told = post(scene.http, "/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], b"no gzip").await;
    assert_eq!(told.status, 400);
    assert_eq!(scene.intake.bodies().len(), 3);
}

#[tokio::test]
async fn the_answer_speaks_as_the_request_does() {
    let scene = Scene::new();
    for (headers, status, speaks) in [
        (&[("content-type", "application/x-protobuf; v=1")][..], 404, "application/x-protobuf"),
        (&[("content-type", "application/json; charset=utf-8")], 404, "application/json"),
        (&[("content-type", "text/html")], 404, "text/plain; charset=utf-8"),
        (&[], 404, "text/plain; charset=utf-8"),
    ] {
        let told = post(scene.http, "/v1/spans", headers, b"").await;
        assert_eq!((told.status, told.header("content-type")), (status, Some(speaks)), "{headers:?}");
    }
    for value in ["text/plain", "application/xml", "application/x-protobuf2", "application/grpc-web"] {
        let told = post(scene.http, "/v1/traces", &[("content-type", value)], b"").await;
        assert_eq!(told.status, 415, "{value}");
    }
    assert_eq!(post(scene.http, "/v1/traces", &[], b"").await.status, 415);
    assert_eq!(post(scene.http, "/v1/traces", &[("content-type", "application/grpc")], b"").await.status, 505);
    assert_eq!(scene.counts.refused(Reason::ContentType), 6);
}

#[tokio::test]
async fn only_posts_are_taken() {
    let scene = Scene::new();
    for method in ["GET", "PUT", "OPTIONS", "DELETE"] {
        let mut stream = TcpStream::connect(scene.http).await.unwrap();
        let head = format!("{method} /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let told = hear(&mut stream).await;
        assert_eq!((told.status, told.header("allow")), (405, Some("POST")), "{method}");
    }
}

#[tokio::test]
async fn answers_of_the_intake_have_their_statuses() {
    let scene = Scene::new();
    let ask = || post(scene.http, "/v1/traces", &[PROTOBUF], b"x");
    scene.intake.answer(Answer::Taken { rejected: 3, message: "invalid ids".to_owned() });
    let told = ask().await;
    let partial = ExportTraceServiceResponse::decode(told.body.as_slice()).unwrap().partial_success.unwrap();
    assert_eq!((told.status, partial.rejected_spans, partial.error_message.as_str()), (200, 3, "invalid ids"));

    scene.intake.answer(Answer::Malformed("no".to_owned()));
    let told = ask().await;
    let status = told.rpc_status();
    assert_eq!((told.status, status.code, status.message.as_str()), (400, Code::InvalidArgument, "no"));

    scene.intake.answer(Answer::Busy(Duration::from_millis(2500)));
    let told = ask().await;
    let status = told.rpc_status();
    assert_eq!((told.status, told.header("retry-after"), status.code), (503, Some("3"), Code::Unavailable));
    assert_eq!(status.retry, Some(Duration::from_millis(2500)));

    scene.intake.answer(Answer::Unwanted("nobody wants traces".to_owned()));
    assert_eq!(ask().await.status, 404);
}

#[tokio::test]
async fn json_is_taken_as_the_protobuf_it_stands_for() {
    let scene = Scene::new();
    // Ids are hexadecimal in either case, enums numbers, 64 bits strings or numbers, what nobody knows is ignored.
    let text = r#"{"resourceSpans":[{"newer":[{}],"scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C",
        "spanId":"eee19b7ec3c1b174","name":"a","kind":2,"startTimeUnixNano":"1544712660000000000",
        "endTimeUnixNano":1544712661000000000,"trace_state":"not a key","status":{"code":2}}]}]}]}"#;
    let value = "application/json; charset=utf-8";
    let told = post(scene.http, "/v1/traces", &[("content-type", value)], text.as_bytes()).await;
    assert_eq!(
        (told.status, told.header("content-type"), told.body.as_slice()),
        (200, Some("application/json"), &b"{}"[..])
    );
    let packed = [JSON, ("content-encoding", "gzip")];
    assert_eq!(post(scene.http, "/v1/traces", &packed, &gzip(text.as_bytes())).await.status, 200);
    for (_, bytes) in scene.intake.bodies() {
        let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        assert_eq!(span.trace_id, 0x5b8e_fff7_9803_8103_d269_b633_813f_c60c_u128.to_be_bytes());
        assert_eq!(span.span_id, 0xeee1_9b7e_c3c1_b174_u64.to_be_bytes());
        assert_eq!((span.kind, span.end_time_unix_nano - span.start_time_unix_nano), (2, 1_000_000_000));
        assert_eq!((span.trace_state.as_str(), span.status.as_ref().unwrap().code), ("", 2));
    }
    assert_eq!(scene.intake.bodies().len(), 2);
    for signal in Signal::ALL {
        assert_eq!(post(scene.http, signal.http_path(), &[JSON], b"{}").await.status, 200, "empty is a success");
    }
}

#[tokio::test]
async fn answers_in_json_are_of_the_same_form() {
    let scene = Scene::new();
    let body = |told: &Told| serde_json::from_slice::<serde_json::Value>(&told.body).unwrap();
    for (signal, key) in [
        (Signal::Traces, "rejectedSpans"),
        (Signal::Metrics, "rejectedDataPoints"),
        (Signal::Logs, "rejectedLogRecords"),
    ] {
        scene.intake.answer(Answer::Taken { rejected: 3, message: "no".to_owned() });
        let told = post(scene.http, signal.http_path(), &[JSON], b"{}").await;
        let expected = serde_json::json!({ "partialSuccess": { key: "3", "errorMessage": "no" } });
        assert_eq!((told.status, body(&told)), (200, expected));
    }
    for (bytes, code) in [(&b"{"[..], 3), (b"", 3), (b"[]", 3), (b"\xff", 3)] {
        let told = post(scene.http, "/v1/traces", &[JSON], bytes).await;
        assert_eq!((told.status, told.header("content-type")), (400, Some("application/json")));
        let status = body(&told);
        assert_eq!(status["code"], code, "{bytes:?}");
        assert!(!status["message"].as_str().unwrap().is_empty());
    }
    assert_eq!(scene.counts.refused(Reason::Json), 4);
    scene.intake.answer(Answer::Busy(Duration::from_secs(2)));
    let told = post(scene.http, "/v1/traces", &[JSON], b"{}").await;
    assert_eq!((told.status, told.header("retry-after")), (503, Some("2")));
    assert_eq!(body(&told)["details"][0]["retryDelay"], "2s");
}

#[tokio::test]
async fn http2_carries_it_as_well() {
    let scene = Scene::new();
    let mut client = connect(scene.http).await;
    let ask = |path: &str| http::Request::post(format!("http://a{path}")).header(PROTOBUF.0, PROTOBUF.1);
    let response = client.send_request(ask("/v1/logs").body(Full::new("x".into())).unwrap()).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (200, &PROTOBUF.1.parse().unwrap()));
    scene.intake.answer(Answer::Busy(Duration::from_secs(1)));
    let response = client.send_request(ask("/v1/logs").body(Full::new("x".into())).unwrap()).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (503, &"1".parse().unwrap()));
    assert_eq!(scene.counts.requests(Signal::Logs, Transport::Http, Code::Ok), 1);
    assert_eq!(scene.intake.bodies().len(), 2);
}

#[tokio::test]
async fn a_client_that_asks_for_a_word_before_its_body_gets_it() {
    let scene = Scene::new();
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    let bytes = request("/v1/traces", &[PROTOBUF, ("expect", "100-continue")], b"body");
    stream.write_all(&bytes[..bytes.len() - 4]).await.unwrap();
    let mut word = [0; 25];
    timeout(SOON, stream.read_exact(&mut word)).await.unwrap().unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    assert_eq!(hear(&mut stream).await.status, 200);
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_still_answered() {
    let scene = Scene::new();
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    stream.write_all(&request("/v1/traces", &[PROTOBUF], b"one")).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(hear(&mut stream).await.status, 200);
}

#[tokio::test]
async fn requests_sent_without_waiting_are_answered_in_order() {
    let scene = Scene::new();
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    let both = [request("/v1/traces", &[PROTOBUF], b"one"), request("/v1/nothing", &[PROTOBUF], b"two")].concat();
    stream.write_all(&both).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut all = Vec::new();
    timeout(SOON, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&all);
    let statuses: Vec<_> = text.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["200", "404"]);
}
