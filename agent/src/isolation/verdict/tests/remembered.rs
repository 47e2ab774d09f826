//! What is remembered from sweep to sweep, and for how long: attempts in vain, former addresses, strangers.

use super::*;

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
