//! What a panel asks, and of whom.
//!
//! Selectors are written with holes, so that each has the variables of its board: `spyhop_ready{<agent>}`.

use serde_json::{Value, json};

use super::{
    panel::{Show, Unit, Words},
    steps::Steps,
};
use crate::render::alert::fill;

/// One query.
#[derive(Debug)]
pub struct Query {
    /// The expression, with holes.
    pub expr: &'static str,
    /// The legend of its series, or the name of its column; a column without one is left out.
    pub name: &'static str,
    /// Who is asked.
    pub source: Source,
    /// A unit other than the panel's.
    pub unit: Option<Unit>,
    /// Steps other than the panel's.
    pub steps: Option<&'static Steps>,
    /// Words other than the panel's.
    pub words: Option<Words>,
    /// A limit or target: a dashed line.
    pub bound: bool,
}

impl Query {
    /// Of Prometheus.
    pub const METRICS: Self =
        Self { expr: "", name: "", source: Source::Metrics, unit: None, steps: None, words: None, bound: false };
    /// A limit or target.
    pub const BOUND: Self = Self { bound: true, ..Self::METRICS };
    /// Of Loki.
    pub const LOGS: Self = Self { source: Source::Logs, ..Self::METRICS };
    /// Of Tempo.
    pub const TRACES: Self = Self { source: Source::Traces, ..Self::METRICS };

    /// The expression as Grafana gets it: variables of Grafana are still in it.
    pub fn text(&self) -> String {
        filled(self.expr)
    }

    pub(super) fn target(&self, reference: &str, show: Show) -> Value {
        let legend = if self.name.is_empty() { "__auto" } else { self.name };
        match self.source {
            Source::Metrics => {
                let now = matches!(show, Show::Stat | Show::Gauges | Show::Table | Show::Matrix(..));
                let format = match show {
                    Show::Table | Show::Matrix(..) => "table",
                    Show::Heat => "heatmap",
                    _ => "time_series",
                };
                let exemplars = show == Show::Lines && self.expr.contains("_bucket");
                json!({
                    "datasource": self.source.reference(), "editorMode": "code", "exemplar": exemplars, "expr": self.text(),
                    "format": format, "instant": now, "legendFormat": legend, "range": !now, "refId": reference,
                })
            }
            Source::Logs => json!({
                "datasource": self.source.reference(), "editorMode": "code", "expr": self.text(),
                "legendFormat": self.name, "queryType": "range", "refId": reference,
            }),
            Source::Traces => json!({
                "datasource": self.source.reference(), "limit": 20, "query": self.text(), "queryType": "traceql",
                "refId": reference, "tableType": "traces",
            }),
        }
    }
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Prometheus.
    Metrics,
    /// Loki.
    Logs,
    /// Tempo, or what answers TraceQL.
    Traces,
}

impl Source {
    /// By variable: a board names no data source of anybody.
    pub(super) fn reference(self) -> Value {
        let (kind, variable) = match self {
            Self::Metrics => ("prometheus", "${datasource}"),
            Self::Logs => ("loki", "${loki}"),
            Self::Traces => ("tempo", "${tempo}"),
        };
        json!({ "type": kind, "uid": variable })
    }
}

/// What stands for a hole; it may have holes itself. Joins are by target, and their one side is aggregated: two agents may see the same
/// service, and a container that was replaced and its successor overlap.
const HOLES: &[(&str, &str)] = &[
    ("job", r#"job=~"$job""#),
    ("agent", r#"job=~"$job",instance=~"$instance""#),
    ("host", r#"job=~"$job",host=~"$host""#),
    ("project", r#"<host>,project=~"$project""#),
    ("service", r#"<project>,service=~"$service""#),
    // Applications have jobs of their own; the labels of their container are added on the way (docs/scraping.md).
    ("app", r#"host=~"$host",project=~"$project",service=~"$service""#),
    ("spans", r#"<project>,compose_service=~"$service""#),
    // Every line has this label, and Loki refuses a selector that fits the stream without any.
    ("logs", r#"service_name=~".+",<app>"#),
    // Of a proxy or an exporter, which is a service of its own and no target of probes.
    ("edge", r#"host=~"$host",project=~"$project""#),
    // An objective on events that nobody counts by host has none.
    ("rules", r#"host=~"$host|",project=~"$project""#),
    ("slo", r#"<rules>,service=~"$service",slo=~"$slo""#),
    ("firing", r#"alertname=~"Spyhop.*",alertstate="firing""#),
    ("id", "host, project, service"),
    ("one", "host, project, service, replica"),
    // What should run: expected, and not stopped by a person.
    (
        "wanted",
        r#"(max by (<id>) (spyhop_service_replicas_expected{<project>}) - max by (<id>) (spyhop_service_replicas{<project>,state="stopped"}))"#,
    ),
    (
        "wanted_here",
        r#"(max by (<id>) (spyhop_service_replicas_expected{<service>}) - max by (<id>) (spyhop_service_replicas{<service>,state="stopped"}))"#,
    ),
    ("of_host", "* on (job, instance) group_left (host) max by (job, instance, host) (spyhop_policy_info{<host>})"),
    (
        "of_container",
        "* on (job, instance, name) group_left (<one>) max by (job, instance, name, <one>) (spyhop_container_info{<service>})",
    ),
    // The same, of every service of the hosts, or of the projects, that are chosen.
    (
        "of_any",
        "* on (job, instance, name) group_left (<one>) max by (job, instance, name, <one>) (spyhop_container_info{<host>})",
    ),
    (
        "of_project",
        "* on (job, instance, name) group_left (<one>) max by (job, instance, name, <one>) (spyhop_container_info{<project>})",
    ),
    (
        "of_tier",
        r#"* on (job, instance, <id>) group_left (tier) max by (job, instance, <id>, tier) (spyhop_service_tier_info{<project>,tier=~"$tier"})"#,
    ),
    // Calls that a service served, under the names which traces.red has chosen. Where none fails there is no series of errors.
    ("served", r#"<spans>,span_kind="SPAN_KIND_SERVER""#),
    ("by_operation", "sum by (host, project, compose_service, span_name)"),
    ("caller", r#"<host>,client_project=~"$project""#),
    ("by_callee", "sum by (host, project, compose_service)"),
    (
        "all_calls",
        "(<by_callee> (rate(traces_spanmetrics_calls_total{<served>}[$__rate_interval])) or <by_callee> (rate(traces_span_metrics_calls_total{<served>}[$__rate_interval])))",
    ),
    (
        "failing_calls",
        r#"(<by_callee> (rate(traces_spanmetrics_calls_total{<served>,status_code="STATUS_CODE_ERROR"}[$__rate_interval])) or <by_callee> (rate(traces_span_metrics_calls_total{<served>,status_code="STATUS_CODE_ERROR"}[$__rate_interval])) or 0 * <all_calls>)"#,
    ),
    (
        "call_buckets",
        "sum by (le, host, project, compose_service) (rate(traces_spanmetrics_latency_bucket{<served>}[$__rate_interval]))",
    ),
    (
        "call_buckets_ms",
        "sum by (le, host, project, compose_service) (rate(traces_span_metrics_duration_milliseconds_bucket{<served>}[$__rate_interval]))",
    ),
];

/// Puts selectors and joins into holes; what has no name stays as it is.
pub(super) fn filled(text: &str) -> String {
    fill(text, |hole| HOLES.iter().find(|(name, _)| *name == hole).map(|(_, text)| filled(text)))
}
