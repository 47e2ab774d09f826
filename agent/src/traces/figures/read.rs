//! The figures of the parts that run.

use std::sync::{Arc, atomic::Ordering};

use super::{Board, Counted, Destination, Figures, Sampling};
use crate::{
    otlp::{Code, Signal},
    traces::{
        Outcome, Pipeline,
        attribute::{Miss, Rule},
        forward, lifecycle, receive, sample,
    },
};

/// Everything that counts.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What lies between doors and back ends.
    pub pipeline: Pipeline,
    /// The doors.
    pub received: Arc<receive::Counts>,
    /// Lifecycle traces, where any are made.
    pub lifecycle: Option<Arc<lifecycle::Counts>>,
}

impl Board {
    /// That of these parts. What may come to something is there from the start, at 0, so that the first time is seen as an increase;
    /// but for codes and signals that nobody has used.
    pub fn of(parts: Parts) -> Self {
        Self::new(move || parts.figures())
    }
}

impl Parts {
    fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        self.doors(&mut figures);
        self.records(&mut figures);
        let forwarder = self.pipeline.forwarder();
        figures.destinations = forwarder.boards().iter().map(|board| destination(board)).collect();
        let sampler = self.pipeline.sampler();
        figures.sampling = sampler.holds().then(|| sampling(sampler.counts()));
        if let Some(counts) = &self.lifecycle {
            figures.lifecycle = lifecycle::Kind::ALL.map(|kind| ([kind.as_str()], counts.traces(kind))).into();
            figures.lifecycle_lost = lifecycle::Lost::ALL.map(|why| ([why.as_str()], counts.lost(why))).into();
        }
        let now = self.pipeline.now();
        if let Some(red) = self.pipeline.red() {
            figures.red = Some(red.figures(now));
            figures.services = red.recently(now);
        }
        figures
    }

    fn doors(&self, figures: &mut Figures) {
        let counts = &self.received;
        for signal in Signal::ALL {
            for transport in receive::Transport::ALL {
                let words = [signal.as_str(), transport.as_str()];
                let requests = Code::ALL.map(|code| (code, counts.requests(signal, transport, code)));
                let known = requests.into_iter().filter(|(code, count)| *code == Code::Ok || *count > 0);
                figures.requests.extend(known.map(|(code, count)| ([words[0], words[1], code.as_str()], count)));
                figures.received_bytes.push((words, counts.bytes(signal, transport)));
            }
        }
        figures.connections = receive::Transport::ALL.map(|way| ([way.as_str()], counts.connections(way))).into();
        figures.refused = receive::Reason::ALL.map(|reason| ([reason.as_str()], counts.refused(reason))).into();
    }

    fn records(&self, figures: &mut Figures) {
        let (records, attributed) = (self.pipeline.records(), self.pipeline.attributor().counts());
        for signal in Signal::ALL {
            let word = signal.as_str();
            let outcome = |outcome| match (signal, outcome) {
                // Of traces that waited as well: the pipeline does not hear of those.
                (Signal::Traces, Outcome::SampledOut) => {
                    self.pipeline.sampler().counts().sampled_out.load(Ordering::Relaxed)
                }
                _ => records.get(signal, outcome),
            };
            let judged =
                |outcome: &Outcome| signal == Signal::Traces || matches!(outcome, Outcome::Accepted | Outcome::Lost);
            figures
                .records
                .extend(Outcome::ALL.into_iter().filter(judged).map(|it| ([word, it.as_str()], outcome(it))));
            figures.attributed.extend(Rule::ALL.map(|rule| ([word, rule.as_str()], attributed.get(signal, Ok(rule)))));
            figures
                .unattributed
                .extend(Miss::ALL.map(|miss| ([word, miss.as_str()], attributed.get(signal, Err(miss)))));
        }
    }
}

fn destination(board: &forward::Board) -> Destination {
    let mut to = Destination {
        name: board.name().to_owned(),
        queue_bytes: board.queue_bytes(),
        queue_limit: board.limit_bytes(),
        oldest_ms: board.oldest_ms(),
        last_ack_ms: board.last_ack_ms(),
        disk_errors: board.disk_errors(),
        trouble: board.trouble(),
        ..Destination::default()
    };
    for signal in Signal::ALL {
        let word = signal.as_str();
        let of = |outcome: forward::Outcome| ([word, outcome.as_str()], board.requests(signal, outcome));
        to.requests.extend(forward::Outcome::ALL.map(of));
        to.records.extend([([word, "sent"], board.sent(signal)), ([word, "rejected"], board.rejected(signal))]);
        to.lost.extend(forward::Lost::ALL.map(|why| ([word, why.as_str()], board.lost(signal, why))));
    }
    to
}

fn sampling(counts: &sample::Counts) -> Sampling {
    let read = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
    let traces: Counted<1> = vec![
        (["error"], read(&counts.error)),
        (["slow"], read(&counts.slow)),
        (["asked"], read(&counts.asked)),
        (["drawn"], read(&counts.drawn)),
        (["dropped"], read(&counts.dropped)),
    ];
    Sampling {
        traces,
        early: read(&counts.early),
        late: vec![(["sent"], read(&counts.late_kept)), (["dropped"], read(&counts.late_dropped))],
        waiting_bytes: read(&counts.waiting_bytes),
        waiting_traces: read(&counts.waiting_traces),
    }
}
