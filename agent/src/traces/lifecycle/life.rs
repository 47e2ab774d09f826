//! One container: what is known of it.
//!
//! The engine tells a fact as an event and in later inspections. Events come twice after a gap, out of order, or not at all; an inspection may
//! be older than the newest event. So nothing here is counted: a fact is put where it belongs, and what is there already is no news. How events
//! do that is in `heard.rs`, inspections in `seen.rs`.

use std::{sync::Arc, time::Duration};

use super::{at::At, ids::Link, run::Run, who::Who};
use crate::model::RestartPolicy;

/// `StartedAt` is so much older than the `start` event at most.
pub(super) const SLACK: Duration = Duration::from_secs(2);
/// A check that is under way when its container ends is killed with it, and fails: the engine tells of that this long before the end at most.
const DYING: Duration = Duration::from_secs(1);
/// `FinishedAt` is so much older than the `die` event at most: the engine takes its time with a container that ended.
pub(super) const END_SLACK: Duration = Duration::from_secs(10);
/// A start takes no longer between its first sign and the program's.
pub(super) const MAX_START: Duration = Duration::from_secs(10);

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

    /// A run begins; what is known of earlier ones is kept while it is part of something.
    pub(super) fn begin(&mut self, mut run: Run) {
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

    /// Its failing checks were its end and nothing else: they began when it had been asked to end, or as it ended.
    pub(super) fn was_dying(&self) -> bool {
        let Some((spell, run)) = self.unhealthy.filter(|spell| spell.told.is_none()).zip(self.run()) else {
            return false;
        };
        let Some(end) = run.end.filter(|end| run.begun.is_none_or(|begun| spell.since >= begun && end.at >= begun))
        else {
            return false;
        };
        run.requested().is_some_and(|asked| spell.since >= asked) || end.at.since(spell.since) <= DYING
    }

    /// What was under way is told: the newest run alone is kept.
    pub(super) fn rest(&mut self) {
        let keep = self.runs.len().saturating_sub(1);
        let told = self.runs.drain(..keep).filter_map(|run| run.newest_oom()).max();
        if let Some(run) = self.runs.last_mut() {
            run.oom_told = run.oom_told.max(told);
        }
        if let Some(run) = self.runs.last_mut().filter(|run| run.end.is_none()) {
            run.oom_told = run.oom.take().max(run.oom_told);
        }
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
                &mut run.oom_told,
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
