//! When objectives fire: the published times, on rules rendered from a policy, by the real promtool.
//!
//! Expected minutes come from the definition alone: a constant share of errors `e` crosses `factor x budget` of a window after
//! `factor x budget x window / e`, and then waits. Steps of a minute, and pairs of five for windows of a day and more, round it up.

use std::fmt::Write as _;

use spyhop::render::{self, Options};

use crate::{promtool, rendered::policy, root};

/// Minutes of good service before a fault: as long as the longest window that matters.
const HISTORY_OF_PAGES: u64 = 7 * 60;
const HISTORY_OF_TICKETS: u64 = 3 * 24 * 60;
/// Requests a minute.
const TRAFFIC: u64 = 1_000;

/// Errors a minute, and for the windows 1h, 6h, 1d and 3d the last minute at which its alert does not fire and the first at which it
/// does; `None` for never.
struct Row {
    errors: u64,
    pages: [Option<(u64, u64)>; 2],
    tickets: [Option<(u64, u64)>; 2],
}

/// Crossing by the formula (in the comment) plus 2, 15, 60 and 180 minutes. Pages are looked at each minute. Tickets are sums of pairs, looked
/// at each five minutes, by alerts which see what was recorded the time before; and a range takes in both its ends, so a day has 289 of them.
const TABLE: &[Row] = &[
    // 0.86 2.16 4.32 4.32
    Row { errors: 1_000, pages: [Some((2, 3)), Some((17, 18))], tickets: [Some((60, 70)), Some((180, 190))] },
    // 8.64 21.6 43.2 43.2
    Row { errors: 100, pages: [Some((10, 11)), Some((36, 37))], tickets: [Some((100, 110)), Some((220, 230))] },
    // 43.2 108 216 216
    Row { errors: 20, pages: [Some((45, 46)), Some((122, 124))], tickets: [Some((275, 285)), Some((395, 405))] },
    // never 216 432 432
    Row { errors: 10, pages: [None, Some((230, 232))], tickets: [Some((490, 500)), Some((610, 620))] },
    // never never 864 864
    Row { errors: 5, pages: [None, None], tickets: [Some((920, 935)), Some((1_040, 1_055))] },
    // never never never 2160
    Row { errors: 2, pages: [None, None], tickets: [None, Some((2_335, 2_350))] },
    Row { errors: 1, pages: [None, None], tickets: [None, None] },
];

#[test]
fn alerts_fire_when_the_table_says() {
    if !promtool::is_here() {
        return;
    }
    let rules = rules();
    for row in TABLE {
        cells(&rules, row.errors, HISTORY_OF_PAGES, 1, ["1h", "6h"], row.pages);
        cells(&rules, row.errors, HISTORY_OF_TICKETS, 5, ["1d", "3d"], row.tickets);
    }
}

/// Two cells of a row, in steps of so many minutes.
fn cells(rules: &str, errors: u64, history: u64, step: u64, windows: [&str; 2], fires: [Option<(u64, u64)>; 2]) {
    let last = fires.iter().flatten().map(|(_, fires)| *fires).max().unwrap_or(600) / step * step;
    let (before, after) = (history / step, last / step);
    let (traffic, errors) = (TRAFFIC * step, errors * step);
    let series = [
        ("http_requests_total", format!("0+{traffic}x{}", before + after)),
        ("http_errors_total", format!("0x{before} {errors}+{errors}x{after}")),
    ];
    let mut test = Test::new(step, &series);
    for (long, fires) in windows.into_iter().zip(fires) {
        match fires {
            Some((quiet, fires)) => {
                test.fired(long, history + quiet, false);
                test.fired(long, history + fires, true);
            }
            None => test.fired(long, history + last, false),
        }
    }
    promtool::test_texts(rules, &test.text)
        .unwrap_or_else(|error| panic!("{errors} errors in {step} minutes: {error}"));
}

#[test]
fn after_recovery_the_short_window_ends_an_alert() {
    if !promtool::is_here() {
        return;
    }
    // Twenty minutes of nothing but errors, then none.
    let series = [
        ("http_requests_total", format!("0+{TRAFFIC}x{}", HISTORY_OF_PAGES + 400)),
        ("http_errors_total", format!("0x{HISTORY_OF_PAGES} 1000+1000x19 20000x380")),
    ];
    let mut test = Test::new(1, &series);
    let end = HISTORY_OF_PAGES + 20;
    for (long, fires, over) in [("1h", 4, 5), ("6h", 29, 30)] {
        test.fires(long, end + fires, true);
        test.fires(long, end + over, false);
    }
    promtool::test_texts(&rules(), &test.text).unwrap();
}

#[test]
fn a_cold_start_and_hardly_any_traffic_page_nobody() {
    if !promtool::is_here() {
        return;
    }
    // From the first minute on everything fails: an hour of that is asked for.
    let series = [("http_requests_total", "0+1000x120".to_owned()), ("http_errors_total", "0+1000x120".to_owned())];
    let mut cold = Test::new(1, &series);
    cold.fired("1h", 61, false);
    cold.fired("1h", 63, true);
    cold.fired("6h", 120, false);
    cold.fired("3d", 120, false);
    promtool::test_texts(&rules(), &cold.text).unwrap();
    // One request a minute, of which one fails: 1/60 is more than 1.44 %, and still only one. Two a minute, one of which fails: as little.
    for (requests, errors, pages) in [(1, "1x200", false), (2, "1x200", false), (2, "2x200", true)] {
        let series =
            [("http_requests_total", format!("0+{requests}x400")), ("http_errors_total", format!("0x200 {errors}"))];
        let mut rare = Test::new(1, &series);
        rare.fired("1h", 400, pages);
        promtool::test_texts(&rules(), &rare.text)
            .unwrap_or_else(|error| panic!("{requests} a minute, {errors}: {error}"));
    }
}

#[test]
fn an_alert_says_whose_budget_goes_and_how_fast() {
    if !promtool::is_here() {
        return;
    }
    let says = |history: u64, step: u64, minute: u64, name: &str, labels: &str, summary: &str, says: &str| {
        let (before, after, each) = (history / step, 300 / step, TRAFFIC * step);
        let series = [
            ("http_requests_total", format!("0+{each}x{}", before + after)),
            ("http_errors_total", format!("0x{before} {each}+{each}x{after}")),
        ];
        let mut test = Test::new(step, &series);
        test.alert(history + minute, name, labels, summary, says);
        promtool::test_texts(&rules(), &test.text).unwrap();
    };
    says(
        HISTORY_OF_PAGES,
        1,
        3,
        "SpyhopSloBurnFast",
        "severity: critical, area: slo, slo: http, short: 5m, long: 1h",
        "An objective uses up its budget so fast that somebody has to act now.",
        "http: 5% of the last 1h was bad, more than 1.44% (14.4 times what 99.9% allows): at this rate the budget of 30d is gone in 2d2h.",
    );
    says(
        HISTORY_OF_TICKETS,
        5,
        75,
        "SpyhopSloBurnSlow",
        "severity: warning, area: slo, slo: http, short: 2h, long: 1d",
        "An objective uses up its budget faster than it may.",
        "http: 4.844% of the last 1d was bad, more than 0.3% (3 times what 99.9% allows): at this rate the budget of 30d is gone in 10d.",
    );
}

/// The rules of one objective of 99.9 %.
pub(crate) fn rules() -> String {
    let policy = policy(&root().join("agent/tests/fixtures/policy/one_ratio.yml"));
    let files = render::alerts(&policy, &Options::default());
    files.into_iter().find(|file| file.name == "objectives.yml").unwrap().text
}

/// A promtool test in steps of some minutes.
pub(crate) struct Test {
    pub(crate) text: String,
    alerts: bool,
    step: u64,
}

impl Test {
    pub(crate) fn new(step: u64, series: &[(&str, String)]) -> Self {
        let mut text = format!(
            "rule_files: [rules.yml]\nevaluation_interval: {step}m\ntests:\n  - interval: {step}m\n    input_series:\n"
        );
        for (name, values) in series {
            writeln!(text, "      - {{series: '{name}', values: '{values}'}}").unwrap();
        }
        Self { text, alerts: false, step }
    }

    /// Whether the alert with that long window has fired at any time until then.
    fn fired(&mut self, long: &str, minute: u64, yes: bool) {
        let ever = format!("[{minute}m:{}m]", self.step);
        self.expect(&format!("max(max_over_time(ALERTS{{alertstate=\"firing\",long=\"{long}\"}}{ever}))"), minute, yes);
    }

    /// Whether it fires then.
    fn fires(&mut self, long: &str, minute: u64, yes: bool) {
        self.expect(&format!("max(ALERTS{{alertstate=\"firing\",long=\"{long}\"}})"), minute, yes);
    }

    /// An expression that gives 1, or nothing.
    pub(crate) fn expect(&mut self, expr: &str, minute: u64, yes: bool) {
        let samples = if yes { "[{labels: '{}', value: 1}]" } else { "[]" };
        self.value(expr, minute, samples);
    }

    pub(crate) fn value(&mut self, expr: &str, minute: u64, samples: &str) {
        assert!(!self.alerts, "expressions come first");
        if !self.text.contains("promql_expr_test") {
            self.text.push_str("    promql_expr_test:\n");
        }
        writeln!(self.text, "      - {{expr: '{expr}', eval_time: {minute}m, exp_samples: {samples}}}").unwrap();
    }

    /// An alert with all that it says.
    fn alert(&mut self, minute: u64, name: &str, labels: &str, summary: &str, says: &str) {
        if !self.alerts {
            self.text.push_str("    alert_rule_test:\n");
            self.alerts = true;
        }
        writeln!(
            self.text,
            "      - eval_time: {minute}m\n        alertname: {name}\n        exp_alerts:\n          - exp_labels: {{{labels}}}\n            \
             exp_annotations:\n              summary: \"{summary}\"\n              description: \"{says}\"\n              \
             runbook_url: docs/runbooks/slo.md#{}\n              dashboard_url: \"/d/spyhop-slo?var-slo=http\"",
            name.to_lowercase()
        )
        .unwrap();
    }
}
