//! One table for each class, and what holds whatever comes.

mod bench;
mod properties;
mod remembered;

use std::{collections::BTreeSet, sync::Arc};

use super::*;
use crate::{
    isolation::{
        Evidence, Tier,
        passive::{Count, OneOf, Stranger},
    },
    model::{Attachment, Container, Glob, Protocol},
    policy::{Exception, Severity, examples},
};

pub(crate) use bench::*;

#[test]
fn a_clean_stack_has_no_findings_and_full_coverage() {
    let report = Bench { probed: probed([(edge("web", "db", 5432), Answer::Dropped)]), ..Bench::clean() }.once();
    assert_eq!(lines(&report), Vec::<String>::new());
    let shop = &report.projects["shop"];
    assert_eq!(shop.counts.len(), 10);
    assert!(shop.counts.values().all(|count| *count == 0) && !shop.truncated);
    let coverage: Vec<_> = shop.coverage.iter().map(|(tier, known)| (*tier, known.looked, known.of)).collect();
    assert_eq!(coverage, [(Tier::Static, 9, 9), (Tier::Passive, 3, 3), (Tier::Active, 1, 1)]);
    // Allowed: both used. Denied: web -> db closed, the rest untried.
    assert_eq!(shop.edges, Some([[2, 0, 0, 0, 0], [0, 0, 1, 1, 0]]));
    assert_eq!(report.graph.len(), 2);
}

#[test]
fn what_is_seen_is_held_against_flows_egress_and_host() {
    let outside = |address: &str| End::External(address.parse().unwrap());
    let unlisted = End::Unlisted("10.1.0.9".parse().unwrap());
    let table = [
        (edge("web", "db", 5432), Some("unexpected_flow web db:5432/tcp passive")),
        (edge("db", "web", 8080), Some("unexpected_flow db web:8080/tcp passive")),
        (edge("other/spy", "db", 5432), Some("unexpected_flow spy shop/db:5432/tcp passive")),
        (edge("web", "other/spy", 80), Some("unexpected_flow web other/spy:80/tcp passive")),
        (elsewhere("web", unlisted, 81), Some("unexpected_flow web unlisted:81/tcp passive")),
        (elsewhere("web", outside("203.0.113.1"), 443), None),
        (elsewhere("api", outside("203.0.113.1"), 443), Some("egress api 203.0.113.1:443/tcp passive")),
        (elsewhere("api", outside("2001:db8::1"), 443), Some("egress api [2001:db8::1]:443/tcp passive")),
        (elsewhere("db", End::Host, 22), Some("host_reach db 22/tcp passive")),
        (elsewhere("db", End::Host, 53), None),
        (elsewhere("db", End::Agent, 9477), None),
        (edge("db", "db", 5432), None),
        (edge("other/spy", "other/web", 80), None),
        (elsewhere("other/spy", outside("203.0.113.1"), 443), None),
    ];
    for (flow, expected) in table {
        let report = Bench { observed: Some(sweep([flow.clone()])), ..Bench::clean() }.once();
        assert_eq!(lines(&report), Vec::from_iter(expected), "{flow}");
    }
}

#[test]
fn flows_that_nobody_wrote_down_are_not_judged() {
    let wanted = Fake { flows: None, ..wanted() };
    let observed = Some(sweep([edge("web", "db", 5432), elsewhere("db", End::Host, 22)]));
    let probed = probed([(edge("web", "db", 5432), Answer::Open)]);
    let report = Bench { wanted, observed, probed, ..Bench::clean() }.once();
    assert_eq!(lines(&report), ["host_reach db 22/tcp passive"]);
    assert_eq!((report.projects["shop"].edges, report.projects["shop"].matrix.len()), (None, 0));
}

#[test]
fn probes_across_networks_are_violations_and_within_one_are_counted() {
    let table = [
        (edge("web", "db", 5432), Answer::Open, Some("unexpected_reachability web db:5432/tcp active")),
        (edge("web", "db", 5432), Answer::Refused, Some("unexpected_reachability web db:5432/tcp active")),
        (edge("web", "db", 5432), Answer::Dropped, None),
        (edge("web", "db", 5432), Answer::NoRoute, None),
        (edge("web", "db", 5432), Answer::Unknown, None),
        (edge("web", "mail", 25), Answer::Open, Some("excess_reachability web mail active")),
        (edge("web", "mail", 25), Answer::Refused, None),
        // A flow is between the two: a further port of the target is none, and its way back neither.
        (edge("web", "api", 9090), Answer::Open, None),
        (edge("db", "api", 8080), Answer::Open, None),
        (elsewhere("web", End::Host, 2375), Answer::Open, Some("host_reach web 2375/tcp active")),
        (elsewhere("web", End::Host, 2375), Answer::Refused, None),
        (elsewhere("web", End::Host, 53), Answer::Open, None),
    ];
    for (tried, answer, expected) in table {
        let mut bench =
            Bench { observed: Some(sweep([])), probed: probed([(tried.clone(), answer)]), ..Bench::clean() };
        bench.picture = examples::snapshot(vec![
            on("web", &["front"]),
            on("api", &["back", "front"]),
            on("db", &["back"]),
            on("mail", &["front"]),
        ]);
        assert_eq!(lines(&bench.once()), Vec::from_iter(expected), "{tried} {answer:?}");
    }
    let resolves = [("web", true), ("api", true), ("db", false)];
    let resolves = resolves.map(|(service, resolves)| (key(service), resolves)).into();
    let report = Bench { probed: Some(Probed { resolves, ..Probed::default() }), ..Bench::clean() }.once();
    assert_eq!(lines(&report), ["egress api dns active"], "web may go out, db cannot");
}

/// What the static tier counts with the ports that a sweep has seen.
#[test]
fn a_pair_on_one_network_without_a_flow_is_one_finding_and_info() {
    let mut bench = Bench::clean();
    let crowd = |from: &str, to: &str| Draft {
        to: Some(End::Service(key(to))),
        ..says(Class::ExcessReachability, from, to, Tier::Passive)
    };
    bench.excess = vec![crowd("web", "db"), crowd("web", "api"), crowd("api", "web"), crowd("db", "api")];
    let report = bench.once();
    assert_eq!(lines(&report), ["excess_reachability web db passive"], "the others talk, one way or the other");
    assert!(report.findings.iter().all(|finding| finding.severity == Severity::Info && finding.port.is_none()));
    assert_eq!(report.projects["shop"].counts[&Class::ExcessReachability], 1);
}

#[test]
fn neighbours_are_who_meet_on_a_network_that_lets_them() {
    use crate::model::{LinkOptions, Network};
    let mut bench = Bench { probed: probed([(edge("web", "db", 5432), Answer::Open)]), ..Bench::clean() };
    bench.observed = None;
    let mut found = |networks: [&[&str]; 2], walled: bool| {
        bench.picture = examples::snapshot(vec![on("web", networks[0]), on("db", networks[1])]);
        let options = LinkOptions { icc: walled.then_some(false), ..LinkOptions::default() };
        bench.picture.networks = vec![Arc::new(Network { name: "all".into(), options, ..Network::default() })];
        lines(&bench.once())
    };
    let reached = ["unexpected_reachability web db:5432/tcp active"];
    assert_eq!(found([&["all"], &["all"]], false), ["excess_reachability web db active"]);
    assert_eq!(found([&["all"], &["all"]], true), reached, "containers on it may not talk to each other");
    assert_eq!(found([&["none"], &["none"]], false), reached, "nobody meets anybody there");
    assert_eq!(found([&["all"], &["back"]], false), reached);
}

#[test]
fn a_way_that_is_used_stays_an_unexpected_flow_while_it_is_open() {
    let mut court = Court::default();
    let open = probed([(edge("web", "db", 5432), Answer::Open)]);
    let mut bench = Bench { probed: open.clone(), ..Bench::clean() };
    assert_eq!(lines(&bench.judge(&mut court, 0)), ["unexpected_reachability web db:5432/tcp active"]);
    bench.observed = Some(sweep([edge("web", "db", 5432)]));
    let both = bench.judge(&mut court, 10);
    assert_eq!(lines(&both), ["unexpected_flow web db:5432/tcp passive+active"], "not twice");
    assert_eq!((both.findings[0].since, both.findings[0].severity), (at(0), Severity::Critical));
    bench.observed = Some(sweep([]));
    let after = bench.judge(&mut court, 20);
    assert_eq!(lines(&after), ["unexpected_flow web db:5432/tcp active"], "it does not go back and forth");
    bench.probed = probed([(edge("web", "db", 5432), Answer::Dropped)]);
    assert_eq!(lines(&bench.judge(&mut court, 30)), Vec::<String>::new());
    bench.probed = open;
    let again = bench.judge(&mut court, 40);
    assert_eq!(lines(&again), ["unexpected_reachability web db:5432/tcp active"]);
    assert_eq!(again.findings[0].since, at(40), "it is another one");
}

#[test]
fn tiers_that_agree_are_one_finding_in_the_words_of_the_surest() {
    let fixed = vec![
        says(Class::HostReach, "db", "22/tcp", Tier::Static),
        says(Class::Placement, "db", "front", Tier::Static),
        says(Class::InternalFlag, "", "back", Tier::Static),
    ];
    let mut bench = Bench { fixed: Judged { drafts: fixed, ..Judged::default() }, ..Bench::clean() };
    bench.observed = Some(sweep([elsewhere("db", End::Host, 22)]));
    let report = bench.once();
    let expected = ["internal_flag  back static", "placement db front static", "host_reach db 22/tcp static+passive"];
    assert_eq!(lines(&report), expected, "the worst first, then by class");
    assert_eq!(
        report.findings[2].message,
        "a connection to port 22/tcp of the host was seen; host.reach does not list it"
    );
    assert_eq!(report.findings[2].evidence, Evidence::from(Tier::Static).with(Tier::Passive));
}

/// When the flow `api -> db:5432!` is missing, second by second.
#[test]
fn missing_flows_wait_for_whoever_has_just_started() {
    let started = |service: &str, second| Container { started_at: Some(at(second)), ..on(service, &["back"]) };
    let mut court = Court::default();
    let mut bench = Bench::clean();
    bench.observed = Some(sweep([]));
    let web = || on("web", &["front"]);
    let missing = |bench: &Bench, court: &mut Court, second| lines(&bench.judge(court, second));
    assert_eq!(missing(&bench, &mut court, 0), Vec::<String>::new(), "it listens");
    bench.picture = examples::snapshot(vec![on("api", &["back", "front"]), web()]);
    assert_eq!(missing(&bench, &mut court, 1), Vec::<String>::new(), "it may be made anew");
    assert_eq!(court.wakes(), Some(Duration::from_secs(10)));
    assert_eq!(missing(&bench, &mut court, 11), ["missing_flow api db:5432/tcp static+passive"]);
    // It is back, and does not listen yet.
    bench.picture = examples::snapshot(vec![on("api", &["back", "front"]), started("db", 12), web()]);
    bench.observed.as_mut().unwrap().listeners.remove(&key("db"));
    assert_eq!(missing(&bench, &mut court, 13), Vec::<String>::new());
    assert_eq!(missing(&bench, &mut court, 41), Vec::<String>::new());
    assert_eq!(missing(&bench, &mut court, 42), ["missing_flow api db:5432/tcp passive"]);
    // Who was not looked at may well listen.
    bench.observed.as_mut().unwrap().seen.remove(&key("db"));
    assert_eq!(missing(&bench, &mut court, 43), Vec::<String>::new());
    bench.observed.as_mut().unwrap().seen.insert(key("db"));
    assert_eq!(missing(&bench, &mut court, 44), Vec::<String>::new());
    assert_eq!(missing(&bench, &mut court, 54), ["missing_flow api db:5432/tcp passive"]);
    // A network is given to one of the two.
    let api = || on("api", &["back", "front", "side"]);
    bench.picture = examples::snapshot(vec![api(), started("db", 12), web()]);
    assert_eq!(missing(&bench, &mut court, 55), Vec::<String>::new());
    assert_eq!(missing(&bench, &mut court, 84), Vec::<String>::new());
    assert_eq!(missing(&bench, &mut court, 85), ["missing_flow api db:5432/tcp passive"]);
    bench.observed = Some(sweep([]));
    assert_eq!(missing(&bench, &mut court, 86), Vec::<String>::new());
    assert_eq!(court.wakes(), None);
    for (answer, is_missing) in [
        (Answer::Open, false),
        (Answer::Unknown, false),
        (Answer::Refused, true),
        (Answer::Dropped, true),
        (Answer::NoRoute, true),
    ] {
        bench.probed = probed([(edge("api", "db", 5432), answer)]);
        let expected: &[&str] = if is_missing { &["missing_flow api db:5432/tcp active"] } else { &[] };
        assert_eq!(missing(&bench, &mut court, 90), expected, "{answer:?}");
    }
}

#[test]
fn without_a_sweep_only_the_inventory_says_who_is_missing() {
    let mut bench = Bench { observed: None, ..Bench::clean() };
    let mut court = Court::default();
    assert_eq!(lines(&bench.judge(&mut court, 0)), Vec::<String>::new());
    bench.picture = examples::snapshot(vec![on("api", &["back"])]);
    bench.judge(&mut court, 1);
    assert_eq!(lines(&bench.judge(&mut court, 11)), ["missing_flow api db:5432/tcp static"]);
    let once = bench.judge(&mut Court::for_one_look(), 0);
    assert_eq!(lines(&once), ["missing_flow api db:5432/tcp static"], "a command that looks once waits for nobody");
}

fn exception(class: Class, service: &str, subject: &str, until: &str) -> Arc<Exception> {
    let glob = |text: &str| Some(Glob::new(text));
    Arc::new(Exception {
        class,
        project: glob("shop"),
        service: glob(service),
        subject: glob(subject),
        reason: "it is known".into(),
        until: until.parse().unwrap(),
    })
}

#[test]
fn exceptions_waive_until_their_day() {
    let mut bench = Bench::clean();
    bench.observed = Some(sweep([elsewhere("db", End::Host, 22), elsewhere("api", End::Host, 22)]));
    bench.policy.exceptions = vec![
        exception(Class::HostReach, "db", "22/tcp", "2099-01-01"),
        exception(Class::HostReach, "api", "2*", "2020-01-01"),
        exception(Class::HostReach, "web", "22/tcp", "2020-01-01"),
    ];
    let report = bench.once();
    assert_eq!(lines(&report), ["host_reach api 22/tcp passive"]);
    assert_eq!(report.projects["shop"].counts[&Class::HostReach], 1);
    let waived: Vec<_> = report.waived.iter().map(|(found, by)| (&*found.service.service, &*by.reason)).collect();
    assert_eq!(waived, [("db", "it is known")]);
    assert_eq!(report.expired, [Arc::clone(&bench.policy.exceptions[1])], "the third would cover nothing");
}

#[test]
fn severities_are_the_policys_and_a_class_that_is_off_is_not_there() {
    let mut bench = Bench::clean();
    bench.observed = Some(sweep([elsewhere("db", End::Host, 22), edge("web", "db", 5432)]));
    bench.probed = probed([(edge("web", "db", 5432), Answer::Open)]);
    bench.policy.checks.severity.insert(Class::HostReach, Severity::Info);
    bench.policy.checks.off = vec![Class::UnexpectedFlow];
    let report = bench.once();
    let severities: Vec<_> = report.findings.iter().map(|found| (found.class, found.severity)).collect();
    assert_eq!(
        severities,
        [(Class::UnexpectedReachability, Severity::Critical), (Class::HostReach, Severity::Info)],
        "the way is open, whether its use is asked for or not"
    );
}

#[test]
fn of_one_of_several_it_is_allowed_what_any_of_them_may() {
    let both = |names: [&str; 2]| names.map(key).into_iter().collect::<BTreeSet<_>>();
    let observed = |flow: Edge, one_of: OneOf| Observed {
        shared: [(key("web"), both(["web", "api"])), (key("db"), both(["db", "mail"]))].into(),
        one_of: [(flow.clone(), one_of)].into(),
        ..sweep([flow])
    };
    let [begins, asked] = [OneOf { from: true, to: false }, OneOf { from: false, to: true }];
    for (flow, one_of, expected) in [
        (edge("web", "db", 5432), begins, None),
        (edge("web", "db", 5432), OneOf::default(), Some("unexpected_flow web db:5432/tcp passive")),
        (edge("web", "db", 22), begins, Some("unexpected_flow web db:22/tcp passive")),
        (edge("web", "db", 5432), asked, Some("unexpected_flow web db:5432/tcp passive")),
        (elsewhere("web", End::Host, 22), begins, Some("host_reach web 22/tcp passive")),
    ] {
        let report = Bench { observed: Some(observed(flow.clone(), one_of)), ..Bench::clean() }.once();
        assert_eq!(lines(&report), Vec::from_iter(expected), "{flow} {one_of:?}");
        let said = report.findings.first().map_or("", |finding| &*finding.message);
        if one_of.from && expected.is_some() {
            assert!(said.ends_with("; one of api, web began it, which share a network namespace"), "{said}");
        }
        assert_eq!(said.contains("; one of db, mail was asked"), one_of.to, "{said}");
    }
}

#[test]
fn coverage_says_what_was_not_looked_at() {
    let mut bench = Bench::clean();
    let observed = bench.observed.as_mut().unwrap();
    observed.seen.remove(&key("web"));
    observed.unseen.insert(key("web"), "it shares the network of the host".to_owned());
    observed.seen.remove(&key("api"));
    let untried = [(edge("api", "web", 80), "the helper is away".to_owned())].into();
    let edges = [(edge("web", "db", 5432), Answer::Dropped), (edge("web", "db", 53), Answer::Unknown)].into();
    bench.probed = Some(Probed { edges, untried, ..Probed::default() });
    let gap = |service: &str, reason: &str| crate::policy::NotChecked {
        class: Some(Class::Placement),
        service: Some(key(service)),
        reason: reason.to_owned(),
    };
    bench.fixed.gaps = vec![gap("db", "not described"), gap("", "far away"), gap("other/spy", "not ours")];
    let report = bench.once();
    let coverage = &report.projects["shop"].coverage;
    assert_eq!((coverage[&Tier::Static].looked, coverage[&Tier::Static].of), (9, 11));
    assert_eq!(coverage[&Tier::Static].missing[1], ("shop".to_owned(), "far away".to_owned()));
    let why =
        |tier: Tier| coverage[&tier].missing.iter().map(|(what, why)| format!("{what}: {why}")).collect::<Vec<_>>();
    assert_eq!(why(Tier::Passive), ["api: it came after the last sweep", "web: it shares the network of the host"]);
    assert_eq!(
        why(Tier::Active),
        [
            "shop/web -> shop/db:53: the answer, or its absence, says nothing",
            "shop/api -> shop/web:80: the helper is away"
        ]
    );
    // What nobody can know is told, and takes nothing from the share.
    assert_eq!((coverage[&Tier::Active].looked, coverage[&Tier::Active].of), (1, 2));
    assert_eq!(report.not_checked().len(), 6);
    assert_eq!(Coverage::default().ratio(), 1.0);
}

#[test]
fn everything_is_bounded_and_counted() {
    let mut bench = Bench::clean();
    let outside = |at: u32| End::External(IpAddr::from((0xC633_6400 + at).to_be_bytes()));
    bench.observed = Some(sweep((0..1_500).map(|at| elsewhere("api", outside(at), 443))));
    bench.fixed.drafts = vec![says(Class::InternalFlag, "", "back", Tier::Static)];
    let report = bench.once();
    assert_eq!((report.findings.len(), report.findings[0].class), (MAX_FINDINGS, Class::InternalFlag));
    let shop = &report.projects["shop"];
    assert_eq!((shop.counts[&Class::Egress], shop.truncated), (1_500, true));
    let ports = (1..=6_000).map(|port| (Protocol::Tcp, port)).collect();
    bench.observed = Some(sweep([]));
    bench.observed.as_mut().unwrap().listeners.insert(key("db"), ports);
    let report = bench.once();
    assert_eq!((report.projects["shop"].matrix.len(), report.projects["shop"].truncated), (MAX_CELLS, true));
}
