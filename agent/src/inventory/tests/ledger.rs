//! Single rules of the ledger which a random life seldom meets.

use std::time::Duration;

use jiff::Timestamp;

use super::model_engine::{class_index, container, health, time};
use crate::{
    inventory::ledger::{Ledger, Sight},
    model::{
        Container, ContainerId, ContainerState, EventKind, ExitClass, HealthResult, HealthStatus, Labels,
        ServiceCounters,
    },
};

const SECOND: i64 = 1_000_000_000;

fn at(second: i64) -> Timestamp {
    time(second * SECOND)
}

fn id() -> ContainerId {
    ContainerId::new("a")
}

fn started() -> EventKind {
    EventKind::Started(id())
}

fn died(code: i64) -> EventKind {
    EventKind::Died { id: id(), exit_code: Some(code) }
}

fn signal(number: i64) -> EventKind {
    EventKind::StopRequested { id: id(), signal: Some(number) }
}

fn stop() -> EventKind {
    EventKind::StopRequested { id: id(), signal: None }
}

/// Applies events a second apart, from second 1 on.
fn live(events: &[EventKind]) -> (Ledger, ServiceCounters) {
    let (mut ledger, mut counters) = (Ledger::default(), ServiceCounters::default());
    for (second, event) in (1..).zip(events) {
        ledger.apply(at(second), event, &mut counters);
    }
    (ledger, counters)
}

fn exited(started: i64, finished: i64, code: i64) -> Container {
    let mut container = container("a", "a", Labels::default());
    container.state = ContainerState::Exited;
    (container.started_at, container.finished_at) = (Some(at(started)), Some(at(finished)));
    (container.exit_code, container.oom_killed) = (Some(code), Some(false));
    container
}

fn running(started: i64, restarts: u64) -> Container {
    let mut container = container("a", "a", Labels::default());
    container.state = ContainerState::Running;
    container.pid = Some(1);
    container.started_at = Some(at(started));
    container.restart_count = Some(restarts);
    container
}

fn exits(counters: &ServiceCounters, class: ExitClass) -> u64 {
    counters.exits[class_index(class)]
}

const LONG_AFTER: i64 = 1_000;

fn late() -> Sight {
    Sight { at: at(LONG_AFTER), horizon: at(LONG_AFTER - 30) }
}

#[test]
fn who_was_stopped() {
    let table: [(&str, &[EventKind], bool); 14] = [
        ("docker stop on engine 20", &[started(), signal(15), died(143), stop()], true),
        ("docker stop of a deaf program", &[started(), signal(15), signal(9), died(137), stop()], true),
        ("docker stop on engine 28", &[started(), signal(15), stop(), died(0)], true),
        ("docker stop with a signal of its own", &[started(), signal(37), died(0), stop()], true),
        ("docker kill", &[started(), signal(9), died(137)], true),
        ("docker kill -s INT", &[started(), signal(2), died(130)], true),
        ("a reload", &[started(), signal(1)], false),
        ("a crash after a reload", &[started(), signal(1), died(1)], false),
        ("a program that chose USR1 to end", &[started(), signal(10), died(0)], false),
        ("a crash", &[started(), died(1)], false),
        ("docker restart, half way", &[started(), signal(15), died(0), stop()], true),
        ("docker restart", &[started(), signal(15), died(0), stop(), started()], false),
        ("a crash after a restart", &[started(), signal(15), died(0), stop(), started(), died(1)], false),
        ("stopped while between two runs", &[started(), died(1), stop()], true),
    ];
    for (what, events, stopped) in table {
        assert_eq!(live(events).0.stopped, stopped, "{what}");
    }
}

#[test]
fn a_signal_long_before_the_end_is_not_its_reason() {
    let (mut ledger, mut counters) = live(&[started(), signal(15)]);
    ledger.apply(at(400), &died(1), &mut counters);
    assert!(!ledger.stopped);
}

#[test]
fn events_heard_again_change_nothing() {
    let events = [started(), signal(9), died(3), started(), died(0), stop()];
    let (mut ledger, mut counters) = live(&events);
    let (before, counted) = (ledger.kept(), counters);
    for (second, event) in (1..).zip(&events) {
        ledger.apply(at(second), event, &mut counters);
    }
    assert_eq!((ledger.kept(), counters), (before, counted));
    assert_eq!((counters.starts, counters.restarts, counters.exits), (2, 1, [1, 1, 0, 0]));
}

#[test]
fn an_end_by_sigkill_waits_for_its_class() {
    let oom = EventKind::Oom(id());
    // The kernel's word before the end, as cgroup v1 tells it.
    let (_, counters) = live(&[started(), oom.clone(), died(137)]);
    assert_eq!((exits(&counters, ExitClass::Oom), counters.oom_kills), (1, 1));
    // After the end, as it may come on v2: the inspection decides, and the event counts as an oom only.
    let (mut ledger, mut counters) = live(&[started(), died(137)]);
    assert_eq!(counters.exits, [0; 4], "open");
    let mut container = exited(1, 2, 137);
    container.oom_killed = Some(true);
    ledger.asked();
    ledger.inspect(&container, late(), &mut counters);
    ledger.apply(at(3), &oom, &mut counters);
    assert_eq!((exits(&counters, ExitClass::Oom), exits(&counters, ExitClass::Signal), counters.oom_kills), (1, 0, 1));
    // Nobody says otherwise: a signal.
    for last in [started(), EventKind::Destroyed(id())] {
        assert_eq!(exits(&live(&[started(), died(137), last]).1, ExitClass::Signal), 1);
    }
    // An answer asked for before the end does not know.
    let (mut ledger, mut counters) = (Ledger::default(), ServiceCounters::default());
    ledger.apply(at(1), &started(), &mut counters);
    ledger.asked();
    ledger.apply(at(2), &died(137), &mut counters);
    ledger.inspect(&running(1, 0), late(), &mut counters);
    assert_eq!(counters.exits, [0; 4], "still open");
}

/// Podman announces the end and not the reason; when no event can come any more, the inspection counts.
#[test]
fn a_kill_that_nobody_announces_is_counted_late_and_once() {
    let (mut ledger, mut counters) = live(&[started(), died(137)]);
    let mut container = exited(1, 2, 137);
    container.oom_killed = Some(true);
    let soon = Sight { at: at(3), horizon: at(1) };
    ledger.asked();
    assert!(ledger.inspect(&container, soon, &mut counters), "too young to be judged: look again");
    assert_eq!((counters.oom_kills, exits(&counters, ExitClass::Oom)), (0, 1), "the class is known at once");
    for _ in 0..2 {
        assert!(!ledger.inspect(&container, late(), &mut counters));
        assert_eq!((counters.oom_kills, ledger.oom_events, exits(&counters, ExitClass::Oom)), (1, 1, 1));
    }
    // One that was announced is not claimed, nor when its mark is lost to a clock that was set back.
    let (mut ledger, mut counters) = live(&[started(), EventKind::Oom(id()), died(137)]);
    for _ in 0..2 {
        ledger.inspect(&container, late(), &mut counters);
        assert_eq!(counters.oom_kills, 1);
        ledger.clock_set_back(at(0));
    }
}

/// Docker announces changes, Podman every check.
#[test]
fn a_health_told_again_is_no_change() {
    let told = |status| EventKind::Health { id: id(), status };
    let (healthy, unhealthy) = (told(HealthStatus::Healthy), told(HealthStatus::Unhealthy));
    let twice = [healthy.clone(), healthy.clone(), unhealthy.clone(), unhealthy, healthy];
    let (_, counters) = live(&[&[started()][..], &twice].concat());
    assert_eq!((counters.became_healthy, counters.became_unhealthy), (2, 1));
}

#[test]
fn a_child_lost_to_the_oom_killer_is_not_an_end_by_it() {
    let (_, counters) = live(&[started(), EventKind::Oom(id()), died(1)]);
    assert_eq!((exits(&counters, ExitClass::Error), counters.oom_kills), (1, 1));
}

#[test]
fn an_end_without_a_code_gets_it_from_the_inspection() {
    let (mut ledger, mut counters) = live(&[started(), EventKind::Died { id: id(), exit_code: None }]);
    ledger.asked();
    ledger.inspect(&exited(1, 2, 5), late(), &mut counters);
    assert_eq!((counters.exits, ledger.last_exit), ([0, 1, 0, 0], Some(5)));
}

#[test]
fn what_no_event_told_is_claimed_once() {
    let claims = |ledger: &mut Ledger, container: &Container| {
        let mut counters = ServiceCounters::default();
        ledger.asked();
        let unsettled = ledger.inspect(container, late(), &mut counters);
        (counters.starts, counters.restarts, counters.exits, unsettled)
    };
    let never_heard = &mut Ledger::default();
    assert_eq!(claims(never_heard, &running(10, 0)), (1, 0, [0; 4], false));
    assert_eq!(claims(never_heard, &running(10, 0)), (0, 0, [0; 4], false));
    assert_eq!(claims(&mut Ledger::default(), &running(10, 4)), (5, 4, [0; 4], false), "four restarts are proven");
    let mut between = exited(10, 11, 1);
    (between.state, between.restart_count) = (ContainerState::Restarting, Some(3));
    assert_eq!(claims(&mut Ledger::default(), &between), (3, 2, [0, 1, 0, 0], false), "the third has not begun");
    assert_eq!(claims(&mut live(&[started()]).0, &running(10, 0)), (1, 1, [0; 4], false), "its end has no class");
    assert_eq!(claims(&mut live(&[started()]).0, &running(10, 3)), (2, 2, [0; 4], false), "one of three was counted");
    assert_eq!(claims(&mut live(&[started()]).0, &exited(1, 10, 0)), (0, 0, [1, 0, 0, 0], false));
    assert_eq!(claims(&mut live(&[started(), died(0)]).0, &exited(1, 2, 0)), (0, 0, [0; 4], false));
    // Younger than the horizon: left to the event, looked at again.
    assert_eq!(claims(&mut Ledger::default(), &running(LONG_AFTER - 5, 0)), (0, 0, [0; 4], true));
    assert_eq!(claims(&mut live(&[started()]).0, &exited(1, LONG_AFTER - 5, 0)), (0, 0, [0; 4], true));
}

#[test]
fn the_event_of_a_claim_may_come_late_and_the_next_one_counts() {
    let (mut ledger, mut counters) = (Ledger::default(), ServiceCounters::default());
    ledger.asked();
    ledger.inspect(&exited(10, 11, 0), late(), &mut counters);
    ledger.apply(at(12), &started(), &mut counters);
    ledger.apply(at(13), &died(0), &mut counters);
    assert_eq!((counters.starts, counters.exits), (1, [1, 0, 0, 0]));
    ledger.apply(at(LONG_AFTER + 1), &started(), &mut counters);
    assert_eq!((counters.starts, counters.restarts), (2, 1));
}

#[test]
fn the_first_sight_counts_nothing_and_knows_what_ran() {
    let mut ledger = Ledger::default();
    let mut container = running(10, 7);
    container.health = Some(health());
    ledger.baseline(&container, late());
    let mut counters = ServiceCounters::default();
    ledger.asked();
    ledger.inspect(&container, late(), &mut counters);
    ledger.apply(at(10), &started(), &mut counters);
    assert_eq!(counters, ServiceCounters::default());
    ledger.apply(at(LONG_AFTER), &died(0), &mut counters);
    ledger.apply(at(LONG_AFTER + 1), &started(), &mut counters);
    assert_eq!((counters.starts, counters.restarts, counters.exits), (1, 1, [1, 0, 0, 0]));
}

fn with_results(status: HealthStatus, streak: u64, results: &[(i64, i64)]) -> Container {
    let mut container = running(1, 0);
    let mut health = health();
    (health.status, health.failing_streak) = (status, Some(streak));
    let result = |&(second, exit_code)| HealthResult { start: at(second), end: Some(at(second)), exit_code };
    health.results = results.iter().map(result).collect();
    container.health = Some(health);
    container
}

#[test]
fn each_health_result_counts_once() {
    let (mut ledger, mut counters) = live(&[started()]);
    let first = with_results(HealthStatus::Healthy, 0, &[(10, 0), (20, 1), (30, -1), (40, 0)]);
    let second = with_results(HealthStatus::Healthy, 1, &[(20, 1), (30, -1), (40, 0), (50, 0), (60, 137)]);
    for container in [&first, &first, &second, &first] {
        ledger.asked();
        ledger.inspect(container, late(), &mut counters);
    }
    assert_eq!((counters.health_passed, counters.health_failed, counters.health_timed_out), (3, 2, 1));
}

#[test]
fn a_missed_change_of_health_is_claimed_when_it_is_old_enough() {
    let claimed = |container: &Container, known: Option<(i64, HealthStatus)>| {
        let (mut ledger, mut counters) = live(&[started()]);
        if let Some((second, status)) = known {
            ledger.apply(at(second), &EventKind::Health { id: id(), status }, &mut ServiceCounters::default());
        }
        ledger.asked();
        let unsettled = ledger.inspect(container, late(), &mut counters);
        (counters.became_healthy, counters.became_unhealthy, unsettled)
    };
    use HealthStatus::{Healthy, Starting, Unhealthy};
    let passing = [(10, 1), (20, 1), (30, 0), (40, 0)];
    let failing = [(10, 0), (20, 1), (30, 1), (40, 1)];
    assert_eq!(claimed(&with_results(Healthy, 0, &passing), None), (1, 0, false));
    assert_eq!(claimed(&with_results(Healthy, 0, &passing), Some((31, Healthy))), (0, 0, false));
    assert_eq!(claimed(&with_results(Healthy, 0, &passing), Some((11, Unhealthy))), (1, 0, false));
    assert_eq!(claimed(&with_results(Unhealthy, 3, &failing), Some((11, Healthy))), (0, 1, false));
    assert_eq!(claimed(&with_results(Unhealthy, 3, &failing), Some((31, Unhealthy))), (0, 0, false));
    assert_eq!(claimed(&with_results(Starting, 0, &[]), None), (0, 0, false));
    assert_eq!(claimed(&with_results(Healthy, 0, &[]), None), (0, 0, false), "no result says since when");
    let young = [(LONG_AFTER - 5, 0)];
    assert_eq!(claimed(&with_results(Healthy, 0, &young), None), (0, 0, true));
    let stale = with_results(Healthy, 0, &[(30, 0)]);
    assert_eq!(claimed(&stale, Some((500, Unhealthy))), (0, 0, false), "an answer older than the last event");
}

#[test]
fn a_clock_set_back_does_not_stop_the_counting() {
    let (mut ledger, mut counters) = (Ledger::default(), ServiceCounters::default());
    ledger.apply(at(5_000), &started(), &mut counters);
    ledger.apply(at(5_001), &died(0), &mut counters);
    ledger.apply(at(1_000), &started(), &mut counters);
    assert_eq!(counters.starts, 1, "looks like an old event");
    ledger.clock_set_back(at(1_000) - Duration::from_nanos(1));
    ledger.apply(at(1_000), &started(), &mut counters);
    assert_eq!((counters.starts, counters.restarts), (2, 1));
}

#[test]
fn what_was_left_behind_a_day_ago_is_nobodys_outage() {
    for (finished, stopped) in [(LONG_AFTER - 100, false), (LONG_AFTER - 86_399, false), (LONG_AFTER - 86_400, true)] {
        let mut ledger = Ledger::default();
        ledger.baseline(&exited(finished - 10, finished, 137), late());
        assert_eq!(ledger.stopped, stopped, "{finished}");
    }
}
