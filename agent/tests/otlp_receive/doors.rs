//! Which doors there are, who comes in by them, and how they close.

use std::time::Duration;

use spyhop::{
    otlp::Signal,
    traces::{caller::Way, receive::Transport},
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpStream, UnixStream},
};

use super::support::{GRPC, Scene, call, connect, converse, eventually, framed, hear, post, request};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

#[tokio::test]
async fn both_are_spoken_at_every_door() {
    let scene = Scene::new();
    for address in [scene.grpc, scene.http] {
        assert_eq!(post(address, "/v1/traces", &[PROTOBUF], b"x").await.status, 200);
        let mut client = connect(address).await;
        assert_eq!(call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, b"x")).await.code(), "0");
    }
    let mut stream = UnixStream::connect(&scene.socket).await.unwrap();
    stream.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await.unwrap();
    assert_eq!(hear(&mut stream).await.status, 200);
    let mut client = converse(UnixStream::connect(&scene.socket).await.unwrap()).await;
    assert_eq!(call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, b"x")).await.code(), "0");
    assert_eq!(scene.intake.bodies().len(), 6);
}

#[tokio::test]
async fn the_kernel_says_who_is_there() {
    let scene = Scene::with(|receiver, _| receiver.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]);
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    let ours = stream.local_addr().unwrap();
    stream.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await.unwrap();
    hear(&mut stream).await;
    // Behind a proxy that is believed, each request is somebody's.
    stream.write_all(&request("/v1/traces", &[PROTOBUF, ("x-forwarded-for", "172.18.0.5")], b"x")).await.unwrap();
    hear(&mut stream).await;
    let mut stream = UnixStream::connect(&scene.socket).await.unwrap();
    stream.write_all(&request("/v1/traces", &[PROTOBUF, ("x-forwarded-for", "172.18.0.5")], b"x")).await.unwrap();
    hear(&mut stream).await;
    let ways: Vec<_> = scene.intake.taken.lock().unwrap().iter().map(|(caller, ..)| caller.way.clone()).collect();
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(
        ways,
        [
            Way::Tcp { peer: ours, local: scene.http },
            Way::Tcp { peer: "172.18.0.5:0".parse().unwrap(), local: scene.http },
            Way::Unix { pid: Some(std::process::id()), uid },
        ]
    );
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() {
    let scene = Scene::new();
    let closed = scene.intake.gate.acquire_many(1 << 20).await.unwrap();
    let mut client = connect(scene.grpc).await;
    let call = async { call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, b"x")).await };
    let post = post(scene.http, "/v1/traces", &[PROTOBUF], b"x");
    let _idle = TcpStream::connect(scene.http).await.unwrap();
    let end = async {
        eventually("both are under way", || scene.intake.taken.lock().unwrap().len() == 2).await;
        scene.end();
        eventually("nobody else gets in", || std::net::TcpStream::connect(scene.http).is_err()).await;
        drop(closed);
    };
    let (heard, told, ()) = tokio::join!(call, post, end);
    assert_eq!((heard.code(), told.status), ("0", 200));
    let counts = std::sync::Arc::clone(&scene.counts);
    assert_eq!(scene.ended().await.cut, 0);
    assert!(client.ready().await.is_err(), "the client was told to go");
    assert_eq!(Transport::ALL.map(|transport| counts.connections(transport)), [0, 0]);
}

#[tokio::test]
async fn what_does_not_end_is_cut() {
    let scene = Scene::with(|_, patience| patience.drain = Duration::from_millis(50));
    let intake = std::sync::Arc::clone(&scene.intake);
    let _closed = intake.gate.acquire_many(1 << 20).await.unwrap();
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    stream.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await.unwrap();
    let mut client = connect(scene.grpc).await;
    let request = http::Request::post(format!("http://a{}", Signal::Logs.grpc_path())).header(GRPC.0, GRPC.1);
    let sent = client.send_request(request.body(http_body_util::Full::new(framed(0, b"x").into())).unwrap());
    let end = async {
        eventually("both are under way", || scene.intake.taken.lock().unwrap().len() == 2).await;
        scene.end();
    };
    let (answer, ()) = tokio::join!(sent, end);
    assert!(answer.is_err());
    assert_eq!(scene.ended().await.cut, 2);
    eventually("what is not answered is not taken", || *intake.dropped.lock().unwrap() == 2).await;
}

#[tokio::test]
async fn callers_over_both_versions_of_ip_are_told_by_their_own() {
    let any = std::net::SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0));
    let scene = Scene::with(|receiver, _| receiver.http = Some(any));
    let mut stream = TcpStream::connect((std::net::Ipv4Addr::LOCALHOST, scene.http.port())).await.unwrap();
    let (ours, theirs) = (stream.local_addr().unwrap(), stream.peer_addr().unwrap());
    stream.write_all(&request("/v1/traces", &[PROTOBUF], b"x")).await.unwrap();
    assert_eq!(hear(&mut stream).await.status, 200);
    let way = scene.intake.taken.lock().unwrap()[0].0.way.clone();
    assert_eq!(way, Way::Tcp { peer: ours, local: theirs });
}
