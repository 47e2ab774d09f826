//! Arguments of `spyhop render`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    ConfigArguments,
    help::{RENDER_ALERTS_HELP, RENDER_DASHBOARDS_HELP, RENDER_GRAFANA_HELP, RENDER_K8S_HELP, RENDER_PROMETHEUS_HELP},
};
use crate::render::Scale;

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderCommandArguments {
    #[command(subcommand)]
    pub(in crate::cli) command: RenderCommand,
}

/// What to write.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum RenderCommand {
    /// Write alert and recording rules, those of the policy's objectives among them
    #[command(after_help = RENDER_ALERTS_HELP)]
    Alerts(RenderAlertsArguments),
    /// Write dashboards for Grafana, with the thresholds of the policy
    #[command(after_help = RENDER_DASHBOARDS_HELP)]
    Dashboards(RenderDashboardsArguments),
    /// Write the configuration of a Prometheus that scrapes agents and loads these rules
    #[command(after_help = RENDER_PROMETHEUS_HELP)]
    Prometheus(RenderPrometheusArguments),
    /// Write provisioning for Grafana: data sources that lead to each other, and the folder of the dashboards
    #[command(after_help = RENDER_GRAFANA_HELP)]
    Grafana(RenderGrafanaArguments),
    /// Write NetworkPolicies for Kubernetes from the flows of the policy
    #[command(after_help = RENDER_K8S_HELP)]
    K8s(RenderK8sArguments),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderDashboardsArguments {
    /// Folder to write a file for each dashboard to, which is made. Otherwise standard output
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderK8sArguments {
    /// Folder to write a file for each project to, which is made. Otherwise standard output
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Label of pods that has the name of the service
    #[arg(long, value_name = "KEY", default_value = crate::render::POD_LABEL)]
    pub(in crate::cli) pod_label: String,
    #[command(flatten)]
    pub(in crate::cli) config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderGrafanaArguments {
    /// Folder to write provisioning/ to, which is made. Otherwise standard output
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Prometheus, as Grafana reaches it
    #[arg(long, value_name = "URL", default_value = "http://prometheus:9090")]
    pub(in crate::cli) prometheus: String,
    /// Loki, or off
    #[arg(long, value_name = "URL", default_value = "http://loki:3100")]
    pub(in crate::cli) loki: String,
    /// Tempo, or off
    #[arg(long, value_name = "URL", default_value = "http://tempo:3200")]
    pub(in crate::cli) tempo: String,
    /// Folder of the dashboards, as Grafana sees it
    #[arg(long, value_name = "DIR", default_value = "/etc/grafana/dashboards")]
    pub(in crate::cli) path: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderPrometheusArguments {
    /// Folder to write prometheus.yml to, which is made. Otherwise standard output
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Name of the scrape job that has the agents
    #[arg(long, value_name = "NAME", default_value = "spyhop")]
    pub(in crate::cli) job: String,
    /// An agent; may be given several times
    #[arg(long, value_name = "HOST:PORT", default_value = "spyhop:9477")]
    pub(in crate::cli) target: Vec<String>,
    /// An Alertmanager; may be given several times
    #[arg(long, value_name = "HOST:PORT", default_value = "alertmanager:9093")]
    pub(in crate::cli) alertmanager: Vec<String>,
    /// Folder of the rule files as Prometheus sees it; otherwise beside prometheus.yml
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub(in crate::cli) rules: String,
    /// Also as the jobs cadvisor, node and blackbox, for dashboards that ask for those
    #[arg(long)]
    pub(in crate::cli) compat_jobs: bool,
    #[command(flatten)]
    pub(in crate::cli) config: ConfigArguments,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RenderAlertsArguments {
    /// Folder to write to, which is made; files of these names are written anew. Otherwise standard output
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// Name of the scrape job that has the agents
    #[arg(long, value_name = "NAME", default_value = "spyhop")]
    pub(in crate::cli) job: String,
    /// Multiply every duration in the rules, 0.001 to 10
    #[arg(long, value_name = "FACTOR", value_parser = scale, default_value = "1")]
    pub(in crate::cli) time_scale: Scale,
    /// Record objectives under these names as well
    #[arg(long, value_enum)]
    pub(in crate::cli) compat: Vec<CompatNames>,
    /// Where the runbooks are
    #[arg(long, value_name = "URL", default_value = "docs/runbooks")]
    pub(in crate::cli) runbook_base: String,
    /// Where Grafana is; otherwise links have no host
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(in crate::cli) dashboard_base: String,
    #[command(flatten)]
    pub(in crate::cli) config: ConfigArguments,
}

/// Other generators whose names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CompatNames {
    /// Sloth's recording rules
    Sloth,
    /// Pyrra's generic series
    PyrraGeneric,
}

fn scale(text: &str) -> Result<Scale, &'static str> {
    text.parse().ok().and_then(Scale::new).ok_or("write a factor from 0.001 to 10, such as 0.01")
}
