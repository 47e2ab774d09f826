//! Which metrics there are, with which labels: the catalogue, what rules record, what Prometheus makes itself, and named exporters.

use std::collections::{BTreeMap, BTreeSet};

use spyhop::{
    config::{self, Environment, Flag, Sources},
    exposition::catalogue,
    model::metric::{Group, Kind},
    render::{self, Options},
};

use crate::root;

/// Labels which Prometheus adds to every series of a target.
const OF_TARGET: [&str; 2] = ["job", "instance"];
/// Labels which the agent gives targets that containers declare (docs/scraping.md).
const OF_DECLARED: [&str; 4] = ["host", "project", "service", "replica"];

/// What is known of a metric.
#[derive(Clone, Debug)]
pub(crate) struct Metric {
    pub(crate) labels: BTreeSet<String>,
    /// It only grows.
    pub(crate) counter: bool,
    /// Base unit of its value, empty for counts and where nobody says.
    pub(crate) unit: &'static str,
    /// Who has it.
    pub(crate) of: Whose,
    /// It may have labels beside these.
    pub(crate) open: Open,
}

/// Labels that come from elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    /// None.
    No,
    /// `container_label_*`, by the allow-list.
    OfContainers,
    /// Those of targets that containers declare.
    OfTargets,
    /// Those of whatever fires.
    OfAlerts,
}

impl Metric {
    pub(crate) fn has(&self, label: &str) -> bool {
        self.labels.contains(label)
            || match self.open {
                Open::No => false,
                Open::OfContainers => label.starts_with("container_label_"),
                Open::OfTargets => OF_DECLARED.contains(&label),
                Open::OfAlerts => OF_DECLARED.contains(&label) || ["instance", "tier", "slo", "probe"].contains(&label),
            }
    }
}

/// Who has a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The agent.
    Agent,
    /// Rules, and alerts that fire.
    Rules,
    /// Another exporter, or an application.
    Foreign,
}

/// Everything that may be asked for.
#[derive(Debug)]
pub(crate) struct Catalogue(BTreeMap<String, Metric>);

/// Exporters and applications that boards may ask for beside the agent.
const FOREIGN: [(&str, &str); 4] = [
    ("Traefik", include_str!("foreign/traefik.txt")),
    ("postgres_exporter", include_str!("foreign/postgres_exporter.txt")),
    ("redis_exporter", include_str!("foreign/redis_exporter.txt")),
    ("applications", include_str!("foreign/applications.txt")),
];

impl Catalogue {
    pub(crate) fn whole() -> Self {
        let mut all = BTreeMap::new();
        agent(&mut all);
        rules(&mut all);
        for (of, list) in FOREIGN {
            foreign(&mut all, of, list);
        }
        Self(all)
    }

    /// Names, kinds and labels of what exporters and applications have, for a page on which all of it stands.
    pub(crate) fn foreign() -> impl Iterator<Item = (&'static str, &'static str, Vec<&'static str>)> {
        FOREIGN.iter().flat_map(|(of, list)| lines(of, list))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Metric> {
        self.0.get(name)
    }
}

fn agent(all: &mut BTreeMap<String, Metric>) {
    for family in catalogue::all() {
        let labels = family.labels.iter().chain(catalogue::common_labels(family)).chain(&OF_TARGET);
        let labels: BTreeSet<String> = labels.map(|label| (*label).to_owned()).collect();
        // Labels of containers by the allow-list.
        let open = if family.group == Group::Container { Open::OfContainers } else { Open::No };
        let metric =
            Metric { labels, counter: family.kind == Kind::Counter, unit: family.unit, of: Whose::Agent, open };
        if family.kind == Kind::Histogram {
            histogram(all, family.name, &metric);
        } else {
            all.insert(family.name.to_owned(), metric);
        }
    }
    for (name, unit) in [("up", ""), ("scrape_duration_seconds", "seconds"), ("scrape_samples_scraped", "")] {
        let labels = OF_TARGET.iter().map(|label| (*label).to_owned()).collect();
        // Declared targets carry labels of their own.
        all.insert(name.to_owned(), Metric { labels, counter: false, unit, of: Whose::Agent, open: Open::OfTargets });
    }
}

fn histogram(all: &mut BTreeMap<String, Metric>, name: &str, metric: &Metric) {
    let counted = Metric { counter: true, unit: "", ..metric.clone() };
    let mut buckets = counted.clone();
    buckets.labels.insert("le".to_owned());
    all.insert(format!("{name}_bucket"), buckets);
    all.insert(format!("{name}_count"), counted);
    all.insert(format!("{name}_sum"), Metric { counter: true, ..metric.clone() });
}

/// What rules of every kind of objective record, and the series of alerts.
fn rules(all: &mut BTreeMap<String, Metric>) {
    let policy = root().join("agent/tests/fixtures/policy/objectives.yml").canonicalize().expect("the example policy");
    let flag = Flag { name: "--set".into(), key: "policy.file".into(), value: policy.display().to_string() };
    let sources = Sources { file: None, environment: Environment::default(), flags: vec![flag] };
    let config = config::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    let rules = render::rules(&config.policy, &Options::default())
        .into_iter()
        .flat_map(|file| file.groups)
        .flat_map(|group| group.rules);
    for rule in rules.filter(|rule| rule.name().contains(':')) {
        let known = rule.labels.iter().map(|(label, _)| (*label).to_owned());
        let labels = known.chain(["slo", "project", "service", "host", "tier"].map(ToOwned::to_owned)).collect();
        let unit = if rule.name().contains(":ratio") { "ratio" } else { "" };
        all.insert(rule.name().to_owned(), Metric { labels, counter: false, unit, of: Whose::Rules, open: Open::No });
    }
    for name in ["ALERTS", "ALERTS_FOR_STATE"] {
        let labels = ["alertname", "alertstate", "severity", "area"].map(ToOwned::to_owned).into();
        // And those of what fires.
        all.insert(
            name.to_owned(),
            Metric { labels, counter: false, unit: "", of: Whose::Rules, open: Open::OfAlerts },
        );
    }
}

/// Lines of `name kind label,label`; kinds are counter, gauge and histogram.
fn lines(
    of: &'static str,
    list: &'static str,
) -> impl Iterator<Item = (&'static str, &'static str, Vec<&'static str>)> {
    list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(move |line| {
        let words: Vec<&str> = line.split(' ').collect();
        let (name, kind, own) = match words.as_slice() {
            [name, kind] => (*name, *kind, ""),
            [name, kind, own] => (*name, *kind, *own),
            _ => panic!("{of}: not understood: {line}"),
        };
        assert!(["counter", "gauge", "histogram"].contains(&kind), "{of}: {line}");
        (name, kind, own.split(',').filter(|label| !label.is_empty()).collect())
    })
}

fn foreign(all: &mut BTreeMap<String, Metric>, of: &'static str, list: &'static str) {
    for (name, kind, own) in lines(of, list) {
        let unit =
            [("_seconds", "seconds"), ("_bytes", "bytes"), ("_seconds_total", "seconds"), ("_bytes_total", "bytes")];
        let unit = unit.iter().find(|(suffix, _)| name.ends_with(suffix)).map_or("", |(_, unit)| unit);
        let labels = own.into_iter().chain(OF_TARGET).chain(OF_DECLARED).map(ToOwned::to_owned).collect();
        let metric = Metric { labels, counter: kind == "counter", unit, of: Whose::Foreign, open: Open::No };
        if kind == "histogram" {
            histogram(all, name, &metric);
        } else {
            assert!(all.insert(name.to_owned(), metric).is_none(), "{of}: {name} is known already");
        }
    }
}
