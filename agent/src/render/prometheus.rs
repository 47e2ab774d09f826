//! The configuration of a Prometheus that scrapes agents and loads the rules.

use std::time::Duration;

use super::{Options, Rendered, objectives, rules, span::show, yaml::scalar};
use crate::policy::Policy;

/// Kept at least, and beyond the longest objective.
const RETENTION: Duration = Duration::from_secs(35 * 86_400);
const BEYOND: Duration = Duration::from_secs(5 * 86_400);

/// What is chosen beside [`Options`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrape {
    /// Agents: `host:port`.
    pub targets: Vec<String>,
    /// Alertmanagers: `host:port`.
    pub alertmanagers: Vec<String>,
    /// Folder of the rule files, as Prometheus sees it; empty is beside the configuration.
    pub rules: String,
    /// Agents answer over TLS.
    pub tls: bool,
    /// Present the agent once more under the jobs of the exporters it replaces.
    pub compat_jobs: bool,
}

/// A job that dashboards hard-code: its name, the groups of metrics that exporter had, and whether the probed target is its instance.
const COMPAT_JOBS: [(&str, &[&str], bool); 3] =
    [("cadvisor", &["container", "machine"], false), ("node", &["node"], false), ("blackbox", &["probes"], true)];

/// `prometheus.yml`.
pub fn prometheus(policy: &Policy, options: &Options, scrape: &Scrape) -> Rendered {
    let retention = show(retention(policy));
    let mut text = format!(
        "# Configuration of Prometheus. Rendered by `spyhop render prometheus`: change its options or the policy, not this file.\n\
         # Start Prometheus with --storage.tsdb.retention.time={retention}: objectives look back further than the 15 days it keeps by itself.\n\
         global:\n  scrape_interval: 15s\n  evaluation_interval: 30s\n"
    );
    if !scrape.alertmanagers.is_empty() {
        text.push_str(&format!(
            "\nalerting:\n  alertmanagers:\n    - static_configs:\n        - targets: {}\n",
            list(&scrape.alertmanagers)
        ));
    }
    text.push_str("\n# By name: the folder may hold other files, which Prometheus would refuse.\nrule_files:\n");
    for file in rules(policy, options) {
        let path = match scrape.rules.trim_end_matches('/') {
            "" => file.name,
            folder => format!("{folder}/{}", file.name),
        };
        text.push_str(&format!("  - {}\n", scalar(&path)));
    }
    text.push_str("\nscrape_configs:\n  # The name which the rules ask for.\n");
    job(&mut text, &options.job, scrape, &[], false);
    applications(&mut text, scrape);
    if scrape.compat_jobs {
        text.push_str(
            "  # The same agents under the names that dashboards of other exporters ask for. What sums over all jobs counts these twice.\n",
        );
        COMPAT_JOBS.iter().for_each(|(name, groups, by_target)| job(&mut text, name, scrape, groups, *by_target));
    }
    Rendered { name: "prometheus.yml".to_owned(), text }
}

fn job(text: &mut String, name: &str, scrape: &Scrape, groups: &[&str], by_target: bool) {
    text.push_str(&format!("  - job_name: {}\n", scalar(name)));
    if scrape.tls {
        text.push_str("    scheme: https\n");
    }
    if !groups.is_empty() {
        text.push_str(&format!("    params:\n      \"collect[]\": [{}]\n", groups.join(", ")));
    }
    text.push_str(&format!("    static_configs:\n      - targets: {}\n", list(&scrape.targets)));
    if by_target {
        // blackbox_exporter's dashboards take the probed target for the instance.
        text.push_str(
            "    metric_relabel_configs:\n      - source_labels: [target]\n        regex: (.+)\n        target_label: instance\n",
        );
    }
}

/// What containers declare, through the agent that reaches it.
fn applications(text: &mut String, scrape: &Scrape) {
    let scheme = if scrape.tls { "https" } else { "http" };
    text.push_str("  # Endpoints of containers, through the agent (docs/scraping.md).\n  - job_name: applications\n    http_sd_configs:\n");
    for target in &scrape.targets {
        text.push_str(&format!(
            "      - url: {}\n        refresh_interval: 15s\n",
            scalar(&format!("{scheme}://{target}/sd"))
        ));
    }
}

fn list(items: &[String]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("\"{}\"", item.replace(['"', '\\'], ""))).collect();
    format!("[{}]", quoted.join(", "))
}

/// As long as the longest objective looks back, and a little.
pub fn retention(policy: &Policy) -> Duration {
    let longest = objectives::longest_window(policy);
    longest.map_or(RETENTION, |window| (window + BEYOND).max(RETENTION))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrape() -> Scrape {
        Scrape {
            targets: vec!["spyhop:9477".into(), "[fd00::1]:9477".into()],
            alertmanagers: vec!["alertmanager:9093".into()],
            rules: String::new(),
            tls: false,
            compat_jobs: false,
        }
    }

    #[test]
    fn one_job_has_every_agent_and_the_rules_are_named() {
        let text = prometheus(&Policy::default(), &Options::default(), &scrape()).text;
        assert!(
            text.contains(
                "- job_name: spyhop\n    static_configs:\n      - targets: [\"spyhop:9477\", \"[fd00::1]:9477\"]\n"
            ),
            "{text}"
        );
        assert!(text.contains("  - agent.yml\n  - containers.yml\n"), "{text}");
        assert!(text.contains("--storage.tsdb.retention.time=35d"), "{text}");
        assert!(!text.contains("cadvisor") && !text.contains("scheme: https"), "{text}");
    }

    #[test]
    fn folders_schemes_and_jobs_of_other_exporters_are_chosen() {
        let scrape =
            Scrape { rules: "/etc/rules/".into(), tls: true, compat_jobs: true, alertmanagers: vec![], ..scrape() };
        let text = prometheus(&Policy::default(), &Options::default(), &scrape).text;
        for part in [
            "/etc/rules/agent.yml",
            "scheme: https",
            "https://spyhop:9477/sd",
            "job_name: cadvisor",
            "[container, machine]",
            "target_label: instance",
        ] {
            assert!(text.contains(part), "{part} is not in\n{text}");
        }
        assert!(!text.contains("alerting:"), "{text}");
    }
}
