//! What holds whatever the tiers say, and in whatever order.

use proptest::prelude::*;

use super::*;

/// Any draft of a small world, so that many meet.
fn draft() -> impl Strategy<Value = Draft> {
    let classes = proptest::sample::select(isolation_classes().collect::<Vec<_>>());
    let services = proptest::sample::select(vec!["web", "api", "db", "other/spy"]);
    let subjects = proptest::sample::select(vec!["db:5432/tcp", "back", "22/tcp"]);
    let tiers = proptest::sample::select(Tier::ALL.to_vec());
    (classes, services, subjects, tiers, "[ab]")
        .prop_map(|(class, service, subject, tier, message)| Draft { message, ..says(class, service, subject, tier) })
}

/// What any sweep may have seen.
fn seen() -> impl Strategy<Value = Observed> {
    let ends = prop_oneof![
        proptest::sample::select(vec!["web", "api", "db"]).prop_map(|service| End::Service(key(service))),
        Just(End::Host),
        Just(End::External("198.51.100.7".parse().unwrap())),
    ];
    let from = proptest::sample::select(vec!["web", "api", "db"]);
    let ports = proptest::sample::select(vec![22_u16, 53, 5432, 8080]);
    let edges = (from, ends, ports).prop_map(|(from, to, port)| elsewhere(from, to, port));
    proptest::collection::vec(edges, 0..8).prop_map(sweep)
}

fn bench(fixed: Vec<Draft>, observed: Observed) -> Bench {
    Bench { fixed: Judged { drafts: fixed, ..Judged::default() }, observed: Some(observed), ..Bench::clean() }
}

/// A finding without when it began.
fn bare(report: &Report) -> Vec<Finding> {
    report.findings.iter().cloned().map(|finding| Finding { since: at(0), ..finding }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_order_of_drafts_does_not_matter(
        drafts in proptest::collection::vec(draft(), 0..20),
        observed in seen(),
        turn in 0_usize..20,
    ) {
        let mut turned = drafts.clone();
        turned.reverse();
        let middle = turn.min(turned.len());
        turned.rotate_left(middle);
        let (one, other) = (bench(drafts, observed.clone()).once(), bench(turned, observed).once());
        prop_assert_eq!(one.findings, other.findings);
        prop_assert_eq!(one.projects, other.projects);
    }

    /// Whatever was before: after one judgement without it a finding is gone, and what is repeated is there since it began.
    #[test]
    fn what_nobody_repeats_goes_and_what_is_repeated_stays(
        before in proptest::collection::vec(draft(), 0..12),
        now in proptest::collection::vec(draft(), 0..12),
        observed in seen(),
    ) {
        let mut court = Court::default();
        let first = bench(before, observed.clone()).judge(&mut court, 0);
        let clean = Bench { observed: Some(sweep([])), ..Bench::clean() };
        let second = bench(now.clone(), observed.clone()).judge(&mut court, 10);
        let same = |a: &Finding, b: &Finding| a.class == b.class && a.service == b.service && a.subject == b.subject;
        for finding in &second.findings {
            let stood = first.findings.iter().any(|known| same(known, finding));
            prop_assert!(!stood || finding.since == at(0), "{:?}", finding);
        }
        let fresh = bench(now, observed).once();
        let subjects = |report: &Report| {
            let pairs = report.findings.iter().map(|found| (found.service.clone(), Arc::clone(&found.subject)));
            pairs.collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(subjects(&second), subjects(&fresh), "nothing is left of what was");
        prop_assert_eq!(lines(&clean.judge(&mut court, 20)), Vec::<String>::new());
    }

    /// The same looks again say the same: nothing comes and goes by itself, and each finding keeps its beginning.
    #[test]
    fn nothing_flaps(drafts in proptest::collection::vec(draft(), 0..12), observed in seen(), later in 1_i64..1_000) {
        let mut court = Court::default();
        let bench = bench(drafts, observed);
        let first = bench.judge(&mut court, 0);
        for round in 1..4 {
            let again = bench.judge(&mut court, later * round);
            prop_assert_eq!(&again.findings, &first.findings);
            prop_assert_eq!(again.projects["shop"].counts.clone(), first.projects["shop"].counts.clone());
        }
        let fresh = bench.once();
        prop_assert_eq!(bare(&fresh), bare(&first));
    }
}
