//! One request on its way through: what is changed in it, and what is remembered of it until it is acknowledged.

use std::sync::Arc;

use super::{
    super::{
        attribute::{Binding, Miss, Named, Rule, Who},
        intake::Answer,
        red::{Now, Owner, Red},
        sample::{Sampler, Verdict},
    },
    Parts,
    counts::Outcome,
};
use crate::otlp::{
    Signal,
    wire::{
        Attributes, Group, Malformed, Span, groups,
        splice::{Change, Edit, Fate},
    },
};

/// The attribute by which services are told apart.
const SERVICE_NAME: &[u8] = b"service.name";

/// What is known of one group of a request.
#[derive(Debug)]
pub(super) struct Sender {
    who: Option<Arc<Who>>,
    by: Result<Rule, Miss>,
    /// Its `service.name` where that is not the one it came with.
    service: Option<Box<[u8]>>,
}

/// Changes one request.
pub(super) struct Work<'a> {
    parts: &'a Parts,
    binding: &'a Binding,
    signal: Signal,
    /// Records are judged, too.
    judges: bool,
    done: Done,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) groups: Vec<Sender>,
    /// Spans looked at, and a bit for each up to the last that is not sent on.
    judged: usize,
    left_out: Vec<u64>,
    invalid: u64,
    ruled: u64,
    sampled_out: u64,
}

impl<'a> Work<'a> {
    pub(super) fn new(parts: &'a Parts, binding: &'a Binding, signal: Signal) -> Self {
        Self { parts, binding, signal, judges: signal == Signal::Traces, done: Done::default() }
    }

    /// Spans of the agent's own, which are named and not judged.
    pub(super) fn own(parts: &'a Parts, binding: &'a Binding) -> Self {
        Self { judges: false, ..Self::new(parts, binding, Signal::Traces) }
    }

    pub(super) fn done(self) -> Done {
        self.done
    }
}

impl Edit for Work<'_> {
    fn group(&mut self, group: &Group<'_>) -> Result<Change, Malformed> {
        let Named { who, change, by } = self.parts.attributor.name(self.binding, group);
        let service = if self.judges { named(&change.add) } else { None };
        self.done.groups.push(Sender { who, by, service });
        Ok(change)
    }

    fn record(&mut self, record: &[u8]) -> Result<Fate, Malformed> {
        if !self.judges {
            // A metric or a log record is looked into by nobody; a request of another signal is found by counting.
            return Ok(Fate::Keep);
        }
        debug_assert_eq!(self.signal, Signal::Traces, "only spans are judged");
        let span = Span::parse(record)?;
        let count = match span.has_valid_ids() {
            false => &mut self.done.invalid,
            true => match self.parts.sampler.judge(&span)? {
                Verdict::Keep => {
                    self.done.judged += 1;
                    return Ok(Fate::Keep);
                }
                Verdict::Instead(message) => {
                    self.done.judged += 1;
                    return Ok(Fate::Instead(message));
                }
                Verdict::Dropped => &mut self.done.ruled,
                Verdict::SampledOut => &mut self.done.sampled_out,
            },
        };
        *count += 1;
        self.done.leave_out();
        Ok(Fate::Drop)
    }
}

/// The `service.name` among attributes that are added.
fn named(added: &[u8]) -> Option<Box<[u8]>> {
    let mut pairs = Attributes::new(added, 1).filter_map(Result::ok);
    pairs.find(|pair| pair.key == SERVICE_NAME)?.string().map(Into::into)
}

impl Done {
    /// Notes that the span just judged is not sent on.
    fn leave_out(&mut self) {
        let (word, bit) = (self.judged / 64, self.judged % 64);
        if self.left_out.len() <= word {
            self.left_out.resize(word + 1, 0);
        }
        if let Some(word) = self.left_out.get_mut(word) {
            *word |= 1 << bit;
        }
        self.judged += 1;
    }

    /// Whether the span that was judged at this place is sent on, or waits for that.
    fn goes_on(&self, at: usize) -> bool {
        self.left_out.get(at / 64).is_none_or(|word| word & 1 << (at % 64) == 0)
    }

    /// Counts everything once.
    pub(super) fn count(&self, parts: &Parts, signal: Signal, kept: u64) {
        for sender in &self.groups {
            parts.attributor.counts().add(signal, sender.by);
        }
        let outcomes = [
            (Outcome::Accepted, kept),
            (Outcome::Invalid, self.invalid),
            (Outcome::Dropped, self.ruled),
            (Outcome::SampledOut, self.sampled_out),
        ];
        for (outcome, records) in outcomes.into_iter().filter(|(_, records)| *records > 0) {
            parts.records.add(signal, outcome, records);
        }
    }

    /// What the sender is told. What rules and sampling leave out was taken all the same.
    pub(super) fn answer(&self) -> Answer {
        let message = match self.invalid {
            0 => String::new(),
            1 => "a span has no valid trace id or span id".to_owned(),
            spans => format!("{spans} spans have no valid trace id or span id"),
        };
        Answer::Taken { rejected: self.invalid, message }
    }
}

/// Counts the spans of a request that was acknowledged, as they came.
pub(super) fn observe(red: &Red, sampler: &Sampler, request: &[u8], done: &Done, now: Now) {
    let mut place = 0;
    // It was walked before: there is no mistake in it.
    for (group, sender) in groups(request).filter_map(Result::ok).zip(&done.groups) {
        let came_with = || group.attributes().filter_map(Result::ok).find(|pair| pair.key == SERVICE_NAME);
        let service = match &sender.service {
            Some(service) => service,
            None => came_with().and_then(|pair| pair.string()).unwrap_or_default(),
        };
        let owner = sender
            .who
            .as_ref()
            .map_or_else(Owner::default, |who| Owner { project: &who.project, service: &who.service });
        let mut tap = red.tap(service, owner, now);
        for record in group.scopes().filter_map(Result::ok).flat_map(|scope| scope.records()) {
            let goes_on = done.goes_on(place);
            place += 1;
            let Some(span) = record.ok().and_then(|record| Span::parse(record).ok()) else { continue };
            if span.has_valid_ids() {
                // What waits is an example by what is known of it so far.
                tap.record(&span, goes_on && (!sampler.holds() || sampler.may_be_kept(&span)));
            }
        }
    }
}
