//! Alerts on a budget: how fast it goes, that it is gone, that nobody counts.

use super::{PAIR, Rendering, Source, ratio, show};
use crate::{
    policy::{
        Severity,
        objectives::{Burn, BurnKind, Whose},
    },
    render::{Board, Kind, Options, Rule},
};

/// Seconds after which something that has no source is said to have none.
const MISSING: u64 = 3_600;

struct Text {
    name: &'static str,
    summary: &'static str,
    description: String,
}

impl Rendering<'_> {
    /// One rule for each pair of windows.
    pub(super) fn burn_alerts(self, options: &Options) -> Vec<Rule> {
        self.objective.burns().iter().map(|burn| self.burn(burn, options)).collect()
    }

    fn burn(self, burn: &Burn, options: &Options) -> Rule {
        let (long, short) = (self.series(&ratio(burn.long)), self.series(&ratio(burn.short)));
        let total = self.series("spyhop:slo_total:increase5m");
        let (window, step) = (self.span(burn.long), self.span(PAIR));
        // A ratio over three days is also one when there is an hour of it. An hour of knowledge is asked for before a page about the last hour,
        // within two, so that a short gap does not matter; of longer windows half.
        let (seen, steps) = match burn.long {
            3_600 => (self.span(2 * burn.long), burn.long / PAIR),
            long => (window.clone(), long / PAIR / 2),
        };
        let threshold = burn.threshold;
        let mut expr = format!(
            "{long} > {threshold}\nand\n{short} > {threshold}\nand\ncount_over_time({total}[{seen}:{step}]) >= {steps}"
        );
        if burn.min_events > 1 {
            expr.push_str(&format!("\nand\nsum_over_time({total}[{window}:{step}]) >= {}", burn.min_events));
        }
        let (name, summary) = match burn.kind {
            BurnKind::Fast => {
                ("SpyhopSloBurnFast", "An objective uses up its budget so fast that somebody has to act now.")
            }
            BurnKind::Slow => ("SpyhopSloBurnSlow", "An objective uses up its budget faster than it may."),
        };
        let description = format!(
            "{}: {{{{ $value | humanizePercentage }}}} of the last {window} was bad, more than {}% ({} times what {} allows): at this rate the budget of {} is gone in {}.",
            self.who(),
            threshold.percent(),
            burn.factor,
            self.objective.target,
            self.span(self.objective.window.as_secs()),
            self.span(rounded(burn.exhausted.as_secs())),
        );
        let mut rule = self.alert(Text { name, summary, description }, expr, burn.severity, burn.wait, options);
        // What tells the pairs apart; called by their names at scale one.
        let named = |seconds| show(std::time::Duration::from_secs(seconds));
        rule.labels.extend([("short", named(burn.short)), ("long", named(burn.long))]);
        rule
    }

    /// The budget is gone; its source is.
    pub(super) fn budget_alerts(self, options: &Options) -> Vec<Rule> {
        let severity = self.objective.ticket.unwrap_or(Severity::Info);
        let window = self.span(self.objective.window.as_secs());
        let exhausted = Text {
            name: "SpyhopSloBudgetExhausted",
            summary: "An objective is missed: its budget is used up.",
            description: format!(
                "{}: {{{{ $value | humanizePercentage }}}} of the budget of {} over {window} is left.",
                self.who(),
                self.objective.target
            ),
        };
        let (left, coverage) =
            (self.series("spyhop:slo_budget_remaining:ratio"), self.series("spyhop:slo_coverage:ratio"));
        let gone = format!("{left} <= 0\nand\n{coverage} >= 0.5");
        let missing = Text {
            name: "SpyhopSloMissing",
            summary: "Nothing is known of what an objective is about.",
            description: format!(
                "{}: its source has given nothing for {}, so that {} is neither kept nor missed.",
                "{{ $labels.slo }}",
                self.span(MISSING),
                self.objective.target
            ),
        };
        vec![
            self.alert(exhausted, gone, severity, 300, options),
            self.alert(missing, self.absence(options), Severity::Warning.min(severity), MISSING, options),
        ]
    }

    /// What gives something when there is no source. What somebody stopped or took down has none and is missed by nobody, and while an agent is
    /// down that is said already.
    fn absence(self, options: &Options) -> String {
        let source = Source::of(self);
        let absent = format!("absent({})", source.presence());
        match source.last_wanted() {
            Some(wanted) => format!(
                "{absent}\nunless on ()\n(sum({wanted}) <= 0)\nunless on ()\n(up{{job=\"{}\"}} == 0)",
                options.job
            ),
            None => absent,
        }
    }

    fn alert(self, text: Text, expr: String, severity: Severity, wait: u64, options: &Options) -> Rule {
        let runbook = format!("{}/slo.md#{}", options.runbooks.trim_end_matches('/'), text.name.to_lowercase());
        let board = Board { uid: "spyhop-slo", by: &["slo"] };
        let annotations = vec![
            ("summary", text.summary.to_owned()),
            ("description", text.description),
            ("runbook_url", runbook),
            ("dashboard_url", board.address(&options.dashboards)),
        ];
        let mut labels = vec![("severity", severity.as_str().to_owned()), ("area", "slo".to_owned())];
        labels.extend(self.labels());
        let kind =
            Kind::Alert { name: text.name.to_owned(), wait: self.scale.of(wait), keep: self.scale.of(0), annotations };
        Rule { note: None, kind, expr, labels }
    }

    /// `shop-api-availability (shop/api on whale)`, where the series say so.
    fn who(self) -> String {
        match &self.objective.whose {
            Whose::Service { .. } | Whose::Pattern { .. } => {
                "{{ $labels.slo }} ({{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }})".to_owned()
            }
            Whose::Named { .. } => "{{ $labels.slo }}".to_owned(),
        }
    }
}

/// Seconds as people say them: whole hours from a day on.
const fn rounded(seconds: u64) -> u64 {
    match seconds {
        0..=7_200 => seconds / 60 * 60,
        _ => seconds / 3_600 * 3_600,
    }
}
