//! The state file's form: two lines of JSON, a header with the body's checksum and the body. Pure: bytes to values and back.
//!
//! A file that was cut off, altered or written by something else is refused as a whole: counters come back exactly or not at all.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    ledger::{Ledger, PendingEnd},
    saved::{Saved, SavedContainer},
    service::Service,
};
use crate::model::{ContainerId, HealthStatus, ServiceCounters, ServiceKey};

/// Form written and read.
pub(super) const VERSION: u32 = 1;

/// No file of ours is larger: both ceilings reached, every name as long as [`MAX_NAME`] allows.
pub(super) const MAX_BYTES: u64 = 64 << 20;

/// Containers and services with longer names are not kept over a restart: labels are untrusted.
const MAX_NAME: usize = 1024;

/// Why a file was not understood.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    /// Not a state file, or damaged.
    #[error("{0}")]
    Damaged(&'static str),
    /// Of a newer agent.
    #[error("format {0} is newer than this agent's {VERSION}")]
    Newer(u32),
}

#[derive(Serialize, Deserialize)]
struct Header {
    spyhop_state: u32,
    crc32: u32,
}

#[derive(Serialize, Deserialize)]
struct Body {
    last_event: Option<i64>,
    listed_at: Option<i64>,
    services: Vec<ServiceRow>,
    containers: Vec<ContainerRow>,
}

#[derive(Serialize, Deserialize)]
struct ServiceRow {
    project: String,
    service: String,
    starts: u64,
    restarts: u64,
    exits: [u64; 4],
    oom_kills: u64,
    became_healthy: u64,
    became_unhealthy: u64,
    health_passed: u64,
    health_failed: u64,
    health_timed_out: u64,
    expected: u64,
    gone_since: Option<i64>,
}

/// Times are nanoseconds since the epoch.
#[derive(Serialize, Deserialize)]
struct ContainerRow {
    id: String,
    project: String,
    service: String,
    one_off: bool,
    started: Option<i64>,
    ended: Option<i64>,
    oom: Option<i64>,
    health_changed: Option<i64>,
    result: Option<i64>,
    health: Option<String>,
    restart_count: u64,
    starts_since: u64,
    oom_events: u64,
    oom_in_run: bool,
    stop_requested: Option<i64>,
    stopped: bool,
    ran: Option<i64>,
    last_exit: Option<i64>,
    /// An end waits for its class; with its exit code when that is known.
    pending: bool,
    pending_exit: Option<i64>,
}

/// The file's bytes.
pub(super) fn encode(saved: &Saved) -> Result<Vec<u8>, serde_json::Error> {
    let fits = |key: &ServiceKey| key.project.len() + key.service.len() <= MAX_NAME;
    let body = Body {
        last_event: nanoseconds(saved.last_event),
        listed_at: nanoseconds(saved.listed_at),
        services: saved.services.iter().filter(|(key, _)| fits(key)).map(service_row).collect(),
        containers: saved.containers.iter().filter(|container| fits(&container.key)).map(container_row).collect(),
    };
    let body = serde_json::to_vec(&body)?;
    let mut file = serde_json::to_vec(&Header { spyhop_state: VERSION, crc32: crc32(&body) })?;
    file.push(b'\n');
    file.extend_from_slice(&body);
    file.push(b'\n');
    Ok(file)
}

/// What the file keeps.
pub(super) fn decode(file: &[u8]) -> Result<Saved, Unreadable> {
    let mut lines = file.split(|byte| *byte == b'\n');
    let (Some(header), Some(body), Some([]), None) = (lines.next(), lines.next(), lines.next(), lines.next()) else {
        return Err(Unreadable::Damaged("not two whole lines"));
    };
    let header: Header =
        serde_json::from_slice(header).map_err(|_| Unreadable::Damaged("no header of a state file"))?;
    if header.spyhop_state > VERSION {
        return Err(Unreadable::Newer(header.spyhop_state));
    }
    if header.crc32 != crc32(body) {
        return Err(Unreadable::Damaged("checksum differs"));
    }
    let body: Body = serde_json::from_slice(body).map_err(|_| Unreadable::Damaged("fields are missing"))?;
    Ok(Saved {
        last_event: time(body.last_event)?,
        listed_at: time(body.listed_at)?,
        services: body.services.into_iter().map(service).collect::<Result<_, _>>()?,
        containers: body.containers.into_iter().map(container).collect::<Result<_, _>>()?,
    })
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// What does not fit (before 1678, after 2261) is left out.
fn nanoseconds(time: Option<Timestamp>) -> Option<i64> {
    time.and_then(|time| i64::try_from(time.as_nanosecond()).ok())
}

fn time(nanoseconds: Option<i64>) -> Result<Option<Timestamp>, Unreadable> {
    let time = nanoseconds.map(|nanoseconds| Timestamp::from_nanosecond(nanoseconds.into()));
    time.transpose().map_err(|_| Unreadable::Damaged("a time out of range"))
}

fn service_row((key, service): &(ServiceKey, Service)) -> ServiceRow {
    let counters = &service.counters;
    ServiceRow {
        project: key.project.to_string(),
        service: key.service.to_string(),
        starts: counters.starts,
        restarts: counters.restarts,
        exits: counters.exits,
        oom_kills: counters.oom_kills,
        became_healthy: counters.became_healthy,
        became_unhealthy: counters.became_unhealthy,
        health_passed: counters.health_passed,
        health_failed: counters.health_failed,
        health_timed_out: counters.health_timed_out,
        expected: service.expected,
        gone_since: nanoseconds(service.gone_since),
    }
}

fn service(row: ServiceRow) -> Result<(ServiceKey, Service), Unreadable> {
    let counters = ServiceCounters {
        starts: row.starts,
        restarts: row.restarts,
        exits: row.exits,
        oom_kills: row.oom_kills,
        became_healthy: row.became_healthy,
        became_unhealthy: row.became_unhealthy,
        health_passed: row.health_passed,
        health_failed: row.health_failed,
        health_timed_out: row.health_timed_out,
    };
    let gone_since = time(row.gone_since)?;
    let key = ServiceKey { project: row.project.into(), service: row.service.into() };
    Ok((key, Service { counters, expected: row.expected, members: 0, gone_since, published: None }))
}

fn container_row(saved: &SavedContainer) -> ContainerRow {
    let ledger = &saved.ledger;
    ContainerRow {
        id: saved.id.to_string(),
        project: saved.key.project.to_string(),
        service: saved.key.service.to_string(),
        one_off: saved.one_off,
        started: nanoseconds(ledger.started),
        ended: nanoseconds(ledger.ended),
        oom: nanoseconds(ledger.oom),
        health_changed: nanoseconds(ledger.health_changed),
        result: nanoseconds(ledger.result),
        health: ledger.health.map(|status| status.as_str().to_owned()),
        restart_count: ledger.restart_count,
        starts_since: ledger.starts_since,
        oom_events: ledger.oom_events,
        oom_in_run: ledger.oom_in_run,
        stop_requested: nanoseconds(ledger.stop_requested),
        stopped: ledger.stopped,
        ran: nanoseconds(ledger.ran),
        last_exit: ledger.last_exit,
        pending: ledger.pending.is_some(),
        pending_exit: ledger.pending.and_then(|pending| pending.exit_code),
    }
}

fn container(row: ContainerRow) -> Result<SavedContainer, Unreadable> {
    let mut ledger = Ledger::default();
    ledger.started = time(row.started)?;
    ledger.ended = time(row.ended)?;
    ledger.oom = time(row.oom)?;
    ledger.health_changed = time(row.health_changed)?;
    ledger.result = time(row.result)?;
    ledger.health = row.health.as_deref().map(health);
    ledger.restart_count = row.restart_count;
    ledger.starts_since = row.starts_since;
    ledger.oom_events = row.oom_events;
    ledger.oom_in_run = row.oom_in_run;
    ledger.stop_requested = time(row.stop_requested)?;
    ledger.stopped = row.stopped;
    ledger.ran = time(row.ran)?;
    ledger.last_exit = row.last_exit;
    ledger.pending = row.pending.then_some(PendingEnd { exit_code: row.pending_exit });
    let key = ServiceKey { project: row.project.into(), service: row.service.into() };
    Ok(SavedContainer { id: ContainerId::new(row.id), key, one_off: row.one_off, ledger })
}

fn health(word: &str) -> HealthStatus {
    let known = [HealthStatus::Starting, HealthStatus::Healthy, HealthStatus::Unhealthy];
    known.into_iter().find(|status| status.as_str() == word).unwrap_or(HealthStatus::Unknown)
}
