//! Facts of a container as events tell them. Each answers what is new; `None` for what was known, or is of another time.

use super::{
    at::At,
    life::{END_SLACK, Life, MAX_START, News, Place, SLACK},
    run::{End, Run, Seen},
};
use crate::model::HealthStatus;

impl Life {
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

    /// The run something at this time is of: the newest that had begun. One whose start is unknown began after the one before had ended.
    fn run_at(&mut self, at: At) -> Option<&mut Run> {
        let before = self.before;
        // What has the very time of a start was heard before it: nothing ran yet that could be killed or asked to end.
        let began = |run: &&mut Run| run.begun.or(before).is_none_or(|begun| at > begun);
        self.runs.iter_mut().rev().find(began)
    }

    /// An `oom` event; it may come after the end it led to.
    pub(super) fn oom_told(&mut self, at: At) -> Option<News> {
        // Of any run: a start that is heard late may part it from the one it was told of.
        let heard = self.runs.iter().filter_map(Run::newest_oom).max();
        let run = self.run_at(at)?;
        let of_run = run.end.is_none_or(|end| at <= end.at.plus(SLACK));
        let new = run.oom.is_none() && heard.is_none_or(|heard| at > heard);
        (of_run && new).then(|| run.oom = Some(at)).map(|()| News::Oom)
    }

    /// A signal or a stop.
    pub(super) fn stop_told(&mut self, at: At, signal: Option<i64>) -> Option<News> {
        let run = self.run_at(at)?;
        run.asked(at, signal).then_some(News::Asked)
    }

    /// A `health_status` event.
    pub(super) fn health_told(&mut self, at: At, status: HealthStatus) -> Option<News> {
        self.health(at, status, false)
    }

    /// A change of health; `inferred`: it was so by then at the latest.
    pub(super) fn health(&mut self, at: At, status: HealthStatus, inferred: bool) -> Option<News> {
        if self.before.is_some_and(|before| at <= before) {
            return None;
        }
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
}
