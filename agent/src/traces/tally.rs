//! Puts together what the parts have counted.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{
    attribute::{Miss, Rule},
    figures::{Counted, Destination, Figures, Sampling},
    forward::{self, Lost},
    lifecycle,
    pipeline::{Outcome, Pipeline},
    receive::{self, Reason, Transport},
    sample,
};
use crate::otlp::{Code, Signal};

/// Everything counted at this moment.
///
/// Series of traces and of what is lost are there from the start, at 0, so that the first of them is an increase; those of the other signals, and
/// of answers nobody has been given, when there is something to count.
pub fn tally(pipeline: &Pipeline, received: &receive::Counts, lifecycle: Option<&lifecycle::Counts>) -> Figures {
    let (attributed, records) = (pipeline.attributor().counts(), pipeline.records());
    let now = pipeline.now();
    let doors = || Signal::ALL.into_iter().flat_map(|signal| Transport::ALL.map(|transport| (signal, transport)));
    let codes = doors().flat_map(|(signal, transport)| Code::ALL.map(|code| (signal, transport, code)));
    let requests = codes.map(|(signal, transport, code)| {
        let expected = signal == Signal::Traces && code == Code::Ok;
        let words = [signal.as_str(), transport.as_str(), code.as_str()];
        (expected, (words, received.requests(signal, transport, code)))
    });
    let bytes = doors().map(|(signal, transport)| {
        (signal == Signal::Traces, ([signal.as_str(), transport.as_str()], received.bytes(signal, transport)))
    });
    Figures {
        requests: told(requests),
        received_bytes: told(bytes),
        connections: Transport::ALL.map(|transport| ([transport.as_str()], received.connections(transport))).into(),
        refused: Reason::ALL.map(|reason| ([reason.as_str()], received.refused(reason))).into(),
        records: by_signal(Outcome::ALL, Outcome::as_str, |signal, outcome| match (signal, outcome) {
            // Those of traces that waited as well, of which the pipeline hears nothing.
            (Signal::Traces, Outcome::SampledOut) => pipeline.sampler().counts().sampled_out.load(Ordering::Relaxed),
            _ => records.get(signal, outcome),
        }),
        attributed: by_signal(Rule::ALL, Rule::as_str, |signal, rule| attributed.get(signal, Ok(rule))),
        unattributed: by_signal(Miss::ALL, Miss::as_str, |signal, miss| attributed.get(signal, Err(miss))),
        destinations: pipeline.forwarder().boards().iter().map(|board| destination(board)).collect(),
        sampling: pipeline.sampler().holds().then(|| sampling(pipeline.sampler().counts())),
        lifecycle: lifecycle.map_or_else(Vec::new, |counts| {
            lifecycle::Kind::ALL.map(|kind| ([kind.as_str()], counts.traces(kind))).into()
        }),
        lifecycle_lost: lifecycle.map_or_else(Vec::new, |counts| {
            lifecycle::Lost::ALL.map(|lost| ([lost.as_str()], counts.lost(lost))).into()
        }),
        red: pipeline.red().map(|red| red.figures(now)),
        services: pipeline.red().map_or_else(Vec::new, |red| red.recently(now)),
    }
}

/// Those that are expected, and those that are not 0.
fn told<const LABELS: usize>(all: impl Iterator<Item = (bool, ([&'static str; LABELS], u64))>) -> Counted<LABELS> {
    all.filter(|(expected, (_, count))| *expected || *count > 0).map(|(_, counted)| counted).collect()
}

fn by_signal<T: Copy, const N: usize>(
    all: [T; N],
    word: impl Fn(T) -> &'static str,
    count: impl Fn(Signal, T) -> u64,
) -> Counted<2> {
    let pairs = Signal::ALL.into_iter().flat_map(|signal| all.map(|what| (signal, what)));
    told(pairs.map(|(signal, what)| (signal == Signal::Traces, ([signal.as_str(), word(what)], count(signal, what)))))
}

fn destination(board: &forward::Board) -> Destination {
    Destination {
        name: board.name().to_owned(),
        requests: by_signal(forward::Outcome::ALL, forward::Outcome::as_str, |signal, outcome| {
            board.requests(signal, outcome)
        }),
        records: by_signal(
            [true, false],
            |sent| if sent { "sent" } else { "rejected" },
            |signal, sent| {
                if sent { board.sent(signal) } else { board.rejected(signal) }
            },
        ),
        lost: by_signal(Lost::ALL, Lost::as_str, |signal, why| board.lost(signal, why)),
        queue_bytes: board.queue_bytes(),
        queue_limit: board.limit_bytes(),
        oldest_ms: board.oldest_ms(),
        last_ack_ms: board.last_ack_ms(),
        disk_errors: board.disk_errors(),
        trouble: board.trouble(),
    }
}

fn sampling(counts: &sample::Counts) -> Sampling {
    let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
    Sampling {
        traces: vec![
            (["error"], get(&counts.error)),
            (["slow"], get(&counts.slow)),
            (["asked"], get(&counts.asked)),
            (["drawn"], get(&counts.drawn)),
            (["dropped"], get(&counts.dropped)),
        ],
        early: get(&counts.early),
        late: vec![(["sent"], get(&counts.late_kept)), (["dropped"], get(&counts.late_dropped))],
        waiting_bytes: get(&counts.waiting_bytes),
        waiting_traces: get(&counts.waiting_traces),
    }
}
