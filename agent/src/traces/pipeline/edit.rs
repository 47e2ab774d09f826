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
        if !span.has_valid_ids() {
            self.done.invalid += 1;
            return Ok(Fate::Drop);
        }
        Ok(match self.parts.sampler.judge(&span)? {
            Verdict::Keep => Fate::Keep,
            Verdict::Instead(message) => Fate::Instead(message),
            Verdict::Dropped => {
                self.done.ruled += 1;
                Fate::Drop
            }
            Verdict::SampledOut => {
                self.done.sampled_out += 1;
                Fate::Drop
            }
        })
    }
}

/// The `service.name` among attributes that are added.
fn named(added: &[u8]) -> Option<Box<[u8]>> {
    let mut pairs = Attributes::new(added, 1).filter_map(Result::ok);
    pairs.find(|pair| pair.key == SERVICE_NAME)?.string().map(Into::into)
}

impl Done {
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
pub(super) fn observe(red: &Red, sampler: &Sampler, request: &[u8], senders: &[Sender], now: Now) {
    // It was walked before: there is no mistake in it.
    for (group, sender) in groups(request).filter_map(Result::ok).zip(senders) {
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
        let records = group.scopes().filter_map(Result::ok).flat_map(|scope| scope.records());
        for span in records.filter_map(|record| Span::parse(record.ok()?).ok()) {
            if span.has_valid_ids() {
                tap.record(&span, sampler.may_be_kept(&span));
            }
        }
    }
}
