//! What holds of every rendered objective, whatever it counts. Whether Prometheus takes it, and when it fires, is in `tests/alerts`.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    policy::{
        Layer, Project, ServiceRule,
        objectives::{Notify, Serving, Sli, Spec, Target, Unknown},
    },
    render::Kind,
};

fn policy(service: &str, target: &str, days: u64) -> Policy {
    let spec = Spec {
        name: "availability".into(),
        origin: "x".into(),
        project: "".into(),
        service: "".into(),
        sli: Some(Sli::Availability(Serving::Healthy)),
        target: Target::parse(target).unwrap(),
        window: Duration::from_secs(days * 86_400),
        unknown: Unknown::Ignore,
        min_events: None,
        page: Notify::ByTier,
        ticket: Notify::ByTier,
    };
    let rule = ServiceRule { name: service.into(), objectives: vec![spec], ..ServiceRule::default() };
    let project =
        Project { name: "shop".into(), base: Layer { services: vec![rule], ..Layer::default() }, ..Project::default() };
    Policy { projects: vec![Arc::new(project)], ..Policy::default() }
}

fn rules(policy: &Policy, options: &Options) -> Vec<Rule> {
    files(policy, options).into_iter().flat_map(|file| file.groups).flat_map(|group| group.rules).collect()
}

#[test]
fn without_objectives_there_is_no_file() {
    assert_eq!(files(&Policy::default(), &Options::default()), []);
    assert_eq!(longest_window(&Policy::default()), None);
    assert_eq!(longest_window(&policy("api", "99.9%", 30)), Some(Duration::from_secs(30 * 86_400)));
}

#[test]
fn names_that_mean_something_to_prometheus_are_written_as_names() {
    for (service, selector) in
        [("a\"b", "service=\"a\\\"b\""), ("a\\b", "service=\"a\\\\b\""), ("*.w+", "service=~\".*\\\\.w\\\\+\"")]
    {
        let rules = rules(&policy(service, "99%", 30), &Options::default());
        assert!(rules[0].expr.contains(selector), "{selector} is not in {}", rules[0].expr);
    }
}

#[test]
fn a_scale_changes_windows_and_not_names() {
    let options = Options { scale: Scale::new(0.01).unwrap(), ..Options::default() };
    let rules = rules(&policy("api", "99.9%", 30), &options);
    let hour = rules.iter().find(|rule| rule.name() == "spyhop:slo_errors:ratio1h").unwrap();
    assert!(hour.expr.contains("[36s]") && !hour.expr.contains("[1h]"), "{}", hour.expr);
    let burn = rules.iter().find(|rule| rule.name() == "SpyhopSloBurnFast").unwrap();
    assert!(burn.expr.contains("[1m12s:3s]) >= 12"), "{}", burn.expr);
    assert!(burn.labels.contains(&("long", "1h".to_owned())), "{:?}", burn.labels);
    assert!(matches!(burn.kind, Kind::Alert { wait, .. } if wait == Duration::from_millis(1_200)), "{:?}", burn.kind);
}

#[test]
fn a_window_of_its_own_has_a_ratio_and_no_longer_one() {
    let ratios = |days: u64| {
        let rules = rules(&policy("api", "99%", days), &Options::default());
        let named =
            rules.iter().filter_map(|rule| rule.name().strip_prefix("spyhop:slo_errors:ratio")).map(str::to_owned);
        named.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ratios(30), "5m 30m 1h 2h 6h 1d 3d 30d");
    assert_eq!(ratios(3), "5m 30m 1h 2h 6h 1d 3d");
    assert_eq!(ratios(1), "5m 30m 1h 2h 6h 1d");
}

proptest! {
    #[test]
    fn every_recorded_series_that_is_read_is_recorded(millionths in 940_000_u64..999_000, days in 1_u64..=90) {
        let policy = policy("api", &format!("0.{millionths:06}"), days);
        let options = Options { compat: vec![Compat::Sloth, Compat::PyrraGeneric], ..Options::default() };
        let rules = rules(&policy, &options);
        let recorded: BTreeSet<&str> = rules.iter().map(Rule::name).collect();
        for rule in &rules {
            for (at, _) in rule.expr.match_indices("spyhop:") {
                let name: String = rule.expr.chars().skip(at).take_while(|c| c.is_ascii_alphanumeric() || "_:".contains(*c)).collect();
                prop_assert!(recorded.contains(name.as_str()), "{}: {name}", rule.name());
            }
        }
        let names: BTreeSet<_> = rules.iter().map(|rule| (rule.name(), format!("{:?}", rule.labels))).collect();
        prop_assert_eq!(names.len(), rules.len(), "two rules make the same series");
    }
}
