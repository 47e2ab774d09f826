//! Every alert, once: what it means, when it fires, why then, and what is said.
//!
//! One file an area. `docs/alerts.md` is written from here, `alerts/` is rendered from here, and tests hold each entry to a runbook
//! section, a unit test and a drill.

mod agent;
mod containers;
mod host;
mod isolation;
mod logs;
mod markdown;
mod policy;
mod pressure;
mod probes;
mod services;
mod targets;
mod traces;

pub use markdown::markdown;

use super::{Alert, File, Group, Options};

/// Seconds between two evaluations: states are a scrape old, and `for` counts from here.
const INTERVAL: u64 = 30;

/// A rule file of the catalogue.
#[derive(Debug)]
pub struct Area {
    /// Name of the file, without `.yml`; its unit tests have the same.
    pub name: &'static str,
    /// What it is about, and what has to be known of all of it.
    pub about: &'static [&'static str],
    /// Its groups: the label `area`, which is the group's name after `spyhop-`, and the alerts.
    pub groups: &'static [(&'static str, &'static [&'static [Alert]])],
}

/// All of them, in the order of the alphabet.
pub static AREAS: &[Area] = &[
    Area {
        name: "agent",
        about: &["Alerts on spyhop itself: who watches the watcher."],
        groups: &[("agent", &[agent::ALERTS])],
    },
    Area {
        name: "containers",
        about: &[
            "Alerts on services and containers.",
            "Series carry host, project and service also when the last container is gone, so no rule here needs absent().",
        ],
        groups: &[("services", &[services::ALERTS]), ("containers", &[containers::ALERTS, pressure::CONTAINERS])],
    },
    Area {
        name: "host",
        about: &["Alerts on the host: filesystems, pressure, network, clock."],
        groups: &[("host", &[host::ALERTS, pressure::HOST])],
    },
    Area {
        name: "isolation",
        about: &[
            "Alerts on isolation (docs/isolation.md): who reaches whom and should not, and how much of that is looked at.",
            "Nothing here fires while no project of the policy has a say in it: there are no series then.",
        ],
        groups: &[("isolation", &[isolation::ALERTS])],
    },
    Area {
        name: "logs",
        about: &[
            "Alerts on logs on their way to Loki (docs/logs.md).",
            "Nothing here fires where no destination is given: there are no series then.",
        ],
        groups: &[("logs", &[logs::ALERTS])],
    },
    Area {
        name: "policy",
        about: &["Alerts on findings: what is not as the policy, or good practice, wants it (docs/findings.md)."],
        groups: &[("policy", &[policy::ALERTS])],
    },
    Area {
        name: "probes",
        about: &[
            "Alerts on probes (docs/probes.md): whether targets answer, how fast, with which certificate, and to whom.",
        ],
        groups: &[("probes", &[probes::ALERTS])],
    },
    Area {
        name: "targets",
        about: &[
            "Alerts on the endpoints which containers declare (docs/scraping.md).",
            "Whether a declared application answers is Prometheus' own `up` of the job that uses /sd.",
        ],
        groups: &[("targets", &[targets::ALERTS])],
    },
    Area {
        name: "traces",
        about: &[
            "Alerts on OTLP: what is received, attributed and sent to back ends (docs/traces.md).",
            "Nothing here fires where nothing is received and no destination is given: there are no series then.",
        ],
        groups: &[("traces", &[traces::ALERTS])],
    },
];

/// Every alert with its area.
pub fn all() -> impl Iterator<Item = (&'static Area, &'static Alert)> {
    let of = |area: &'static Area| {
        area.groups.iter().flat_map(|(_, lists)| lists.iter().copied().flatten()).map(move |alert| (area, alert))
    };
    AREAS.iter().flat_map(of)
}

/// The rule files.
pub(super) fn files(options: &Options) -> Vec<File> {
    AREAS.iter().map(|area| file(area, options)).collect()
}

fn file(area: &Area, options: &Options) -> File {
    let group = |(name, lists): &(&'static str, &'static [&'static [Alert]])| Group {
        name: format!("spyhop-{name}"),
        interval: options.scale.interval(INTERVAL),
        rules: lists.iter().copied().flatten().flat_map(|alert| alert.rules(name, options)).collect(),
    };
    let mut about: Vec<String> = area.about.iter().map(|&line| line.to_owned()).collect();
    about.push("Rendered by `spyhop render alerts`: change its options or the policy, not this file.".to_owned());
    about.push(format!("Tested by alerts/tests/{}.yml; what to do is in docs/runbooks/.", area.name));
    File { name: format!("{}.yml", area.name), about, groups: area.groups.iter().map(group).collect() }
}

#[cfg(test)]
mod tests;
