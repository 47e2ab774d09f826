//! Which values are good and which are bad: from the policy, and where it says nothing as the alerts have it.

use serde_json::{Value, json};

use crate::{
    policy::{
        Policy, Severity,
        objectives::{self, Objective},
    },
    render::{Amount, Weight, catalogue},
};

/// Steps of a panel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Steps {
    /// The colour of the lowest values, and those from each value on.
    From(Color, &'static [(f64, Color)]),
    /// The values of this name of an alert: what it warns of is orange, what it wakes people for is red.
    Alert(&'static str, &'static str),
    /// Shares of bad events: each objective has the budget the policy gives it.
    Budget,
    /// How fast a budget goes: each objective has the factors at which its alerts fire.
    Burn,
    /// Bytes of memory: each tier has the limit the policy gives it.
    TierMemory,
    /// Cores: the same.
    TierCores,
    /// Limits of memory as a share of the host's: what the policy calls too much.
    PromisedMemory,
    /// Limits of CPU: the same.
    PromisedCores,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// As it should be.
    Green,
    /// Good to know.
    Yellow,
    /// Worth a look.
    Orange,
    /// Bad.
    Red,
}

impl Color {
    /// As Grafana calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Orange => "orange",
            Self::Red => "red",
        }
    }
}

/// Any is one too many.
pub(super) const ANY_IS_BAD: Option<&Steps> = Some(&Steps::From(Color::Green, &[(1.0, Color::Red)]));
/// Any is worth a look.
pub(super) const ANY_IS_WORTH_A_LOOK: Option<&Steps> = Some(&Steps::From(Color::Green, &[(1.0, Color::Orange)]));
/// Where no value is better than another.
pub(super) fn none() -> Value {
    absolute(Color::Green, &[])
}

/// What steps are made of.
pub(super) struct Context {
    policy: Policy,
    objectives: Vec<Objective>,
}

impl Context {
    pub(super) fn of(policy: &Policy) -> Self {
        Self { policy: policy.clone(), objectives: objectives::resolve(policy).0 }
    }
}

impl Steps {
    /// For all series alike.
    pub(super) fn write(self, context: &Context) -> Value {
        let (base, steps) = match self {
            Self::TierMemory | Self::TierCores => (Color::Green, Vec::new()),
            Self::From(base, steps) => (base, steps.iter().map(|(value, color)| (*value, *color)).collect()),
            Self::Alert(name, value) => of_alert(name, value),
            // A budget without a policy is anybody's; each objective has its own below.
            Self::Budget => (Color::Green, Vec::new()),
            Self::PromisedMemory => (Color::Green, vec![above(context.policy.checks.overcommit.memory)]),
            Self::PromisedCores => (Color::Green, vec![above(context.policy.checks.overcommit.cpus)]),
            Self::Burn => {
                let factors = context.objectives.first().map_or_else(Vec::new, burn);
                (
                    Color::Green,
                    if factors.is_empty() { vec![(1.0, Color::Orange), (14.4, Color::Red)] } else { factors },
                )
            }
        };
        absolute(base, &steps)
    }

    /// For single series, by the name that their legend begins with.
    pub(super) fn overrides(self, context: &Context) -> Vec<Value> {
        let one = |name: &str, steps: Vec<(f64, Color)>| {
            json!({
                "matcher": { "id": "byRegexp", "options": format!("/^{}( .*)?$/", escaped(name)) },
                "properties": [{ "id": "thresholds", "value": absolute(Color::Green, &steps) }],
            })
        };
        let of_objectives = |steps: fn(&Objective) -> Vec<(f64, Color)>| {
            context.objectives.iter().map(|objective| one(&objective.slo, steps(objective))).collect()
        };
        let of_tiers = |limit: fn(&crate::policy::Limits) -> Option<crate::policy::Amount>| {
            let tiers = context.policy.tiers.iter();
            tiers.filter_map(|tier| Some(one(&tier.name, vec![above(limit(&tier.limits)?.most?)]))).collect()
        };
        match self {
            Self::From(..) | Self::Alert(..) | Self::PromisedMemory | Self::PromisedCores => Vec::new(),
            Self::Budget => of_objectives(|objective| vec![(objective.target.budget().value(), Color::Red)]),
            Self::Burn => of_objectives(burn),
            Self::TierMemory => of_tiers(|limits| limits.memory),
            Self::TierCores => of_tiers(|limits| limits.cpus),
        }
    }
}

/// Red above a limit, with the slack that checks allow: what is exactly at it is as it should be.
fn above(limit: f64) -> (f64, Color) {
    (limit * 1.001, Color::Red)
}

/// The slowest burn that makes a ticket, and the fastest, which pages.
fn burn(objective: &Objective) -> Vec<(f64, Color)> {
    let factors = objective.burns().into_iter().map(|burn| burn.factor.value());
    let (low, high) = factors.fold((f64::INFINITY, 0.0_f64), |(low, high), one| (low.min(one), high.max(one)));
    match high > low {
        true => vec![(low, Color::Orange), (high, Color::Red)],
        false if high > 0.0 => vec![(high, Color::Red)],
        false => Vec::new(),
    }
}

/// What the catalogue of alerts has under this name. An entry it does not have is found by the tests.
fn of_alert(name: &str, value: &str) -> (Color, Vec<(f64, Color)>) {
    let Some((_, alert)) = catalogue::all().find(|(_, alert)| alert.name == name) else {
        return (Color::Green, Vec::new());
    };
    let usual = match alert.weight {
        Weight::Fixed(severity) | Weight::ByTier { most: severity, .. } => severity,
        Weight::Levels(_) => Severity::Warning,
    };
    let found = alert.all_values().into_iter().filter(|(_, known)| known.name == value);
    let mut steps: Vec<(f64, Color)> = found
        .map(|(level, known)| {
            let amount = match known.amount {
                Amount::Share(number) | Amount::Count(number) => number,
                // Seconds of a year are far below what a float holds exactly.
                Amount::Window(seconds) | Amount::Ahead(seconds) | Amount::Seconds(seconds) => seconds as f64,
            };
            (amount, color(level.unwrap_or(usual)))
        })
        .collect();
    steps.sort_by(|one, other| one.0.total_cmp(&other.0));
    if !alert.expr.contains(&format!("< <{value}>")) {
        return (Color::Green, steps);
    }
    // Low values are the bad ones: each colour ends where the next begins.
    let base = steps.first().map_or(Color::Green, |(_, color)| *color);
    let next = steps.iter().skip(1).map(|(_, color)| *color).chain([Color::Green]);
    (base, steps.iter().map(|(value, _)| *value).zip(next).collect())
}

const fn color(severity: Severity) -> Color {
    match severity {
        Severity::Info => Color::Yellow,
        Severity::Warning => Color::Orange,
        Severity::Critical => Color::Red,
    }
}

fn absolute(base: Color, steps: &[(f64, Color)]) -> Value {
    let first = json!({ "color": base.name(), "value": null });
    let others = steps.iter().map(|(value, color)| json!({ "color": color.name(), "value": value }));
    json!({ "mode": "absolute", "steps": std::iter::once(first).chain(others).collect::<Vec<_>>() })
}

/// Text as a regular expression between slashes that fits it alone.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_alphanumeric() && c != '_' && c != '-' && c != ' ' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
