//! From what is known of one container to the spans of its part of a trace.

use std::borrow::Cow;

use super::{
    at::At,
    ids::{self, SpanId, TraceId},
    life::{Life, Probe},
    run::Run,
    span::{Attributes, Span, Value},
    who::Who,
};
use crate::model::shorten;

/// How a container's part ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// `spyhop.outcome`.
    pub(super) word: &'static str,
    /// `error.type`.
    pub(super) error: Option<String>,
    pub(super) at: At,
}

/// One container's part of one trace.
pub(super) struct Passage<'a> {
    pub(super) trace: TraceId,
    pub(super) who: &'a Who,
    pub(super) life: &'a Life,
    /// The engine's clock when it is told: where what lasts is cut.
    pub(super) cut: At,
    pub(super) spans: Vec<Span<'a>>,
}

impl<'a> Passage<'a> {
    pub(super) const fn new(trace: TraceId, who: &'a Who, life: &'a Life, cut: At) -> Self {
        Self { trace, who, life, cut, spans: Vec::new() }
    }

    pub(super) fn id(&self, phase: &str, began: Option<At>) -> SpanId {
        ids::span(&self.trace, self.who.id.as_str(), phase, began)
    }

    fn add(
        &mut self,
        phase: &str,
        key: Option<At>,
        parent: SpanId,
        name: impl Into<Cow<'a, str>>,
        time: (At, At),
    ) -> &mut Span<'a> {
        let span = Span::new(self.id(phase, key), Some(parent), name, time.0, time.1);
        self.spans.push(span);
        // Just pushed: there is one.
        self.spans.last_mut().unwrap_or_else(|| unreachable!("a span was pushed"))
    }

    /// Puts the span of the whole before the others, and stretches each span over what is below it: clocks are set, and times of one thing
    /// are told by different sources. What the whole came to: its beginning and its end.
    pub(super) fn finish(&mut self, whole: Span<'a>) -> (At, At) {
        self.spans.insert(0, whole);
        for index in (1..self.spans.len()).rev() {
            let (above, below) = self.spans.split_at_mut(index);
            let Some(span) = below.first() else { continue };
            if let Some(parent) = above.iter_mut().rev().find(|parent| span.parent == Some(parent.id)) {
                (parent.begin, parent.end) = (parent.begin.min(span.begin), parent.end.max(span.end).max(span.begin));
            }
        }
        self.spans.first().map(|whole| (whole.begin, whole.end)).unwrap_or_default()
    }

    /// How it ended, by its newest run.
    pub(super) fn outcome(&self) -> Outcome {
        let (life, cut) = (self.life, self.cut);
        let end = |word, at| Outcome { word, error: None, at };
        let fail = |error: String, at| Outcome { word: "failed", error: Some(error), at };
        let lasts = |at| Outcome { word: "unfinished", error: Some("not_ready".to_owned()), at };
        let made = || life.create_told.or(life.created).unwrap_or(cut);
        let Some(run) = life.run() else {
            return match (life.failed_start, life.gone) {
                (Some((at, _)), _) => fail("start_failed".to_owned(), at.max(made())),
                (None, Some(gone)) => end("removed", gone),
                (None, None) if self.waits() => end("created", cut),
                (None, None) => end("created", made()),
            };
        };
        match run.end {
            Some(over) => match run.error() {
                Some(error) => fail(error, if life.comes_back() { cut } else { over.at }),
                None if run.requested().is_some() => end("stopped", over.at),
                None if life.comes_back() => lasts(cut),
                None if over.code == Some(0) => end("completed", over.at),
                None => end("ended", over.at),
            },
            None => match (run.unhealthy, run.healthy, life.gone) {
                (_, _, Some(gone)) => end("removed", gone),
                (Some(since), ..) => fail("unhealthy".to_owned(), since),
                (None, Some(healthy), _) => end("ready", healthy.at),
                (None, None, _) if life.checked == Some(true) => lasts(cut),
                (None, None, _) => end("ready", run.up().unwrap_or(cut)),
            },
        }
    }

    fn waits(&self) -> bool {
        !self.who.depends_on.is_empty() && self.life.fresh
    }

    /// Creation and the wait for others, below `parent`.
    pub(super) fn making(&mut self, parent: SpanId) {
        let life = self.life;
        let known = || [life.created, life.create_told].into_iter().flatten();
        let (Some(began), Some(made)) = (known().min(), known().max()) else { return };
        if !life.fresh {
            return;
        }
        self.add("create", None, parent, "create", (began, made));
        if self.waits() {
            let until = life.runs.first().map_or_else(|| self.outcome().at, |run| run.starting().unwrap_or(made));
            if until > made {
                let depends_on = depends_on(self.who);
                self.add("wait", None, parent, "wait for dependencies", (made, until)).attributes.push(depends_on);
            }
        }
    }

    /// Runs, what lay between them, and how the newest became healthy, below `parent`. `known`: the first run is the one before.
    pub(super) fn runs(&mut self, parent: SpanId, known: bool) {
        let life = self.life;
        for (index, run) in life.runs.iter().enumerate() {
            let before = index.checked_sub(1).and_then(|before| life.runs.get(before));
            let key = run.begun.or(run.end.map(|end| end.at));
            let number = index + usize::try_from(if index > 0 { life.runs_left_out } else { 0 }).unwrap_or_default();
            if let Some((gap, until)) =
                before.and_then(|run| run.end.filter(|_| run.requested().is_none())).zip(run.starting())
            {
                self.add("backoff", key, parent, "backoff", (gap.at, until));
            }
            match (number, known) {
                (0, true) => self.stop(parent, run),
                (0, false) => self.first(parent, run),
                _ => self.again(parent, run, number),
            }
        }
        if let Some(run) = life.run().filter(|_| life.comes_back())
            && let Some(end) = run.end
        {
            let cut = self.cut;
            let span = self.add("backoff", Some(end.at), parent, "backoff", (end.at, cut));
            span.attributes.push(("spyhop.unfinished", Value::Flag(true)));
        }
    }

    /// The first run of a start: `start`, then how it became healthy, or how it ended.
    fn first(&mut self, parent: SpanId, run: &'a Run) {
        if let Some((from, up)) = run.starting().zip(run.up()) {
            self.add("start", run.begun, parent, "start", (from, up));
        }
        if run.end.is_none() || run.healthy.is_some() {
            self.healthy(parent, run);
        }
        if let Some(end) = run.end {
            let name = if run.failed() { "run (failed)" } else { "run" };
            let from = run.begun.unwrap_or(end.at);
            self.ended(parent, run, name.into(), from);
            self.stop(parent, run);
        }
    }

    /// A run after another.
    fn again(&mut self, parent: SpanId, run: &'a Run, number: usize) {
        let failed = if run.failed() { ", failed" } else { "" };
        let name = format!("run (restart {number}{failed})");
        let from = run.starting().or(run.end.map(|end| end.at)).unwrap_or(self.cut);
        let id = match run.end {
            Some(_) => self.ended(parent, run, name.into(), from),
            None => {
                let ready = run.healthy.map(|seen| seen.at).or(run.up().filter(|_| self.life.checked != Some(true)));
                let span = self.add("run", run.begun, parent, name, (from, ready.unwrap_or(self.cut)));
                if ready.is_none() {
                    span.attributes.push(("spyhop.unfinished", Value::Flag(true)));
                }
                self.id("run", run.begun)
            }
        };
        if run.end.is_none() || run.healthy.is_some() {
            self.healthy(id, run);
        }
        if run.end.is_some() {
            self.stop(parent, run);
        }
    }

    fn ended(&mut self, parent: SpanId, run: &'a Run, name: Cow<'a, str>, from: At) -> SpanId {
        let Some(end) = run.end else { return parent };
        let key = run.begun.or(Some(end.at));
        let id = self.id("run", key);
        let span = self.add("run", key, parent, name, (from, end.at));
        span.attributes.extend(of_end(run));
        span.error = run.error().map(Cow::Owned);
        span.events.extend(run.oom.map(|at| (at, "oom", Vec::new())));
        if run.healthy.is_none() {
            self.probes(id, run, end.at);
        }
        id
    }

    /// Somebody asked for the end of a run: from the first signal to the end.
    fn stop(&mut self, parent: SpanId, run: &'a Run) {
        let Some((asked, end)) = run.requested().zip(run.end) else { return };
        let span = self.add("stop", run.begun.or(Some(end.at)), parent, "stop", (asked, end.at));
        span.attributes = stopping(run);
        span.events = signals(run);
    }

    fn healthy(&mut self, parent: SpanId, run: &'a Run) {
        if self.life.checked != Some(true) && run.healthy.is_none() {
            return;
        }
        let Some(from) = run.begun else { return };
        let (until, word) = match (run.healthy, run.unhealthy, run.end) {
            (Some(seen), ..) => (seen.at, "healthy"),
            (None, Some(since), _) => (since, "unhealthy"),
            (None, None, end) => (end.map_or(self.life.gone.unwrap_or(self.cut), |end| end.at), "starting"),
        };
        let id = self.id("healthy", run.begun);
        let streak = self.life.failing_streak.filter(|_| word != "healthy");
        let gone = self.life.gone.is_some();
        let span = self.add("healthy", run.begun, parent, "become healthy", (from, until));
        span.attributes.push(("spyhop.container.health_status", text(word)));
        if let Some(streak) = streak {
            span.attributes.push(("spyhop.container.failing_streak", number(streak)));
        }
        if run.healthy.is_some_and(|seen| seen.inferred) {
            span.attributes.push(("spyhop.inferred", Value::Flag(true)));
        }
        span.error = match word {
            "unhealthy" => Some("unhealthy".into()),
            "starting" if !gone && run.end.is_none() => Some("not_ready".into()),
            _ => None,
        };
        self.probes(id, run, until);
    }

    fn probes(&mut self, parent: SpanId, run: &'a Run, until: At) {
        let from = run.begun.unwrap_or_default();
        let probes = self.life.probes.iter().filter(|probe| probe.start >= from && probe.start <= until);
        self.checks(parent, &probes.copied().collect::<Vec<_>>());
    }

    /// Spans of results of health checks.
    pub(super) fn checks(&mut self, parent: SpanId, probes: &[Probe]) {
        for probe in probes {
            let failed = match probe.exit_code {
                0 => None,
                -1 => Some("timeout".to_owned()),
                code => Some(format!("exit_{code}")),
            };
            let said = if probe.exit_code == -1 { "timeout".to_owned() } else { format!("exit {}", probe.exit_code) };
            let name = format!("health probe #{} ({said})", probe.number);
            let end = probe.end.unwrap_or(probe.start);
            let span = self.add("probe", Some(probe.start), parent, name, (probe.start, end));
            span.attributes.push(("spyhop.probe.number", number(u64::from(probe.number))));
            span.attributes.push(("spyhop.probe.exit_code", Value::Number(probe.exit_code)));
            span.error = failed.map(Cow::Owned);
        }
    }
}

/// What is known of the end of a run.
pub(super) fn of_end(run: &Run) -> Attributes<'static> {
    let code = run.end.and_then(|end| end.code);
    let code = code.map(|code| ("spyhop.container.exit_code", Value::Number(code)));
    let oom = run.oom_killed().then_some(("spyhop.container.oom_killed", Value::Flag(true)));
    code.into_iter().chain(oom).collect()
}

/// How a stop went: how much of its time it used, and whether it was killed in the end.
pub(super) fn stopping(run: &Run) -> Attributes<'static> {
    let mut attributes = of_end(run);
    if let Some((asked, end)) = run.requested().zip(run.end) {
        attributes.push(("spyhop.stop.seconds", Value::Seconds(end.at.since(asked).as_secs_f64())));
        let first = run.signals.iter().find(|(at, _)| *at >= asked).map(|(_, signal)| *signal);
        if let Some(first) = first {
            attributes.push(("spyhop.stop.signal", Value::Number(first)));
            let forced = first != 9 && run.signals.iter().any(|(at, signal)| *signal == 9 && *at >= asked);
            attributes.push(("spyhop.stop.forced", Value::Flag(forced)));
        }
    }
    attributes
}

/// Signals as events of a span.
pub(super) fn signals(run: &Run) -> Vec<(At, &'static str, Attributes<'static>)> {
    run.signals.iter().map(|(at, signal)| (*at, "signal", vec![("spyhop.signal", Value::Number(*signal))])).collect()
}

pub(super) fn depends_on(who: &Who) -> (&'static str, Value<'_>) {
    let names = who.depends_on.iter().map(|name| Cow::Borrowed(&**name)).collect();
    ("spyhop.compose.depends_on", Value::Texts(names))
}

pub(super) const fn text(word: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(word))
}

pub(super) fn number(number: u64) -> Value<'static> {
    Value::Number(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A name of a span, bounded.
pub(super) fn name(words: &str) -> Cow<'static, str> {
    Cow::Owned(shorten(words, 512).into_owned())
}
