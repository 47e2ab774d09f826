//! `/api/v1/history` and `/api/v1/objectives`: the last hour, and what this agent has seen of objectives.

use jiff::Timestamp;
use serde::Serialize;

use super::{Filter, View};
use crate::{
    history::{Board, Judge, Objective, Spark},
    inventory::Entry,
    model::ServiceKey,
};

/// The answer of the one.
#[derive(Debug, Serialize)]
pub(in crate::http) struct History<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    /// When the minute of the last point began.
    newest_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_usage: Option<HostUsage>,
    containers: Vec<Container<'a>>,
    /// Containers that run and of which nothing is kept.
    left_out: usize,
}

/// Points as JSON has them: a gap is `null`.
type Points = Vec<Option<f64>>;

#[derive(Debug, Serialize)]
struct HostUsage {
    cpu_busy_ratio: Points,
    memory_used_ratio: Points,
    load1: Points,
}

#[derive(Debug, Serialize)]
struct Container<'a> {
    id: &'a str,
    name: &'a str,
    project: &'a str,
    service: &'a str,
    replica: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Now>,
    cpu_cores: Points,
    memory_bytes: Points,
}

#[derive(Debug, Serialize)]
struct Now {
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_cores: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
}

impl<'a> History<'a> {
    pub(super) fn new(view: &View<'a>, board: &Board, filter: &Filter<'_>) -> Self {
        let entries = view.snapshot.containers.iter().filter(|entry| filter.matches(&entry.container.identity.key));
        let minute = view.now.as_second().div_euclid(60).saturating_mul(60);
        // Of the host whoever asks for everything.
        let host = board.host_at(view.now).filter(|_| filter.is_empty());
        Self {
            host: view.host,
            newest_at: Timestamp::from_second(minute).unwrap_or(view.now),
            host_usage: host.map(|host| HostUsage {
                cpu_busy_ratio: points(&host.cpu_busy, 1e4),
                memory_used_ratio: points(&host.memory_used, 1e4),
                load1: points(&host.load, 1e2),
            }),
            containers: entries.filter_map(|entry| container(entry, board, view.now)).collect(),
            left_out: board.left_out(),
        }
    }
}

fn container<'a>(entry: &'a Entry, board: &Board, now: Timestamp) -> Option<Container<'a>> {
    let sparks = board.container_at(&entry.container.id, now)?;
    let key = &entry.container.identity.key;
    Some(Container {
        id: entry.container.id.as_str(),
        name: &entry.container.name,
        project: &key.project,
        service: &key.service,
        replica: &entry.replica,
        now: board.usage(&entry.container.id).map(|usage| Now {
            at: usage.at,
            cpu_cores: usage.cpu_cores.map(|cores| rounded(cores, 1e4)),
            memory_bytes: usage.memory_bytes,
        }),
        cpu_cores: points(&sparks.cpu_cores, 1e4),
        memory_bytes: points(&sparks.memory_bytes, 1.0),
    })
}

fn points(spark: &Spark, parts: f64) -> Points {
    spark.iter().map(|point| (!point.is_nan()).then(|| rounded(f64::from(*point), parts))).collect()
}

/// To so many parts of one: what is kept is not more exact.
fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// The answer of the other.
#[derive(Debug, Serialize)]
pub(in crate::http) struct Objectives<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    objectives: Vec<Shown>,
    /// Objectives of services of which nothing is kept.
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct Shown {
    slo: String,
    project: String,
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    target_ratio: f64,
    window_seconds: f64,
    /// Who knows whether it is kept: `agent` or `prometheus`.
    judged_by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget_left_ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    covered_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burn_rate_1h: Option<f64>,
}

impl<'a> Objectives<'a> {
    pub(super) fn new(view: &View<'a>, board: &Board, filter: &Filter<'_>) -> Self {
        let asked = |one: &Objective| {
            filter.matches(&ServiceKey { project: one.project.clone(), service: one.service.clone() })
        };
        let objectives = board.objectives().into_iter().filter(asked).map(Shown::from).collect();
        Self { host: view.host, objectives, left_out: board.objectives_left_out() }
    }
}

impl From<Objective> for Shown {
    fn from(one: Objective) -> Self {
        let by_agent = one.judge == Judge::Agent;
        Self {
            slo: one.name.to_string(),
            project: one.project.to_string(),
            service: one.service.to_string(),
            tier: one.tier.map(|tier| tier.to_string()),
            target_ratio: one.target.share().value(),
            window_seconds: one.window.as_secs_f64(),
            judged_by: if by_agent { "agent" } else { "prometheus" },
            budget_left_ratio: one.left.map(|left| rounded(left, 1e6)),
            covered_seconds: by_agent.then_some(one.covers.as_secs_f64()),
            burn_rate_1h: one.burn_1h.map(|burn| rounded(burn, 1e3)),
        }
    }
}
