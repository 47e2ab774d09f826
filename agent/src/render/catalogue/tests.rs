//! What every entry keeps to, whatever it is about.

use std::collections::BTreeSet;

use super::*;
use crate::{
    policy::Policy,
    render::{Kind, Scale, alerts},
};

fn rules(options: &Options) -> Vec<crate::render::Rule> {
    files(options).into_iter().flat_map(|file| file.groups).flat_map(|group| group.rules).collect()
}

#[test]
fn names_are_ours_and_unique() {
    let names: Vec<&str> = all().map(|(_, alert)| alert.name).collect();
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len());
    for name in names {
        let rest = name.strip_prefix("Spyhop").unwrap();
        assert!(rest.starts_with(char::is_uppercase) && rest.chars().all(char::is_alphanumeric), "{name}");
    }
}

#[test]
fn a_summary_is_a_static_sentence_and_a_description_a_template() {
    for (_, alert) in all() {
        let AlertText { summary, description } = AlertText::of(alert);
        assert!(summary.starts_with(char::is_uppercase) && summary.ends_with('.'), "{}: {summary}", alert.name);
        assert!(!summary.contains("{{") && !summary.contains('<'), "{}: {summary}", alert.name);
        assert!(description.contains("{{ $") && description.ends_with('.'), "{}: {description}", alert.name);
    }
}

struct AlertText {
    summary: &'static str,
    description: &'static str,
}

impl AlertText {
    fn of(alert: &Alert) -> Self {
        Self { summary: alert.summary, description: alert.description }
    }
}

#[test]
fn every_hole_is_filled_and_every_value_is_used_and_has_its_reason() {
    for (_, alert) in all() {
        for (_, value) in alert.all_values() {
            let hole = format!("<{}>", value.name);
            assert!(alert.expr.contains(&hole), "{}: {hole} is not in its expression", alert.name);
            assert!(value.why.len() > 10, "{}: {hole} has no reason", alert.name);
        }
        assert!(alert.why.ends_with('.'), "{}: why does it wait so long?", alert.name);
    }
    for rule in rules(&Options::default()) {
        let Kind::Alert { annotations, .. } = &rule.kind else { continue };
        for text in annotations.iter().map(|(_, text)| text).chain([&rule.expr]) {
            let hole = text.split('<').skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
            assert!(!hole, "{}: {text}", rule.name());
        }
    }
}

#[test]
fn thresholds_that_are_counted_from_are_in_the_text() {
    for (_, alert) in all() {
        let windows = |name: &str| ["memory", "step", "window", "traffic"].contains(&name);
        for (_, value) in alert.all_values().into_iter().filter(|(_, value)| !windows(value.name)) {
            let hole = format!("<{}>", value.name);
            assert!(alert.description.contains(&hole), "{}: {hole} is not in its description", alert.name);
        }
    }
}

#[test]
fn tiers_are_told_apart_and_everybody_is_in_one_rule() {
    let down: Vec<_> =
        rules(&Options::default()).into_iter().filter(|rule| rule.name() == "SpyhopServiceDown").collect();
    let severities: Vec<&str> = down.iter().map(|rule| rule.labels[0].1.as_str()).collect();
    assert_eq!(severities, ["critical", "warning", "info"]);
    for (rule, severity) in down.iter().zip(severities) {
        assert!(rule.expr.contains(&format!("spyhop_service_tier_info{{severity=\"{severity}\"}}")), "{}", rule.expr);
        assert_eq!(rule.expr.contains("unless"), severity == "critical", "{}", rule.expr);
    }
    let oom: Vec<_> = rules(&Options::default()).into_iter().filter(|rule| rule.name() == "SpyhopOomKilled").collect();
    assert_eq!(oom.len(), 2);
    assert!(oom[0].expr.contains("severity=~\"warning|critical\""), "{}", oom[0].expr);
    assert!(oom[1].expr.contains("severity=\"info\""), "{}", oom[1].expr);
}

#[test]
fn a_scale_reaches_every_duration() {
    let options = Options { scale: Scale::new(0.01).unwrap(), ..Options::default() };
    let text: String = alerts(&Policy::default(), &options).into_iter().map(|file| file.text).collect();
    let slow = alerts(&Policy::default(), &Options::default());
    assert!(slow.iter().any(|file| file.text.contains("for: 5m")));
    for duration in ["for: 5m", "[15m]", "interval: 30s", "[1d", "86400)", "keep_firing_for: 15m"] {
        assert!(!text.contains(duration), "{duration} is not scaled");
    }
    for duration in ["for: 3s", "[9s]", "interval: 1s", "864)", "keep_firing_for: 9s"] {
        assert!(text.contains(duration), "{duration} is missing");
    }
}

#[test]
fn the_job_and_the_bases_are_single_values() {
    let options = Options {
        job: "whales".into(),
        runbooks: "https://wiki.example/run/".into(),
        dashboards: "https://grafana.example".into(),
        ..Options::default()
    };
    let text: String = alerts(&Policy::default(), &options).into_iter().map(|file| file.text).collect();
    assert!(!text.contains("job=\"spyhop\"") && text.contains("up{job=\"whales\"}"));
    assert!(text.contains("runbook_url: https://wiki.example/run/services.md#spyhopservicedown"));
    assert!(text.contains("https://grafana.example/d/spyhop-service?var-host={{ $labels.host | urlquery }}"));
}
