//! Scripted services, probes and clocks.

use proptest::prelude::*;

use super::*;
use crate::{
    inventory::ServiceEntry,
    model::{Durations, ServiceCounters},
    policy::{
        Layer, Project, ServiceRule,
        objectives::{Events, Notify, Query, Serving, Sli, Spec, Target},
    },
    probes::Id,
};

/// A full hour, and so a full span of five minutes.
const T: u64 = 1_800_000_000_000;
const MINUTE: u64 = 60_000;

fn spec(name: &str, sli: Sli, target: &str, unknown: Unknown) -> Spec {
    Spec {
        name: name.into(),
        origin: "x".into(),
        project: "".into(),
        service: "".into(),
        sli: Some(sli),
        target: Target::parse(target).unwrap(),
        window: Duration::from_secs(86_400),
        unknown,
        min_events: None,
        page: Notify::ByTier,
        ticket: Notify::ByTier,
    }
}

fn policy_of(service: &str, objectives: Vec<Spec>) -> Arc<Policy> {
    let rule = ServiceRule { name: service.into(), objectives, ..ServiceRule::default() };
    let project =
        Project { name: "shop".into(), base: Layer { services: vec![rule], ..Layer::default() }, ..Project::default() };
    Arc::new(Policy { projects: vec![Arc::new(project)], ..Policy::default() })
}

/// Availability of `shop/web`, half of which may be missed.
fn policy() -> Arc<Policy> {
    policy_of("web", vec![spec("availability", Sli::Availability(Serving::Healthy), "50%", Unknown::Ignore)])
}

/// Replicas expected, running, healthy and stopped.
fn service(name: &str, [expected, running, healthy, stopped]: [u64; 4]) -> ServiceEntry {
    let key = ServiceKey { project: "shop".into(), service: name.into() };
    ServiceEntry { key, expected, running, healthy, stopped, ..ServiceEntry::default() }
}

fn picture(services: Vec<ServiceEntry>) -> Snapshot {
    Snapshot { services: services.into_iter().map(Arc::new).collect(), ..Snapshot::default() }
}

fn web(replicas: [u64; 4]) -> Snapshot {
    picture(vec![service("web", replicas)])
}

/// So many milliseconds after the beginning, by both clocks.
fn at(ms: u64) -> Moment {
    Moment { wall_ms: T + ms, elapsed: Duration::from_millis(ms) }
}

fn ledger(policy: &Arc<Policy>) -> Ledger {
    let mut ledger = Ledger::default();
    assert!(ledger.follow(policy));
    ledger
}

/// What is left, how long was seen, and the burn of the hour, of the one objective there is.
fn shown(ledger: &mut Ledger, now: Moment) -> (Option<f64>, Duration, Option<f64>) {
    let all = ledger.objectives(now);
    assert_eq!(all.len(), 1, "{all:?}");
    (all[0].left, all[0].covers, all[0].burn_1h)
}

#[test]
fn time_is_good_or_bad_from_change_to_change() {
    let policy = policy();
    let mut ledger = ledger(&policy);
    assert_eq!(shown(&mut ledger, at(0)), (None, Duration::ZERO, None));
    ledger.look(&web([1, 1, 1, 0]), at(0));
    // Six minutes good, two bad; then stopped by a person, which counts as neither.
    ledger.look(&web([1, 1, 0, 0]), at(6 * MINUTE));
    ledger.look(&web([1, 0, 0, 1]), at(8 * MINUTE));
    assert_eq!(shown(&mut ledger, at(20 * MINUTE)), (Some(0.5), Duration::from_secs(480), Some(0.5)));
    ledger.look(&web([1, 1, 1, 0]), at(20 * MINUTE));
    let (left, covers, _) = shown(&mut ledger, at(28 * MINUTE));
    assert_eq!((left, covers), (Some(0.75), Duration::from_secs(960)));
    // An hour later the bad minutes are out of the hour, and still in the day.
    let (left, _, burn) = shown(&mut ledger, at(88 * MINUTE));
    assert_eq!(burn, Some(0.0));
    assert!(left.is_some_and(|left| left > 0.9), "{left:?}");
}

#[test]
fn a_service_serves_as_the_objective_means_it() {
    for (serving, replicas, expected) in [
        (Serving::Healthy, [2, 2, 1, 0], Some(true)),
        (Serving::Healthy, [2, 2, 0, 0], Some(false)),
        (Serving::Running, [2, 1, 0, 0], Some(true)),
        (Serving::Running, [2, 0, 0, 0], Some(false)),
        (Serving::Expected, [2, 2, 1, 0], Some(false)),
        (Serving::Expected, [2, 1, 1, 1], Some(true)),
        (Serving::Expected, [0, 0, 0, 0], None),
        (Serving::Healthy, [1, 0, 0, 2], None),
    ] {
        let policy = policy_of("web", vec![spec("availability", Sli::Availability(serving), "99%", Unknown::Ignore)]);
        let mut ledger = ledger(&policy);
        ledger.look(&web(replicas), at(0));
        let state = ledger.series.values().next().unwrap().state;
        assert_eq!(state, expected, "{serving:?} {replicas:?}");
    }
}

#[test]
fn a_service_that_vanished_is_bad_for_a_day_where_unknown_time_is() {
    for (unknown, bad) in [(Unknown::Ignore, 0), (Unknown::Bad, 86_400)] {
        let policy = policy_of("web", vec![spec("availability", Sli::Availability(Serving::Healthy), "50%", unknown)]);
        let mut ledger = ledger(&policy);
        ledger.look(&web([1, 1, 1, 0]), at(0));
        for hour in 0..48 {
            ledger.look(&picture(Vec::new()), at(1 + hour * 60 * MINUTE));
        }
        let kept = ledger.series.values().next().unwrap();
        let seen = kept.hours.sum(T + 47 * 60 * MINUTE, Duration::MAX);
        assert_eq!(seen.bad / 1_000, bad, "{unknown:?}");
    }
    // Nobody misses what was stopped before it vanished.
    let policy = policy_of("web", vec![spec("availability", Sli::Availability(Serving::Healthy), "50%", Unknown::Bad)]);
    let mut ledger = ledger(&policy);
    ledger.look(&web([1, 0, 0, 1]), at(0));
    ledger.look(&picture(Vec::new()), at(MINUTE));
    assert_eq!(shown(&mut ledger, at(9 * MINUTE)), (None, Duration::ZERO, None));
}

fn probed(replica: &str, attempts: u64, failures: u64, slow: u64) -> Arc<Record> {
    let id = Id { project: "shop".into(), service: "web".into(), replica: replica.into(), probe: "front".into() };
    let mut record = Record::new(id, Duration::from_secs(15));
    (record.attempts, record.failures, record.slow) = (attempts, failures, slow);
    Arc::new(record)
}

#[test]
fn counters_count_from_their_second_value_on() {
    let of = |sli| policy_of("web", vec![spec("one", sli, "50%", Unknown::Ignore)]);
    let snapshot = web([1, 1, 1, 0]);
    for (sli, counts) in [
        (Sli::Probe("front".into()), (10 + 7, 1 + 7)),
        (Sli::Latency("front".into()), (9, 4)),
        (Sli::Probe("other".into()), (0, 0)),
    ] {
        let policy = of(sli.clone());
        let mut ledger = ledger(&policy);
        ledger.read(&snapshot, &[probed("1", 100, 50, 10)], at(0));
        ledger.read(&snapshot, &[probed("1", 110, 51, 14), probed("2", 900, 900, 0)], at(MINUTE));
        // Nobody counts for a moment; then the second replica has begun anew.
        ledger.read(&snapshot, &[], at(2 * MINUTE));
        ledger.read(&snapshot, &[probed("2", 7, 7, 0)], at(3 * MINUTE));
        let sum = ledger.series.values().next().unwrap().hours.sum(T + 3 * MINUTE, HOUR);
        assert_eq!((sum.total, sum.bad), counts, "{sli:?}");
    }
}

#[test]
fn health_checks_and_starts_are_those_of_the_service() {
    let with = |passed, failed, timed_out, starts: &[u64]| {
        let mut startup = Durations::default();
        starts.iter().for_each(|seconds| startup.observe(Duration::from_secs(*seconds)));
        let counters = ServiceCounters {
            health_passed: passed,
            health_failed: failed,
            health_timed_out: timed_out,
            startup,
            ..ServiceCounters::default()
        };
        picture(vec![ServiceEntry { counters, checked: true, ..service("web", [1, 1, 1, 0]) }])
    };
    for (sli, counts) in [(Sli::HealthChecks, (10, 3)), (Sli::Start(30.0), (3, 1)), (Sli::Start(60.0), (3, 0))] {
        let policy = policy_of("web", vec![spec("one", sli.clone(), "50%", Unknown::Ignore)]);
        let mut ledger = ledger(&policy);
        ledger.read(&with(5, 5, 5, &[90]), &[], at(0));
        ledger.read(&with(12, 6, 7, &[90, 10, 30, 31]), &[], at(MINUTE));
        let sum = ledger.series.values().next().unwrap().hours.sum(T + MINUTE, HOUR);
        assert_eq!((sum.total, sum.bad), counts, "{sli:?}");
        assert_eq!(sum.seen, Duration::from_secs(60));
    }
}

#[test]
fn what_only_prometheus_sees_is_said_to_be_its_own() {
    let query = || Query::Counter("x".into());
    let ratio = Sli::Ratio { events: Events::Bad(query()), total: query() };
    let policy = policy_of("web", vec![spec("orders", ratio, "99%", Unknown::Ignore)]);
    let mut ledger = Ledger::default();
    assert!(!ledger.follow(&policy), "there is nothing to look at");
    let all = ledger.objectives(at(0));
    assert_eq!((all.len(), all[0].judge, all[0].left), (1, Judge::Prometheus, None));
    assert_eq!(all[0].target.to_string(), "99%");
}

#[test]
fn each_service_of_a_pattern_has_its_own() {
    let policy =
        policy_of("*-worker", vec![spec("availability", Sli::Availability(Serving::Healthy), "50%", Unknown::Ignore)]);
    let mut ledger = ledger(&policy);
    let of = |names: &[&str]| picture(names.iter().map(|name| service(name, [1, 1, 1, 0])).collect());
    assert_eq!(ledger.objectives(at(0)), [], "there is no such service");
    ledger.look(&of(&["a-worker", "b-worker", "web"]), at(0));
    ledger.look(&of(&["b-worker"]), at(MINUTE));
    let all = ledger.objectives(at(2 * MINUTE));
    let seen: Vec<_> = all.iter().map(|one| (&*one.service, one.covers.as_secs())).collect();
    assert_eq!(seen, [("a-worker", 60), ("b-worker", 120)]);
    let names: Vec<String> = (0..MAX_SERIES + 5).map(|number| format!("{number:04}-worker")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(ledger.look(&of(&names), at(3 * MINUTE)), 5, "who is gone gives its place away");
    assert_eq!(ledger.look(&of(&names), at(4 * MINUTE)), 0, "they count once");
    assert_eq!((ledger.series.len(), ledger.left_out()), (MAX_SERIES, 5));
}

#[test]
fn another_meaning_under_the_same_name_begins_anew() {
    let mut ledger = ledger(&policy());
    ledger.look(&web([1, 1, 1, 0]), at(0));
    ledger.look(&web([1, 1, 1, 0]), at(MINUTE));
    let stricter =
        policy_of("web", vec![spec("availability", Sli::Availability(Serving::Healthy), "99%", Unknown::Ignore)]);
    ledger.follow(&stricter);
    assert_eq!(shown(&mut ledger, at(MINUTE)).1, Duration::from_secs(60), "another target is about the same time");
    let running =
        policy_of("web", vec![spec("availability", Sli::Availability(Serving::Running), "99%", Unknown::Ignore)]);
    ledger.follow(&running);
    assert_eq!(shown(&mut ledger, at(MINUTE)).1, Duration::ZERO);
}

#[test]
fn what_is_kept_is_gone_on_with() {
    let policy = policy_of(
        "web",
        vec![
            spec("availability", Sli::Availability(Serving::Healthy), "50%", Unknown::Ignore),
            spec("checks", Sli::HealthChecks, "50%", Unknown::Ignore),
        ],
    );
    let with = |passed| {
        let counters = ServiceCounters { health_passed: passed, ..ServiceCounters::default() };
        picture(vec![ServiceEntry { counters, ..service("web", [1, 1, 1, 0]) }])
    };
    let mut first = ledger(&policy);
    first.read(&with(5), &[], at(0));
    first.read(&with(9), &[], at(MINUTE));
    let bytes = first.take_kept(at(2 * MINUTE)).unwrap();
    assert_eq!(first.take_kept(at(2 * MINUTE)), None, "nothing has happened since");
    first.not_kept();
    assert_eq!(first.take_kept(at(2 * MINUTE)).as_ref(), Some(&bytes));

    let mut second = Ledger::default();
    second.restore(&bytes).unwrap();
    second.follow(&policy);
    // Ten minutes later by the wall clock, and at the beginning of its own.
    let later = |ms| Moment { wall_ms: T + 12 * MINUTE + ms, elapsed: Duration::from_millis(ms) };
    second.read(&with(30), &[], later(0));
    let all = second.objectives(later(MINUTE));
    assert_eq!(all[0].covers, Duration::from_secs(180), "two minutes of the one, one of the other");
    let checks = &second.series.values().find(|series| *series.kind == *"health_checks").unwrap().hours;
    assert_eq!(checks.sum(later(0).wall_ms, HOUR).total, 25, "what was counted meanwhile happened");
}

#[test]
fn a_file_that_is_not_whole_is_refused() {
    let policy = policy();
    let mut kept = ledger(&policy);
    kept.look(&web([1, 1, 1, 0]), at(0));
    let bytes = kept.take_kept(at(MINUTE)).unwrap();
    let refused = |bytes: &[u8]| Ledger::default().restore(bytes).unwrap_err();
    for cut in 0..bytes.len() {
        let expected = if cut < 20 { keep::Unusable::Version } else { keep::Unusable::Checksum };
        assert_eq!(refused(&bytes[..cut]), expected, "cut at {cut}");
    }
    for at in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        refused(&broken);
    }
    assert_eq!(refused(b"spyhop objectives 2\nwhatever"), keep::Unusable::Version);
}

proptest! {
    /// However the clock jumps and whatever is seen: never more is covered than passed, and nothing is worse than all bad.
    #[test]
    fn no_clock_makes_garbage(
        steps in prop::collection::vec((prop_oneof![9 => Just(0_i64), 1 => -90_000_000..90_000_000_i64], 0_u64..900_000, 0_u64..4), 1..80),
    ) {
        let policy = policy();
        let mut ledger = ledger(&policy);
        let (mut wall, mut elapsed) = (T, 0);
        for (jump, took, kind) in steps {
            (wall, elapsed) = (wall.saturating_add(took).saturating_add_signed(jump), elapsed + took);
            let now = Moment { wall_ms: wall, elapsed: Duration::from_millis(elapsed) };
            let replicas = [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0]][usize::try_from(kind).unwrap()];
            ledger.look(&web(replicas), now);
            let (left, covers, burn) = shown(&mut ledger, now);
            prop_assert!(covers <= Duration::from_millis(elapsed));
            prop_assert!(left.is_none_or(|left| (-1.0..=1.0).contains(&left)), "{left:?}");
            prop_assert!(burn.is_none_or(|burn| (0.0..=2.0).contains(&burn)), "{burn:?}");
        }
        let bytes = ledger.to_bytes();
        let mut read = Ledger::default();
        prop_assert!(read.restore(&bytes).is_ok());
        prop_assert_eq!(read.to_bytes(), bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"spyhop objectives 1\n".to_vec();
        bytes.extend(body);
        let mut crc = flate2::Crc::new();
        crc.update(&bytes);
        bytes.extend(crc.sum().to_le_bytes());
        let mut ledger = Ledger::default();
        let read = ledger.restore(&bytes);
        prop_assert!(read.is_ok() || ledger.series.is_empty());
    }
}
