//! OTLP of a shop: one call, one back end that is away, and somebody of no container.

use crate::{
    otlp::wire::Span,
    traces::{
        self, Names,
        figures::{Board, Destination, Figures, Sampling},
        red::{Now, Owner, Red},
    },
};

pub(in crate::http) fn board() -> Board {
    let red = Red::new(&traces::Red { names: Some(Names::Tempo), max_series: 100, graph: true }).unwrap();
    let now = Now { wall_ns: 1_772_366_400_000_000_000, second: 100 };
    let span = |kind, ms: u64| Span {
        trace_id: &[0xaf; 16],
        span_id: &[1; 8],
        name: b"GET /orders",
        kind,
        start_ns: now.wall_ns - ms * 1_000_000,
        end_ns: now.wall_ns,
        ..Span::default()
    };
    let (client, server, called) = (span(3, 14), span(2, 12), [1; 8]);
    let web = Owner { project: "shop", service: "web" };
    let mut tap = red.tap(b"shopfront", web, now);
    tap.record(&span(2, 20), true);
    tap.record(&Span { parent_span_id: &[2; 8], ..client }, true);
    drop(tap);
    let orders = Owner { project: "shop", service: "orders" };
    red.tap(b"orders", orders, now)
        .record(&Span { span_id: &[3; 8], parent_span_id: &called, status: 2, ..server }, true);
    red.tap(b"stray", Owner::default(), now).record(&span(2, 1), true);
    let later = Now { second: 110, ..now };
    Board::new(move || Figures {
        requests: vec![(["traces", "grpc", "ok"], 40), (["traces", "http", "ok"], 2)],
        refused: vec![(["too_long"], 1), (["no_room"], 0)],
        records: vec![(["traces", "accepted"], 500), (["traces", "dropped"], 20)],
        attributed: vec![(["traces", "address"], 38), (["traces", "socket"], 3)],
        unattributed: vec![(["traces", "gateway_ip"], 1), (["traces", "host_net"], 0)],
        destinations: vec![Destination {
            name: "tempo:4317".to_owned(),
            requests: vec![(["traces", "ok"], 30), (["traces", "retry"], 2)],
            records: vec![(["traces", "sent"], 450), (["traces", "rejected"], 0)],
            lost: vec![(["traces", "age"], 3)],
            queue_bytes: 65_536,
            queue_limit: 1 << 27,
            oldest_ms: Some(1_772_366_390_000),
            last_ack_ms: Some(1_772_366_389_500),
            trouble: Some("connect to tempo:4317: connection refused".to_owned()),
            ..Destination::default()
        }],
        sampling: Some(Sampling {
            traces: vec![(["error"], 4), (["drawn"], 7), (["dropped"], 63)],
            ..Sampling::default()
        }),
        lifecycle: vec![(["start"], 2), (["stop"], 1)],
        red: Some(red.figures(now)),
        services: red.recently(later),
        ..Figures::default()
    })
}
