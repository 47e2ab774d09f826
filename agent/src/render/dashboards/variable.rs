//! Variables: what a board is narrowed by. Each asks only within those before it.

use serde_json::{Value, json};

use super::query::filled;

/// A variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variable {
    /// The Prometheus.
    Datasource,
    /// The Loki.
    Loki,
    /// The Tempo.
    Tempo,
    /// The scrape job of the agents.
    Job,
    /// Hosts.
    Host,
    /// Addresses of agents.
    Instance,
    /// Projects.
    Project,
    /// Services that are expected.
    Service,
    /// What is probed: services, and targets elsewhere.
    Probed,
    /// What is probed as a database.
    Database,
    /// Tiers of the policy.
    Tier,
    /// Objectives of the policy.
    Slo,
}

impl Variable {
    /// Its name in queries and addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Datasource => "datasource",
            Self::Loki => "loki",
            Self::Tempo => "tempo",
            Self::Job => "job",
            Self::Host => "host",
            Self::Instance => "instance",
            Self::Project => "project",
            Self::Service | Self::Probed | Self::Database => "service",
            Self::Tier => "tier",
            Self::Slo => "slo",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Datasource => "Data source",
            Self::Loki => "Loki data source",
            Self::Tempo => "Tempo data source",
            Self::Job => "Job",
            Self::Host => "Host",
            Self::Instance => "Instance",
            Self::Project => "Project",
            Self::Service | Self::Probed | Self::Database => "Service",
            Self::Tier => "Tier",
            Self::Slo => "Objective",
        }
    }

    /// What Prometheus is asked for values; `None` of data sources.
    pub fn query(self) -> Option<String> {
        let text = match self {
            Self::Datasource | Self::Loki | Self::Tempo => return None,
            Self::Job => "label_values(spyhop_build_info, job)",
            Self::Host => "label_values(spyhop_policy_info{<job>}, host)",
            Self::Instance => "label_values(spyhop_policy_info{<host>}, instance)",
            Self::Project => "label_values(spyhop_service_replicas_expected{<host>}, project)",
            Self::Service => "label_values(spyhop_service_replicas_expected{<project>}, service)",
            Self::Probed => "label_values(spyhop_probe_attempts_total{<project>}, service)",
            Self::Database => {
                r#"label_values(spyhop_probe_attempts_total{<project>,kind=~"redis|postgres|tcp"}, service)"#
            }
            Self::Tier => "label_values(spyhop_service_tier_info{<project>}, tier)",
            Self::Slo => r#"label_values(spyhop:slo_objective:ratio{project=~"$project",service=~"$service"}, slo)"#,
        };
        Some(filled(text))
    }

    pub(super) fn write(self) -> Value {
        let Some(query) = self.query() else {
            let kind = match self {
                Self::Loki => "loki",
                Self::Tempo => "tempo",
                _ => "prometheus",
            };
            return json!({
                "current": {}, "hide": 0, "includeAll": false, "label": self.label(), "multi": false, "name": self.name(),
                "options": [], "query": kind, "refresh": 1, "regex": "", "skipUrlSync": false, "type": "datasource",
            });
        };
        // An objective may be of no host, containers without Compose have no project, what is about a host has no service, and not every service
        // has a tier.
        let all = if matches!(self, Self::Job | Self::Instance) { ".+" } else { ".*" };
        json!({
            "allValue": all, "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
            "datasource": { "type": "prometheus", "uid": "${datasource}" }, "definition": query, "hide": 0, "includeAll": true,
            "label": self.label(), "multi": true, "name": self.name(), "options": [],
            "query": { "query": query, "refId": self.name() }, "refresh": 2, "regex": "", "skipUrlSync": false, "sort": 1,
            "type": "query",
        })
    }
}
