//! The state file's form: serde types of its own, and the way from and to the program's values.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    inventory::{
        ledger::{Ledger, PendingEnd},
        saved::{Saved, SavedContainer},
        service::Service,
    },
    model::{ContainerId, Durations, HealthStatus, ServiceCounters, ServiceKey},
};

/// Version of the form; a newer one is not read, an older one would be converted.
pub(super) const FORMAT: u32 = 1;

#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) format: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Document {
    format: u32,
    last_event: Option<Timestamp>,
    listed_at: Option<Timestamp>,
    services: Vec<ServiceRow>,
    containers: Vec<ContainerRow>,
}

#[derive(Serialize, Deserialize)]
struct ServiceRow {
    project: String,
    service: String,
    expected: u64,
    gone_since: Option<Timestamp>,
    starts: u64,
    restarts: u64,
    exits: [u64; 4],
    oom_kills: u64,
    became_healthy: u64,
    became_unhealthy: u64,
    health_passed: u64,
    health_failed: u64,
    health_timed_out: u64,
    #[serde(default)]
    startup: DurationsRow,
    #[serde(default)]
    failover: DurationsRow,
    #[serde(default)]
    lost_at: Option<Timestamp>,
    #[serde(default)]
    taken_down: bool,
}

/// A histogram. Counts that do not fit (a file of a version with other buckets) are dropped with their sum.
#[derive(Default, Serialize, Deserialize)]
struct DurationsRow {
    counts: Vec<u64>,
    sum_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct ContainerRow {
    id: String,
    project: String,
    service: String,
    one_off: bool,
    started: Option<Timestamp>,
    ended: Option<Timestamp>,
    oom: Option<Timestamp>,
    health_changed: Option<Timestamp>,
    result: Option<Timestamp>,
    #[serde(default)]
    known_start: Option<Timestamp>,
    #[serde(default)]
    known_end: Option<Timestamp>,
    health: Option<String>,
    restart_count: u64,
    starts_since: u64,
    oom_events: u64,
    oom_in_run: bool,
    stop_requested: Option<Timestamp>,
    stopped: bool,
    #[serde(default)]
    stop_told: bool,
    #[serde(default)]
    awaiting: Option<Timestamp>,
    ran: Option<Timestamp>,
    last_exit: Option<i64>,
    /// An end waits for its class.
    pending: Option<Pending>,
}

#[derive(Serialize, Deserialize)]
struct Pending {
    exit_code: Option<i64>,
}

impl From<&Saved> for Document {
    fn from(saved: &Saved) -> Self {
        Self {
            format: FORMAT,
            last_event: saved.last_event,
            listed_at: saved.listed_at,
            services: saved.services.iter().map(|(key, service)| ServiceRow::new(key, service)).collect(),
            containers: saved.containers.iter().map(ContainerRow::from).collect(),
        }
    }
}

impl From<Document> for Saved {
    fn from(document: Document) -> Self {
        Self {
            last_event: document.last_event,
            listed_at: document.listed_at,
            services: document.services.into_iter().map(ServiceRow::restored).collect(),
            containers: document.containers.into_iter().map(ContainerRow::restored).collect(),
        }
    }
}

impl ServiceRow {
    fn new(key: &ServiceKey, service: &Service) -> Self {
        let counters = &service.counters;
        Self {
            project: key.project.to_string(),
            service: key.service.to_string(),
            expected: service.expected,
            gone_since: service.gone_since,
            starts: counters.starts,
            restarts: counters.restarts,
            exits: counters.exits,
            oom_kills: counters.oom_kills,
            became_healthy: counters.became_healthy,
            became_unhealthy: counters.became_unhealthy,
            health_passed: counters.health_passed,
            health_failed: counters.health_failed,
            health_timed_out: counters.health_timed_out,
            startup: DurationsRow::from(&counters.startup),
            failover: DurationsRow::from(&counters.failover),
            lost_at: service.lost_at,
            taken_down: service.taken_down,
        }
    }

    fn restored(self) -> (ServiceKey, Service) {
        let counters = ServiceCounters {
            starts: self.starts,
            restarts: self.restarts,
            exits: self.exits,
            oom_kills: self.oom_kills,
            became_healthy: self.became_healthy,
            became_unhealthy: self.became_unhealthy,
            health_passed: self.health_passed,
            health_failed: self.health_failed,
            health_timed_out: self.health_timed_out,
            startup: self.startup.restored(),
            failover: self.failover.restored(),
        };
        let key = ServiceKey { project: self.project.into(), service: self.service.into() };
        (
            key,
            Service {
                counters,
                expected: self.expected,
                gone_since: self.gone_since,
                lost_at: self.lost_at,
                taken_down: self.taken_down,
                ..Service::default()
            },
        )
    }
}

impl From<&Durations> for DurationsRow {
    fn from(durations: &Durations) -> Self {
        let sum_ms = u64::try_from(durations.sum.as_millis()).unwrap_or(u64::MAX);
        Self { counts: durations.counts.to_vec(), sum_ms }
    }
}

impl DurationsRow {
    fn restored(self) -> Durations {
        let sum = Duration::from_millis(self.sum_ms);
        self.counts.try_into().map(|counts| Durations { counts, sum }).unwrap_or_default()
    }
}

impl From<&SavedContainer> for ContainerRow {
    fn from(saved: &SavedContainer) -> Self {
        let ledger = &saved.ledger;
        Self {
            id: saved.id.as_str().to_owned(),
            project: saved.key.project.to_string(),
            service: saved.key.service.to_string(),
            one_off: saved.one_off,
            started: ledger.started,
            ended: ledger.ended,
            oom: ledger.oom,
            health_changed: ledger.health_changed,
            result: ledger.result,
            known_start: ledger.known_start,
            known_end: ledger.known_end,
            health: ledger.health.map(|health| health.as_str().to_owned()),
            restart_count: ledger.restart_count,
            starts_since: ledger.starts_since,
            oom_events: ledger.oom_events,
            oom_in_run: ledger.oom_in_run,
            stop_requested: ledger.stop_requested,
            stopped: ledger.stopped,
            stop_told: ledger.stop_told,
            awaiting: ledger.awaiting,
            ran: ledger.ran,
            last_exit: ledger.last_exit,
            pending: ledger.pending.map(|pending| Pending { exit_code: pending.exit_code }),
        }
    }
}

impl ContainerRow {
    fn restored(self) -> SavedContainer {
        let words = [HealthStatus::Starting, HealthStatus::Healthy, HealthStatus::Unhealthy];
        let ledger = Ledger {
            started: self.started,
            ended: self.ended,
            oom: self.oom,
            health_changed: self.health_changed,
            result: self.result,
            known_start: self.known_start,
            known_end: self.known_end,
            known_results: Vec::new(),
            health: self.health.and_then(|word| words.into_iter().find(|status| status.as_str() == word)),
            restart_count: self.restart_count,
            starts_since: self.starts_since,
            oom_events: self.oom_events,
            oom_in_run: self.oom_in_run,
            stop_requested: self.stop_requested,
            stopped: self.stopped,
            stop_told: self.stop_told,
            awaiting: self.awaiting,
            ran: self.ran,
            last_exit: self.last_exit,
            pending: self.pending.map(|pending| PendingEnd { exit_code: pending.exit_code }),
            unasked: false,
        };
        SavedContainer {
            id: ContainerId::new(self.id),
            key: ServiceKey { project: self.project.into(), service: self.service.into() },
            one_off: self.one_off,
            ledger,
        }
    }
}
