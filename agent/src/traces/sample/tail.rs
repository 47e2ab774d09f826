//! Traces that wait until it is known whether they are worth sending: with an error, slow, or drawn by chance.
//!
//! ```text
//!  span --decided before?--> as decided
//!     \--> waits with its trace --error, slow, asked for--> kept, at once
//!                               --time over, no room------> kept or not by the ratio
//! ```
//!
//! A trace that is kept for what it is stands for itself alone, so that its spans get no `th`; one that was drawn stands for others, and
//! says for how many. What waits is acknowledged and in memory alone: a crash of the agent costs as much as the time they wait. Its memory is
//! counted as it is taken, span by span, and what goes is out of the count when it is gone.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    Counts, Draw,
    batch::{Batch, Frame, Frames},
    decided::{Decided, Decision},
    look::{look, may_have_priority},
};
use crate::{
    otlp::wire::{Fields, Malformed, Span, Writer, groups},
    traces::red::Keyed,
};

/// What a trace costs beside its spans, in bytes: its places in the table and in the line.
const OVERHEAD: usize = 320;

/// What a span that begins anew costs beside what is written: tag and length.
const HEAD: usize = 6;

/// What is let go for its time is let go in parts of so many requests.
const PART: usize = 4;

/// Frames of a trace that are looked through for one already used; in more than that a span begins anew.
const LOOK_BACK: usize = 8;

/// `StatusCode` of what failed.
const ERROR: u64 = 2;

/// How traces are judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) wait: Duration,
    pub(super) slow_ns: Option<u64>,
    pub(super) draw: Draw,
    pub(super) max_bytes: usize,
}

/// Traces that wait.
#[derive(Debug)]
pub(super) struct Tail {
    rules: Rules,
    waiting: HashMap<[u8; 16], Waiting, Keyed>,
    /// Traces in the order of their first spans; those decided before their time are passed over.
    line: VecDeque<Place>,
    bytes: usize,
    frames: Frames,
    decided: Decided,
    number: u64,
    counts: Arc<Counts>,
}

#[derive(Debug)]
struct Place {
    due: Duration,
    trace: [u8; 16],
    number: u64,
}

/// Spans of one trace.
#[derive(Debug)]
struct Waiting {
    number: u64,
    spans: Vec<(Frame, Writer)>,
    bytes: usize,
    start_ns: u64,
    end_ns: u64,
    /// The first span's: all spans of a trace say the same.
    drawn: bool,
}

/// Why a trace is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Error,
    Slow,
    Asked,
    Time,
    Room,
}

impl Tail {
    pub(super) fn new(rules: Rules, counts: Arc<Counts>) -> Self {
        Self {
            rules,
            waiting: HashMap::default(),
            line: VecDeque::new(),
            bytes: 0,
            frames: Frames::default(),
            decided: Decided::default(),
            number: 0,
            counts,
        }
    }

    /// Takes the spans of a request at `now`, a time since the start. What is to be sent is put into `out`. Spans without a trace id are
    /// none, and are left out.
    pub(super) fn take(&mut self, request: &[u8], now: Duration, out: &mut Batch) -> Result<(), Malformed> {
        for group in groups(request) {
            let group = group?;
            let around = self.frames.group(&group)?;
            for scope in group.scopes() {
                let scope = scope?;
                let frame = self.frames.of(&around, &scope)?;
                self.make_room(out);
                for record in scope.records() {
                    let span = Span::parse(record?)?;
                    if let Ok(trace) = <[u8; 16]>::try_from(span.trace_id) {
                        self.span(trace, &frame, &span, now, out)?;
                        self.make_room(out);
                    }
                }
            }
        }
        self.tell();
        Ok(())
    }

    /// Decides what has waited for its time, the oldest; what more there is waits until these have gone somewhere.
    pub(super) fn due(&mut self, now: Duration, out: &mut Batch) {
        while out.done() < PART
            && let Some(place) = self.line.pop_front_if(|place| place.due <= now)
        {
            self.leave_line(&place, Why::Time, out);
        }
        self.frames.forget_unused();
        self.tell();
    }

    fn span(
        &mut self,
        trace: [u8; 16],
        frame: &Frame,
        span: &Span<'_>,
        now: Duration,
        out: &mut Batch,
    ) -> Result<(), Malformed> {
        let failed = span.status == ERROR;
        match self.decided.get(&trace) {
            // Also of a trace that was not worth it: alone, it still says what failed.
            Some(decision) if failed || decision != Decision::Dropped => {
                self.counts.late_kept.fetch_add(1, Ordering::Relaxed);
                self.emit(decision, frame, span.message, out);
                return Ok(());
            }
            Some(_) => {
                self.counts.late_dropped.fetch_add(1, Ordering::Relaxed);
                self.counts.sampled_out.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            None => {}
        }
        let asked = may_have_priority(span) && look(span)?.priority.is_some_and(|priority| priority > 0.0);
        let (from, to) = self.wait(trace, frame, span, now);
        let slow = self.rules.slow_ns.is_some_and(|slow| to.saturating_sub(from) > slow);
        let why = match (failed, slow, asked) {
            (true, ..) => Why::Error,
            (_, true, _) => Why::Slow,
            (_, _, true) => Why::Asked,
            _ => return Ok(()),
        };
        self.decide(trace, why, out);
        Ok(())
    }

    /// Lets a span wait with its trace; from when until when that went so far.
    fn wait(&mut self, trace: [u8; 16], frame: &Frame, span: &Span<'_>, now: Duration) -> (u64, u64) {
        let waiting = self.waiting.entry(trace).or_insert_with(|| {
            self.number += 1;
            self.bytes += OVERHEAD;
            self.line.push_back(Place { due: now.saturating_add(self.rules.wait), trace, number: self.number });
            Waiting {
                number: self.number,
                spans: Vec::with_capacity(1),
                bytes: 0,
                start_ns: span.start_ns,
                end_ns: span.end_ns,
                drawn: self.rules.draw.keeps(span),
            }
        });
        let counted = waiting.bytes;
        let known = waiting.spans.iter().rposition(|(other, _)| other.is(frame));
        let known = known.filter(|at| at + LOOK_BACK >= waiting.spans.len());
        match known.and_then(|at| waiting.spans.get_mut(at)) {
            Some((_, spans)) => {
                let before = spans.capacity();
                spans.bytes(2, span.message);
                waiting.bytes += spans.capacity() - before;
            }
            None => {
                let mut spans = Writer::after(Vec::with_capacity(span.message.len() + HEAD));
                spans.bytes(2, span.message);
                waiting.bytes += size_of::<(Frame, Writer)>() + spans.capacity();
                waiting.spans.push((frame.clone(), spans));
            }
        }
        self.bytes += waiting.bytes - counted;
        waiting.start_ns = waiting.start_ns.min(span.start_ns);
        waiting.end_ns = waiting.end_ns.max(span.end_ns);
        (waiting.start_ns, waiting.end_ns)
    }

    /// Decides the oldest traces when the others do not fit, and some more of them, so that it need not be done for each span.
    fn make_room(&mut self, out: &mut Batch) {
        if self.bytes + self.frames.bytes() <= self.rules.max_bytes {
            return;
        }
        self.frames.forget_unused();
        let most = self.rules.max_bytes - self.rules.max_bytes / 16;
        while self.bytes + self.frames.bytes() > most
            && let Some(place) = self.line.pop_front()
        {
            self.leave_line(&place, Why::Room, out);
            if self.line.is_empty() {
                self.frames.forget_unused();
            }
        }
    }

    fn leave_line(&mut self, place: &Place, why: Why, out: &mut Batch) {
        self.bytes = self.bytes.saturating_sub(OVERHEAD);
        // A trace that was decided, forgotten and begun anew has another place.
        if self.waiting.get(&place.trace).is_some_and(|waiting| waiting.number == place.number) {
            self.decide(place.trace, why, out);
        }
    }

    fn decide(&mut self, trace: [u8; 16], why: Why, out: &mut Batch) {
        let Some(waiting) = self.waiting.remove(&trace) else { return };
        self.bytes = self.bytes.saturating_sub(waiting.bytes);
        let decision = match why {
            Why::Error | Why::Slow | Why::Asked => Decision::Kept,
            Why::Time | Why::Room if waiting.drawn => Decision::Drawn,
            Why::Time | Why::Room => Decision::Dropped,
        };
        self.counts.decided(decision, why);
        self.decided.put(trace, decision);
        // Taken apart as it goes: it is not here and on its way at a time.
        for (frame, written) in waiting.spans {
            for field in Fields::new(written.as_bytes()).flatten() {
                match field.bytes() {
                    Ok(span) if decision != Decision::Dropped => self.emit(decision, &frame, span, out),
                    _ => _ = self.counts.sampled_out.fetch_add(1, Ordering::Relaxed),
                }
            }
        }
    }

    /// Puts one span into the request that is sent, with `th` if it was drawn.
    fn emit(&self, decision: Decision, frame: &Frame, span: &[u8], out: &mut Batch) {
        match decision {
            Decision::Drawn => match Span::parse(span).ok().and_then(|span| self.rules.draw.mark(&span)) {
                Some(marked) => out.push(frame, &marked),
                None => out.push(frame, span),
            },
            // One of a dropped trace comes here for its error.
            Decision::Kept | Decision::Dropped => out.push(frame, span),
        }
    }

    fn tell(&self) {
        self.counts.waiting_bytes.store((self.bytes + self.frames.bytes()) as u64, Ordering::Relaxed);
        self.counts.waiting_traces.store(self.waiting.len() as u64, Ordering::Relaxed);
    }
}

impl Counts {
    fn decided(&self, decision: Decision, why: Why) {
        let count = match (decision, why) {
            (_, Why::Error) => &self.error,
            (_, Why::Slow) => &self.slow,
            (_, Why::Asked) => &self.asked,
            (Decision::Dropped, _) => &self.dropped,
            _ => &self.drawn,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if why == Why::Room {
            self.early.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
