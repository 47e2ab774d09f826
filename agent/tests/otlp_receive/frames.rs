//! HTTP/2 as no library sends it.

use std::time::Duration;

use spyhop::{otlp::Signal, traces::receive::Reason};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::support::{GRPC, SOON, Scene, call, connect, eventually, framed};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A field that is written out and not remembered.
fn field(name: &str, value: &str) -> Vec<u8> {
    assert!(name.len() < 127 && value.len() < 127);
    let mut bytes = vec![0, name.len() as u8];
    bytes.extend(name.as_bytes());
    bytes.push(value.len() as u8);
    bytes.extend(value.as_bytes());
    bytes
}

/// The head of a call.
fn head() -> Vec<u8> {
    let fields =
        [(":method", "POST"), (":scheme", "http"), (":path", Signal::Traces.grpc_path()), (":authority", "a"), GRPC];
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// A connection after its preface.
async fn open(scene: &Scene) -> TcpStream {
    let mut stream = TcpStream::connect(scene.grpc).await.unwrap();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    stream.write_all(&bytes).await.unwrap();
    stream
}

/// Everything until the other side closes, as frames: kind, stream, payload.
async fn rest(stream: &mut TcpStream) -> Vec<(u8, u32, Vec<u8>)> {
    let mut bytes = Vec::new();
    drop(timeout(SOON, stream.read_to_end(&mut bytes)).await.expect("the connection ends"));
    let (mut frames, mut at) = (Vec::new(), 0);
    while let Some(head) = bytes.get(at..at + 9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = bytes.get(at + 9..at + 9 + length).unwrap_or_default().to_vec();
        frames.push((head[3], stream, payload));
        at += 9 + length;
    }
    frames
}

/// The reason a connection was ended for.
fn goaway(frames: &[(u8, u32, Vec<u8>)]) -> Option<u32> {
    let reasons = frames.iter().filter(|(kind, ..)| *kind == GOAWAY);
    reasons.map(|(_, _, payload)| u32::from_be_bytes(payload[4..8].try_into().unwrap())).next_back()
}

async fn still_serves(scene: &Scene) {
    let mut client = connect(scene.grpc).await;
    assert_eq!(call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, b"x")).await.code(), "0");
}

#[tokio::test]
async fn streams_that_are_reset_at_once_end_the_connection() {
    let scene = Scene::new();
    let mut stream = open(&scene).await;
    let head = head();
    let mut all = Vec::new();
    for id in (1..4000_u32).step_by(2) {
        all.extend(frame(HEADERS, END_HEADERS, id, &head));
        all.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
    }
    drop(stream.write_all(&all).await);
    assert_eq!(goaway(&rest(&mut stream).await), Some(11), "calm");
    eventually("it is counted", || scene.counts.refused(Reason::Protocol) == 1).await;
    eventually("nothing is left", || scene.counts.connections(spyhop::traces::receive::Transport::Grpc) == 0).await;
    assert!(scene.intake.bodies().is_empty());
    still_serves(&scene).await;
}

#[tokio::test]
async fn heads_without_an_end_are_refused() {
    let scene = Scene::new();
    let mut stream = open(&scene).await;
    let mut all = frame(HEADERS, 0, 1, &head());
    for number in 0..2000 {
        all.extend(frame(CONTINUATION, 0, 1, &field(&format!("x-{number}"), &"v".repeat(100))));
    }
    drop(stream.write_all(&all).await);
    assert!(goaway(&rest(&mut stream).await).is_some_and(|reason| reason != 0));
    eventually("it is counted", || scene.counts.refused(Reason::Protocol) == 1).await;
    still_serves(&scene).await;
}

#[tokio::test]
async fn a_head_beyond_its_ceiling_is_refused_alone() {
    let scene = Scene::new();
    let mut client = connect(scene.grpc).await;
    let request = http::Request::post("http://a/v1/traces").header("x", "v".repeat(10_000));
    let response = client.send_request(request.body(http_body_util::Full::default()).unwrap()).await;
    assert_eq!(response.unwrap().status(), 431);
    let heard = call(&mut client, Signal::Traces.grpc_path(), &[GRPC], framed(0, b"x")).await;
    assert_eq!(heard.code(), "0", "on the same connection");
}

#[tokio::test]
async fn a_window_beyond_all_sizes_is_a_mistake() {
    let scene = Scene::new();
    let mut stream = open(&scene).await;
    let mut all = frame(HEADERS, END_HEADERS, 1, &head());
    all.extend(frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()));
    drop(stream.write_all(&all).await);
    assert!(goaway(&rest(&mut stream).await).is_some_and(|reason| reason == 3), "flow control");
    eventually("it is counted", || scene.counts.refused(Reason::Protocol) == 1).await;
}

#[tokio::test]
async fn frames_that_are_none_end_the_connection() {
    let scene = Scene::new();
    for bytes in [
        // Larger than was said to be taken.
        frame(DATA, 0, 1, &vec![0; 20_000]),
        // Of a stream nobody has begun.
        frame(DATA, END_STREAM, 7, b"x"),
        frame(SETTINGS, 0, 0, &[1, 2, 3]),
        frame(HEADERS, END_HEADERS, 2, &head()),
        frame(HEADERS, END_HEADERS, 1, &[0xff; 40]),
    ] {
        let mut stream = open(&scene).await;
        let before = scene.counts.refused(Reason::Protocol);
        stream.write_all(&bytes).await.unwrap();
        assert!(goaway(&rest(&mut stream).await).is_some_and(|reason| reason != 0), "{:?}", &bytes[..9]);
        eventually("it is counted", || scene.counts.refused(Reason::Protocol) == before + 1).await;
    }
    still_serves(&scene).await;
}

#[tokio::test]
async fn a_client_that_asks_and_never_reads_is_held_and_let_go() {
    let scene = Scene::with(|_, patience| patience.idle = Duration::from_millis(500));
    let mut stream = open(&scene).await;
    let pings = frame(PING, 0, 0, &[7; 8]).repeat(1000);
    let ended = timeout(SOON, async { while stream.write_all(&pings).await.is_ok() {} });
    assert!(ended.await.is_ok(), "what it does not read stops what it sends, and it has nothing under way");
    still_serves(&scene).await;
}

#[tokio::test]
async fn a_call_in_small_pieces_is_one_call() {
    let scene = Scene::new();
    let mut stream = open(&scene).await;
    let mut all = frame(HEADERS, END_HEADERS, 1, &head());
    // Nothing in between, padding, one byte at a time: all of it is allowed.
    for byte in &framed(0, &[7; 80]) {
        all.extend(frame(DATA, 0, 1, &[]));
        all.extend(frame(DATA, PADDED, 1, &[3, *byte, 0, 0, 0]));
    }
    all.extend(frame(DATA, END_STREAM, 1, &[]));
    stream.write_all(&all).await.unwrap();
    eventually("it is taken", || scene.intake.bodies().len() == 1).await;
    assert_eq!(scene.intake.bodies(), [(Signal::Traces, vec![7; 80])]);
}

#[tokio::test]
async fn a_call_of_nothing_without_end_ends_the_connection() {
    let scene = Scene::new();
    let mut stream = open(&scene).await;
    let mut all = frame(HEADERS, END_HEADERS, 1, &head());
    all.extend(frame(DATA, 0, 1, &[]).repeat(1000));
    drop(stream.write_all(&all).await);
    assert_eq!(goaway(&rest(&mut stream).await), Some(11), "calm");
    eventually("it is counted", || scene.counts.refused(Reason::Protocol) == 1).await;
    still_serves(&scene).await;
}

/// Whole connections with some bytes changed: whatever comes of each, it ends, and the next client is served.
#[tokio::test]
async fn connections_with_bytes_changed_end_and_harm_nobody() {
    let scene = Scene::with(|_, patience| patience.stall = Duration::from_millis(300));
    let mut whole = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    whole.extend(frame(SETTINGS, 0, 0, &[]));
    for id in [1, 3] {
        whole.extend(frame(HEADERS, END_HEADERS, id, &head()));
        whole.extend(frame(DATA, END_STREAM, id, &framed(0, b"body")));
    }
    // Numbers that look random and are the same each time.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for round in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            bytes[at] = next(256) as u8;
        }
        bytes.truncate(bytes.len() - next(2) * next(40));
        let mut stream = TcpStream::connect(scene.grpc).await.unwrap();
        drop(stream.write_all(&bytes).await);
        drop(stream.shutdown().await);
        let mut answer = Vec::new();
        let ended = timeout(SOON, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "round {round}: {bytes:?}");
    }
    let bodies = scene.intake.bodies();
    assert!(bodies.iter().any(|(_, body)| body == b"body"), "some were changed where it does not matter");
    assert!(bodies.iter().all(|(_, body)| body.len() == 4), "no message is taken but a whole one");
    still_serves(&scene).await;
}
