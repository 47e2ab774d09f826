//! The same figures under the names of Sloth and of Pyrra, for dashboards that ask for those. Alerts are ours alone: two of the same fire
//! would be one too many.

use super::{File, Group, Options, Rendering, Rule, ratio, show};
use crate::policy::objectives::{Objective, Whose};

/// Sloth's recording rules: `slo:sli_error:ratio_rate5m` and its kin, and what its dashboards read of an objective.
pub(super) fn sloth(objectives: &[Objective], options: &Options) -> File {
    let groups = objectives.iter().map(|objective| {
        let rendering = Rendering { objective, scale: options.scale };
        group(format!("sloth-slo-{}", objective.slo), sloth_rules(rendering), options)
    });
    File { name: "objectives-sloth.yml".to_owned(), about: about("Sloth"), groups: groups.collect() }
}

/// Pyrra's generic rules, five series an objective.
pub(super) fn pyrra(objectives: &[Objective], options: &Options) -> File {
    let groups = objectives.iter().map(|objective| {
        let rendering = Rendering { objective, scale: options.scale };
        group(format!("pyrra-{}-generic", objective.slo), pyrra_rules(rendering), options)
    });
    File { name: "objectives-pyrra.yml".to_owned(), about: about("Pyrra"), groups: groups.collect() }
}

fn about(whose: &str) -> Vec<String> {
    vec![
        format!("The objectives of objectives.yml under the names of {whose}, for dashboards that ask for those."),
        "Rendered by `spyhop render alerts --compat`: change the policy, not this file.".to_owned(),
    ]
}

fn group(name: String, rules: Vec<Rule>, options: &Options) -> Group {
    Group { name, interval: options.scale.interval(60), rules }
}

fn sloth_rules(of: Rendering<'_>) -> Vec<Rule> {
    let objective = of.objective;
    let own = objective.window.as_secs();
    let service = match &objective.whose {
        Whose::Service { project, service } | Whose::Named { project, service } => format!("{project}-{service}"),
        Whose::Pattern { project, .. } => project.to_string(),
    };
    let identity = || {
        vec![
            ("sloth_id", objective.slo.to_string()),
            ("sloth_service", service.trim_matches('-').to_owned()),
            ("sloth_slo", objective.slo.to_string()),
        ]
    };
    let mut rules = Vec::new();
    for window in [300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200, own] {
        if window < own || (window == own && !rules.iter().any(|rule: &Rule| rule.name().ends_with(&rate(own)))) {
            let mut labels = identity();
            labels.push(("sloth_window", show(std::time::Duration::from_secs(window))));
            rules.push(Rule::record(format!("slo:sli_error:{}", rate(window)), of.series(&ratio(window)), labels));
        }
    }
    let (target, budget) = (objective.target.share(), objective.target.budget());
    let sloth = |name: &str| format!("{name}{{sloth_id=\"{}\"}}", objective.slo);
    let without =
        |window: u64| format!("max without (sloth_window) ({})", sloth(&format!("slo:sli_error:{}", rate(window))));
    for (name, expr) in [
        ("slo:objective:ratio", format!("vector({target})")),
        ("slo:error_budget:ratio", format!("vector({budget})")),
        ("slo:time_period:days", format!("vector({})", own as f64 / 86_400.0)),
        ("slo:current_burn_rate:ratio", format!("{} / {budget}", without(300))),
        ("slo:period_burn_rate:ratio", format!("{} / {budget}", without(own))),
        ("slo:period_error_budget_remaining:ratio", format!("1 - {}", sloth("slo:period_burn_rate:ratio"))),
    ] {
        rules.push(Rule::record(name, expr, identity()));
    }
    let mut labels = identity();
    labels.extend([
        ("sloth_mode", "spyhop".to_owned()),
        ("sloth_objective", objective.target.to_string().trim_end_matches('%').to_owned()),
        ("sloth_spec", "spyhop/policy".to_owned()),
        ("sloth_version", env!("CARGO_PKG_VERSION").to_owned()),
    ]);
    rules.push(Rule::record("sloth_slo_info", "vector(1)", labels));
    rules
}

fn rate(window: u64) -> String {
    format!("ratio_rate{}", show(std::time::Duration::from_secs(window)))
}

fn pyrra_rules(of: Rendering<'_>) -> Vec<Rule> {
    let own = of.objective.window.as_secs();
    let labels = || vec![("slo", of.objective.slo.to_string())];
    let target = of.objective.target.share();
    let rate = |name: &str| format!("{} / {}", of.series(name), of.scale.of(super::PAIR).as_secs_f64());
    [
        ("pyrra_objective", format!("vector({target})")),
        ("pyrra_window", format!("vector({own})")),
        ("pyrra_availability", format!("1 - {}", of.series(&ratio(own)))),
        ("pyrra_requests:rate5m", rate("spyhop:slo_total:increase5m")),
        ("pyrra_errors:rate5m", rate("spyhop:slo_bad:increase5m")),
    ]
    .into_iter()
    .map(|(name, expr)| Rule::record(name, expr, labels()))
    .collect()
}
