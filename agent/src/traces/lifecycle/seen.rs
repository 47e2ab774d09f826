//! Facts of a container as inspections show them, which may be older than the newest event.

use super::{
    at::At,
    life::{END_SLACK, Life, MAX_PROBES, News, Place, Probe, SLACK},
    run::{End, Run},
};
use crate::model::{HealthResult, HealthStatus};

/// An inspection older than what events have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stale;

impl Life {
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
            _ => ends.rfind(|(passed, end)| !*passed && after(end)).map(|(_, end)| end),
        };
        let moment = moment.or_else(|| results.is_empty().then_some(at).filter(|at| after(at)))?;
        self.health(moment, status, true)
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
}
