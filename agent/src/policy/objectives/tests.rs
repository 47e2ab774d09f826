//! Targets, burn rates, whose objectives are, and what is refused.

use std::time::Duration;

use proptest::prelude::*;

use super::{resolve::resolve_with, *};
use crate::policy::{Layer, Limits, Policy, Profile, Project, ServiceRule, Tier};

const DAY: u64 = 86_400;

fn spec(name: &str, sli: Option<Sli>, target: &str) -> Spec {
    Spec {
        name: name.into(),
        origin: name.into(),
        project: "".into(),
        service: "".into(),
        sli,
        target: Target::parse(target).unwrap(),
        window: Duration::from_secs(30 * DAY),
        unknown: Unknown::Ignore,
        min_events: None,
        page: Notify::ByTier,
        ticket: Notify::ByTier,
    }
}

fn available(target: &str) -> Spec {
    spec("availability", Some(Sli::Availability(Serving::Healthy)), target)
}

fn ratio(target: &str) -> Spec {
    let events = Events::Bad(Query::Counter("bad_total".into()));
    spec("orders", Some(Sli::Ratio { events, total: Query::Counter("all_total".into()) }), target)
}

fn rule(name: &str, objectives: Vec<Spec>) -> ServiceRule {
    ServiceRule { name: name.into(), objectives, ..ServiceRule::default() }
}

fn policy(services: Vec<ServiceRule>) -> Policy {
    let base = Layer { services, ..Layer::default() };
    let project = Project { name: "shop".into(), base, ..Project::default() };
    Policy { projects: vec![Arc::new(project)], ..Policy::default() }
}

/// Every probe is made each 15 s, but for one that nobody declared.
fn fifteen(_: &Whose, name: &str) -> Option<u64> {
    (name != "nobody").then_some(15)
}

fn faults_of(spec: Spec) -> Vec<String> {
    let (_, faults) = resolve_with(&policy(vec![rule("api", vec![spec])]), &fifteen);
    faults.into_iter().map(|fault| format!("{}; {}", fault.what, fault.hint)).collect()
}

#[test]
fn targets_are_shares_below_all_and_written_exactly() {
    for (text, shown, share, budget) in [
        ("99.9%", "99.9%", "0.999", "0.001"),
        ("0.999", "99.9%", "0.999", "0.001"),
        ("99.95 %", "99.95%", "0.9995", "0.0005"),
        ("98%", "98%", "0.98", "0.02"),
        ("99.9999%", "99.9999%", "0.999999", "0.000001"),
        ("0.5", "50%", "0.5", "0.5"),
    ] {
        let target = Target::parse(text).unwrap();
        assert_eq!(
            (target.to_string(), target.share().to_string(), target.budget().to_string()),
            (shown.into(), share.into(), budget.into())
        );
    }
    for text in
        ["100%", "1", "0", "0%", "", "%", "99.99999%", "-1%", "1e-1", "101%", ".9", "9.", "nine", "0.9999999", "1.5"]
    {
        assert_eq!(Target::parse(text), None, "{text}");
    }
}

#[test]
fn burn_rates_of_thirty_days_are_the_usual_ones() {
    let (all, faults) = resolve_with(&policy(vec![rule("api", vec![ratio("99.9%")])]), &fifteen);
    assert_eq!(faults, []);
    let burns: Vec<_> = all[0]
        .burns()
        .into_iter()
        .map(|burn| (burn.factor.to_string(), burn.threshold.to_string(), burn.min_events))
        .collect();
    let expected = [("14.4", "0.0144", 70), ("6", "0.006", 167), ("3", "0.003", 334), ("1", "0.001", 1000)];
    assert_eq!(burns, expected.map(|(factor, threshold, events)| (factor.to_owned(), threshold.to_owned(), events)));
    assert_eq!(all[0].burns()[0].exhausted, Duration::from_secs(30 * DAY * 10 / 144));
}

#[test]
fn other_windows_keep_the_share_of_the_budget_and_drop_what_does_not_fit() {
    let factors = |window: u64| {
        let spec = Spec { window: Duration::from_secs(window), ..available("99.9%") };
        let (all, _) = resolve_with(&policy(vec![rule("api", vec![spec])]), &fifteen);
        all[0].burns().iter().map(|burn| burn.factor.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(factors(28 * DAY), ["13.44", "5.6", "2.8", "1"]);
    assert_eq!(factors(90 * DAY), ["43.2", "18", "9", "3"]);
    assert_eq!(factors(7 * DAY), ["3.36", "1.4", "1", "1"]);
    assert_eq!(factors(DAY), ["1", "1", "1"]);
    assert_eq!(factors(3_600), ["1"]);
}

#[test]
fn what_cannot_fire_is_refused() {
    // 14.4 times a budget of 6.94 % is just everything.
    assert_eq!(faults_of(available("93.06%")), [] as [&str; 0]);
    let found = faults_of(available("93.05%"));
    assert_eq!(
        found,
        [
            "14.4 times the budget of 93.05% is more than everything, so that it can never fire; raise the target, or write page: off"
        ]
    );
    let without = |target: &str| faults_of(Spec { page: Notify::Off, ..available(target) });
    assert_eq!(without("93.05%"), [] as [&str; 0]);
    assert_eq!(without("66.7%"), [] as [&str; 0]);
    assert!(without("66.6%")[0].starts_with("3 times the budget of 66.6%"), "{:?}", without("66.6%"));
    let neither = Spec { page: Notify::Off, ticket: Notify::Off, ..available("50%") };
    assert_eq!(faults_of(neither), [] as [&str; 0]);
}

#[test]
fn what_pages_on_a_single_failed_probe_is_refused() {
    let faults = |target: &str, interval: u64| {
        let probe = spec("answers", Some(Sli::Probe("health".into())), target);
        let (_, faults) = resolve_with(&policy(vec![rule("api", vec![probe])]), &move |_, _| Some(interval));
        faults.into_iter().map(|fault| fault.what).collect::<Vec<_>>()
    };
    // Seconds below which one failure is not enough: 3600 x 14.4 x the budget.
    for (target, good, bad) in
        [("99%", 518, 519), ("99.5%", 259, 260), ("99.9%", 51, 52), ("99.95%", 25, 26), ("99.99%", 5, 6)]
    {
        assert_eq!(faults(target, good), [] as [&str; 0], "{target} at {good} s");
        assert_eq!(
            faults(target, bad),
            [format!("would page on a single failed probe: one every {bad} s")],
            "{target}"
        );
    }
    let sampled = faults_of(available("99.99%"));
    assert_eq!(sampled, ["would page on a single bad sample: one every 15 s; lower the target, or write page: off"]);
    assert_eq!(faults_of(Spec { page: Notify::Off, ..available("99.99%") }), [] as [&str; 0]);
    let many = spec("answers", Some(Sli::Probe("health".into())), "99%");
    let found = faults_of(Spec { min_events: Some(241), ..many });
    assert_eq!(found, ["asks for 241 events in a window that has 240, so that it can never fire; lower min_events"]);
}

#[test]
fn windows_names_probes_and_unknown_time_are_looked_at() {
    for seconds in [3_599, 90 * DAY + 1] {
        let found = faults_of(Spec { window: Duration::from_secs(seconds), ..available("99.9%") });
        assert_eq!(
            found,
            ["is about less than an hour, or more than 90 days; write window: 30d, and keep as much in Prometheus"]
        );
    }
    for seconds in [3_600, 90 * DAY] {
        // At the target of 99 % nothing else is wrong with either.
        assert_eq!(faults_of(Spec { window: Duration::from_secs(seconds), ..available("99%") }), [] as [&str; 0]);
    }
    let unknown = faults_of(spec("answers", Some(Sli::Probe("nobody".into())), "99.9%"));
    assert!(unknown[0].starts_with("there is no probe \"nobody\"; declare it"), "{unknown:?}");
    let bad = faults_of(Spec { unknown: Unknown::Bad, ..spec("checks", Some(Sli::HealthChecks), "98%") });
    assert!(bad[0].starts_with("cannot count unknown time as bad"), "{bad:?}");
    assert_eq!(faults_of(Spec { unknown: Unknown::Bad, ..available("99.9%") }), [] as [&str; 0]);
    let (_, clash) =
        resolve_with(&policy(vec![rule("a-b", vec![available("99%")]), rule("a_b", vec![available("99%")])]), &fifteen);
    assert_eq!(clash[0].what, "comes to the same name as availability: shop-a-b-availability");
}

#[test]
fn a_tier_gives_its_objectives_to_each_service_that_does_not_say_otherwise() {
    let tier = Tier {
        name: "gold".into(),
        severity: Severity::Warning,
        limits: Limits::default(),
        objectives: vec![available("99.9%"), spec("checks", Some(Sli::HealthChecks), "98%")],
    };
    let gold = |rule: ServiceRule| ServiceRule { tier: Some("gold".into()), ..rule };
    let mut policy = policy(vec![
        gold(rule("api", vec![available("99.5%")])),
        gold(rule("db", vec![spec("availability", None, "99%")])),
        gold(ServiceRule { job: Some(true), ..rule("migrate", vec![]) }),
        gold(rule("*", vec![])),
        rule("web", vec![]),
    ]);
    policy.tiers.push(Arc::new(tier));
    let (all, faults) = resolve_with(&policy, &fifteen);
    assert_eq!(faults, []);
    let found: Vec<_> = all.iter().map(|one| (&*one.slo, one.target.to_string())).collect();
    let expected = [
        ("shop-api-availability", "99.5%"),
        ("shop-api-checks", "98%"),
        ("shop-db-checks", "98%"),
        ("shop-availability", "99.9%"),
        ("shop-checks", "98%"),
    ];
    assert_eq!(found, expected.map(|(slo, target)| (slo, target.to_owned())));
    assert_eq!((all[0].page, all[0].ticket), (Some(Severity::Warning), Some(Severity::Warning)));
    let except = vec!["api".into(), "db".into()];
    assert_eq!(all[3].whose, Whose::Pattern { project: "shop".into(), pattern: "*".into(), except });
}

#[test]
fn a_profile_that_is_asked_for_comes_first() {
    let layer = Layer { services: vec![rule("api", vec![available("90%")])], ..Layer::default() };
    let mut policy = policy(vec![rule("api", vec![available("99.9%")])]);
    let project = Arc::make_mut(&mut policy.projects[0]);
    project.profiles.push(Profile { name: "dev".into(), files: vec![], layer });
    let target = |policy: &Policy| resolve_with(policy, &fifteen).0[0].target.to_string();
    assert_eq!(target(&policy), "99.9%");
    policy.profiles.push("dev".into());
    assert_eq!(target(&policy), "90%");
}

#[test]
fn starts_page_nobody_unless_somebody_wants_it() {
    let page = |notify| {
        let start = Spec { page: notify, ..spec("start", Some(Sli::Start(30.0)), "99%") };
        resolve_with(&policy(vec![rule("api", vec![start])]), &fifteen).0[0].page
    };
    assert_eq!(page(Notify::ByTier), None);
    assert_eq!(page(Notify::At(Severity::Info)), Some(Severity::Info));
}

proptest! {
    #[test]
    fn no_threshold_is_crossed_by_one_bad_event_among_the_fewest(millionths in 930_600_u64..999_999, days in 1_u64..=90) {
        let spec = Spec { window: Duration::from_secs(days * DAY), ..ratio(&format!("0.{millionths:06}")) };
        let (all, _) = resolve_with(&policy(vec![rule("api", vec![spec])]), &fifteen);
        for burn in all[0].burns() {
            prop_assert!(1.0 / burn.min_events as f64 <= burn.threshold.value() + 1e-12, "{burn:?}");
            prop_assert!((burn.threshold.value() - burn.factor.value() * all[0].target.budget().value()).abs() < 1e-9);
        }
    }

    #[test]
    fn labels_are_plain_and_never_empty(project in "[a-zA-Z0-9_.-]{1,12}", service in "\\PC{1,12}") {
        let mut policy = policy(vec![rule(&service, vec![available("99%")])]);
        Arc::make_mut(&mut policy.projects[0]).name = project.into();
        let (all, _) = resolve_with(&policy, &fifteen);
        let slo = &all[0].slo;
        prop_assert!(slo.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{slo}");
        prop_assert!(slo.ends_with("availability") && !slo.starts_with('-') && !slo.contains("--"), "{slo}");
    }
}

#[test]
fn who_is_to_be_told_can_be_told() {
    let half_a_day = |page| Spec { window: Duration::from_secs(12 * 3_600), page, ..available("99%") };
    assert_eq!(faults_of(half_a_day(Notify::ByTier)), [] as [&str; 0]);
    assert_eq!(
        faults_of(half_a_day(Notify::Off)),
        [
            "is about less time than a burn rate of its alerts needs, so that none can fire; write window: 1d or longer, or page: off and ticket: off"
        ]
    );
}
