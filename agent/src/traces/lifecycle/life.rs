//! One container, and the rules by which facts of it become known once, however often they are told.
//!
//! The engine tells a fact as an event and in later inspections. Events come twice after a gap, out of order, or not at all; an inspection may
//! be older than the newest event. So nothing here is counted: a fact is put where it belongs, and what is there already is no news.

use std::{sync::Arc, time::Duration};

use super::{
    at::At,
    ids::Link,
    run::{End, Run, Seen},
    who::Who,
};
use crate::model::{HealthResult, HealthStatus, RestartPolicy};

/// `StartedAt` is so much older than the `start` event at most.
pub(super) const SLACK: Duration = Duration::from_secs(2);
/// `FinishedAt` is so much older than the `die` event at most: the engine takes its time with a container that ended.
const END_SLACK: Duration = Duration::from_secs(10);
/// A start takes no longer between its first sign and the program's.
const MAX_START: Duration = Duration::from_secs(10);

/// Runs kept of one trace; of more the first and the newest.
pub(super) const MAX_RUNS: usize = 32;
/// Results of health checks kept of one trace; of more the first and the newest.
pub(super) const MAX_PROBES: usize = 20;

/// What was not known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    Created,
    Began,
    Ended,
    Oom,
    Asked,
    Healthy,
    Unhealthy,
    /// Something else that is to be kept.
    Detail,
}

/// What a container is part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing that will be told.
    #[default]
    Idle,
    /// A start, with others of its project.
    Burst,
    /// A spell of its own: an end, and perhaps another start.
    Spell,
}

/// A spell of failing health checks. It may go on beside nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unhealthy {
    pub(super) since: At,
    /// When it ended.
    pub(super) until: Option<At>,
    /// It was told, unfinished, because it lasts.
    pub(super) told: Option<Link>,
}

/// A result of a health check with its number within the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub(super) number: u32,
    pub(super) start: At,
    pub(super) end: Option<At>,
    pub(super) exit_code: i64,
}

/// What restarts a container that ended by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Policy {
    /// Not known yet.
    #[default]
    Unknown,
    Never,
    /// On failure, so many times.
    OnFailure(Option<u64>),
    Always,
}

impl From<&RestartPolicy> for Policy {
    fn from(policy: &RestartPolicy) -> Self {
        match policy {
            RestartPolicy::No => Self::Never,
            RestartPolicy::OnFailure(most) => Self::OnFailure(*most),
            RestartPolicy::Always | RestartPolicy::UnlessStopped => Self::Always,
            RestartPolicy::Unknown => Self::Unknown,
        }
    }
}

/// A container from the first that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Life {
    /// `None` after a restart of the agent, until an event or an inspection says.
    pub(super) who: Option<Arc<Who>>,
    /// `Created`.
    pub(super) created: Option<At>,
    /// The `create` event.
    pub(super) create_told: Option<At>,
    /// It was made in the start that is under way.
    pub(super) fresh: bool,
    /// First sign since its creation or its last end.
    pub(super) sign: Option<At>,
    /// Runs of what is under way, oldest first; the newest alone while nothing is.
    pub(super) runs: Vec<Run>,
    /// The newest that is known of the run before the newest: what is not after it is heard again.
    pub(super) before: Option<At>,
    /// Runs left out between the first and the others.
    pub(super) runs_left_out: u32,
    pub(super) probes: Vec<Probe>,
    /// Results of the newest run in what is under way.
    pub(super) probe_count: u32,
    /// Start of the newest result that was seen.
    pub(super) probe_mark: Option<At>,
    /// It has a health check.
    pub(super) checked: Option<bool>,
    pub(super) policy: Policy,
    pub(super) restart_count: Option<u64>,
    pub(super) failing_streak: Option<u64>,
    /// An inspection showed that nothing will start it again.
    pub(super) resting: bool,
    /// A start that failed: when, and the engine's code.
    pub(super) failed_start: Option<(At, i64)>,
    /// `StartedAt` as last shown: after a clock was set back it is the only way to know it again.
    pub(super) shown: Option<At>,
    pub(super) place: Place,
    pub(super) unhealthy: Option<Unhealthy>,
    /// The span of its newest start that was told.
    pub(super) link: Option<Link>,
    pub(super) gone: Option<At>,
    /// A picture has shown it.
    pub(super) pictured: bool,
}

impl Life {
    pub(super) fn new(who: Option<Arc<Who>>) -> Self {
        Self {
            who,
            created: None,
            create_told: None,
            fresh: false,
            sign: None,
            runs: Vec::new(),
            before: None,
            runs_left_out: 0,
            probes: Vec::new(),
            probe_count: 0,
            probe_mark: None,
            checked: None,
            policy: Policy::Unknown,
            restart_count: None,
            failing_streak: None,
            resting: false,
            failed_start: None,
            shown: None,
            place: Place::Idle,
            unhealthy: None,
            link: None,
            gone: None,
            pictured: false,
        }
    }

    /// The newest run.
    pub(super) fn run(&self) -> Option<&Run> {
        self.runs.last()
    }

    pub(super) fn runs_now(&self) -> bool {
        self.gone.is_none() && self.run().is_some_and(|run| run.end.is_none())
    }

    /// A `create` event.
    pub(super) fn created(&mut self, at: At) -> Option<News> {
        let first = self.runs.first();
        let late = first.is_some();
        if self.create_told.is_some() || first.is_some_and(|run| run.begun.is_none_or(|begun| at > begun)) {
            return None;
        }
        self.create_told = Some(at);
        self.fresh |= late && self.place == Place::Burst;
        Some(if late { News::Detail } else { News::Created })
    }

    /// Something of it changed: networks, its name.
    pub(super) fn changed(&mut self, at: At) -> Option<News> {
        let after = self.run().and_then(|run| run.end).map(|end| end.at).or(self.create_told).or(self.created);
        let between = !self.runs_now() && after.is_none_or(|after| at > after);
        let first = self.sign.is_none_or(|sign| at.since(sign) > MAX_START);
        (between && first).then(|| self.sign = Some(at)).map(|()| News::Detail)
    }

    /// A `start` event.
    pub(super) fn start_told(&mut self, at: At) -> Option<News> {
        if self.before.is_some_and(|before| at <= before) {
            return None;
        }
        if let Some(run) = self.runs.last_mut() {
            let before = run.begun.is_some_and(|begun| at < begun);
            let close = run.begun.is_none_or(|begun| at.since(begun) <= SLACK);
            let known = run.told.is_some_and(|told| at <= told);
            let over = run.end.is_some_and(|end| at <= end.at);
            if before || known || (run.told.is_some() && over) {
                return None;
            }
            if run.told.is_none() && (over || (close && run.end.is_none_or(|end| !end.told))) {
                // Known from an inspection, or from its end.
                run.told = Some(at);
                run.begun.get_or_insert(at);
                return Some(News::Detail);
            }
        }
        self.begin(Run { begun: Some(at), told: Some(at), ..Run::default() });
        Some(News::Began)
    }

    /// `StartedAt` of an inspection, with `FinishedAt`. `Err`: the inspection is older than what is known.
    pub(super) fn start_seen(&mut self, at: At, finished: Option<At>) -> Result<Option<News>, Stale> {
        if self.shown == Some(at) && !self.runs.is_empty() {
            return Ok(None);
        }
        if self.before.is_some_and(|before| at <= before) {
            return Err(Stale);
        }
        let Some(run) = self.runs.last_mut() else {
            self.shown = Some(at);
            self.begin(Run { begun: Some(at), exact: true, ..Run::default() });
            return Ok(Some(News::Began));
        };
        let unknown = run.begun.is_none() && run.end.is_some_and(|end| at <= end.at);
        let refines = run.begun.is_some_and(|begun| !run.exact && at <= begun && begun.since(at) <= SLACK);
        if run.begun == Some(at) || unknown || refines {
            (run.begun, run.exact, self.shown) = (Some(at), true, Some(at));
            return Ok(Some(News::Detail));
        }
        if run.begun.is_some_and(|begun| at < begun) || run.end.is_some_and(|end| at < end.at) {
            return Err(Stale);
        }
        if run.end.is_none() {
            let within = |end: &At| run.begun.is_none_or(|begun| *end > begun) && *end < at;
            run.end = finished.filter(within).map(|at| End { at, told: false, code: None, oom: false });
        }
        self.shown = Some(at);
        self.begin(Run { begun: Some(at), exact: true, ..Run::default() });
        Ok(Some(News::Began))
    }

    fn begin(&mut self, mut run: Run) {
        let sign = self
            .sign
            .take()
            .filter(|sign| run.begun.is_some_and(|begun| begun.since(*sign) <= MAX_START && *sign <= begun));
        run.prepared = sign;
        self.before = self.runs.last().and_then(|run| run.end.map(|end| end.at).max(run.begun)).max(self.before);
        if self.place == Place::Idle {
            self.runs.clear();
        } else if self.runs.len() >= MAX_RUNS {
            self.runs.remove(1);
            self.runs_left_out = self.runs_left_out.saturating_add(1);
        }
        self.runs.push(run);
        (self.probe_count, self.resting, self.failed_start) = (0, false, None);
    }

    /// A `die` event.
    pub(super) fn end_told(&mut self, at: At, code: Option<i64>) -> Option<News> {
        let end = End { at, told: true, code, oom: false };
        if let [.., earlier, newest] = self.runs.as_mut_slice()
            && newest.begun.is_some_and(|begun| at < begun)
        {
            // The start of the next run was seen before.
            let open = earlier.end.is_none_or(|known| !known.told) && earlier.begun.is_none_or(|begun| at > begun);
            return open.then(|| {
                earlier.end = Some(End { oom: earlier.end.is_some_and(|known| known.oom), ..end });
                News::Detail
            });
        }
        let Some(run) = self.runs.last_mut() else {
            self.runs.push(Run { end: Some(end), ..Run::default() });
            return Some(News::Ended);
        };
        if run.begun.is_some_and(|begun| at < begun) {
            return None;
        }
        match &mut run.end {
            None => {
                run.end = Some(end);
                self.sign = None;
                Some(News::Ended)
            }
            Some(known) if !known.told && at >= known.at && at.since(known.at) <= END_SLACK => {
                let code = code.or(known.code);
                *known = End { code, oom: known.oom, ..end };
                Some(News::Detail)
            }
            Some(known) if at > known.at => {
                // Its start was lost.
                self.begin(Run { end: Some(end), ..Run::default() });
                Some(News::Ended)
            }
            Some(_) => None,
        }
    }

    /// `FinishedAt`, `ExitCode` and `OOMKilled` of an inspection whose start is the newest run's.
    pub(super) fn end_seen(&mut self, at: At, code: Option<i64>, oom: bool) -> Option<News> {
        let run = self.runs.last_mut()?;
        if run.begun.is_some_and(|begun| at < begun) {
            return None;
        }
        match &mut run.end {
            None => {
                run.end = Some(End { at, told: false, code, oom });
                self.sign = None;
                Some(News::Ended)
            }
            Some(end) => {
                let same = at <= end.at && end.at.since(at) <= END_SLACK;
                let new = same && ((oom && !end.oom) || (code.is_some() && end.code.is_none()));
                if !new {
                    return None;
                }
                let news = if oom && !end.oom { News::Oom } else { News::Detail };
                (end.oom, end.code) = (end.oom || oom, end.code.or(code));
                Some(news)
            }
        }
    }

    /// An `oom` event; it may come after the end it led to.
    pub(super) fn oom_told(&mut self, at: At) -> Option<News> {
        let run = self.runs.last_mut()?;
        let of_run = run.begun.is_none_or(|begun| at >= begun) && run.end.is_none_or(|end| at <= end.at.plus(SLACK));
        (of_run && run.oom.is_none()).then(|| run.oom = Some(at)).map(|()| News::Oom)
    }

    /// A signal or a stop.
    pub(super) fn stop_told(&mut self, at: At, signal: Option<i64>) -> Option<News> {
        let run = self.runs.last_mut()?;
        run.asked(at, signal).then_some(News::Asked)
    }

    /// A `health_status` event.
    pub(super) fn health_told(&mut self, at: At, status: HealthStatus) -> Option<News> {
        self.health(at, status, false)
    }

    /// The health of an inspection of the newest run, as far as events have not told it.
    pub(super) fn health_seen(&mut self, status: HealthStatus, results: &[HealthResult], at: At) -> Option<News> {
        let run = self.runs.last()?;
        if run.end.is_some() {
            return None;
        }
        let (begun, mark) = (run.begun, run.health_at);
        let of_run = |result: &&HealthResult| begun.is_none_or(|begun| At::from(result.start) >= begun);
        let after = |time: &At| mark.is_none_or(|mark| *time > mark);
        let mut ends =
            results.iter().filter(of_run).filter_map(|result| Some((result.passed(), At::from(result.end?))));
        let known = match status {
            HealthStatus::Healthy => run.healthy.is_some() && run.unhealthy.is_none(),
            HealthStatus::Unhealthy => run.unhealthy.is_some(),
            HealthStatus::Starting | HealthStatus::Unknown => true,
        };
        let moment = match status {
            _ if known => return None,
            HealthStatus::Healthy => ends.find(|(passed, end)| *passed && after(end)).map(|(_, end)| end),
            _ => ends.filter(|(passed, end)| !*passed && after(end)).last().map(|(_, end)| end),
        };
        let moment = moment.or_else(|| results.is_empty().then_some(at).filter(|at| after(at)))?;
        self.health(moment, status, true)
    }

    fn health(&mut self, at: At, status: HealthStatus, inferred: bool) -> Option<News> {
        let run = self.runs.last_mut()?;
        let of_run = run.begun.is_none_or(|begun| at >= begun) && run.end.is_none_or(|end| at <= end.at);
        let new = run.health_at.is_none_or(|mark| at > mark);
        if !of_run || !new {
            return None;
        }
        match status {
            HealthStatus::Healthy => {
                let first = run.healthy.is_none();
                let better = run.healthy.is_some_and(|seen| seen.inferred && !inferred) && run.unhealthy.is_none();
                if first || better {
                    run.healthy = Some(Seen { at, inferred });
                }
                let again = run.unhealthy.take().is_some();
                if let Some(spell) = self.unhealthy.as_mut().filter(|spell| again && spell.until.is_none()) {
                    spell.until = Some(at);
                }
                if first || better || again {
                    run.health_at = Some(at);
                }
                (first || again).then_some(News::Healthy).or(better.then_some(News::Detail))
            }
            HealthStatus::Unhealthy if run.unhealthy.is_none() => {
                (run.unhealthy, run.health_at) = (Some(at), Some(at));
                Some(News::Unhealthy)
            }
            _ => None,
        }
    }

    /// Results of health checks, oldest first, of an inspection of the newest run; kept while they are part of something.
    pub(super) fn probes_seen(&mut self, results: &[HealthResult]) -> bool {
        if self.place == Place::Idle && self.unhealthy.is_none() {
            return false;
        }
        let spell = self.unhealthy.filter(|_| self.place == Place::Idle).map(|spell| spell.since);
        let from = self.run().and_then(|run| run.begun).max(spell);
        let mut news = false;
        for result in results {
            let start = At::from(result.start);
            if from.is_some_and(|from| start < from) || self.probe_mark.is_some_and(|mark| start <= mark) {
                continue;
            }
            self.probe_mark = Some(start);
            self.probe_count = self.probe_count.saturating_add(1);
            if self.probes.len() >= MAX_PROBES {
                self.probes.pop();
            }
            let (number, end) = (self.probe_count, result.end.map(At::from));
            self.probes.push(Probe { number, start, end, exit_code: result.exit_code });
            news = true;
        }
        news
    }

    /// What ended by itself will be started again, as far as anybody can say.
    pub(super) fn comes_back(&self) -> bool {
        let Some(run) = self.run().filter(|run| run.end.is_some()) else { return false };
        let failed = run.end.and_then(|end| end.code) != Some(0);
        let wants = match self.policy {
            Policy::Always => true,
            Policy::OnFailure(most) => failed && most.is_none_or(|most| self.restart_count.is_none_or(|n| n < most)),
            Policy::Never | Policy::Unknown => false,
        };
        wants && !self.resting && run.requested().is_none() && self.gone.is_none()
    }

    /// Nothing is awaited of it: ready, failed for good, done, stopped, removed, or not started at all. What was made and not started waits
    /// for others, which are awaited themselves.
    pub(super) fn settled(&self) -> bool {
        let Some(run) = self.run().filter(|_| self.gone.is_none()) else { return true };
        match run.end {
            Some(_) => !self.comes_back(),
            None => self.checked != Some(true) || run.healthy.is_some() || run.unhealthy.is_some(),
        }
    }

    /// What was under way is told: the newest run alone is kept.
    pub(super) fn rest(&mut self) {
        let keep = self.runs.len().saturating_sub(1);
        self.runs.drain(..keep);
        self.forget_probes();
        (self.place, self.fresh, self.runs_left_out) = (Place::Idle, false, 0);
    }

    /// Results that come are those of something else.
    pub(super) fn forget_probes(&mut self) {
        self.probes.clear();
        self.probe_count = 0;
    }

    /// The engine's clock was set back: what lies in its future is put at `to`, so that what comes is new.
    pub(super) fn clock_set_back(&mut self, to: At) {
        let back = |time: &mut Option<At>| *time = time.map(|time| time.min(to));
        for run in &mut self.runs {
            let late = run.begun.is_some_and(|begun| begun > to);
            [
                &mut run.begun,
                &mut run.told,
                &mut run.prepared,
                &mut run.oom,
                &mut run.stopped,
                &mut run.unhealthy,
                &mut run.health_at,
            ]
            .into_iter()
            .for_each(back);
            run.exact &= !late;
            run.signals.iter_mut().for_each(|(at, _)| *at = (*at).min(to));
            if let Some(end) = &mut run.end {
                end.at = end.at.min(to);
            }
            if let Some(seen) = &mut run.healthy {
                seen.at = seen.at.min(to);
            }
        }
        [&mut self.created, &mut self.create_told, &mut self.sign, &mut self.before, &mut self.probe_mark]
            .into_iter()
            .for_each(back);
        self.probes.retain(|probe| probe.start <= to);
    }
}

/// An inspection older than what events have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stale;
