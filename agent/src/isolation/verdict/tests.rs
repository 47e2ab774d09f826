//! One table for each class, and what holds whatever comes.

mod properties;

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

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(examples::now().as_second() + seconds).unwrap()
}

pub(crate) fn key(service: &str) -> ServiceKey {
    match service.split_once('/') {
        Some((project, service)) => ServiceKey { project: project.into(), service: service.into() },
        None => ServiceKey { project: "shop".into(), service: service.into() },
    }
}

pub(crate) fn edge(from: &str, to: &str, port: u16) -> Edge {
    Edge { from: key(from), to: End::Service(key(to)), port, protocol: Protocol::Tcp }
}

fn elsewhere(from: &str, to: End, port: u16) -> Edge {
    Edge { from: key(from), to, port, protocol: Protocol::Tcp }
}

/// A policy of the project `shop`, by hand.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) services: Vec<&'static str>,
    /// `None`: flows are not judged.
    pub(crate) flows: Option<Vec<(Edge, bool)>>,
    egress: Vec<(&'static str, &'static str)>,
    host: Vec<u16>,
}

impl Wanted for Fake {
    fn hash(&self, project: &str) -> Arc<str> {
        format!("of {project}").into()
    }

    fn projects(&self) -> Vec<Arc<str>> {
        vec!["shop".into()]
    }

    fn services(&self, project: &str) -> Vec<Arc<str>> {
        if project == "shop" { self.services.iter().map(|name| Arc::from(*name)).collect() } else { Vec::new() }
    }

    fn allows(&self, edge: &Edge) -> Option<bool> {
        let target = if let End::Service(target) = &edge.to { Some(target) } else { None };
        let ours = |key: &ServiceKey| *key.project == *"shop";
        let flows = self.flows.as_ref().filter(|_| ours(&edge.from) || target.is_some_and(ours))?;
        let own = matches!(&edge.to, End::Service(target) if *target == edge.from);
        Some(own || flows.iter().any(|(named, _)| named == edge))
    }

    fn admits_anybody(&self, to: &ServiceKey, port: u16, _protocol: Protocol) -> Option<bool> {
        self.flows.as_ref().filter(|_| *to.project == *"shop").map(|_| self.host.contains(&port))
    }

    fn allowed(&self) -> Vec<Edge> {
        self.flows.iter().flatten().map(|(edge, _)| edge.clone()).collect()
    }

    fn required(&self) -> Vec<Edge> {
        self.flows.iter().flatten().filter(|(_, required)| *required).map(|(edge, _)| edge.clone()).collect()
    }

    fn may_leave(&self, from: &ServiceKey, to: IpAddr, _port: u16, _protocol: Protocol) -> bool {
        self.egress.iter().any(|(service, address)| *from == key(service) && to.to_string() == *address)
    }

    fn may_resolve(&self, from: &ServiceKey) -> bool {
        self.egress.iter().any(|(service, _)| *from == key(service))
    }

    fn may_reach_host(&self, _from: &ServiceKey, port: u16, _protocol: Protocol) -> bool {
        self.host.contains(&port)
    }
}

/// `web -> api:8080`, `api -> db:5432!`; `web` may reach 203.0.113.1, everybody port 53 of the host.
pub(crate) fn wanted() -> Fake {
    Fake {
        services: vec!["api", "db", "web"],
        flows: Some(vec![(edge("web", "api", 8080), false), (edge("api", "db", 5432), true)]),
        egress: vec![("web", "203.0.113.1")],
        host: vec![53],
    }
}

pub(crate) fn on(service: &str, networks: &[&str]) -> Container {
    let ServiceKey { project, service } = key(service);
    let attached = |network: &&str| Attachment {
        network: (*network).into(),
        network_id: None,
        addresses: Vec::new(),
        aliases: Vec::new(),
    };
    Container {
        networks: networks.iter().map(attached).collect(),
        started_at: Some(at(-1_000)),
        ..examples::sound(&project, &service)
    }
}

/// `web` and `api` on `front`, `api` and `db` on `back`.
pub(crate) fn picture() -> Snapshot {
    examples::snapshot(vec![on("web", &["front"]), on("api", &["back", "front"]), on("db", &["back"])])
}

/// A sweep that saw everybody, who listens as the flows say, and these connections.
pub(crate) fn sweep(flows: impl IntoIterator<Item = Edge>) -> Observed {
    let listeners = [("api", 8080), ("db", 5432)];
    Observed {
        flows: flows.into_iter().map(|edge| (edge, 1)).collect(),
        listeners: listeners.map(|(service, port)| (key(service), BTreeSet::from([(Protocol::Tcp, port)]))).into(),
        seen: ["web", "api", "db"].map(key).into(),
        ..Observed::default()
    }
}

/// Everything that can be judged, to be changed by a test.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) policy: Policy,
    pub(crate) wanted: Fake,
    pub(crate) picture: Snapshot,
    pub(crate) fixed: Judged,
    pub(crate) excess: Vec<Draft>,
    pub(crate) observed: Option<Observed>,
    pub(crate) probed: Option<Probed>,
}

impl Bench {
    pub(crate) fn clean() -> Self {
        let observed = Some(sweep([edge("web", "api", 8080), edge("api", "db", 5432)]));
        let (policy, excess, probed) = Default::default();
        let fixed = Judged { checked: [("shop".into(), 9)].into(), ..Judged::default() };
        Self { policy, wanted: wanted(), picture: picture(), fixed, excess, observed, probed }
    }

    pub(crate) fn judge(&self, court: &mut Court, second: i64) -> Report {
        let now = at(second);
        let mut observed = self.observed.clone();
        if let Some(observed) = &mut observed {
            court.meet(&self.picture, now);
            court.saw(&self.wanted, observed, now);
        }
        court.judge(&Look {
            policy: &self.policy,
            wanted: &self.wanted,
            snapshot: &self.picture,
            fixed: &self.fixed,
            excess: &self.excess,
            observed: observed.as_ref(),
            probed: self.probed.as_ref(),
            now,
        })
    }

    fn once(&self) -> Report {
        self.judge(&mut Court::default(), 0)
    }
}

/// `class service subject evidence` of each finding.
pub(crate) fn lines(report: &Report) -> Vec<String> {
    let line = |finding: &Finding| {
        let Finding { class, service, subject, .. } = finding;
        format!("{} {} {subject} {}", class.as_str(), service.service, finding.evidence_words())
    };
    report.findings.iter().map(line).collect()
}

fn says(class: Class, service: &str, subject: &str, tier: Tier) -> Draft {
    let (to, port, message) = (None, None, format!("{} says so", tier.as_str()));
    Draft { class, service: key(service), to, port, subject: subject.into(), message, tier }
}

fn probed<const N: usize>(answers: [(Edge, Answer); N]) -> Option<Probed> {
    Some(Probed { edges: answers.into(), ..Probed::default() })
}

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
fn attempts_are_forgotten_a_day_after_the_last_of_them() {
    let mut court = Court::default();
    let mut bench = Bench::clean();
    let attempts = |bench: &mut Bench, from: &str| {
        bench.observed.as_mut().unwrap().attempts = [(edge(from, "db", 5432), 1)].into();
    };
    let denied = |report: Report| report.projects["shop"].denied.values().copied().collect::<Vec<_>>();
    attempts(&mut bench, "web");
    assert_eq!(denied(bench.judge(&mut court, 0)), [1]);
    let day = DENIED_KEPT.as_secs().cast_signed();
    assert_eq!(denied(bench.judge(&mut court, day - 1)), [2], "a nightly job goes on counting");
    bench.observed = Some(sweep([]));
    assert_eq!(denied(bench.judge(&mut court, 2 * day - 2)), [2]);
    assert_eq!(
        denied(bench.judge(&mut court, 2 * day)),
        Vec::<u64>::new(),
        "of who has given up there is no series for good"
    );
    attempts(&mut bench, "web");
    assert_eq!(denied(bench.judge(&mut court, 2 * day + 1)), [1]);
}

#[test]
fn what_is_too_much_to_remember_goes_by_its_age() {
    let known = |ages: &[(u8, i64)]| -> BTreeMap<u8, ((), Timestamp)> {
        ages.iter().map(|(key, second)| (*key, ((), at(*second)))).collect()
    };
    for (most, left) in [(5, vec![1, 2, 3, 4]), (3, vec![1, 3, 4]), (2, vec![3, 4]), (0, vec![])] {
        let mut known = known(&[(1, 20), (2, 10), (3, 30), (4, 40), (5, -100)]);
        keep_newest(&mut known, at(40), Duration::from_secs(60), most);
        assert_eq!(known.into_keys().collect::<Vec<_>>(), left, "{most}");
    }
    let mut equal = known(&[(1, 0), (2, 0), (3, 0)]);
    keep_newest(&mut equal, at(0), Duration::from_secs(60), 2);
    assert_eq!(equal.into_keys().collect::<Vec<_>>(), [1, 2], "of one age the last in order goes");
}

#[test]
fn attempts_in_vain_are_counted_by_project_and_service_and_never_fewer() {
    let mut court = Court::default();
    let mut bench = Bench::clean();
    let attempts = [
        (edge("web", "db", 5432), 2),
        (elsewhere("web", End::External("198.51.100.7".parse().unwrap()), 25), 1),
        (edge("web", "api", 8080), 7),
        (edge("other/spy", "db", 5432), 5),
    ];
    bench.observed.as_mut().unwrap().attempts = attempts.into();
    let denied = |report: &Report| report.projects["shop"].denied.clone();
    let report = bench.judge(&mut court, 0);
    assert_eq!(denied(&report), [("web".into(), 3)].into(), "what is allowed and not answered is no denied attempt");
    bench.policy = Policy { digest: Some("other".into()), ..Policy::default() };
    bench.observed = Some(sweep([]));
    assert_eq!(denied(&bench.judge(&mut court, 10)), [("web".into(), 3)].into(), "another policy starts no new count");
    assert!(!report.projects.contains_key("other"), "who has no say has no series");
}

#[test]
fn the_former_address_of_a_container_is_its_own_for_an_hour() {
    let mut court = Court::default();
    let mut bench = Bench::clean();
    let mut api = on("api", &["back", "front"]);
    let address: IpAddr = "172.18.0.9".parse().unwrap();
    api.networks[0].addresses.push(address);
    bench.picture = examples::snapshot(vec![api, on("web", &["front"]), on("db", &["back"])]);
    bench.judge(&mut court, 0);
    bench.picture = picture();
    bench.observed = Some(sweep([elsewhere("web", End::Unlisted(address), 8080)]));
    assert_eq!(lines(&bench.judge(&mut court, 10)), Vec::<String>::new(), "web still holds on to what api had");
    bench.judge(&mut court, 3_600);
    assert_eq!(lines(&bench.judge(&mut court, 3_700)), ["unexpected_flow web unlisted:8080/tcp passive"]);
}

fn stranger(address: &str, port: u16) -> Stranger {
    Stranger {
        to: key("db"),
        port,
        protocol: Protocol::Tcp,
        network: "shop_back".into(),
        address: address.parse().unwrap(),
    }
}

fn strangers(all: &[(&str, u16, Count)]) -> Option<Observed> {
    let strangers = all.iter().map(|(address, port, count)| (stranger(address, *port), *count)).collect();
    Some(Observed { strangers, ..sweep([]) })
}

#[test]
fn who_has_no_name_is_a_finding_when_a_second_sweep_has_none_for_him_either() {
    let once = Count { seen: 1, fresh: 1 };
    let mut court = Court::default();
    let mut bench = Bench::clean();
    let all = [("172.19.0.99", 5432, once), ("172.19.0.98", 5432, once), ("172.19.0.99", 53, once)];
    bench.observed = strangers(&all);
    assert_eq!(lines(&bench.judge(&mut court, 0)), Vec::<String>::new(), "the picture may come after the sweep");
    // The connection has ended meanwhile: what waited is told all the same.
    bench.observed = strangers(&[]);
    let report = bench.judge(&mut court, 10);
    assert_eq!(
        lines(&report),
        ["unexpected_flow  db:5432/tcp from shop_back passive"],
        "53 is published for everybody"
    );
    let finding = &report.findings[0];
    assert_eq!((&*finding.service.project, finding.to.clone()), ("shop", Some(End::Service(key("db")))));
    assert!(finding.message.contains("from 172.19.0.98, 172.19.0.99 on network shop_back"), "{}", finding.message);
    assert_eq!((report.strangers.len(), report.strangers[0].connections), (3, 1));
    assert_eq!(lines(&bench.judge(&mut court, 20)), Vec::<String>::new(), "it stands no longer than it is seen");
    // One that is known for a stranger is told at once.
    bench.observed = strangers(&[("172.19.0.77", 5432, once)]);
    bench.judge(&mut court, 30);
    bench.observed = strangers(&[("172.19.0.77", 5432, Count { seen: 1, fresh: 0 })]);
    assert_eq!(bench.judge(&mut court, 40).findings.len(), 1);
    let report = bench.judge(&mut court, 50);
    assert_eq!(report.findings.len(), 1);
    let of = report.strangers.iter().find(|known| known.stranger.address == stranger("172.19.0.77", 1).address);
    assert_eq!(of.unwrap().connections, 1, "one connection, however often it is seen");
    let forgotten = bench.judge(&mut court, 50 + 3_700);
    assert_eq!(forgotten.strangers.len(), 1, "the others were seen an hour ago");
    bench.wanted.flows = None;
    assert_eq!(lines(&bench.judge(&mut court, 3_800)), Vec::<String>::new(), "nobody judges flows");
    // Whoever looks once has to believe it.
    let bench = Bench { observed: strangers(&[("172.19.0.77", 5432, once)]), ..Bench::clean() };
    assert_eq!(bench.judge(&mut Court::for_one_look(), 0).findings.len(), 1);
}

#[test]
fn who_talked_before_the_picture_had_his_address_is_who_he_is() {
    let mut court = Court::default();
    let mut bench = Bench::clean();
    bench.observed = strangers(&[("172.19.0.99", 5432, Count { seen: 2, fresh: 2 })]);
    bench.judge(&mut court, 0);
    let mut api = on("api", &["back", "front"]);
    api.networks[0].addresses.push("172.19.0.99".parse().unwrap());
    bench.picture = examples::snapshot(vec![api, on("web", &["front"]), on("db", &["back"])]);
    bench.observed = Some(sweep([]));
    let report = bench.judge(&mut court, 10);
    assert_eq!((lines(&report), report.strangers.len()), (vec![], 0));
    bench.observed = strangers(&[("172.19.0.99", 5432, Count { seen: 2, fresh: 2 })]);
    let report = bench.judge(&mut court, 20);
    assert_eq!((lines(&report), report.strangers.len()), (vec![], 0), "it is api's, which has a flow");
    assert_eq!(report.graph.iter().map(|link| link.edge.clone()).collect::<Vec<_>>(), [edge("api", "db", 5432)]);
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
