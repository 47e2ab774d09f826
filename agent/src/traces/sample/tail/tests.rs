//! Traces that wait.

use proptest::prelude::*;

use super::*;
use crate::traces::sample::trace_state::read;

const WAIT: Duration = Duration::from_secs(5);

/// A span, with what decides about it.
#[derive(Clone, Copy, Debug, Default)]
struct Made {
    trace: u8,
    lucky: bool,
    failed: bool,
    asked: bool,
    start_ms: u64,
    took_ms: u64,
}

impl Made {
    fn trace_id(self) -> [u8; 16] {
        let mut id = [self.trace; 16];
        id[9] = if self.lucky { 0xff } else { 0 };
        id
    }

    fn write(self, to: &mut Writer) {
        to.bytes(1, &self.trace_id());
        to.bytes(2, &[1; 8]);
        to.string(5, "GET /");
        to.fixed64(7, self.start_ms * 1_000_000);
        to.fixed64(8, (self.start_ms + self.took_ms) * 1_000_000);
        if self.asked {
            to.message(9, |pair| {
                pair.string(1, "sampling.priority");
                pair.message(2, |value| value.varint(3, 1));
            });
        }
        if self.failed {
            to.message(15, |status| status.varint(3, ERROR));
        }
    }
}

fn request(spans: &[Made]) -> Vec<u8> {
    let mut request = Writer::new();
    request.message(1, |group| {
        group.message(1, |resource| resource.message(1, |pair| pair.string(1, "service.name")));
        group.message(2, |scope| spans.iter().for_each(|span| scope.message(2, |to| span.write(to))));
    });
    request.into_bytes()
}

fn tail(max_bytes: usize) -> Tail {
    let rules = Rules { wait: WAIT, slow_ns: Some(1_000_000_000), draw: Draw::keeping(0.5), max_bytes };
    Tail::new(rules, Arc::default())
}

/// First bytes of the trace ids that came out, with their `th`.
fn out(batch: Batch) -> Vec<(u8, bool)> {
    let mut found = Vec::new();
    for (bytes, count) in batch.finish() {
        let before = found.len();
        for group in groups(&bytes) {
            for scope in group.unwrap().scopes() {
                for record in scope.unwrap().records() {
                    let span = Span::parse(record.unwrap()).unwrap();
                    found.push((span.trace_id[0], read(span.trace_state).threshold.is_some()));
                }
            }
        }
        assert_eq!((found.len() - before) as u64, count);
    }
    found.sort_unstable();
    found
}

/// What is on its way out does not wait.
fn gone(tail: &mut Tail, batch: Batch) -> Vec<(u8, bool)> {
    let out = out(batch);
    tail.frames.forget_unused();
    tail.tell();
    out
}

fn take(tail: &mut Tail, spans: &[Made], seconds: u64) -> Vec<(u8, bool)> {
    let mut batch = Batch::default();
    tail.take(&request(spans), Duration::from_secs(seconds), &mut batch).unwrap();
    gone(tail, batch)
}

fn due(tail: &mut Tail, seconds: u64) -> Vec<(u8, bool)> {
    let mut batch = Batch::default();
    tail.due(Duration::from_secs(seconds), &mut batch);
    gone(tail, batch)
}

fn count(counter: &std::sync::atomic::AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[test]
fn luck_decides_when_the_time_is_over() {
    let mut tail = tail(usize::MAX);
    let (lucky, unlucky) = (Made { trace: 1, lucky: true, ..Made::default() }, Made { trace: 2, ..Made::default() });
    assert_eq!(take(&mut tail, &[lucky, unlucky], 0), []);
    assert_eq!(take(&mut tail, &[lucky, unlucky], 3), []);
    assert_eq!(due(&mut tail, 4), []);
    assert_eq!(due(&mut tail, 5), [(1, true), (1, true)], "the time counts from the first span");
    let counts = &tail.counts;
    assert_eq!((count(&counts.drawn), count(&counts.dropped), count(&counts.sampled_out)), (1, 1, 2));
    assert_eq!((count(&counts.waiting_bytes), count(&counts.waiting_traces)), (0, 0));
}

#[test]
fn an_error_keeps_what_waited_and_what_comes_at_once() {
    let mut tail = tail(usize::MAX);
    let span = Made { trace: 1, ..Made::default() };
    assert_eq!(take(&mut tail, &[span, span], 0), []);
    assert_eq!(take(&mut tail, &[Made { failed: true, ..span }], 1), [(1, false); 3]);
    assert_eq!(take(&mut tail, &[span], 2), [(1, false)]);
    assert_eq!(due(&mut tail, 100), []);
    assert_eq!((count(&tail.counts.error), count(&tail.counts.late_kept)), (1, 1));
    assert_eq!(count(&tail.counts.waiting_bytes), 0);
}

#[test]
fn slow_ones_and_those_asked_for_are_kept() {
    let mut tail = tail(usize::MAX);
    let span = Made { trace: 1, took_ms: 600, ..Made::default() };
    assert_eq!(take(&mut tail, &[span], 0), []);
    assert_eq!(take(&mut tail, &[Made { start_ms: 400, ..span }], 0), [], "exactly a second is not slower");
    assert_eq!(take(&mut tail, &[Made { start_ms: 401, ..span }], 0), [(1, false); 3]);
    assert_eq!(take(&mut tail, &[Made { trace: 2, asked: true, ..Made::default() }], 0), [(2, false)]);
    assert_eq!((count(&tail.counts.slow), count(&tail.counts.asked)), (1, 1));
}

#[test]
fn late_spans_follow_their_trace() {
    let mut tail = tail(usize::MAX);
    let (lucky, unlucky) = (Made { trace: 1, lucky: true, ..Made::default() }, Made { trace: 2, ..Made::default() });
    take(&mut tail, &[lucky, unlucky], 0);
    due(&mut tail, 5);
    assert_eq!(take(&mut tail, &[lucky, unlucky], 6), [(1, true)]);
    assert_eq!(take(&mut tail, &[Made { failed: true, ..unlucky }], 6), [(2, false)], "an error is worth a fragment");
    assert_eq!((count(&tail.counts.late_kept), count(&tail.counts.late_dropped)), (2, 1));
}

#[test]
fn without_room_the_oldest_are_decided_early() {
    let mut tail = tail(4_000);
    let mut sent = Vec::new();
    for trace in 0..40 {
        sent.extend(take(&mut tail, &[Made { trace, lucky: trace % 2 == 0, ..Made::default() }], 0));
        assert!(count(&tail.counts.waiting_bytes) <= 4_000);
    }
    let waiting = count(&tail.counts.waiting_traces);
    assert!((5..20).contains(&waiting), "{waiting}");
    assert_eq!(count(&tail.counts.early), 40 - waiting);
    assert!(sent.iter().all(|(trace, th)| trace % 2 == 0 && *th));
    sent.extend(due(&mut tail, 5));
    assert_eq!(sent.len(), 20);
}

#[test]
fn places_of_traces_decided_early_cost_as_well() {
    let mut tail = tail(20_000);
    for number in 0..1_000_u16 {
        let [high, low] = number.to_be_bytes();
        for failed in [false, true] {
            let mut made = Writer::new();
            Made { trace: low, failed, ..Made::default() }.write(&mut made);
            // The last of a field counts: another trace each time.
            made.bytes(1, &[high, low, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
            let mut request = Writer::new();
            request.message(1, |group| group.message(2, |scope| scope.bytes(2, made.as_bytes())));
            tail.take(&request.into_bytes(), Duration::ZERO, &mut Batch::default()).unwrap();
        }
    }
    assert!(tail.line.len() <= 20_000 / OVERHEAD, "{} places", tail.line.len());
    assert_eq!(count(&tail.counts.error), 1_000);
}

/// A request of one resource with many scopes, each with some spans of traces of its own.
fn wide(resource: usize, scopes: u16, bytes: usize) -> Vec<u8> {
    let mut request = Writer::new();
    request.message(1, |group| {
        group.message(1, |to| to.message(1, |pair| pair.string(1, &"r".repeat(resource))));
        for number in 0..scopes {
            group.message(2, |scope| {
                scope.message(1, |inner| inner.string(1, &number.to_string()));
                for half in 0..2 {
                    let [high, low] = number.to_be_bytes();
                    scope.message(2, |span| {
                        span.bytes(1, &[0xff, high, low, half, 0, 0, 0, 0, 0, 0xff, 1, 1, 1, 1, 1, 1]);
                        span.bytes(2, &[1; 8]);
                        span.bytes(5, &vec![b'x'; bytes]);
                    });
                }
            });
        }
    });
    request.into_bytes()
}

#[test]
fn a_resource_counts_once_for_all_its_scopes() {
    let mut tail = tail(usize::MAX);
    tail.take(&wide(60_000, 1_000, 10), Duration::ZERO, &mut Batch::default()).unwrap();
    let waiting = count(&tail.counts.waiting_bytes);
    assert!((60_000 + 2_000 * OVERHEAD as u64..1_500_000).contains(&waiting), "{waiting}");
}

#[test]
fn room_is_made_within_a_request_and_what_is_let_go_is_not_held_together() {
    const MAX: usize = 2 << 20;
    let mut tail = tail(MAX);
    let mut batch = Batch::default();
    let request = wide(1_000, 1_000, 10_000);
    for group in groups(&request) {
        let group = group.unwrap();
        let around = tail.frames.group(&group).unwrap();
        for scope in group.scopes().map(Result::unwrap) {
            let frame = tail.frames.of(&around, &scope).unwrap();
            for record in scope.records() {
                let span = Span::parse(record.unwrap()).unwrap();
                let trace = span.trace_id.try_into().unwrap();
                tail.span(trace, &frame, &span, Duration::ZERO, &mut batch).unwrap();
                tail.make_room(&mut batch);
                let held: usize = tail.waiting.values().flat_map(|it| &it.spans).map(|(_, it)| it.capacity()).sum();
                assert!(held <= tail.bytes && tail.bytes + tail.frames.bytes() <= MAX);
            }
        }
    }
    drop(batch);
    let mut batch = Batch::default();
    tail.take(&request, Duration::ZERO, &mut batch).unwrap();
    assert!(count(&tail.counts.waiting_bytes) <= MAX as u64);
    let requests = batch.finish();
    assert!(requests.len() > 15, "{}", requests.len());
    let longest = requests.iter().map(|(bytes, _)| bytes.len()).max().unwrap();
    assert!(longest < (1 << 20) + 20_000, "{longest}");
    // What is due goes in parts, too, and waits until it is asked for.
    (tail.rules.max_bytes, tail.decided) = (usize::MAX, Decided::default());
    tail.take(&request, Duration::ZERO, &mut Batch::default()).unwrap();
    let mut parts = 0;
    loop {
        let mut batch = Batch::default();
        tail.due(Duration::MAX, &mut batch);
        let requests = batch.finish();
        if requests.is_empty() {
            break;
        }
        parts += 1;
        assert!(requests.len() <= PART + 1);
    }
    tail.frames.forget_unused();
    assert!(parts > 1);
    assert_eq!((tail.bytes, tail.frames.bytes(), tail.waiting.len()), (0, 0, 0));
}

#[test]
fn what_is_no_request_is_refused() {
    assert_eq!(tail(1).take(&[0x0a, 5, 1], Duration::ZERO, &mut Batch::default()), Err(Malformed::Length));
}

fn spans() -> impl Strategy<Value = Vec<(Made, u64)>> {
    let made = (0..6_u8, proptest::bool::weighted(0.1), proptest::bool::weighted(0.05), 0..1_500_u64, 0..4_u64);
    let made = made.prop_map(|(trace, failed, asked, took_ms, pause)| {
        (Made { trace, lucky: trace % 2 == 0, failed, asked, start_ms: 0, took_ms }, pause)
    });
    proptest::collection::vec(made, 0..60)
}

proptest! {
    #[test]
    fn every_span_is_sent_or_counted(spans in spans(), max_bytes in prop_oneof![Just(0), 0..3_000_usize, Just(usize::MAX)]) {
        let (mut tail, mut now, mut sent) = (tail(max_bytes), 0, Vec::new());
        for (span, pause) in &spans {
            now += pause;
            sent.extend(due(&mut tail, now));
            sent.extend(take(&mut tail, &[*span], now));
            prop_assert!(count(&tail.counts.waiting_bytes) <= max_bytes as u64);
        }
        let mut rest = Batch::default();
        tail.due(Duration::MAX, &mut rest);
        sent.extend(gone(&mut tail, rest));
        prop_assert_eq!(sent.len() as u64 + count(&tail.counts.sampled_out), spans.len() as u64);
        prop_assert_eq!((count(&tail.counts.waiting_bytes), tail.line.len(), tail.waiting.len()), (0, 0, 0));
        for (span, _) in spans.iter().filter(|(span, _)| span.failed) {
            prop_assert!(sent.iter().any(|(trace, _)| *trace == span.trace), "an error was left out");
        }
    }
}
