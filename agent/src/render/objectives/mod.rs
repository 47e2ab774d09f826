//! Objectives -> recording rules and burn alerts.
//!
//! Bad and total events are recorded for five minutes; ratios of windows up to six hours are asked of the source itself, so that an outage
//! shows at once, and longer ones are sums of those pairs, which costs no more than 288 samples a day. No ratio is ever 0 / 0: where
//! nothing happened there is none.

mod alerts;
mod compat;
mod sli;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{
    Compat, File, Group, Options, Rule,
    span::{Scale, show},
};
use crate::policy::{
    Policy,
    objectives::{Objective, SAMPLE_SECONDS, Whose, resolve},
};
use sli::Source;

/// Windows whose ratios are asked of the source.
const SHORT: [u64; 5] = [300, 1_800, 3_600, 7_200, 21_600];
/// Windows whose ratios are sums of recorded pairs; the objective's own comes behind them.
const LONG: [u64; 2] = [86_400, 259_200];
/// Seconds of a pair.
const PAIR: u64 = 300;
/// Seconds between evaluations of what changes slowly.
const SLOW: u64 = 60;

/// The file of all objectives, and those of other generators' names; none without an objective.
pub(super) fn files(policy: &Policy, options: &Options) -> Vec<File> {
    let (objectives, _) = resolve(policy);
    if objectives.is_empty() {
        return Vec::new();
    }
    let mut about = vec![
        "Objectives of the policy (docs/objectives.md): what was bad of how much, and alerts on how fast the budget goes.".to_owned(),
        "Rendered by `spyhop render alerts`: change the policy, not this file.".to_owned(),
    ];
    about.extend(objectives.iter().map(|one| format!("- {}: {} over {}", one.slo, one.target, show(one.window))));
    let groups = objectives.iter().flat_map(|objective| Rendering { objective, scale: options.scale }.groups(options));
    let mut files = vec![File { name: "objectives.yml".to_owned(), about, groups: groups.collect() }];
    files.extend(options.compat.iter().map(|compat| match compat {
        Compat::Sloth => compat::sloth(&objectives, options),
        Compat::PyrraGeneric => compat::pyrra(&objectives, options),
    }));
    files
}

/// The longest time an objective is about.
pub(super) fn longest_window(policy: &Policy) -> Option<Duration> {
    resolve(policy).0.iter().map(|objective| objective.window).max()
}

/// One objective in one scale.
#[derive(Clone, Copy)]
struct Rendering<'a> {
    objective: &'a Objective,
    scale: Scale,
}

impl Rendering<'_> {
    fn groups(self, options: &Options) -> Vec<Group> {
        let name = format!("spyhop-slo-{}", self.objective.slo);
        let group = |name: String, seconds: u64, rules: Vec<Rule>| Group {
            name,
            interval: self.scale.interval(seconds),
            rules,
        };
        let mut first = self.events();
        first.extend(self.burn_alerts(options));
        let mut second = self.slow();
        second.extend(self.budget_alerts(options));
        vec![group(name.clone(), SAMPLE_SECONDS, first), group(format!("{name}-budget"), SLOW, second)]
    }

    /// Pairs, and ratios of short windows.
    fn events(self) -> Vec<Rule> {
        let source = Source::of(self);
        let mut rules: Vec<Rule> =
            source.good().map(|expr| self.record("spyhop:slo_good:bool", expr)).into_iter().collect();
        rules.push(self.record("spyhop:slo_bad:increase5m", source.bad(PAIR)));
        rules.push(self.record("spyhop:slo_total:increase5m", source.total(PAIR)));
        for window in SHORT.into_iter().filter(|window| *window <= self.objective.window.as_secs()) {
            let expr = match window {
                PAIR => format!(
                    "{}\n/\n({} > 0)",
                    self.series("spyhop:slo_bad:increase5m"),
                    self.series("spyhop:slo_total:increase5m")
                ),
                window => format!("(\n{}\n)\n/\n(({}) > 0)", source.bad(window), source.total(window)),
            };
            rules.push(self.record(&ratio(window), expr));
        }
        rules
    }

    /// Ratios of long windows, and what is left of the budget.
    fn slow(self) -> Vec<Rule> {
        let own = self.objective.window.as_secs();
        let mut windows: Vec<u64> = LONG.into_iter().filter(|window| *window < own).collect();
        // A window of a few hours is among the short ones.
        windows.extend((!SHORT.contains(&own)).then_some(own));
        let mut rules: Vec<Rule> = windows
            .into_iter()
            .map(|window| {
                let sum = |name: &str| {
                    format!("sum_over_time({}[{}:{}])", self.series(name), self.span(window), self.span(PAIR))
                };
                let (bad, total) = (sum("spyhop:slo_bad:increase5m"), sum("spyhop:slo_total:increase5m"));
                self.record(&ratio(window), format!("{bad}\n/\n({total} > 0)"))
            })
            .collect();
        let (target, budget) = (self.objective.target.share(), self.objective.target.budget());
        rules.push(self.record("spyhop:slo_objective:ratio", format!("vector({target})")));
        rules.push(
            self.record("spyhop:slo_budget_remaining:ratio", format!("1 - {} / {budget}", self.series(&ratio(own)))),
        );
        let counted = format!(
            "count_over_time({}[{}:{}])",
            self.series("spyhop:slo_total:increase5m"),
            self.span(own),
            self.span(PAIR)
        );
        rules.push(self.record("spyhop:slo_coverage:ratio", format!("{counted} / {}", own / PAIR)));
        rules
    }

    /// A recording rule with the labels every series of this objective has.
    fn record(self, name: &str, expr: String) -> Rule {
        Rule::record(name, expr, self.labels())
    }

    /// `slo`, the tier, and whose it is where that is one service.
    fn labels(self) -> Vec<(&'static str, String)> {
        let mut labels = vec![("slo", self.objective.slo.to_string())];
        labels.extend(self.objective.tier.iter().map(|tier| ("tier", tier.to_string())));
        if let Whose::Service { project, service } | Whose::Named { project, service } = &self.objective.whose {
            let named = [("project", project), ("service", service)].into_iter().filter(|(_, name)| !name.is_empty());
            labels.extend(named.map(|(label, name)| (label, name.to_string())));
        }
        labels
    }

    /// A recorded series of this objective.
    fn series(self, name: &str) -> String {
        format!("{name}{{slo=\"{}\"}}", self.objective.slo)
    }

    fn span(self, seconds: u64) -> String {
        show(self.scale.of(seconds))
    }
}

/// Name of the ratio over a window: windows are called what they are at scale one.
fn ratio(window: u64) -> String {
    format!("spyhop:slo_errors:ratio{}", show(Duration::from_secs(window)))
}
