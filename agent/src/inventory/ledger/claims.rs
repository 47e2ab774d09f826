//! What an inspection proves and no event told: the claims of the rule at the head of `ledger.rs`.

use std::time::Duration;

use jiff::Timestamp;

use super::{Ledger, Sight, advance};
use crate::model::{Container, ContainerState, Health, HealthResult, HealthStatus, ServiceCounters};

/// What had ended so long before anybody listened was left where it lies.
const LEFT_BEHIND: Duration = Duration::from_secs(86_400);

/// Results that are remembered; the engine keeps fewer.
const MAX_RESULTS: usize = 16;

impl Ledger {
    /// Claims what an inspection proves and no event told. `true`: it shows something that is too young to judge, look again.
    pub(in crate::inventory) fn inspect(
        &mut self,
        container: &Container,
        sight: Sight,
        counters: &mut ServiceCounters,
    ) -> bool {
        self.judge_pending(container, counters);
        // While it runs, the end it shows is that of an earlier run. (Otherwise it may be older than its own start: the engine
        // notes a start when it has been told of it.)
        let ended_before = container.finished_at.is_some_and(|finished| finished < sight.horizon);
        if ended_before && container.has_processes() {
            self.note_run(container.finished_at);
        }
        let young_start = self.claim_starts(container, sight, counters);
        if !self.unasked && !young_start {
            self.restart_count = container.restart_count.unwrap_or_default();
            self.starts_since = 0;
        }
        let young_oom = self.claim_oom(container, sight, counters);
        let young_end = self.claim_end(container, sight, counters);
        // A stopped container keeps the verdict of its last run, an older answer shows that of an earlier one.
        let health = container.health.as_ref().filter(|_| container.has_processes() && !self.unasked);
        let young_health =
            health.is_some_and(|health| self.claim_health(health, container.started_at, sight, counters));
        if let Some(health) = &container.health {
            health.results.iter().for_each(|result| self.count_result(result, counters));
            self.known_results.clear();
            self.known_results.extend(health.results.iter().map(|result| result.start).take(MAX_RESULTS));
        }
        young_start || young_oom || young_end || young_health
    }

    /// The first sight of what lived before anybody listened: nothing from before the horizon counts, heard whenever.
    pub(in crate::inventory) fn baseline(&mut self, container: &Container, sight: Sight) -> bool {
        let unsettled = self.inspect(container, sight, &mut ServiceCounters::default());
        for mark in [&mut self.started, &mut self.ended, &mut self.oom, &mut self.health_changed] {
            *mark = Some(sight.horizon);
        }
        self.restart_count = container.restart_count.unwrap_or_default();
        // Whether a person ended it cannot be known any more. What has lain there for a day is no news to anybody.
        let ended = container.finished_at.filter(|_| container.state == ContainerState::Exited);
        let left = |ended| Duration::try_from(sight.at.duration_since(ended)).is_ok_and(|time| time >= LEFT_BEHIND);
        self.stopped |= ended.is_some_and(left);
        // What has been healthy before anybody listened did not become so now.
        self.awaiting = self.awaiting.filter(|_| self.health.is_none());
        unsettled
    }

    fn claim_starts(&mut self, container: &Container, sight: Sight, counters: &mut ServiceCounters) -> bool {
        let Some(started_at) = container.started_at else { return false };
        let unheard = self.started.is_none_or(|mark| started_at > mark) && self.known_start != Some(started_at);
        if unheard && started_at >= sight.horizon {
            return true;
        }
        self.known_start = Some(started_at);
        let proven = restarts_begun(container);
        let beyond = proven.saturating_sub(self.restart_count).saturating_sub(self.starts_since);
        let first = unheard && !self.ran_before(started_at);
        let missed = match unheard {
            // Its first run was begun by somebody, and the restart count does not hold that one.
            true if first => proven + 1,
            true => beyond.max(1),
            false => beyond,
        };
        if missed == 0 {
            return false;
        }
        counters.starts += missed;
        counters.restarts += missed - u64::from(first);
        self.starts_since += missed;
        if unheard {
            self.settle_end(false, counters);
            self.started = Some(sight.at);
            self.begin_run(started_at);
        }
        false
    }

    /// A run that ended for lack of memory without an `oom` event: missed, or of an engine which sends none (Podman).
    fn claim_oom(&mut self, container: &Container, sight: Sight, counters: &mut ServiceCounters) -> bool {
        let ended =
            matches!(container.state, ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting);
        let Some(finished_at) = container.finished_at.filter(|_| ended && container.oom_killed == Some(true)) else {
            return false;
        };
        if self.oom_in_run || self.oom.is_some_and(|mark| container.started_at.is_none_or(|started| mark >= started)) {
            return false;
        }
        if finished_at >= sight.horizon {
            return true;
        }
        counters.oom_kills += 1;
        self.oom_events += 1;
        self.oom = Some(sight.at);
        self.oom_in_run = true;
        false
    }

    fn claim_end(&mut self, container: &Container, sight: Sight, counters: &mut ServiceCounters) -> bool {
        // While it runs the engine shows the exit code as 0, whatever the last one was.
        if !matches!(container.state, ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting) {
            return false;
        }
        let (Some(finished_at), Some(code)) = (container.finished_at, container.exit_code) else { return false };
        if self.ended.is_some_and(|mark| finished_at <= mark) || self.known_end == Some(finished_at) {
            self.known_end = Some(finished_at);
            return false;
        }
        if finished_at >= sight.horizon {
            return true;
        }
        self.settle_end(false, counters);
        self.note_run(Some(finished_at));
        self.ended = Some(sight.at);
        self.known_end = Some(finished_at);
        self.count_end(code, container.oom_killed == Some(true), counters);
        self.note_stop(finished_at);
        false
    }

    fn claim_health(
        &mut self,
        health: &Health,
        started_at: Option<Timestamp>,
        sight: Sight,
        counters: &mut ServiceCounters,
    ) -> bool {
        let verdict = matches!(health.status, HealthStatus::Healthy | HealthStatus::Unhealthy);
        if !verdict || self.health == Some(health.status) {
            return false;
        }
        let Some(changed) = changed_by(health, started_at) else { return false };
        if self.health_changed.is_some_and(|mark| changed <= mark) {
            return false; // The answer is older than the last event.
        }
        if changed >= sight.horizon {
            return true;
        }
        self.health = Some(health.status);
        self.health_changed = Some(sight.at);
        self.count_health(health.status, changed, counters);
        false
    }

    fn count_result(&mut self, result: &HealthResult, counters: &mut ServiceCounters) {
        if self.known_results.contains(&result.start) || !advance(&mut self.result, result.start) {
            return;
        }
        match result.exit_code {
            0 => counters.health_passed += 1,
            -1 => counters.health_timed_out += 1,
            _ => counters.health_failed += 1,
        }
    }

    /// An inspection of the very end which waits says what it was.
    fn judge_pending(&mut self, container: &Container, counters: &mut ServiceCounters) {
        let same = !container.has_processes() && container.finished_at.is_some() && container.finished_at <= self.ended;
        if self.unasked || !same {
            return;
        }
        if let Some(pending) = &mut self.pending {
            pending.exit_code = pending.exit_code.or(container.exit_code);
        }
        self.settle_end(container.oom_killed == Some(true), counters);
    }
}

/// Restarts by the policy which have surely begun: the engine counts one when a run ends, before the next begins (or fails to).
fn restarts_begun(container: &Container) -> u64 {
    let count = container.restart_count.unwrap_or_default();
    let running = matches!(container.state, ContainerState::Running | ContainerState::Paused);
    if running { count } else { count.saturating_sub(1) }
}

/// The latest moment at which the present verdict can have been reached, as far as the results still tell. The engine keeps those of
/// the run before, which led to another verdict.
fn changed_by(health: &Health, started_at: Option<Timestamp>) -> Option<Timestamp> {
    let earlier = health.results.iter().take_while(|result| started_at.is_some_and(|started| result.start < started));
    let results = health.results.get(earlier.count()..)?;
    let last = results.len().checked_sub(1)?;
    let at = if health.status == HealthStatus::Healthy {
        first_pass(results, health.check.retries)
    } else {
        // With failure number `retries` in a row; the newest result is number `failing_streak`.
        let later = health.failing_streak.unwrap_or_default().saturating_sub(health.check.retries);
        last.saturating_sub(usize::try_from(later).unwrap_or(usize::MAX))
    };
    results.get(at).map(|result| result.end.unwrap_or(result.start))
}

/// The result that made it healthy: the first pass after enough failures, else the first that is still told.
fn first_pass(results: &[HealthResult], retries: u64) -> usize {
    let (mut first, mut failures) = (None, 0);
    for (at, result) in results.iter().enumerate() {
        if !result.passed() {
            failures += 1;
        } else if first.is_none() || std::mem::take(&mut failures) >= retries {
            first = Some(at);
            failures = 0;
        }
    }
    first.unwrap_or_default()
}
