//! What the receiver costs in memory while it is attacked from many connections at once. Alone in its process, which is what is measured.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a panic is how a test says no")]

#[path = "otlp_receive/support.rs"]
#[expect(dead_code, reason = "shared with the tests of conformance")]
mod support;

use std::time::Duration;

use spyhop::traces::receive::{Reason, Transport};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use support::{Scene, eventually, gzip, post, request};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const CONNECTIONS: usize = 300;
const PENDING: usize = 16 << 20;

/// What a connection may cost beside the room: buffers of hyper, and what the allocator makes of them.
const EACH: usize = 64 << 10;

/// `VmRSS` of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn scene() -> Scene {
    Scene::with(|receiver, patience| {
        receiver.max_pending = PENDING;
        receiver.max_connections = CONNECTIONS;
        patience.rest = Duration::from_secs(60);
    })
}

/// So many connections, each of which sends this and then nothing.
async fn attackers(scene: &Scene, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut attackers = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(scene.http).await.unwrap();
        // Who is refused may be cut off.
        drop(tokio::time::timeout(Duration::from_millis(200), stream.write_all(bytes)).await);
        attackers.push(stream);
    }
    attackers
}

fn within(what: &str, before: usize) {
    let more = resident().saturating_sub(before);
    println!("{what}: {} KiB more", more >> 10);
    assert!(more < PENDING + CONNECTIONS * EACH, "{what}: {} KiB more", more >> 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_attackers_cost_no_more_than_the_room() {
    let half = request("/v1/traces", &[PROTOBUF], &vec![7; 1 << 20]);
    let half = &half[..300 << 10];
    let bomb = request("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], &gzip(&vec![0; 4 << 20]));
    let mut streams = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for id in (1..200_u32).step_by(2) {
        streams.extend(head(id));
    }
    // What one leaves behind counts for the next.
    let before = resident();
    // Unpacking takes its time in a build for tests.
    for (what, count, bytes) in
        [("half bodies", CONNECTIONS, half), ("bombs", 40, &bomb), ("streams without a body", CONNECTIONS, &streams)]
    {
        let scene = scene();
        let attackers = attackers(&scene, count, bytes).await;
        let open = || Transport::ALL.iter().map(|each| scene.counts.connections(*each)).sum::<u64>();
        eventually("all have come", || open() as usize + scene.counts.refused(Reason::Connections) as usize >= count)
            .await;
        within(what, before);
        drop(attackers);
        eventually("all have gone", || open() == 0).await;
        assert_eq!(post(scene.http, "/v1/traces", &[PROTOBUF], &vec![1; 900 << 10]).await.status, 200, "after {what}");
    }
}

/// The head of a call as a frame.
fn head(id: u32) -> Vec<u8> {
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "a"),
        ("content-type", "application/grpc"),
    ];
    let mut block = Vec::new();
    for (name, value) in fields {
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    let mut frame = (block.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([1, 4]);
    frame.extend(id.to_be_bytes());
    frame.extend(block);
    frame
}
