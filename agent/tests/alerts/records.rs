//! Every recorded series of the example of objectives, and of what is written for other tools, has the value that its source says.

use std::{collections::BTreeMap, fmt::Write as _, fs};

use spyhop::{
    policy::Policy,
    render::{self, Compat, Kind, Options, Rule},
};

use crate::{mutants, promtool, rendered::example, timeline::Timeline};

/// What is given for two hours, a sample a minute, a service each.
const SERIES: &[(&str, &str)] = &[
    (
        "spyhop_probe_attempts_total{host=\"h\",project=\"\",service=\"site\",replica=\"\",probe=\"site\",kind=\"https\"}",
        "0+2x120",
    ),
    (
        "spyhop_probe_failures_total{host=\"h\",project=\"\",service=\"site\",replica=\"\",probe=\"site\",kind=\"https\"}",
        "0+1x120",
    ),
    ("payments_total{outcome=\"ok\"}", "0+3x120"),
    ("payments_total{outcome=\"no\"}", "0+1x120"),
    ("payments_waiting{queue=\"a\"}", "90x120"),
    ("payments_waiting{queue=\"b\"}", "150x120"),
    ("http_requests_total{job=\"shop\",code=\"200\"}", "0+9x120"),
    ("http_requests_total{job=\"shop\",code=\"500\"}", "0+1x120"),
    ("http_requests_total{job=\"other\",code=\"500\"}", "0+7x120"),
    // Two replicas make a service; another probe, and another service, are not counted.
    (
        "spyhop_probe_attempts_total{host=\"h\",project=\"shop\",service=\"api\",replica=\"1\",probe=\"health\",kind=\"http\"}",
        "0+2x120",
    ),
    (
        "spyhop_probe_attempts_total{host=\"h\",project=\"shop\",service=\"api\",replica=\"2\",probe=\"health\",kind=\"http\"}",
        "0+2x120",
    ),
    (
        "spyhop_probe_attempts_total{host=\"h\",project=\"shop\",service=\"api\",replica=\"1\",probe=\"deep\",kind=\"http\"}",
        "0+9x120",
    ),
    (
        "spyhop_probe_failures_total{host=\"h\",project=\"shop\",service=\"api\",replica=\"1\",probe=\"health\",kind=\"http\"}",
        "0+1x120",
    ),
    (
        "spyhop_probe_failures_total{host=\"h\",project=\"shop\",service=\"api\",replica=\"2\",probe=\"health\",kind=\"http\"}",
        "0x120",
    ),
    (
        "spyhop_probe_slow_total{host=\"h\",project=\"shop\",service=\"api\",replica=\"1\",probe=\"health\",kind=\"http\"}",
        "0+3x120",
    ),
    ("spyhop_service_health_checks_total{host=\"h\",project=\"shop\",service=\"api\",result=\"passed\"}", "0+3x120"),
    ("spyhop_service_health_checks_total{host=\"h\",project=\"shop\",service=\"api\",result=\"timed_out\"}", "0+1x120"),
    ("spyhop_service_startup_duration_seconds_count{host=\"h\",project=\"shop\",service=\"api\"}", "0+4x120"),
    (
        "spyhop_service_startup_duration_seconds_bucket{host=\"h\",project=\"shop\",service=\"api\",le=\"30.0\"}",
        "0+3x120",
    ),
    (
        "spyhop_service_startup_duration_seconds_bucket{host=\"h\",project=\"shop\",service=\"api\",le=\"60.0\"}",
        "0+4x120",
    ),
    ("spyhop_service_replicas_expected{host=\"h\",project=\"shop\",service=\"api\"}", "1x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"api\",state=\"healthy\"}", "0x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"api\",state=\"running\"}", "1x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"api\",state=\"stopped\"}", "0x120"),
    // Runs, though not healthily.
    ("spyhop_service_replicas_expected{host=\"h\",project=\"shop\",service=\"db\"}", "1x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"db\",state=\"healthy\"}", "0x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"db\",state=\"running\"}", "1x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"db\",state=\"stopped\"}", "0x120"),
    // Two of three are expected, one was stopped, one is healthy.
    ("spyhop_service_replicas_expected{host=\"h\",project=\"shop\",service=\"pdf-worker\"}", "3x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"pdf-worker\",state=\"healthy\"}", "1x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"pdf-worker\",state=\"running\"}", "2x120"),
    ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"pdf-worker\",state=\"stopped\"}", "1x120"),
];

/// An objective, its labels beside `slo`, bad and all events of five minutes, target, days.
type Expected = (&'static str, &'static str, f64, f64, f64, f64);

const EXPECTED: &[Expected] = &[
    ("site-site", "host=\"h\",service=\"site\"", 5.0, 10.0, 0.995, 30.0),
    ("shop-checkout-payments", "project=\"shop\",service=\"checkout\"", 5.0, 20.0, 0.995, 28.0),
    ("shop-checkout-queue", "project=\"shop\",service=\"checkout\"", 6.0, 6.0, 0.99, 28.0),
    ("shop-api-orders", "project=\"shop\",service=\"api\"", 5.0, 50.0, 0.999, 30.0),
    ("shop-api-answers", "host=\"h\",project=\"shop\",service=\"api\",tier=\"critical\"", 5.0, 20.0, 0.999, 30.0),
    ("shop-api-fast", "host=\"h\",project=\"shop\",service=\"api\",tier=\"critical\"", 15.0, 15.0, 0.99, 30.0),
    ("shop-api-health-checks", "host=\"h\",project=\"shop\",service=\"api\",tier=\"critical\"", 5.0, 20.0, 0.98, 30.0),
    ("shop-api-start", "host=\"h\",project=\"shop\",service=\"api\",tier=\"critical\"", 5.0, 20.0, 0.95, 90.0),
    ("shop-api-availability", "host=\"h\",project=\"shop\",service=\"api\",tier=\"critical\"", 6.0, 6.0, 0.999, 30.0),
    ("shop-db-availability", "host=\"h\",project=\"shop\",service=\"db\",tier=\"critical\"", 0.0, 6.0, 0.995, 7.0),
    (
        "shop-worker-availability",
        "host=\"h\",project=\"shop\",service=\"pdf-worker\",tier=\"critical\"",
        6.0,
        6.0,
        0.99,
        30.0,
    ),
];

#[test]
fn every_recorded_series_is_what_its_source_says() {
    if !promtool::is_here() {
        return;
    }
    let rules = rules(&["objectives.yml", "objectives-sloth.yml", "objectives-pyrra.yml"]);
    let mut times = Timeline::new(1);
    times.series(SERIES);
    let mut tested = 0;
    for Rule { kind, labels, .. } in &rules {
        let Kind::Record(name) = kind else { continue };
        let label = |wanted: &str| labels.iter().find(|(label, _)| *label == wanted).map(|(_, value)| value.as_str());
        let slo = label("slo").or_else(|| label("sloth_id")).unwrap();
        let expected =
            EXPECTED.iter().find(|(known, ..)| *known == slo).unwrap_or_else(|| panic!("{slo} is not in the table"));
        let value = value(name, expected);
        match name.strip_prefix("spyhop:") {
            // Ours: with every label.
            Some(_) => {
                let labels =
                    if name.ends_with("objective:ratio") { without_host(expected.1) } else { expected.1.to_owned() };
                let comma = if labels.is_empty() { "" } else { "," };
                let shown = format!("{name}{{slo=\"{slo}\"{comma}{labels}}}");
                times.value(
                    &format!("{name}{{slo=\"{slo}\"}}"),
                    120,
                    &format!("[{{labels: \"{}\", value: {value}}}]", shown.replace('"', "\\\"")),
                );
            }
            None => {
                let by = if label("sloth_id").is_some() { "sloth_id" } else { "slo" };
                times.value(
                    &format!("max({name}{{{by}=\"{slo}\"}})"),
                    120,
                    &format!("[{{labels: \"{{}}\", value: {value}}}]"),
                );
            }
        }
        tested += 1;
    }
    assert!(tested > 300, "{tested} series");
    promtool::test_texts(&mutants::text(&rules), &times.text).unwrap();
}

/// The value of a recorded series after two hours.
fn value(name: &str, (_, _, bad, total, target, days): &Expected) -> f64 {
    let ratio = bad / total;
    // As it is rendered: what is left of 1, in millionths.
    let budget = ((1.0 - target) * 1e6).round() / 1e6;
    let sampled = *total == 6.0;
    match name {
        "spyhop:slo_good:bool" => 1.0 - ratio,
        "spyhop:slo_bad:increase5m" => *bad,
        "spyhop:slo_total:increase5m" => *total,
        "spyhop:slo_objective:ratio" | "slo:objective:ratio" | "pyrra_objective" => *target,
        "spyhop:slo_budget_remaining:ratio" | "slo:period_error_budget_remaining:ratio" => 1.0 - ratio / budget,
        // A pair each five minutes; of a counter not before its second sample.
        "spyhop:slo_coverage:ratio" => (if sampled { 25.0 } else { 24.0 }) / (days * 288.0),
        "slo:error_budget:ratio" => budget,
        "slo:time_period:days" => *days,
        "slo:current_burn_rate:ratio" | "slo:period_burn_rate:ratio" => ratio / budget,
        "sloth_slo_info" => 1.0,
        "pyrra_window" => days * 86_400.0,
        "pyrra_availability" => 1.0 - ratio,
        "pyrra_requests:rate5m" => total / 300.0,
        "pyrra_errors:rate5m" => bad / 300.0,
        name if name.starts_with("spyhop:slo_errors:ratio") || name.starts_with("slo:sli_error:ratio_rate") => ratio,
        other => panic!("{other}: what should it be?"),
    }
}

fn without_host(labels: &str) -> String {
    // A constant knows neither host nor, of a pattern, the service.
    let kept = labels.split(',').filter(|label| !label.starts_with("host=") && *label != "service=\"pdf-worker\"");
    let kept: Vec<&str> =
        kept.filter(|label| !labels.contains("pdf-worker") || !label.starts_with("project=")).collect();
    kept.join(",")
}

/// Rules of some files of the example, in the order in which they need each other.
fn rules(names: &[&str]) -> Vec<Rule> {
    let compat = vec![Compat::Sloth, Compat::PyrraGeneric];
    let files = render::rules(&example(), &Options { compat, ..Options::default() });
    let mut by_name: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    for file in files {
        by_name.entry(file.name).or_default().extend(file.groups.into_iter().flat_map(|group| group.rules));
    }
    names.iter().flat_map(|name| by_name.remove(*name).unwrap()).collect()
}

/// The service is not seen any more from the second hour on: bad, neither, or stopped by somebody.
#[test]
fn time_of_which_nothing_is_known_counts_as_the_objective_says() {
    if !promtool::is_here() {
        return;
    }
    for (unknown, good) in [("bad", "[{labels: \"{}\", value: 0}]"), ("ignore", "[]")] {
        let mut text = String::from("projects: { shop: { services: { api: { objectives: ");
        write!(text, "{{ availability: {{ availability: running, target: 99%, unknown: {unknown} }} }} }} }} }} }}")
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("policy.yml"), text).unwrap();
        let policy = crate::rendered::policy(&folder.path().join("policy.yml"));
        let rules = text_of(&policy);
        let service = "host=\"h\",project=\"shop\",service=\"api\"";
        let of = |running: &str, stopped: &str, expected: &str| {
            let mut times = Timeline::new(1);
            times.series(&[
                (&format!("spyhop_service_replicas_expected{{{service}}}"), expected),
                (&format!("spyhop_service_replicas{{{service},state=\"running\"}}"), running),
                (&format!("spyhop_service_replicas{{{service},state=\"stopped\"}}"), stopped),
            ]);
            times
        };
        let mut gone = of("1x60 stale", "0x60 stale", "1x60 stale");
        gone.value("max(spyhop:slo_good:bool)", 60, "[{labels: \"{}\", value: 1}]");
        gone.value("max(spyhop:slo_good:bool)", 90, good);
        // A day after it was last seen nobody expects it any more.
        gone.value("max(spyhop:slo_good:bool)", 60 + 24 * 60 + 10, "[]");
        promtool::test_texts(&rules, &gone.text).unwrap_or_else(|error| panic!("{unknown}: {error}"));
        let mut stopped = of("1x60 0x60", "0x60 1x60", "1x120");
        stopped.value("max(spyhop:slo_good:bool)", 90, "[]");
        stopped.alert_is(120, "SpyhopSloMissing", false);
        promtool::test_texts(&rules, &stopped.text).unwrap_or_else(|error| panic!("{unknown}, stopped: {error}"));
        let mut dead = of("1x60 0x60", "0x120", "1x120");
        dead.value("max(spyhop:slo_good:bool)", 90, "[{labels: \"{}\", value: 0}]");
        promtool::test_texts(&rules, &dead.text).unwrap_or_else(|error| panic!("{unknown}, dead: {error}"));
    }
}

/// A source that is gone is told of after an hour, unless somebody stopped the service.
#[test]
fn a_missing_source_is_told_unless_the_service_was_stopped() {
    if !promtool::is_here() {
        return;
    }
    let rules = text_of(&example());
    let of_probe = "max(ALERTS{alertname=\"SpyhopSloMissing\",alertstate=\"firing\",slo=\"shop-api-answers\"})";
    // The last is taken down, and forgotten ten minutes later.
    for (expected, stopped, told) in
        [("1x130", "0x130", true), ("1x130", "1x130", false), ("1x10 stale", "0x4 1x6 stale", false)]
    {
        let mut times = Timeline::new(1);
        times.series(&[
            ("spyhop_service_replicas_expected{host=\"h\",project=\"shop\",service=\"api\"}", expected),
            ("spyhop_service_replicas{host=\"h\",project=\"shop\",service=\"api\",state=\"stopped\"}", stopped),
        ]);
        times.expect(of_probe, 59, false);
        times.expect(of_probe, 60, told);
        promtool::test_texts(&rules, &times.text).unwrap_or_else(|error| panic!("{stopped}: {error}"));
    }
}

fn text_of(policy: &Policy) -> String {
    let files = render::alerts(policy, &Options::default());
    files.into_iter().find(|file| file.name == "objectives.yml").unwrap().text
}
