//! What the inventory makes of events and inspections: services, replicas, ceilings.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::model_engine::{attributes, container, health, time};
use crate::{
    inventory::{
        MAX_CONTAINERS, MAX_SERVICES, Settings, Snapshot,
        ledger::Sight,
        reaction::Reaction,
        saved::{Saved, Unsaved},
        service::Service,
        state::State,
    },
    model::{
        Container, ContainerFilter, ContainerId, ContainerState, Event, EventKind, Health, HealthResult, HealthStatus,
        Labels, Pattern, RestartPolicy, ServiceKey,
    },
    telemetry::Metrics,
};

fn at(second: i64) -> Timestamp {
    time(second * 1_000_000_000)
}

fn state() -> State {
    ready(State::new(&Settings::default(), Saved::default(), Metrics::default()))
}

/// A state whose first inventory was complete at second 0.
fn ready(mut state: State) -> State {
    state.engine.ready_since = Some(at(0));
    state.caught_up(at(0));
    state
}

fn named(id: &str, name: &str, labels: &[(&str, &str)]) -> Container {
    container(id, name, Labels::new(labels.iter().map(|(key, value)| ((*key).into(), (*value).into()))))
}

fn compose(id: &str, service: &str, number: &str) -> Container {
    let labels = [
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", service),
        ("com.docker.compose.container-number", number),
    ];
    let mut container = named(id, &format!("shop-{service}-{number}-{id}"), &labels);
    (container.state, container.pid, container.started_at) = (ContainerState::Running, Some(1), Some(at(-5)));
    container
}

fn look(state: &mut State, container: &Container) {
    state.asked(&container.id);
    state.inspected(container.clone(), Sight { at: at(100), horizon: at(70) }, at(100));
}

fn event(container: &Container, second: i64, kind: EventKind) -> Event {
    Event { time: at(second), kind, attributes: attributes(container) }
}

fn tell(state: &mut State, container: &Container, second: i64, kind: fn(ContainerId) -> EventKind) -> Reaction {
    state.apply(&event(container, second, kind(container.id.clone())))
}

fn died(id: ContainerId) -> EventKind {
    EventKind::Died { id, exit_code: Some(0) }
}

fn replicas(snapshot: &Snapshot) -> Vec<(String, String)> {
    let row = |e: &Arc<crate::inventory::Entry>| (e.container.id.to_string(), e.replica.to_string());
    snapshot.containers.iter().map(row).collect()
}

fn service(snapshot: &Snapshot, name: &str) -> Arc<crate::inventory::ServiceEntry> {
    snapshot.services.iter().find(|entry| &*entry.key.service == name).cloned().unwrap()
}

fn refused(metrics: &Metrics, reason: &str) -> u64 {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, metrics.registry()).unwrap();
    let prefix = format!("spyhop_refused_total{{reason=\"{reason}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().parse().unwrap()
}

#[test]
fn nothing_is_named_before_the_first_inventory_is_complete() {
    let mut state = State::new(&Settings::default(), Saved::default(), Metrics::default());
    look(&mut state, &compose("a", "web", "1"));
    let snapshot = state.picture();
    assert!(snapshot.containers.is_empty() && snapshot.services.is_empty());
    let snapshot = ready(state).picture();
    assert_eq!((snapshot.containers.len(), snapshot.services.len()), (1, 1));
}

#[test]
fn an_unchanged_container_is_the_same_arc_and_a_generation_is_a_change() {
    let mut state = state();
    look(&mut state, &compose("a", "web", "1"));
    let first = state.picture();
    look(&mut state, &compose("b", "web", "2"));
    let second = state.picture();
    assert!(Arc::ptr_eq(&first.containers[0], &second.containers[0]));
    assert_eq!(second.generation, first.generation + 1);
    assert_eq!(state.picture().generation, second.generation);
    assert!(Arc::ptr_eq(&second.services[0], &state.picture().services[0]));
}

#[test]
fn who_holds_an_identity() {
    let with = |id: &str, created: i64, running: bool| {
        let mut container = compose(id, "web", "1");
        container.created = Some(at(created));
        if !running {
            (container.state, container.pid) = (ContainerState::Exited, None);
        }
        container
    };
    let table = [
        ("the running one, though older", with("a", 1, true), with("b", 2, false), "a"),
        ("the newest of two that run", with("a", 1, true), with("b", 2, true), "b"),
        ("the newest of two that do not", with("a", 2, false), with("b", 1, false), "a"),
        ("the lower id of twins", with("a", 1, true), with("b", 1, true), "a"),
    ];
    for (what, one, other, holder) in table {
        for order in [[&one, &other], [&other, &one]] {
            let mut state = state();
            order.into_iter().for_each(|container| look(&mut state, container));
            let snapshot = state.picture();
            let (winner, loser) = if holder == "a" { (&one, &other) } else { (&other, &one) };
            assert_eq!(
                replicas(&snapshot),
                [(winner.id.to_string(), "1".to_owned()), (loser.id.to_string(), loser.name.to_string())],
                "{what}"
            );
            assert_eq!(service(&snapshot, "web").expected, 1, "{what}: the other is on its way out");
        }
    }
}

#[test]
fn replicas_are_unique_whatever_containers_are_called() {
    let mut state = state();
    let mut odd = compose("c", "web", "1");
    odd.name = "2".into();
    for container in [&compose("a", "web", "1"), &compose("b", "web", "2"), &odd] {
        look(&mut state, container);
    }
    let snapshot = state.picture();
    let mut names: Vec<_> = snapshot.containers.iter().map(|entry| entry.replica.clone()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn replicas_of_a_service_by_what_they_do() {
    let mut state = state();
    let healthy = |id: &str, number: &str, status: HealthStatus| {
        let mut container = compose(id, "web", number);
        let mut health = health();
        health.status = status;
        container.health = Some(health);
        container
    };
    let mut paused = compose("c", "web", "3");
    paused.state = ContainerState::Paused;
    let mut completed = compose("d", "web", "4");
    (completed.state, completed.pid, completed.exit_code) = (ContainerState::Exited, None, Some(0));
    let mut failed = completed.clone();
    (failed.id, failed.exit_code) = (ContainerId::new("e"), Some(1));
    failed.identity.replica = "5".into();
    let labels = [("com.docker.compose.service", "web"), ("com.docker.compose.oneoff", "True")];
    let mut one_off = named("f", "web-run-1", &labels);
    one_off.identity.key.project = "shop".into();
    one_off.state = ContainerState::Running;
    let all = [healthy("a", "1", HealthStatus::Healthy), healthy("b", "2", HealthStatus::Unhealthy), paused, completed];
    for container in all.iter().chain([&failed, &one_off]) {
        look(&mut state, container);
    }
    let entry = service(&state.picture(), "web");
    assert_eq!((entry.expected, entry.running, entry.healthy, entry.completed, entry.stopped), (4, 3, 2, 1, 0));
    assert_eq!(state.picture().services.len(), 1);
    // A person's stop is not completion, whatever the program makes of it.
    let stop = EventKind::StopRequested { id: ContainerId::new("d"), signal: None };
    tell(&mut state, &all[3], 200, died);
    state.apply(&event(&all[3], 201, stop));
    let entry = service(&state.picture(), "web");
    assert_eq!((entry.expected, entry.completed, entry.stopped), (5, 0, 1));
}

#[test]
fn what_is_expected_after_the_last_container() {
    let policy = |policy: RestartPolicy| {
        let mut container = compose("a", "job", "1");
        container.restart_policy = policy;
        container
    };
    type Kind = fn(ContainerId) -> EventKind;
    let table: [(&str, Container, &[Kind], u64); 3] = [
        ("a job that was done", policy(RestartPolicy::No), &[died], 0),
        ("a service that ended well", policy(RestartPolicy::Always), &[died], 1),
        ("one that was removed while it ran", policy(RestartPolicy::No), &[], 1),
    ];
    for (what, container, events, expected) in table {
        let mut state = state();
        look(&mut state, &container);
        state.picture();
        for kind in events {
            tell(&mut state, &container, 200, *kind);
        }
        assert_eq!(tell(&mut state, &container, 201, EventKind::Destroyed), Reaction::Forget(container.id.clone()));
        let snapshot = state.picture();
        assert!(snapshot.containers.is_empty());
        assert_eq!(service(&snapshot, "job").expected, expected, "{what}");
        state.forget(at(201 + 599));
        assert_eq!(state.picture().services.len(), 1, "{what}");
        state.forget(at(201 + 600));
        assert!(state.picture().services.is_empty(), "{what}");
    }
}

#[test]
fn a_run_too_short_to_be_inspected_is_counted_and_not_missed() {
    let mut state = state();
    let container = compose("a", "job", "1");
    assert_eq!(tell(&mut state, &container, 100, EventKind::Created), Reaction::Look(container.id.clone()));
    tell(&mut state, &container, 101, EventKind::Started);
    tell(&mut state, &container, 102, died);
    state.vanished(&container.id);
    tell(&mut state, &container, 103, EventKind::Destroyed);
    let entry = service(&state.picture(), "job");
    assert_eq!((entry.counters.starts, entry.counters.exits, entry.expected), (1, [1, 0, 0, 0], 0));
    // The same told again by a history that overlaps.
    tell(&mut state, &container, 100, EventKind::Created);
    tell(&mut state, &container, 101, EventKind::Started);
    assert_eq!(service(&state.picture(), "job").counters.starts, 1);
}

#[test]
fn a_new_name_is_a_new_service_and_leaves_no_hole() {
    let mut state = state();
    let mut container = named("a", "web", &[]);
    look(&mut state, &container);
    tell(&mut state, &container, 200, EventKind::Started);
    container.name = "web-old".into();
    container.identity.key.service = "web-old".into();
    look(&mut state, &container);
    let snapshot = state.picture();
    assert_eq!(service(&snapshot, "web-old").expected, 1);
    let old = service(&snapshot, "web");
    assert_eq!((old.expected, old.counters.starts), (0, 1), "its counters wait for a new container of the name");
    look(&mut state, &named("b", "web", &[]));
    assert_eq!(service(&state.picture(), "web").counters.starts, 1);
}

#[test]
fn one_off_containers_count_for_no_service() {
    let mut state = state();
    let labels = [("com.docker.compose.service", "web"), ("com.docker.compose.oneoff", "True")];
    let container = named("a", "web-run-1", &labels);
    tell(&mut state, &container, 200, EventKind::Started);
    look(&mut state, &container);
    let snapshot = state.picture();
    assert_eq!((snapshot.containers.len(), snapshot.services.len()), (1, 0));
}

#[test]
fn excluded_containers_are_known_by_id_alone() {
    let patterns = |text: &str| vec![Pattern::parse(text).unwrap()];
    let filter = ContainerFilter { exclude: patterns("name=tmp*"), ..ContainerFilter::default() };
    let settings = Settings { filter, ..Settings::default() };
    let mut state = ready(State::new(&settings, Saved::default(), Metrics::default()));
    for container in [named("a", "web", &[("spyhop.enable", " False ")]), named("b", "tmp-1", &[])] {
        assert_eq!(tell(&mut state, &container, 200, EventKind::Started), Reaction::Nothing);
        look(&mut state, &container);
        let listed = state.listed(std::slice::from_ref(&container.id));
        assert!(listed.unknown.is_empty() && listed.known.is_empty(), "not asked for again");
    }
    let snapshot = state.picture();
    assert!(snapshot.containers.is_empty() && snapshot.services.is_empty());
    look(&mut state, &named("c", "web", &[("spyhop.enable", "true")]));
    assert_eq!(state.picture().containers.len(), 1);
}

#[test]
fn containers_beyond_the_ceiling_are_refused_and_counted() {
    let metrics = Metrics::default();
    let mut state = ready(State::new(&Settings::default(), Saved::default(), metrics.clone()));
    for number in 0..MAX_CONTAINERS + 5 {
        look(&mut state, &compose(&format!("{number:05}"), "web", &number.to_string()));
    }
    assert_eq!(state.picture().containers.len(), MAX_CONTAINERS);
    assert_eq!(refused(&metrics, "containers"), 5);
    assert_eq!(refused(&metrics, "services"), 0);
    state.apply(&event(&compose("00000", "web", "0"), 300, EventKind::Destroyed(ContainerId::new("00000"))));
    look(&mut state, &compose("99999", "web", "99999"));
    assert_eq!(state.picture().containers.len(), MAX_CONTAINERS, "there is room again");
}

#[test]
fn services_beyond_the_ceiling_are_refused_and_counted() {
    let metrics = Metrics::default();
    let key = |number: usize| ServiceKey { project: "".into(), service: format!("s{number}").into() };
    let services = (0..MAX_SERVICES).map(|number| (key(number), Service::default())).collect();
    let saved = Saved { services, ..Saved::default() };
    let mut state = ready(State::new(&Settings::default(), saved, metrics.clone()));
    look(&mut state, &named("a", "one-more", &[]));
    let snapshot = state.picture();
    assert_eq!((snapshot.containers.len(), snapshot.services.len()), (1, MAX_SERVICES));
    assert_eq!(refused(&metrics, "services"), 1);
    // Services of the file which nobody claims are expected for a while, and then forgotten.
    state.forget(at(1_000));
    state.forget(at(1_000) + Duration::from_secs(601));
    assert!(state.picture().services.is_empty());
}

#[test]
fn ten_thousand_lives_leave_nothing() {
    let mut state = state();
    for number in 0..10_000_i64 {
        let container = named(&format!("{number}"), &format!("job-{number}"), &[]);
        tell(&mut state, &container, 200 + number, EventKind::Created);
        look(&mut state, &container);
        tell(&mut state, &container, 200 + number, EventKind::Destroyed);
        state.forget(at(200 + number));
    }
    assert!(state.picture().services.len() <= 600, "ten minutes of services at one a second");
    state.forget(at(20_000));
    let saved = state.save();
    assert_eq!((saved.containers.len(), saved.services.len()), (0, 0));
}

#[test]
fn how_urgently_a_change_is_saved() {
    let mut state = state();
    let mut container = compose("a", "web", "1");
    container.health = Some(health());
    look(&mut state, &container);
    state.save();
    assert_eq!(state.unsaved(), Unsaved::Nothing);
    look(&mut state, &container);
    assert_eq!(state.unsaved(), Unsaved::Nothing, "nothing new");
    let result = crate::model::HealthResult { start: at(90), end: Some(at(91)), exit_code: 0 };
    container.health.as_mut().unwrap().results.push(result);
    look(&mut state, &container);
    assert_eq!(state.unsaved(), Unsaved::Minor);
    tell(&mut state, &container, 200, died);
    assert_eq!(state.unsaved(), Unsaved::Major);
}

#[test]
fn what_is_saved_comes_back() {
    let mut state = state();
    let container = compose("a", "web", "1");
    look(&mut state, &container);
    tell(&mut state, &container, 200, died);
    state.picture();
    let saved = state.save();
    let again = ready(State::new(&Settings::default(), saved.clone(), Metrics::default())).save();
    assert_eq!(again.services, saved.services);
    assert_eq!(again.containers, saved.containers);
    assert_eq!(again.last_event, saved.last_event);
}

#[test]
fn a_description_says_which_events_it_cannot_know_of() {
    let mut state = state();
    let (web, db) = (compose("a", "web", "1"), compose("b", "db", "1"));
    let asked_after = |state: &mut State| {
        let entries = state.picture().containers;
        entries.iter().find(|entry| entry.container.id == web.id).map(|entry| entry.asked_after)
    };
    look(&mut state, &web);
    assert_eq!(asked_after(&mut state), Some(0), "it was not known when it was asked about");
    state.apply(&event(&web, 10, EventKind::Changed(web.id.clone())));
    state.asked(&web.id);
    state.apply(&event(&db, 11, EventKind::Created(db.id.clone())));
    state.inspected(web.clone(), Sight { at: at(100), horizon: at(70) }, at(100));
    assert_eq!(asked_after(&mut state), Some(1), "the second one came while the answer was on its way");
    // One that is told again, or late, is heard as any other.
    state.apply(&event(&web, 9, EventKind::Changed(web.id.clone())));
    look(&mut state, &web);
    assert_eq!(asked_after(&mut state), Some(3));
}

#[test]
fn results_of_checks_leave_the_shape_of_a_picture() {
    let mut state = state();
    let mut web = compose("a1", "web", "1");
    let checked = |status, failing_streak| {
        let result = HealthResult { start: at(80), end: Some(at(81)), exit_code: 1 };
        Some(Health { status, failing_streak: Some(failing_streak), results: vec![result], ..health() })
    };
    web.health = Some(Health { status: HealthStatus::Healthy, ..health() });
    look(&mut state, &web);
    let first = state.picture();
    look(&mut state, &web);
    let again = state.picture();
    assert_eq!((again.generation, again.shape), (first.generation + 1, first.shape), "looked at once more");
    web.health = checked(HealthStatus::Healthy, 1);
    look(&mut state, &web);
    let result = state.picture();
    assert_eq!((result.generation, result.shape), (first.generation + 2, first.shape), "one more result");
    web.health = checked(HealthStatus::Unhealthy, 1);
    look(&mut state, &web);
    let unhealthy = state.picture();
    assert_eq!((unhealthy.generation, unhealthy.shape), (first.generation + 3, first.shape + 1));
    web.ports.push(crate::model::PublishedPort {
        container_port: 80,
        protocol: "tcp".into(),
        host_ip: "0.0.0.0".into(),
        host_port: 8080,
    });
    look(&mut state, &web);
    assert_eq!(state.picture().shape, first.shape + 2);
}
