//! Which spans are sent on: drop rules, a share of all traces, and those with an error or slow whatever the share.
//!
//! ```text
//!  span --look--> rules --> ratio, written as `th` ---------------> sent
//!                      \--> tail, if errors are to be kept: waits --^
//! ```
//!
//! Nothing here blocks, and nothing is left out uncounted. RED metrics are made before.

mod batch;
mod decided;
mod draw;
mod look;
mod rules;
mod tail;
mod threshold;
mod trace_state;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use batch::Batch;
use bytes::Bytes;
pub use decided::MAX_DECIDED;
use draw::Draw;
use look::{Looked, look, may_have_priority};
use rules::Rules;
use tail::Tail;
use tokio_util::sync::CancellationToken;

use super::settings::Sampling;
use crate::otlp::wire::{Malformed, Span};

/// How often traces that have waited long enough are looked for.
const TICK: Duration = Duration::from_millis(500);

/// What becomes of one span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on as it is.
    Keep,
    /// It goes on as this message.
    Instead(Vec<u8>),
    /// A drop rule wants it not.
    Dropped,
    /// It was not drawn, or its sender asked for it not to be.
    SampledOut,
}

/// Requests that are to be sent, each of a mebibyte and a span at most, and how many spans are in them.
pub type Released = Vec<(Bytes, u64)>;

/// Counters; each but the last two only grows.
#[derive(Debug, Default)]
pub struct Counts {
    /// Spans which a drop rule matched.
    pub ruled: AtomicU64,
    /// Spans that were not sent for want of luck, of traces that waited too.
    pub sampled_out: AtomicU64,
    /// Traces kept for an error.
    pub error: AtomicU64,
    /// Traces kept because they took long.
    pub slow: AtomicU64,
    /// Traces kept because their sender asked for it (`sampling.priority`).
    pub asked: AtomicU64,
    /// Traces that waited, and were kept by chance.
    pub drawn: AtomicU64,
    /// Traces that waited, and were not kept.
    pub dropped: AtomicU64,
    /// Traces of the last two which there was no room for to wait longer.
    pub early: AtomicU64,
    /// Spans sent on after their trace was decided.
    pub late_kept: AtomicU64,
    /// Spans not sent on after their trace was decided; they are in `sampled_out`, too.
    pub late_dropped: AtomicU64,
    /// Bytes of spans that wait.
    pub waiting_bytes: AtomicU64,
    /// Traces that wait.
    pub waiting_traces: AtomicU64,
}

/// Says of each span whether it is sent. One for all requests.
#[derive(Debug)]
pub struct Sampler {
    drop: Rules,
    draw: Draw,
    tail: Option<Mutex<Tail>>,
    max_waiting: usize,
    counts: Arc<Counts>,
}

impl Sampler {
    /// One that does as it is told.
    pub fn new(settings: &Sampling) -> Self {
        let counts = Arc::new(Counts::default());
        let draw = Draw::keeping(settings.ratio);
        // Where all is sent, nothing has to wait for it.
        let wait = settings.keep_errors.filter(|_| !draw.keeps_all());
        let tail = wait.map(|wait| {
            let slow_ns = settings.keep_slow.map(|slow| u64::try_from(slow.as_nanos()).unwrap_or(u64::MAX));
            let rules = tail::Rules { wait, slow_ns, draw, max_bytes: settings.max_waiting };
            Mutex::new(Tail::new(rules, Arc::clone(&counts)))
        });
        let max_waiting = if tail.is_some() { settings.max_waiting } else { 0 };
        Self { drop: Rules::new(&settings.drop), draw, tail, max_waiting, counts }
    }

    /// Whether requests have to go through [`Self::hold`] behind [`Self::judge`].
    pub const fn holds(&self) -> bool {
        self.tail.is_some()
    }

    /// Bytes that may wait to be decided; 0 where nothing does.
    pub const fn max_waiting(&self) -> usize {
        self.max_waiting
    }

    /// What is counted.
    pub const fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Judges one span by itself. Where [`Self::holds`], the ratio comes later.
    ///
    /// # Errors
    /// The span is no message.
    pub fn judge(&self, span: &Span<'_>) -> Result<Verdict, Malformed> {
        if self.drop.is_empty() && self.draw.keeps_all() {
            return Ok(Verdict::Keep);
        }
        let no_rule = self.drop.is_empty();
        let looked = if no_rule && !may_have_priority(span) { Looked::default() } else { look(span)? };
        if self.drop.match_span(span, &looked) {
            self.counts.ruled.fetch_add(1, Ordering::Relaxed);
            return Ok(Verdict::Dropped);
        }
        if self.draw.keeps_all() {
            return Ok(Verdict::Keep);
        }
        let verdict = match looked.priority {
            Some(priority) if priority > 0.0 => Verdict::Keep,
            Some(_) => Verdict::SampledOut,
            None if self.holds() => Verdict::Keep,
            None if !self.draw.keeps(span) => Verdict::SampledOut,
            None => self.draw.mark(span).map_or(Verdict::Keep, Verdict::Instead),
        };
        if verdict == Verdict::SampledOut {
            self.counts.sampled_out.fetch_add(1, Ordering::Relaxed);
        }
        Ok(verdict)
    }

    /// Whether the trace of a span that was judged [`Verdict::Keep`] will, or may, be sent: where [`Self::holds`], that is known later.
    pub fn may_be_kept(&self, span: &Span<'_>) -> bool {
        self.draw.keeps(span) || self.holds() && span.status == 2
    }

    /// Takes a request whose spans have been judged, and gives back what of this and of others is to be sent now. Without a tail that is
    /// the request itself.
    ///
    /// # Errors
    /// It is no request.
    pub fn hold(&self, request: Bytes, spans: u64, now: Duration) -> Result<Released, Malformed> {
        let Some(tail) = &self.tail else {
            return Ok((spans > 0).then_some((request, spans)).into_iter().collect());
        };
        let mut batch = Batch::default();
        lock(tail).take(&request, now, &mut batch)?;
        Ok(released(batch))
    }

    /// Some of what has waited long enough and is to be sent; all of it when it has been asked for until there is no more.
    pub fn due(&self, now: Duration) -> Released {
        let Some(tail) = &self.tail else { return Vec::new() };
        let mut batch = Batch::default();
        lock(tail).due(now, &mut batch);
        released(batch)
    }

    /// Gives `out` what has waited long enough until `stop`, and then the rest. `began` is the start of the clock of [`Self::hold`]. What
    /// `out` has not taken yet goes on waiting, and counts as such.
    pub async fn run<F>(&self, began: Instant, stop: CancellationToken, out: impl Fn(Bytes, u64) -> F)
    where
        F: Future<Output = ()>,
    {
        if !self.holds() {
            return;
        }
        let mut ends = false;
        while !ends {
            ends = stop.run_until_cancelled(tokio::time::sleep(TICK)).await.is_none();
            loop {
                let now = if ends { Duration::MAX } else { began.elapsed() };
                let released = self.due(now);
                if released.is_empty() {
                    break;
                }
                for (request, spans) in released {
                    out(request, spans).await;
                }
            }
        }
    }
}

fn released(batch: Batch) -> Released {
    batch.finish().into_iter().map(|(request, spans)| (request.into(), spans)).collect()
}

/// What waits is whole after a panic of somebody who looked at it, too.
fn lock(tail: &Mutex<Tail>) -> MutexGuard<'_, Tail> {
    tail.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
