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
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::counts::{Outcome, Records};
use self::edit::{Done, Work, observe};
use super::{
    attribute::{Attributor, Binding},
    caller::{Caller, Way},
    forward::Forwarder,
    intake::{Answer, Bound, Greeted, Intake},
    red::{Now, Red},
    sample::Sampler,
};
use crate::{
    delivery::blocking,
    otlp::{
        Signal, check,
        wire::{Malformed, count, groups, splice::rewrite},
    },
};

/// How often what has no sender who could send it again is tried to be queued.
const TRIES: u32 = 10;

/// Groups in one request at most. What is added to each multiplies a request: a sender of a thousand resources is rare, this is none.
const MAX_GROUPS: usize = 10_000;

/// Requests from this size on are worked on away from the async workers, one after the other: a walk over 64 MiB takes a second.
const LARGE: usize = 256 << 10;

/// Bytes of requests at a time that wait for room and that nobody else holds, at least: as much as may wait to be decided, where that is more.
const MIN_HELD: usize = 16 << 20;

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
    /// Who works on a large request.
    large: Semaphore,
    /// Requests that wait for room, waited for at the end; and KiB for which there is place.
    waiting: TaskTracker,
    held: Arc<Semaphore>,
    ending: CancellationToken,
}

impl Pipeline {
    /// Of these parts.
    pub fn new(attributor: Attributor, red: Option<Red>, sampler: Sampler, forwarder: Arc<Forwarder>) -> Self {
        let (records, began, large) = (Records::default(), Instant::now(), Semaphore::new(1));
        let (waiting, ending) = Default::default();
        let held = Arc::new(Semaphore::new(sampler.max_waiting().max(MIN_HELD) >> 10));
        Self(Arc::new(Parts { attributor, red, sampler, forwarder, records, began, large, waiting, held, ending }))
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
            let out = |request, spans| self.deliver(request, spans, &shutdown);
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
        self.queue(request, spans);
    }

    /// Queues spans that nobody would send again, in a task of its own: whoever happens to be there when they are let go may leave.
    fn queue(&self, request: Bytes, spans: u64) {
        // One that is larger than all of it has its turn when nothing else waits.
        let most = (self.0.sampler.max_waiting().max(MIN_HELD) >> 10).min(Semaphore::MAX_PERMITS);
        let size = (request.len() >> 10).saturating_add(1).min(most);
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        let Ok(held) = Arc::clone(&self.0.held).try_acquire_many_owned(size) else {
            return self.0.records.add(Signal::Traces, Outcome::Lost, spans);
        };
        let pipeline = self.clone();
        self.0.waiting.spawn(async move {
            pipeline.deliver(request, spans, &pipeline.0.ending).await;
            drop(held);
        });
    }

    /// Puts spans that nobody would send again into the queues, or counts them as lost. At the `end` there is no later.
    async fn deliver(&self, request: Bytes, spans: u64, end: &CancellationToken) {
        let parts = &*self.0;
        let records = u32::try_from(spans).unwrap_or(u32::MAX);
        for _ in 0..TRIES {
            match parts.forwarder.put(Signal::Traces, request.clone(), records).await {
                Ok(()) => return,
                Err(_) if end.is_cancelled() => break,
                Err(full) => {
                    end.run_until_cancelled(tokio::time::sleep(full.retry)).await;
                }
            }
        }
        parts.records.add(Signal::Traces, Outcome::Lost, spans);
    }

    /// Waits until everything that was let go is in the queues, or lost and counted. Nothing may come after it.
    pub async fn end(&self) {
        self.0.ending.cancel();
        self.0.waiting.close();
        self.0.waiting.wait().await;
    }

    async fn request(&self, binding: &Binding, signal: Signal, request: Bytes) -> Answer {
        let parts = &*self.0;
        let counted = signal == Signal::Traces && parts.red.is_some();
        if !parts.forwarder.wants(signal) && !counted {
            return Answer::Unwanted(format!("nobody is configured here who takes {}", signal.as_str()));
        }
        parts.attributor.settle(binding).await;
        let is_large = request.len() >= LARGE;
        let worked = match is_large {
            true => {
                let _turn = parts.large.acquire().await;
                blocking(|| self.work(binding, signal, &request))
            }
            false => self.work(binding, signal, &request),
        };
        let (out, kept, done) = match worked {
            Ok(worked) => worked,
            Err(why) => return Answer::Malformed(why),
        };
        if let Some(refused) = self.pass_on(signal, out, kept).await {
            return refused;
        }
        done.count(parts, signal, kept);
        if counted && let Some(red) = &parts.red {
            let observe = || observe(red, &parts.sampler, &request, &done, self.now());
            if is_large { blocking(observe) } else { observe() }
        }
        done.answer()
    }

    /// The request as it is sent on, its records, and what is remembered of it; or why it is none.
    fn work(&self, binding: &Binding, signal: Signal, request: &[u8]) -> Result<(Bytes, u64, Done), String> {
        let malformed = |error: Malformed| error.to_string();
        check(signal, request).map_err(malformed)?;
        if groups(request).take(MAX_GROUPS + 1).count() > MAX_GROUPS {
            return Err(format!("more than {MAX_GROUPS} resources in one request"));
        }
        let mut work = Work::new(&self.0, binding, signal);
        let mut out = Vec::with_capacity(request.len() + request.len() / 16);
        let kept = rewrite(request, &mut work, &mut out).map_err(malformed)?.kept;
        let kept = match signal {
            Signal::Traces => kept,
            _ => count(signal, &out).map_err(malformed)?,
        };
        Ok((out.into(), kept, work.done()))
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
                Ok(released) => {
                    released.into_iter().for_each(|(request, spans)| self.queue(request, spans));
                    None
                }
                Err(malformed) => Some(Answer::Malformed(malformed.to_string())),
            };
        }
        let records = u32::try_from(records).unwrap_or(u32::MAX);
        parts.forwarder.put(signal, request, records).await.err().map(|full| Answer::Busy(full.retry))
    }
}

impl Intake for Pipeline {
    fn greet(&self, caller: Caller) -> Greeted {
        let binding = self.0.attributor.bind(&caller);
        let container = binding.container().map(Into::into);
        Greeted { bound: Arc::new(binding), container }
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
