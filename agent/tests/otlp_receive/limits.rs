//! Ceilings of size: what is too long is never sent again, what finds no room is.

use spyhop::{
    otlp::{Code, Signal},
    traces::receive::Reason,
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::support::{GRPC, Scene, call, connect, framed, gzip, hear, post};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const GZIP: (&str, &str) = ("content-encoding", "gzip");
const LIMIT: usize = 1 << 20;

fn path() -> &'static str {
    Signal::Traces.grpc_path()
}

#[tokio::test]
async fn the_limit_holds_before_and_after_decompression() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    let (fits, longer) = (vec![7; LIMIT], vec![7; LIMIT + 1]);
    for (body, packed, code, status) in
        [(&fits, false, "0", 200), (&fits, true, "0", 200), (&longer, false, "8", 413), (&longer, true, "8", 413)]
    {
        let sent = if packed { gzip(body) } else { body.clone() };
        let heard = call(&mut client, path(), &[GRPC, ("grpc-encoding", "gzip")], framed(packed.into(), &sent)).await;
        assert_eq!(heard.code(), code, "{} {packed}", body.len());
        // With a delay in it a client would send it again, and again.
        assert!(!heard.trailers.contains_key("grpc-status-details-bin"));
        let headers: &[_] = if packed { &[PROTOBUF, GZIP] } else { &[PROTOBUF] };
        let told = post(scene.http, "/v1/traces", headers, &sent).await;
        assert_eq!(told.status, status, "{} {packed}", body.len());
        assert_eq!(told.header("retry-after"), None);
        if status == 413 {
            assert_eq!(told.rpc_status().code, Code::ResourceExhausted);
        }
    }
    assert_eq!(scene.counts.refused(Reason::TooLong), 4);
    let taken = scene.intake.bodies();
    assert_eq!(taken.len(), 4);
    assert!(taken.iter().all(|(_, body)| *body == fits));
}

#[tokio::test]
async fn a_length_that_is_only_announced_is_refused_at_once() {
    let scene = Scene::new();
    let mut stream = TcpStream::connect(scene.http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n\
                content-length: 9999999999\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(hear(&mut stream).await.status, 413, "before a byte of the body was sent");
    // A message of 4 GiB, of which nothing comes.
    let mut client = connect(scene.grpc).await;
    let heard = call(&mut client, path(), &[GRPC], vec![0, 0xff, 0xff, 0xff, 0xff]).await;
    assert_eq!(heard.code(), "8");
}

#[tokio::test]
async fn a_client_that_sends_too_much_gets_to_read_why() {
    let scene = Scene::new();
    let told = post(scene.http, "/v1/traces", &[PROTOBUF], &vec![0; 8 << 20]).await;
    assert_eq!(told.status, 413);
    let mut client = connect(scene.grpc).await;
    assert_eq!(call(&mut client, path(), &[GRPC], framed(0, &vec![0; 8 << 20])).await.code(), "8");
}

#[tokio::test]
async fn a_bomb_costs_no_more_than_the_limit() {
    let scene = Scene::new();
    let bomb = gzip(&vec![0; 8 << 20]);
    assert!(bomb.len() < LIMIT);
    let told = post(scene.http, "/v1/traces", &[PROTOBUF, GZIP], &bomb).await;
    assert_eq!(told.status, 413);
    let mut client = connect(scene.grpc).await;
    let heard = call(&mut client, path(), &[GRPC, ("grpc-encoding", "gzip")], framed(1, &bomb)).await;
    assert_eq!(heard.code(), "8");
    // Archives of nothing, one after the other, unpack to nothing and take their time.
    let nothing: Vec<u8> = gzip(b"").repeat(5000);
    let told = post(scene.http, "/v1/traces", &[PROTOBUF, GZIP], &nothing).await;
    assert_eq!(told.status, 400);
}
