//! A container as the interface shows it.

use std::{net::IpAddr, sync::Arc};

use jiff::Timestamp;
use serde::Serialize;

use super::service::Counters;
use crate::{
    inventory::Entry,
    model::{self, ContainerState, NetworkMode, ServiceCounters},
};

/// One container of any state.
#[derive(Debug, Serialize)]
pub(super) struct Container<'a> {
    id: &'a str,
    name: &'a str,
    project: &'a str,
    service: &'a str,
    replica: &'a str,
    /// Made by `docker compose run`.
    one_off: bool,
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_created_at: Option<Timestamp>,
    state: &'static str,
    /// Did what it was started for: restart policy `no`, exit code 0, and nobody ended it.
    completed: bool,
    /// Somebody asked for the end of its last run.
    stopped_by_person: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    /// Of the last run; left out while one lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oom_killed: Option<bool>,
    oom_events: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    restart_count: Option<u64>,
    restart_policy: RestartPolicy,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health>,
    limits: Limits,
    network_mode: NetworkModeWord<'a>,
    networks: Vec<Attachment<'a>>,
    ports: Vec<Port<'a>>,
    mounts: Vec<Mount<'a>>,
    /// Of the whole service, see `/api/v1/services`.
    #[serde(skip_serializing_if = "Option::is_none")]
    service_counters: Option<Counters>,
    inspected_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct RestartPolicy {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_retries: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    failing_streak: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_result: Option<HealthResult>,
    check: HealthCheck,
}

#[derive(Debug, Serialize)]
struct HealthResult {
    started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_seconds: Option<f64>,
    exit_code: i64,
    passed: bool,
}

#[derive(Debug, Serialize)]
struct HealthCheck {
    interval_seconds: f64,
    timeout_seconds: f64,
    start_period_seconds: f64,
    retries: u64,
}

/// Empty when nothing is limited or reserved.
#[derive(Debug, Serialize)]
struct Limits {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_reservation_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_swap_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_cores: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_shares: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pids: Option<u64>,
}

/// Whose network namespace: `own`, `host`, `none` or `container` with the other's id or name.
#[derive(Debug, Serialize)]
struct NetworkModeWord<'a> {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Attachment<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    addresses: &'a [IpAddr],
    aliases: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Port<'a> {
    container_port: u16,
    protocol: &'a str,
    host_ip: &'a str,
    host_port: u16,
}

#[derive(Debug, Serialize)]
struct Mount<'a> {
    destination: &'a str,
    kind: &'a str,
    source: &'a str,
    read_write: bool,
}

impl<'a> Container<'a> {
    pub(super) fn new(entry: &'a Entry, counters: Option<&ServiceCounters>) -> Self {
        let container = &entry.container;
        let running = matches!(container.state, ContainerState::Running | ContainerState::Paused);
        Self {
            id: container.id.as_str(),
            name: &container.name,
            project: &container.identity.key.project,
            service: &container.identity.key.service,
            replica: &entry.replica,
            one_off: container.identity.one_off,
            image: &container.image,
            image_id: container.image_id.as_deref(),
            image_created_at: entry.image_created,
            state: container.state.as_str(),
            completed: container.completed() && !entry.stopped_by_person,
            stopped_by_person: entry.stopped_by_person,
            created_at: container.created,
            started_at: container.started_at,
            finished_at: container.finished_at,
            exit_code: container.exit_code.filter(|_| !running),
            oom_killed: container.oom_killed,
            oom_events: entry.oom_events,
            restart_count: container.restart_count,
            restart_policy: RestartPolicy::from(&container.restart_policy),
            health: container.health.as_ref().map(Health::from),
            limits: Limits::from(container.limits),
            network_mode: NetworkModeWord::from(&container.network_mode),
            networks: container.networks.iter().map(Attachment::from).collect(),
            ports: container.ports.iter().map(Port::from).collect(),
            mounts: container.mounts.iter().map(Mount::from).collect(),
            service_counters: counters.map(Counters::new),
            inspected_at: entry.inspected_at,
        }
    }
}

impl From<&model::RestartPolicy> for RestartPolicy {
    fn from(policy: &model::RestartPolicy) -> Self {
        let (name, max_retries) = match policy {
            model::RestartPolicy::No => ("no", None),
            model::RestartPolicy::Always => ("always", None),
            model::RestartPolicy::UnlessStopped => ("unless-stopped", None),
            model::RestartPolicy::OnFailure(retries) => ("on-failure", *retries),
            model::RestartPolicy::Unknown => ("unknown", None),
        };
        Self { name, max_retries }
    }
}

impl From<&model::Health> for Health {
    fn from(health: &model::Health) -> Self {
        let check = health.check;
        Self {
            status: health.status.as_str(),
            failing_streak: health.failing_streak,
            last_result: health.results.last().map(|result| HealthResult {
                started_at: result.start,
                duration_seconds: result.duration().map(|duration| duration.as_secs_f64()),
                exit_code: result.exit_code,
                passed: result.passed(),
            }),
            check: HealthCheck {
                interval_seconds: check.interval.as_secs_f64(),
                timeout_seconds: check.timeout.as_secs_f64(),
                start_period_seconds: check.start_period.as_secs_f64(),
                retries: check.retries,
            },
        }
    }
}

impl From<model::Limits> for Limits {
    fn from(limits: model::Limits) -> Self {
        Self {
            memory_bytes: limits.memory_bytes,
            memory_reservation_bytes: limits.memory_reservation_bytes,
            memory_swap_bytes: limits.memory_swap_bytes,
            cpu_cores: limits.cpu_cores,
            cpu_shares: limits.cpu_shares,
            pids: limits.pids,
        }
    }
}

impl<'a> From<&'a NetworkMode> for NetworkModeWord<'a> {
    fn from(mode: &'a NetworkMode) -> Self {
        match mode {
            NetworkMode::Host => Self { name: "host", container: None },
            NetworkMode::None => Self { name: "none", container: None },
            NetworkMode::Container(other) => Self { name: "container", container: Some(other) },
            NetworkMode::Own(_) => Self { name: "own", container: None },
        }
    }
}

impl<'a> From<&'a model::Attachment> for Attachment<'a> {
    fn from(attachment: &'a model::Attachment) -> Self {
        Self {
            name: &attachment.network,
            id: attachment.network_id.as_deref(),
            addresses: &attachment.addresses,
            aliases: attachment.aliases.iter().map(Arc::as_ref).collect(),
        }
    }
}

impl<'a> From<&'a model::PublishedPort> for Port<'a> {
    fn from(port: &'a model::PublishedPort) -> Self {
        Self {
            container_port: port.container_port,
            protocol: &port.protocol,
            host_ip: &port.host_ip,
            host_port: port.host_port,
        }
    }
}

impl<'a> From<&'a model::Mount> for Mount<'a> {
    fn from(mount: &'a model::Mount) -> Self {
        Self { destination: &mount.destination, kind: &mount.kind, source: &mount.source, read_write: mount.read_write }
    }
}
