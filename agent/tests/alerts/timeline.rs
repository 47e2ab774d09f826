//! promtool tests of what happens over hours and days: faults, when alerts with which long window fire, what they say.

use std::fmt::Write as _;

/// Requests a minute while there are many.
const TRAFFIC: u64 = 1_000;

/// A promtool file in steps of some minutes; each set of series begins a test of its own.
pub(crate) struct Timeline {
    pub(crate) text: String,
    step: u64,
    section: &'static str,
}

impl Timeline {
    pub(crate) fn new(step: u64) -> Self {
        let text = format!("rule_files: [rules.yml]\nevaluation_interval: {step}m\ntests:\n");
        Self { text, step, section: "" }
    }

    /// Minutes between two evaluations.
    pub(crate) const fn step(&self) -> u64 {
        self.step
    }

    /// Series of a test, a sample each step.
    pub(crate) fn series(&mut self, series: &[(&str, &str)]) {
        writeln!(self.text, "  - interval: {}m\n    input_series:", self.step).unwrap();
        for (name, values) in series {
            writeln!(self.text, "      - {{series: '{name}', values: '{values}'}}").unwrap();
        }
        self.section = "";
    }

    /// Good service for so many minutes, then errors a minute, then good service again.
    pub(crate) fn fault(&mut self, good: u64, errors: u64, minutes: u64, after: u64) {
        let [good, minutes, after] = [good, minutes, after].map(|minutes| minutes / self.step);
        let (traffic, errors) = (TRAFFIC * self.step, errors * self.step);
        let total = format!("0+{traffic}x{}", good + minutes + after);
        let most = errors * minutes;
        let bad = format!("0x{good} {errors}+{errors}x{} {most}x{after}", minutes.saturating_sub(1));
        self.series(&[("http_requests_total", &total), ("http_errors_total", &bad)]);
    }

    /// Whether the alert with that long window has fired at any time until then.
    pub(crate) fn fired(&mut self, long: &str, minute: u64, yes: bool) {
        let ever = format!("[{minute}m:{}m]", self.step);
        self.expect(&format!("max(max_over_time(ALERTS{{alertstate=\"firing\",long=\"{long}\"}}{ever}))"), minute, yes);
    }

    /// Whether it fires then.
    pub(crate) fn fires(&mut self, long: &str, minute: u64, yes: bool) {
        self.expect(&format!("max(ALERTS{{alertstate=\"firing\",long=\"{long}\"}})"), minute, yes);
    }

    /// Whether an alert fires then.
    pub(crate) fn alert_is(&mut self, minute: u64, name: &str, yes: bool) {
        self.expect(&format!("max(ALERTS{{alertstate=\"firing\",alertname=\"{name}\"}})"), minute, yes);
    }

    pub(crate) fn fires_alert(&mut self, minute: u64, name: &str) {
        self.alert_is(minute, name, true);
    }

    /// An expression that gives 1, or nothing.
    pub(crate) fn expect(&mut self, expr: &str, minute: u64, yes: bool) {
        self.value(expr, minute, if yes { "[{labels: '{}', value: 1}]" } else { "[]" });
    }

    /// An expression and what it gives.
    pub(crate) fn value(&mut self, expr: &str, minute: u64, samples: &str) {
        self.section("promql_expr_test");
        writeln!(self.text, "      - {{expr: '{expr}', eval_time: {minute}m, exp_samples: {samples}}}").unwrap();
    }

    /// An alert with all that it says.
    pub(crate) fn alert(&mut self, minute: u64, name: &str, labels: &str, summary: &str, says: &str) {
        self.section("alert_rule_test");
        writeln!(
            self.text,
            "      - eval_time: {minute}m\n        alertname: {name}\n        exp_alerts:\n          - exp_labels: {{{labels}}}\n            \
             exp_annotations:\n              summary: \"{summary}\"\n              description: \"{says}\"\n              \
             runbook_url: docs/runbooks/slo.md#{}\n              dashboard_url: \"/d/spyhop-slo?var-slo=http\"",
            name.to_lowercase()
        )
        .unwrap();
    }

    /// Sections of a test stand once each: a change of section while there is one already begins the same test anew.
    fn section(&mut self, section: &'static str) {
        if self.section == section {
            return;
        }
        if !self.section.is_empty() {
            let start = self.text.rfind("  - interval:").unwrap();
            let head: String = self.text[start..]
                .lines()
                .take_while(|line| !line.trim_start().ends_with("_test:"))
                .map(|line| format!("{line}\n"))
                .collect();
            self.text.push_str(&head);
        }
        self.section = section;
        writeln!(self.text, "    {section}:").unwrap();
    }
}
