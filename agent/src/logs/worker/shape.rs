//! A line becomes an entry: bent straight, secrets replaced, facts read, rules asked, encoded.

use std::{borrow::Cow, sync::Arc};

use super::{
    super::{
        Mark, Position, Rank, ansi,
        assemble::Line,
        board::{Dropped, ServiceLog},
        loki::{self, Metadata},
        parse::{self, Hint},
        redact::{self, Redacted, Redactor, Scratch},
        rules::{Allowance, Reason, Rules},
        stream::Origin,
        streams::{Mask, Slot, Streams},
    },
    clock::{self, Clock},
    sort::Sorts,
};
use crate::model::LogStream;

/// Most pairs of a line beside those of its container and its sort.
const PAIRS: usize = 6;

/// What all lines of one output of one container share.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) stream: LogStream,
    pub(super) slot: Slot,
    pub(super) hint: Hint,
    pub(super) secrets: redact::State,
}

/// What all lines of one container share.
#[derive(Debug)]
pub(super) struct Whose {
    /// `None` for lines which no position belongs to.
    pub(super) origin: Option<Arc<Origin>>,
    pub(super) service: Arc<ServiceLog>,
    pub(super) metadata: Metadata,
    pub(super) rules: Rules,
    /// What is left of its rate.
    pub(super) allowance: Allowance,
    /// Patterns which this container asks for beside everybody's.
    pub(super) names: redact::Names,
    /// Its lines are looked at for level and ids.
    pub(super) reads_facts: bool,
}

/// Makes entries; one for all containers.
#[derive(Debug)]
pub(super) struct Shaper {
    pub(super) redactor: Arc<Redactor>,
    pub(super) clock: Clock,
    text: String,
    scratch: Scratch,
    sorts: Sorts,
}

impl Shaper {
    pub(super) fn new(redactor: Arc<Redactor>, clock: Clock) -> Self {
        Self { redactor, clock, text: String::new(), scratch: Scratch::default(), sorts: Sorts::new() }
    }

    /// Puts a line into its stream's chunk, for the destinations of `mask`, unless a rule says otherwise.
    pub(super) fn shape(
        &mut self,
        line: &Line<'_>,
        whose: &mut Whose,
        output: &mut Output,
        mask: Mask,
        streams: &mut Streams,
    ) {
        let service = &whose.service;
        service.read_lines.add_alone(u64::from(line.joined_lines));
        service.read_bytes.add_alone(u64::try_from(line.text.len()).unwrap_or(u64::MAX));
        if self.clock.is_too_old(line.time) {
            service.drop_lines(Dropped::TooOld, 1);
            return;
        }
        let (clean, redacted) = self.redact(line, whose, output);
        if redacted.total() > 0 {
            service.redactions.add(u64::from(redacted.total()));
        }
        if line.cut_bytes > 0 {
            service.cut_lines.add(1);
            self.text.push_str(" [cut]");
        }
        let text = clean.unwrap_or(&self.text);
        let facts = if whose.reads_facts { parse::read(text, &mut output.hint) } else { parse::Facts::default() };
        let kept = whose.rules.judge(text, line.time, facts.level);
        if let Err(reason) = kept.and_then(|()| whose.allowance.take(whose.rules.rate, text, line.time)) {
            return whose.service.drop_lines(dropped(reason), 1);
        }
        let time = streams.taken_at(&output.slot, self.clock.not_in_future(line.time));
        let moved = (time != line.time).then(|| clock::text(line.time));
        if moved.is_some() {
            whose.service.restamped_lines.add(1);
        }
        let cut = (line.cut_bytes > 0).then(|| line.cut_bytes.to_string());
        let candidates: [Option<(&str, &str)>; PAIRS] = [
            facts.trace_id.map(|id| ("trace_id", id)),
            facts.span_id.map(|id| ("span_id", id)),
            facts.request_id.as_deref().map(|id| ("request_id", id)),
            moved.as_deref().map(|time| ("original_timestamp", time)),
            cut.as_deref().map(|bytes| ("cut_bytes", bytes)),
            redacted.cut.then_some(("redaction", "cut")),
        ];
        let mut pairs = [("", ""); PAIRS];
        let mut count = 0;
        for (place, pair) in pairs.iter_mut().zip(candidates.into_iter().flatten()) {
            *place = pair;
            count += 1;
        }
        let pairs = pairs.get(..count).unwrap_or_default();
        let now = self.clock.now();
        let Some(builder) = streams.builder(&output.slot, mask, now) else { return };
        let shared = [&whose.metadata, self.sorts.of(facts.level, facts.kind)];
        loki::entry_of(builder.entries(), time, text, shared, pairs);
        let from = whose.origin.as_ref().map(|origin| (origin, output.stream, line.end));
        if builder.took(time, from)
            && let Some(origin) = &whose.origin
        {
            hold(origin, output.stream, mask);
        }
        streams.grown(&output.slot, time, now);
    }

    /// The line's own text where nothing of it has to be changed, as is the case with most; else what is sent stands in `text`.
    fn redact<'a>(&mut self, line: &Line<'a>, whose: &Whose, output: &mut Output) -> (Option<&'a str>, Redacted) {
        if line.cut_bytes == 0
            && let Cow::Borrowed(text) = ansi::strip(line.text)
            && self.redactor.is_clean(&mut output.secrets, text, &mut self.scratch)
        {
            return (Some(text), Redacted::NOTHING);
        }
        self.straighten(line, whose);
        (None, self.redactor.apply(&mut output.secrets, &mut self.text, &mut self.scratch))
    }

    /// The text without what would spoil a display, and cut where nothing is parted that must not be.
    fn straighten(&mut self, line: &Line<'_>, whose: &Whose) {
        self.text.clear();
        if line.cut_bytes == 0 {
            self.text.push_str(&ansi::strip(line.text));
            return;
        }
        self.text.push_str(line.text);
        let limit = self.text.len();
        self.text.push_str(line.beyond);
        let cut = self.redactor.safe_cut(whose.names, &self.text, limit, &mut self.scratch);
        self.text.truncate(cut);
        if let Cow::Owned(stripped) = ansi::strip(&self.text) {
            self.text = stripped;
        }
    }

    /// Gives memory back after a long line.
    pub(super) fn shrink(&mut self) {
        if self.text.capacity() > 64 << 10 {
            (self.text, self.scratch) = (String::new(), Scratch::default());
        }
    }
}

const fn dropped(reason: Reason) -> Dropped {
    match reason {
        Reason::Level => Dropped::Level,
        Reason::Rule => Dropped::Rule,
        Reason::Sampled => Dropped::Sampled,
        Reason::RateLines => Dropped::RateLines,
        Reason::RateSize => Dropped::RateSize,
    }
}

/// Something of this output waits at all destinations of `mask`.
pub(super) fn hold(origin: &Origin, output: LogStream, mask: Mask) {
    each(mask, |destination| origin.hold(destination, output));
}

/// It does not wait here any more.
pub(super) fn release(origin: &Origin, output: LogStream, mask: Mask) {
    each(mask, |destination| origin.release(destination, output));
}

fn each(mask: Mask, with: impl Fn(usize)) {
    let bits = usize::try_from(Mask::BITS).unwrap_or(0);
    (0..bits).filter(|bit| mask & (1 << bit) != 0).for_each(with);
}

/// What the destinations of `mask` had of one output before this process: everything before this place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    pub(super) place: Place,
    pub(super) mask: Mask,
}

/// A place, in the words of its reader.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// Of a file's reader.
    Rank(Rank),
    /// Of the engine's messages: a time, and how many of it were taken.
    Time(i64, u32),
}

impl Behind {
    /// Whether what stands between these marks was taken already.
    pub(super) fn has(&self, start: Mark, end: Mark) -> bool {
        match (self.place, end.position) {
            (Place::Rank(rank), _) => start.rank < rank,
            (Place::Time(last, taken), Position::Time { time, taken: number }) => (time, number) <= (last, taken),
            (Place::Time(..), Position::File { .. }) => false,
        }
    }
}

/// The destinations of `everywhere` which want what stands between these marks.
pub(super) fn wanted(behind: &[Behind], start: Mark, end: Mark, everywhere: Mask) -> Mask {
    let have = behind.iter().filter(|behind| behind.has(start, end)).fold(0, |mask, behind| mask | behind.mask);
    everywhere & !have
}
