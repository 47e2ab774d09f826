//! Who a container is: project, service, replica.

use std::sync::Arc;

use super::{Durations, Labels, shorten};

/// Longest project, service or replica in bytes; what is longer is shortened ([`shorten`]). Compose and Swarm stay below 64.
pub const MAX_IDENTITY_BYTES: usize = 256;

/// `project` and `service`: what counters, objectives and alerts are kept by.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Compose project or Swarm stack; empty for a container which has neither.
    pub project: Arc<str>,
    /// Compose or Swarm service, else the container's name.
    pub service: Arc<str>,
}

/// The identity of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The service it belongs to.
    pub key: ServiceKey,
    /// Compose container number or Swarm slot (node id for a global service), else `1`.
    pub replica: Arc<str>,
    /// Made by `docker compose run`: not a replica of its service.
    pub one_off: bool,
}

impl Identity {
    /// Compose labels, else Swarm labels, else project `""` and service = container name.
    ///
    /// Swarm's service name carries its stack as a prefix (`stack_service`), which is cut. A task is named
    /// `service.slot.id`, or `service.node.id` for a global service; what stands between is the replica.
    /// A one-off container takes its own name as replica, because its Compose number restarts at 1.
    pub fn from_labels(labels: &Labels, name: &str) -> Self {
        let bounded = |word: &str| Arc::<str>::from(shorten(word, MAX_IDENTITY_BYTES));
        if let Some(service) = labels.get("com.docker.compose.service").filter(|s| !s.is_empty()) {
            let one_off = labels.get("com.docker.compose.oneoff").is_some_and(|v| v.eq_ignore_ascii_case("true"));
            let number = labels.get("com.docker.compose.container-number").filter(|s| !s.is_empty());
            return Self {
                key: ServiceKey {
                    project: bounded(labels.get("com.docker.compose.project").unwrap_or_default()),
                    service: bounded(service),
                },
                replica: bounded(if one_off { name } else { number.unwrap_or("1") }),
                one_off,
            };
        }
        if let Some(full) = labels.get("com.docker.swarm.service.name").filter(|s| !s.is_empty()) {
            let project = labels.get("com.docker.stack.namespace").unwrap_or_default();
            let service = match full.strip_prefix(project).and_then(|rest| rest.strip_prefix('_')) {
                Some(rest) if !project.is_empty() && !rest.is_empty() => rest,
                _ => full,
            };
            let task = labels.get("com.docker.swarm.task.name").unwrap_or_default();
            let slot = task.strip_prefix(full).and_then(|t| t.strip_prefix('.')).and_then(|t| t.split('.').next());
            return Self {
                key: ServiceKey { project: bounded(project), service: bounded(service) },
                replica: bounded(slot.filter(|s| !s.is_empty()).unwrap_or("1")),
                one_off: false,
            };
        }
        Self { key: ServiceKey { project: "".into(), service: bounded(name) }, replica: "1".into(), one_off: false }
    }
}

/// Labels which say who a container is, in Compose, in Swarm and in public dashboards: shown without being asked for.
pub const IDENTITY_LABELS: [&str; 10] = [
    "com.docker.compose.container-number",
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.stack.namespace",
    "com.docker.swarm.node.id",
    "com.docker.swarm.service.id",
    "com.docker.swarm.service.name",
    "com.docker.swarm.task.id",
    "com.docker.swarm.task.name",
    "org.label-schema.group",
];

/// How a run of a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitClass {
    /// Exit code 0.
    Success,
    /// Exit codes 1 to 127: the program gave up, or could not be started (125 to 127).
    Error,
    /// Exit codes from 128: ended by a signal.
    Signal,
    /// Ended by the kernel because memory ran out.
    Oom,
}

impl ExitClass {
    /// Every class, in the order of [`ServiceCounters::exits`].
    pub const ALL: [Self; 4] = [Self::Success, Self::Error, Self::Signal, Self::Oom];

    /// Sorts an exit code; `oom_killed` wins over the signal it came with.
    pub const fn of(exit_code: i64, oom_killed: bool) -> Self {
        match exit_code {
            _ if oom_killed => Self::Oom,
            0 => Self::Success,
            128.. => Self::Signal,
            _ => Self::Error,
        }
    }

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Signal => "signal",
            Self::Oom => "oom",
        }
    }
}

/// Counters kept by the agent per service; they start at 0 and outlive containers and agent restarts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServiceCounters {
    /// Runs begun, by anybody.
    pub starts: u64,
    /// Runs begun in a container which had run before.
    pub restarts: u64,
    /// Runs ended, by [`ExitClass::ALL`].
    pub exits: [u64; 4],
    /// Kills by the kernel because memory ran out (engine event `oom`).
    pub oom_kills: u64,
    /// Changes to healthy.
    pub became_healthy: u64,
    /// Changes to unhealthy.
    pub became_unhealthy: u64,
    /// Health-check results which passed.
    pub health_passed: u64,
    /// Health-check results which failed.
    pub health_failed: u64,
    /// Health-check results which ran into their timeout.
    pub health_timed_out: u64,
    /// From the start of a run to its first healthy moment.
    pub startup: Durations,
    /// From the moment when no replica was serving any more, by no person's will, to the next one that is.
    pub failover: Durations,
}
