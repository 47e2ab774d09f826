//! Every alert fires when it should, not before, not beside it, and not for longer: by the real promtool.

use std::collections::BTreeSet;

use spyhop::render::{Weight, catalogue};

use crate::{cases::SUITES, promtool, rendered::in_step, root};

#[test]
fn the_test_files_are_those_of_the_tables() {
    for suite in SUITES {
        let path = root().join(format!("alerts/tests/{}.yml", suite.file));
        in_step(&path, &suite.file(&format!("../{}.yml", suite.file), None));
    }
}

#[test]
fn rules_are_clean_and_pass_their_tests() {
    if !promtool::is_here() {
        return;
    }
    for suite in SUITES {
        promtool::check(&root().join(format!("alerts/{}.yml", suite.file)));
        let tests = root().join(format!("alerts/tests/{}.yml", suite.file));
        promtool::test(&tests).unwrap();
        promtool::test_with_the_other(&tests).unwrap();
    }
}

#[test]
fn every_alert_has_a_case_in_both_directions() {
    let tested: BTreeSet<&str> = SUITES.iter().flat_map(|suite| suite.cases()).map(|case| case.alert).collect();
    let known: BTreeSet<&str> = catalogue::all().map(|(_, alert)| alert.name).collect();
    assert_eq!(tested, known);
    for case in SUITES.iter().flat_map(|suite| suite.cases()) {
        assert!(!case.series.is_empty() && !case.fires.is_empty(), "{}: it never fires", case.alert);
        let (until, at, over) = (seconds(case.until), seconds(case.at), seconds(case.over));
        assert!(until < at && at < over, "{}: {} < {} < {}", case.alert, case.until, case.at, case.over);
    }
    for (_, alert) in catalogue::all() {
        let cases = || SUITES.iter().flat_map(|suite| suite.cases()).filter(|case| case.alert == alert.name);
        assert!(cases().any(|case| !case.quiet.is_empty()), "{}: nothing beside it stays quiet", alert.name);
        let boundary = cases().any(|case| seconds(case.at) - seconds(case.until) == 30);
        assert!(boundary, "{}: the evaluation before it fires is not looked at", alert.name);
        let kept = cases().all(|case| case.still.is_empty() == (alert.keep == 0));
        assert!(kept, "{}: that it fires on is not tested, or it does not", alert.name);
        let by_tier = matches!(alert.weight, Weight::ByTier { .. });
        let tiers = cases().any(|case| case.tiers.len() == 3);
        assert_eq!(by_tier, tiers, "{}: its tiers are not tested", alert.name);
    }
}

/// `1h2m30s` in seconds.
fn seconds(text: &str) -> u64 {
    let mut total = 0;
    let mut number = 0;
    for c in text.chars() {
        match (c, c.to_digit(10)) {
            (_, Some(digit)) => number = number * 10 + u64::from(digit),
            ('h', None) => (total, number) = (total + number * 3_600, 0),
            ('m', None) => (total, number) = (total + number * 60, 0),
            (_, None) => (total, number) = (total + number, 0),
        }
    }
    total
}
