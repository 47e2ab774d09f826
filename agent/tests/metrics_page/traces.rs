//! OTLP with something of every family.

use std::sync::Arc;

use spyhop::{
    otlp::wire::Span,
    traces::{
        self, Names,
        figures::{Board, Destination, Figures, Sampling},
        red::{Now, Owner, Red},
    },
};

use super::synthetic::at;

const CLIENT: u64 = 3;
const SERVER: u64 = 2;

pub(crate) fn board(names: Names) -> Board {
    let red = Arc::new(red(names));
    Board::new(move || figures(&red))
}

fn now() -> Now {
    Now { wall_ns: u64::try_from(at(3_600).as_nanosecond()).unwrap(), second: 3_600 }
}

/// Calls from web to api, one of which failed; and more names than there is room for.
fn red(names: Names) -> Red {
    let red = Red::new(&traces::Red { names: Some(names), max_series: 4, graph: true }).unwrap();
    let now = now();
    let web = Owner { project: "shop", service: "web" };
    let api = Owner { project: "shop", service: "api" };
    let span = |name: &'static str, kind, ms: u64| Span {
        message: &[0; 256],
        trace_id: &[0xaf; 16],
        name: name.as_bytes(),
        kind,
        start_ns: now.wall_ns - ms * 1_000_000,
        end_ns: now.wall_ns,
        ..Span::default()
    };
    for (call, ms, status) in [(1_u8, 3, 0), (2, 90, 2)] {
        let (id, of_server) = ([call; 8], [call, 9, 9, 9, 9, 9, 9, 9]);
        red.tap(b"web", web, now)
            .record(&Span { span_id: &id, parent_span_id: &[7; 8], ..span("GET", CLIENT, ms + 1) }, true);
        let served = Span { span_id: &of_server, parent_span_id: &id, status, ..span("GET /orders/{id}", SERVER, ms) };
        red.tap(b"api", api, now).record(&served, status == 2);
    }
    let mut tap = red.tap("say \"hi\"\n\u{7f}".as_bytes(), Owner::default(), now);
    for name in ["hostile \\ \"name\"\n", "one too many"] {
        tap.record(&span(name, 1, 20_000), true);
    }
    tap.record(&Span { end_ns: 0, ..span("old", 1, 1) }, true);
    drop(tap);
    red
}

fn figures(red: &Red) -> Figures {
    Figures {
        requests: vec![
            (["traces", "grpc", "ok"], 40),
            (["traces", "grpc", "resource_exhausted"], 1),
            (["logs", "http", "ok"], 2),
        ],
        received_bytes: vec![(["traces", "grpc"], 81_920), (["logs", "http"], 512)],
        connections: vec![(["grpc"], 3), (["http"], 0)],
        refused: vec![(["too_long"], 1), (["no_room"], 0)],
        records: vec![
            (["traces", "accepted"], 500),
            (["traces", "invalid"], 1),
            (["traces", "dropped"], 20),
            (["traces", "sampled_out"], 9),
        ],
        attributed: vec![(["traces", "address"], 38), (["traces", "socket"], 2)],
        unattributed: vec![(["traces", "gateway_ip"], 1)],
        destinations: vec![
            Destination {
                name: "tempo:4317".to_owned(),
                requests: vec![(["traces", "ok"], 30), (["traces", "retry"], 2)],
                records: vec![(["traces", "sent"], 450), (["traces", "rejected"], 1)],
                lost: vec![(["traces", "age"], 3), (["traces", "queue_full"], 0)],
                queue_bytes: 4_096,
                queue_limit: 134_217_728,
                oldest_ms: Some(u64::try_from(at(3_590).as_millisecond()).unwrap()),
                last_ack_ms: Some(u64::try_from(at(3_599).as_millisecond()).unwrap()),
                disk_errors: 1,
                trouble: Some("connection refused".to_owned()),
            },
            Destination { name: "second:4318".to_owned(), queue_limit: 134_217_728, ..Destination::default() },
        ],
        sampling: Some(Sampling {
            traces: vec![(["error"], 4), (["slow"], 1), (["asked"], 0), (["drawn"], 7), (["dropped"], 63)],
            early: 2,
            late: vec![(["sent"], 3), (["dropped"], 1)],
            waiting_bytes: 65_536,
            waiting_traces: 12,
        }),
        lifecycle: vec![(["start"], 2), (["restart"], 1), (["oom"], 0), (["unhealthy"], 0), (["stop"], 1)],
        lifecycle_lost: vec![(["queue"], 0), (["old"], 1)],
        red: Some(red.figures(now())),
        services: red.recently(now()),
    }
}
