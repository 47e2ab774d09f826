//! What lies between the doors and the back ends: who sent a request, what is counted of it, and what of it is sent on.
//!
//! ```text
//!  request -> settle (who is it from) -> rewrite (names, ids, sampling) -> queue of every destination -> counts, RED
//! ```
//!
//! Everything is counted when the request has been acknowledged: one that is refused comes again, and would count twice.

mod counts;
mod edit;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

pub use self::counts::{Outcome, Records};
use self::edit::{Work, observe};
use super::{
    attribute::{Attributor, Binding},
    caller::{Caller, Way},
    forward::Forwarder,
    intake::{Answer, Bound, Intake},
    red::{Now, Red},
    sample::Sampler,
};
use crate::otlp::{
    Signal,
    wire::{count, splice::rewrite},
};

/// How often what has no sender who could send it again is tried to be queued.
const TRIES: u32 = 10;

/// How often idle series of RED metrics are looked for, and traces that have waited long enough.
const TEND_EVERY: Duration = Duration::from_secs(30);

/// The parts that every request goes through; cheap to clone, all clones are one.
#[derive(Clone, Debug)]
pub struct Pipeline(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    attributor: Attributor,
    red: Option<Red>,
    sampler: Sampler,
    forwarder: Arc<Forwarder>,
    records: Records,
    began: Instant,
}

impl Pipeline {
    /// Of these parts.
    pub fn new(attributor: Attributor, red: Option<Red>, sampler: Sampler, forwarder: Arc<Forwarder>) -> Self {
        let (records, began) = (Records::default(), Instant::now());
        Self(Arc::new(Parts { attributor, red, sampler, forwarder, records, began }))
    }

    /// Who names senders.
    pub fn attributor(&self) -> &Attributor {
        &self.0.attributor
    }

    /// Metrics of spans, where any are made.
    pub fn red(&self) -> Option<&Red> {
        self.0.red.as_ref()
    }

    /// Who says what is sent on.
    pub fn sampler(&self) -> &Sampler {
        &self.0.sampler
    }

    /// Who sends on.
    pub fn forwarder(&self) -> &Arc<Forwarder> {
        &self.0.forwarder
    }

    /// What became of records.
    pub fn records(&self) -> &Records {
        &self.0.records
    }

    /// Both clocks now, as RED metrics count them.
    pub fn now(&self) -> Now {
        Now::since(self.0.began)
    }

    /// Does what is due with time, until `shutdown`; then sends on what waited for a decision.
    pub async fn tend(self, shutdown: CancellationToken) {
        let sampling = async {
            let out = |request, spans| self.queue(request, spans);
            self.0.sampler.run(self.0.began, shutdown.clone(), out).await;
        };
        let sweeping = async {
            let Some(red) = &self.0.red else { return };
            while shutdown.run_until_cancelled(tokio::time::sleep(TEND_EVERY)).await.is_some() {
                red.sweep(self.now());
            }
        };
        tokio::join!(sampling, sweeping);
    }

    /// Takes spans of the agent's own making, which are named and sent on, and neither counted nor sampled: the agent's operations, and what
    /// containers went through.
    pub async fn own(&self, request: Bytes, named: bool) {
        let request = match named {
            true => Some(request),
            false => {
                let binding = self.0.attributor.bind(&Caller { way: Way::Inside });
                self.0.attributor.settle(&binding).await;
                let mut out = Vec::new();
                let written = rewrite(&request, &mut Work::own(&self.0, &binding), &mut out);
                written.is_ok().then(|| Bytes::from(out))
            }
        };
        let Some(request) = request else { return };
        let spans = count(Signal::Traces, &request).unwrap_or_default();
        self.queue(request, spans).await;
    }

    /// Queues spans that nobody would send again.
    async fn queue(&self, request: Bytes, spans: u64) {
        let records = u32::try_from(spans).unwrap_or(u32::MAX);
        for _ in 0..TRIES {
            match self.0.forwarder.put(Signal::Traces, request.clone(), records).await {
                Ok(()) => return,
                Err(full) => tokio::time::sleep(full.retry).await,
            }
        }
        self.0.records.add(Signal::Traces, Outcome::Lost, spans);
    }

    async fn request(&self, binding: &Binding, signal: Signal, request: Bytes) -> Answer {
        let parts = &*self.0;
        let counted = signal == Signal::Traces && parts.red.is_some();
        if !parts.forwarder.wants(signal) && !counted {
            return Answer::Unwanted(format!("nobody is configured here who takes {}", signal.as_str()));
        }
        parts.attributor.settle(binding).await;
        let mut work = Work::new(parts, binding, signal);
        let mut out = Vec::with_capacity(request.len() + request.len() / 16);
        let kept = match rewrite(&request, &mut work, &mut out) {
            Ok(counts) => counts.kept,
            Err(malformed) => return Answer::Malformed(malformed.to_string()),
        };
        let done = work.done();
        let (out, kept) = match signal {
            Signal::Traces => (Bytes::from(out), kept),
            _ => match count(signal, &out) {
                Ok(count) => (Bytes::from(out), count),
                Err(malformed) => return Answer::Malformed(malformed.to_string()),
            },
        };
        if let Some(refused) = self.pass_on(signal, out, kept).await {
            return refused;
        }
        done.count(parts, signal, kept);
        if counted && let Some(red) = &parts.red {
            observe(red, &parts.sampler, &request, &done.groups, self.now());
        }
        done.answer()
    }

    /// Queues what is sent on; an answer where that cannot be.
    async fn pass_on(&self, signal: Signal, request: Bytes, records: u64) -> Option<Answer> {
        let parts = &*self.0;
        if !parts.forwarder.wants(signal) {
            return None;
        }
        if signal == Signal::Traces && parts.sampler.holds() {
            // Held, it is ours: whoever sent it is not asked again.
            return match parts.sampler.hold(request, records, parts.began.elapsed()) {
                Ok(Some((request, spans))) => {
                    self.queue(request, spans).await;
                    None
                }
                Ok(None) => None,
                Err(malformed) => Some(Answer::Malformed(malformed.to_string())),
            };
        }
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        parts.forwarder.put(signal, request, records).await.err().map(|full| Answer::Busy(full.retry))
    }
}

impl Intake for Pipeline {
    fn greet(&self, caller: Caller) -> Bound {
        Arc::new(self.0.attributor.bind(&caller))
    }

    fn take<'a>(&'a self, from: &'a Bound, signal: Signal, request: Bytes) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match from.downcast_ref::<Binding>() {
                Some(binding) => self.request(binding, signal, request).await,
                // What `greet` gave is what comes back.
                None => Answer::Busy(Duration::from_secs(1)),
            }
        })
    }
}

#[cfg(test)]
mod tests;
