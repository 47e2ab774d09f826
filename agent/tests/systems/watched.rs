//! A system with an agent beside it: what its pages say.

use std::collections::BTreeMap;

use super::support::{
    agent::{Agent, Home},
    page::{Page, Sample},
    system::System,
    wait::{eventually, holds, patience, within},
};

/// The agent, which sees this project alone.
pub(crate) struct Watched {
    pub(crate) agent: Agent,
    _home: Home,
    project: String,
}

impl Watched {
    pub(crate) fn start(system: &System) -> Self {
        Self::start_with(system, "")
    }

    /// With more lines for its configuration.
    pub(crate) fn start_with(system: &System, more: &str) -> Self {
        let project = system.composed.project.clone();
        let config = format!("containers:\n  include: [project={project}]\nisolation:\n  interval: 2s\n{more}");
        let (home, agent) = system.watch_with(&config);
        Self { agent, _home: home, project }
    }

    /// Samples of a family that are about the project.
    pub(crate) fn mine<'p>(&self, page: &'p Page, name: &str) -> Vec<&'p Sample> {
        page.all(name, &[("project", self.project.as_str())]).collect()
    }

    /// The value of a family for a service; `None` where there is no such sample.
    pub(crate) fn of_service(&self, page: &Page, name: &str, service: &str) -> Option<f64> {
        page.all(name, &[("project", self.project.as_str()), ("service", service)]).next().map(|sample| sample.value)
    }

    /// Waits until so many probes have answered well, each from here, and until both tiers of isolation have seen everything.
    #[track_caller]
    pub(crate) fn all_is_well(&self, probes: usize) {
        within(patience() * 2, "every probe answers, and everything is looked at", || {
            let page = self.agent.scrape();
            let well = |name: &str| {
                let series: Vec<_> = page.samples.iter().filter(|sample| sample.name == name).collect();
                series.len() == probes && series.iter().all(|sample| sample.value == 1.0)
            };
            let covered = self.mine(&page, "spyhop_isolation_coverage_ratio");
            let covered = covered.len() == 2 && covered.iter().all(|sample| sample.value == 1.0);
            let fine = well("spyhop_probe_success") && well("spyhop_probe_reachable") && covered;
            holds(fine, || {
                let mut told: Vec<String> = Vec::new();
                for name in ["spyhop_probe_success", "spyhop_probe_reachable", "spyhop_probe_failure"] {
                    told.extend(page.all(name, &[]).map(ToString::to_string));
                }
                told.extend(page.all("spyhop_isolation_coverage_ratio", &[]).map(ToString::to_string));
                told.join("\n")
            })
        });
        assert_eq!(self.violations(), BTreeMap::new());
    }

    /// Findings that have a series, of the policy and of isolation: class and service, with how many.
    pub(crate) fn violations(&self) -> BTreeMap<(String, String), f64> {
        let page = self.agent.scrape();
        let mut found = BTreeMap::new();
        let warned = |sample: &&&Sample| sample.label("severity") != "info";
        for sample in self.mine(&page, "spyhop_finding").iter().filter(warned) {
            found.insert((sample.label("class").to_owned(), sample.label("service").to_owned()), sample.value);
        }
        for sample in self.mine(&page, "spyhop_isolation_violation") {
            *found.entry((sample.label("class").to_owned(), sample.label("src").to_owned())).or_default() +=
                sample.value;
        }
        found
    }

    /// Waits for exactly these: class and service.
    #[track_caller]
    pub(crate) fn shows(&self, expected: &[(&str, &str)]) {
        let expected: BTreeMap<_, _> =
            expected.iter().map(|(class, service)| (((*class).to_owned(), (*service).to_owned()), 1.0)).collect();
        eventually("a series for each finding", || {
            let found = self.violations();
            holds(found == expected, || format!("{found:#?}"))
        });
    }
}
