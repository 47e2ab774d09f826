//! Clients that cost time, places or patience.

use std::time::Duration;

use spyhop::{
    otlp::{Code, Signal},
    traces::receive::{Reason, Transport},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::support::{GRPC, SOON, Scene, call, connect, eventually, framed, hear, heard, post, request};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

/// Short enough to be waited for, long enough not to strike a request of a busy machine.
const SHORT: Duration = Duration::from_millis(300);

/// Reads until the other side closes.
async fn closed(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end, too.
    drop(timeout(SOON, stream.read_to_end(&mut rest)).await.expect("the connection ends"));
    rest
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_and_an_idle_connection_is_not() {
    let scene = Scene::with(|_, patience| patience.head = SHORT);
    let mut idle = TcpStream::connect(scene.http).await.unwrap();
    idle.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await.unwrap();
    assert_eq!(hear(&mut idle).await.status, 200);
    let mut slow = TcpStream::connect(scene.http).await.unwrap();
    slow.write_all(b"POST /v1/traces HTTP/1.1\r\n").await.unwrap();
    while slow.write_all(b"x: y\r\n").await.is_ok() && scene.counts.refused(Reason::Slow) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    closed(&mut slow).await;
    eventually("it is counted", || scene.counts.refused(Reason::Slow) == 1).await;
    // The idle one has waited longer than that by now. It is cut like the other when it becomes slow.
    idle.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await.unwrap();
    assert_eq!(hear(&mut idle).await.status, 200);
    idle.write_all(b"POST /").await.unwrap();
    closed(&mut idle).await;
    eventually("it is counted", || scene.counts.refused(Reason::Slow) == 2).await;
}

#[tokio::test]
async fn clients_that_say_nothing_are_let_go() {
    let scene = Scene::with(|_, patience| (patience.head, patience.idle) = (SHORT, SHORT));
    let mut silent = TcpStream::connect(scene.http).await.unwrap();
    let mut half = TcpStream::connect(scene.grpc).await.unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let mut idle = TcpStream::connect(scene.http).await.unwrap();
    idle.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await.unwrap();
    assert_eq!(hear(&mut idle).await.status, 200);
    let mut client = connect(scene.grpc).await;
    assert_eq!(call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, b"x")).await.code(), "0");
    for stream in [&mut silent, &mut half, &mut idle] {
        assert_eq!(closed(stream).await, b"");
    }
    eventually("the client was told to go", || client.is_closed()).await;
    assert_eq!(scene.counts.refused(Reason::Slow), 2, "an idle connection has done nothing wrong");
    eventually("all are gone", || Transport::ALL.into_iter().all(|each| scene.counts.connections(each) == 0)).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_on_is_answered_and_gives_its_room_back() {
    let scene = Scene::with(|receiver, patience| {
        (patience.stall, patience.rest) = (SHORT, SHORT);
        receiver.max_pending = receiver.max_request + (64 << 10);
    });
    let mut slow = TcpStream::connect(scene.http).await.unwrap();
    let bytes = request("/v1/traces", &[PROTOBUF], &vec![0; 900 << 10]);
    slow.write_all(&bytes[..bytes.len() - 1]).await.unwrap();
    let told = hear(&mut slow).await;
    assert_eq!((told.status, told.rpc_status().code), (503, Code::DeadlineExceeded));
    closed(&mut slow).await;
    assert_eq!(post(scene.http, "/v1/traces", &[PROTOBUF], &vec![0; 900 << 10]).await.status, 200);
    assert_eq!(scene.counts.refused(Reason::Slow), 1);
    assert_eq!(scene.counts.requests(Signal::Traces, Transport::Http, Code::DeadlineExceeded), 1);
}

#[tokio::test]
async fn a_body_that_drips_has_its_time() {
    let scene = Scene::with(|_, patience| (patience.body, patience.rest) = (SHORT, SHORT));
    let (mut read, mut write) = TcpStream::connect(scene.http).await.unwrap().into_split();
    let bytes = request("/v1/traces", &[PROTOBUF], &[0; 100_000]);
    write.write_all(&bytes[..200]).await.unwrap();
    let drip = async {
        while write.write_all(&[0]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let told = tokio::select! {
        told = hear(&mut read) => told,
        () = drip => panic!("closed without a word"),
    };
    assert_eq!(told.status, 503);
}

#[tokio::test]
async fn an_intake_that_takes_too_long_is_answered_for() {
    let scene = Scene::with(|_, patience| patience.take = SHORT);
    let _closed = scene.intake.gate.acquire_many(1 << 20).await.unwrap();
    let told = post(scene.http, "/v1/traces", &[PROTOBUF], b"x").await;
    assert_eq!((told.status, told.header("retry-after")), (503, Some("1")));
    let mut client = connect(scene.grpc).await;
    let heard = call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, b"x")).await;
    assert_eq!(heard.code(), "14");
    assert!(heard.trailers.contains_key("grpc-status-details-bin"));
    assert_eq!(*scene.intake.dropped.lock().unwrap(), 2);
}

#[tokio::test]
async fn without_room_clients_are_told_to_come_again() {
    let scene = Scene::with(|receiver, _| receiver.max_pending = 2 << 20);
    let closed = scene.intake.gate.acquire_many(1 << 20).await.unwrap();
    let big = vec![0; 900 << 10];
    // Two that wait for the intake: one origin's half, and another origin's.
    let first = tokio::spawn({
        let (address, big) = (scene.http, big.clone());
        async move { post(address, "/v1/traces", &[PROTOBUF], &big).await.status }
    });
    eventually("the first is being taken", || scene.intake.taken.lock().unwrap().len() == 1).await;
    let told = post(scene.http, "/v1/traces", &[PROTOBUF], &big).await;
    assert_eq!((told.status, told.header("retry-after")), (503, Some("1")), "the half of one origin is in use");
    assert_eq!(told.rpc_status().retry, Some(Duration::from_secs(1)));
    let mut other = UnixStream::connect(&scene.socket).await.unwrap();
    other.write_all(&request("/v1/traces", &[PROTOBUF], &big)).await.unwrap();
    eventually("another origin has its own", || scene.intake.taken.lock().unwrap().len() == 2).await;
    let mut client = connect(scene.grpc).await;
    let heard = call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, &big)).await;
    assert_eq!(heard.code(), "14");
    assert!(heard.trailers.contains_key("grpc-status-details-bin"));
    drop(closed);
    assert_eq!((first.await.unwrap(), hear(&mut other).await.status), (200, 200));
    let heard = call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, &big)).await;
    assert_eq!(heard.code(), "0", "there is room again");
    assert_eq!(scene.counts.refused(Reason::NoRoom), 2);
}

#[tokio::test]
async fn at_the_ceiling_who_is_waited_for_makes_room() {
    let scene = Scene::with(|receiver, _| receiver.max_connections = 4);
    let mut idle = Vec::new();
    for _ in 0..4 {
        idle.push(TcpStream::connect(scene.http).await.unwrap());
    }
    assert_eq!(post(scene.http, "/v1/traces", &[PROTOBUF], b"x").await.status, 200);
    assert_eq!(closed(&mut idle[0]).await, b"", "the one that was waited for longest");
    assert_eq!(scene.counts.refused(Reason::Connections), 1);
    drop(idle);
    let closed = scene.intake.gate.acquire_many(1 << 20).await.unwrap();
    let mut busy = Vec::new();
    for count in 2..6 {
        let mut stream = TcpStream::connect(scene.http).await.unwrap();
        stream.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await.unwrap();
        eventually("it is being taken", || scene.intake.taken.lock().unwrap().len() == count).await;
        busy.push(stream);
    }
    let before = scene.counts.refused(Reason::Connections);
    let mut late = TcpStream::connect(scene.http).await.unwrap();
    drop(late.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await);
    assert!(heard(&mut late).await.is_none(), "nobody goes who waits for us");
    assert_eq!(scene.counts.refused(Reason::Connections), before + 1);
    drop(closed);
    for stream in &mut busy {
        assert_eq!(hear(stream).await.status, 200);
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_has_sent_nothing() {
    let scene = Scene::new();
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    let bytes = request("/v1/traces", &[PROTOBUF], b"whole");
    stream.write_all(&bytes[..bytes.len() - 1]).await.unwrap();
    drop(stream);
    eventually("it is counted", || scene.counts.requests(Signal::Traces, Transport::Http, Code::Cancelled) == 1).await;
    assert!(scene.intake.bodies().is_empty());
}

#[tokio::test]
async fn what_is_no_http_is_closed() {
    let scene = Scene::new();
    let head = "x".repeat(20_000);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\x00\x00\x00\x00",
        b"POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
        format!("POST /v1/traces HTTP/1.1\r\nx: {head}\r\n\r\n").as_bytes(),
    ] {
        let before = scene.counts.refused(Reason::Protocol);
        let mut stream = TcpStream::connect(scene.grpc).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        closed(&mut stream).await;
        eventually("it is counted", || scene.counts.refused(Reason::Protocol) == before + 1).await;
    }
}
