//! A service and the counters the agent keeps for it.

use serde::Serialize;

use crate::{
    inventory::ServiceEntry,
    model::{self, ExitClass, ServiceCounters},
};

/// One expected service.
#[derive(Debug, Serialize)]
pub(super) struct Service<'a> {
    project: &'a str,
    service: &'a str,
    replicas: Replicas,
    counters: Counters,
}

#[derive(Debug, Serialize)]
struct Replicas {
    expected: u64,
    running: u64,
    healthy: u64,
    completed: u64,
    stopped: u64,
}

/// Counted since the agent first saw the service.
#[derive(Debug, Serialize)]
pub(super) struct Counters {
    starts: u64,
    restarts: u64,
    exits: Exits,
    oom_kills: u64,
    became_healthy: u64,
    became_unhealthy: u64,
    health_checks: HealthChecks,
    startups: Durations,
    failovers: Durations,
}

/// How often something took its time, and how long together.
#[derive(Debug, Serialize)]
struct Durations {
    count: u64,
    sum_seconds: f64,
}

#[derive(Debug, Serialize)]
struct Exits {
    success: u64,
    error: u64,
    signal: u64,
    oom: u64,
}

#[derive(Debug, Serialize)]
struct HealthChecks {
    passed: u64,
    failed: u64,
    timed_out: u64,
}

impl<'a> Service<'a> {
    pub(super) fn new(entry: &'a ServiceEntry) -> Self {
        let ServiceEntry { key, counters, expected, running, healthy, completed, stopped, .. } = entry;
        Self {
            project: &key.project,
            service: &key.service,
            replicas: Replicas {
                expected: *expected,
                running: *running,
                healthy: *healthy,
                completed: *completed,
                stopped: *stopped,
            },
            counters: Counters::new(counters),
        }
    }
}

impl Durations {
    fn new(durations: &model::Durations) -> Self {
        Self { count: durations.count(), sum_seconds: durations.sum.as_secs_f64() }
    }
}

impl Counters {
    pub(super) fn new(counters: &ServiceCounters) -> Self {
        let exits = |class| ExitClass::ALL.into_iter().zip(counters.exits).find(|(of, _)| *of == class);
        let exits = |class| exits(class).map_or(0, |(_, count)| count);
        Self {
            starts: counters.starts,
            restarts: counters.restarts,
            exits: Exits {
                success: exits(ExitClass::Success),
                error: exits(ExitClass::Error),
                signal: exits(ExitClass::Signal),
                oom: exits(ExitClass::Oom),
            },
            oom_kills: counters.oom_kills,
            became_healthy: counters.became_healthy,
            became_unhealthy: counters.became_unhealthy,
            health_checks: HealthChecks {
                passed: counters.health_passed,
                failed: counters.health_failed,
                timed_out: counters.health_timed_out,
            },
            startups: Durations::new(&counters.startup),
            failovers: Durations::new(&counters.failover),
        }
    }
}
