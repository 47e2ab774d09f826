//! One alert of the catalogue, and the rules it comes to.
//!
//! An entry is written once. Its expression has holes (`<window>`), filled from values that carry a unit and a reason; the same holes
//! stand in the description, so that text and rule cannot say different things.

use super::{
    Options, Scale,
    rule::{Kind, Rule},
    span::show,
};
use crate::policy::Severity;

/// One alert.
#[derive(Debug)]
pub struct Alert {
    /// Its name, `Spyhop...`.
    pub name: &'static str,
    /// Said beside it in the file.
    pub note: Option<&'static str>,
    /// How bad it is, and for whom.
    pub weight: Weight,
    /// The expression with holes: `<job>`, `<container>` and the names of its values.
    pub expr: &'static str,
    /// `for`, in seconds.
    pub wait: u64,
    /// `keep_firing_for`, in seconds.
    pub keep: u64,
    /// Why these two are what they are.
    pub why: &'static str,
    /// What the holes are filled with.
    pub values: &'static [Value],
    /// One sentence that is the same for every case.
    pub summary: &'static str,
    /// What is so in this case: a template of Prometheus, with the same holes.
    pub description: &'static str,
    /// The dashboard that shows it.
    pub board: Board,
}

/// How bad an alert is.
#[derive(Debug)]
pub enum Weight {
    /// The same for everybody.
    Fixed(Severity),
    /// By the tier of the service, at most `most`; `otherwise` for a service without a tier.
    ByTier {
        /// Of services without a tier.
        otherwise: Severity,
        /// What no tier makes worse.
        most: Severity,
    },
    /// By how far it has gone: each level has values of its own.
    Levels(&'static [(Severity, &'static [Value])]),
}

/// A threshold or window.
#[derive(Debug)]
pub struct Value {
    /// The hole it fills.
    pub name: &'static str,
    /// How much.
    pub amount: Amount,
    /// Why this much.
    pub why: &'static str,
}

/// How much, and of what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A share of one.
    Share(f64),
    /// A plain number.
    Count(f64),
    /// A range in seconds: `[15m]`. It is scaled.
    Window(u64),
    /// Seconds ahead, as a number. They are scaled.
    Ahead(u64),
    /// Seconds as a number that measure something of the world: a certificate's days, an answer's time. They are not scaled.
    Seconds(u64),
}

impl Amount {
    /// As it stands in an expression.
    pub fn in_rule(self, scale: Scale) -> String {
        match self {
            Self::Share(number) | Self::Count(number) => number.to_string(),
            Self::Window(seconds) => show(scale.of(seconds)),
            Self::Ahead(seconds) => scale.of(seconds).as_secs_f64().to_string(),
            Self::Seconds(seconds) => seconds.to_string(),
        }
    }

    /// As people read it.
    pub fn in_text(self, scale: Scale) -> String {
        match self {
            // Shares of the catalogue are whole percents; a float's dust is not shown.
            Self::Share(share) => format!("{}%", (share * 1_000.0).round() / 10.0),
            Self::Count(number) => number.to_string(),
            Self::Window(seconds) | Self::Ahead(seconds) => show(scale.of(seconds)),
            Self::Seconds(seconds) => show(Scale::ONE.of(seconds)),
        }
    }
}

/// Which dashboard, and what of it: the labels that choose its variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Uid of the dashboard.
    pub uid: &'static str,
    /// Labels of the alert which are its variables.
    pub by: &'static [&'static str],
}

impl Board {
    /// `/d/spyhop-service?var-host={{ ... }}`.
    pub(super) fn address(self, base: &str) -> String {
        let variables = self.by.iter().map(|label| format!("var-{label}={{{{ $labels.{label} | urlquery }}}}"));
        let variables: Vec<String> = variables.collect();
        let mark = if variables.is_empty() { "" } else { "?" };
        format!("{}/d/{}{mark}{}", base.trim_end_matches('/'), self.uid, variables.join("&"))
    }
}

/// What names a container of `container_*` as our own series do. The one side is aggregated: an old and a new one may overlap.
const CONTAINER: &str = "* on (job, instance, name) group_left (host, project, service, replica)
max by (job, instance, name, host, project, service, replica) (spyhop_container_info)";

impl Alert {
    /// The rules it comes to in this area: one for each severity it can have.
    pub(super) fn rules(&self, area: &str, options: &Options) -> Vec<Rule> {
        let plain = |severity: Severity, values: &[Value]| {
            let expr = self.filled(self.expr, values, options, Amount::in_rule);
            self.rule(area, severity, expr, values, options)
        };
        match &self.weight {
            Weight::Fixed(severity) => vec![plain(*severity, self.values)],
            Weight::Levels(levels) => levels.iter().map(|(severity, values)| plain(*severity, values)).collect(),
            Weight::ByTier { otherwise, most } => {
                let expr = self.filled(self.expr, self.values, options, Amount::in_rule);
                let severities = Severity::ALL.into_iter().rev().filter(|severity| severity <= most);
                let rules = severities.map(|severity| {
                    let tiers = Severity::ALL.into_iter().filter(|tier| tier.min(most) == &severity);
                    let expr = by_tier(&expr, &tiers.collect::<Vec<_>>(), severity == *otherwise);
                    self.rule(area, severity, expr, self.values, options)
                });
                rules.collect()
            }
        }
    }

    fn rule(&self, area: &str, severity: Severity, expr: String, values: &[Value], options: &Options) -> Rule {
        let runbook =
            format!("{}/{}.md#{}", options.runbooks.trim_end_matches('/'), page(area), self.name.to_lowercase());
        let annotations = vec![
            ("summary", self.summary.to_owned()),
            ("description", self.filled(self.description, values, options, Amount::in_text)),
            ("runbook_url", runbook),
            ("dashboard_url", self.board.address(&options.dashboards)),
        ];
        let (wait, keep) = (options.scale.of(self.wait), options.scale.of(self.keep));
        Rule {
            note: self.note.map(ToOwned::to_owned),
            kind: Kind::Alert { name: self.name.to_owned(), wait, keep, annotations },
            expr,
            labels: vec![("severity", severity.as_str().to_owned()), ("area", area.to_owned())],
        }
    }

    fn filled(&self, text: &str, values: &[Value], options: &Options, show_as: fn(Amount, Scale) -> String) -> String {
        fill(text, |hole| match hole {
            "job" => Some(options.job.clone()),
            "container" => Some(CONTAINER.to_owned()),
            "for" => Some(show(options.scale.of(self.wait))),
            hole => {
                let value = values.iter().chain(self.values).find(|value| value.name == hole)?;
                Some(show_as(value.amount, options.scale))
            }
        })
    }

    /// Every value with its level, if it has several.
    pub fn all_values(&self) -> Vec<(Option<Severity>, &'static Value)> {
        let levels: &[_] = match &self.weight {
            Weight::Levels(levels) => levels,
            Weight::Fixed(_) | Weight::ByTier { .. } => &[],
        };
        let of_levels = levels.iter().flat_map(|(level, values)| values.iter().map(|value| (Some(*level), value)));
        self.values.iter().map(|value| (None, value)).chain(of_levels).collect()
    }
}

/// The page of runbooks about an area.
pub(super) fn page(area: &str) -> &str {
    match area {
        "containers" => "services",
        area => area,
    }
}

/// An expression about services, of those of some tiers, and of those without one.
///
/// Selectors are disjoint: a service has one tier, so it is in one rule. Both sides are from one page: two agents that call their hosts the
/// same may give a service two tiers, and a match by host alone would then fail for every service of every host. The label `tier` comes along.
fn by_tier(expr: &str, tiers: &[Severity], and_without: bool) -> String {
    let selector = match tiers {
        [one] => format!("severity=\"{one}\""),
        many => format!("severity=~\"{}\"", many.iter().map(|tier| tier.as_str()).collect::<Vec<_>>().join("|")),
    };
    let inner = match expr.contains('\n') {
        true => format!("(\n{}\n)", indented(expr)),
        false => format!("({expr})"),
    };
    let mut text = format!(
        "{inner}\n* on (job, instance, host, project, service) group_left (tier)\n\
         max by (job, instance, host, project, service, tier) (spyhop_service_tier_info{{{selector}}})"
    );
    if and_without {
        text.push_str(&format!(
            "\nor\n{inner}\nunless on (job, instance, host, project, service)\nspyhop_service_tier_info"
        ));
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Puts values into holes: a name of small letters and underscores between `<` and `>`.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let hole = after.split_once('>').and_then(|(name, after)| {
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            Some((is_name.then(|| value(name))??, after))
        });
        match hole {
            Some((filled, after)) => {
                out.push_str(&filled);
                rest = after;
            }
            None => {
                out.push('<');
                rest = after;
            }
        }
    }
    out + rest
}
