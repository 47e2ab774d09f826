//! How long services take to start, how long they are away, and what was taken down rather than lost.

use std::time::Duration;

use jiff::Timestamp;

use super::model_engine::{attributes, container, health, time};
use crate::{
    inventory::{ServiceEntry, Settings, ledger::Sight, saved::Saved, state::State},
    model::{Container, ContainerId, ContainerState, Event, EventKind, HealthStatus, Labels},
    telemetry::Metrics,
};

fn at(second: i64) -> Timestamp {
    time(second * 1_000_000_000)
}

/// What happens to one container, at which second.
#[derive(Clone, Copy)]
enum Act {
    Start,
    Health(HealthStatus),
    /// `docker kill -s`, or what `docker stop` begins with.
    Signal(i64),
    Die(i64),
    /// What `docker stop` ends with.
    Stop,
    Destroy,
}
use Act::{Destroy, Die, Health, Signal, Start, Stop};
use HealthStatus::{Healthy, Unhealthy};

/// What happens to which container, and when.
type Acts = &'static [(&'static str, i64, Act)];

struct Life {
    state: State,
    checked: bool,
}

impl Life {
    fn new(checked: bool) -> Self {
        let mut state = State::new(&Settings::default(), Saved::default(), Metrics::default());
        state.engine.ready_since = Some(at(0));
        state.caught_up(at(0));
        Self { state, checked }
    }

    fn container(&self, id: &str) -> Container {
        let labels = [
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "web"),
            ("com.docker.compose.container-number", id),
        ];
        let mut container =
            container(id, &format!("shop-web-{id}"), Labels::new(labels.map(|(k, v)| (k.into(), v.into()))));
        container.health = self.checked.then(health);
        container
    }

    /// The event, and the inspection that follows each.
    fn act(&mut self, id: &str, second: i64, act: Act) {
        let mut container = self.container(id);
        let of = ContainerId::new(id);
        let kind = match act {
            Start => EventKind::Started(of),
            Health(status) => EventKind::Health { id: of, status },
            Signal(number) => EventKind::StopRequested { id: of, signal: Some(number) },
            Die(code) => EventKind::Died { id: of, exit_code: Some(code) },
            Stop => EventKind::StopRequested { id: of, signal: None },
            Destroy => EventKind::Destroyed(of),
        };
        self.state.apply(&Event { time: at(second), kind, attributes: attributes(&container) });
        match act {
            Destroy => return,
            Die(_) | Stop => {
                (container.state, container.finished_at) = (ContainerState::Exited, Some(at(second)));
                container.exit_code = Some(if let Die(code) = act { code } else { 0 });
            }
            Start | Health(_) | Signal(_) => {
                (container.state, container.pid, container.started_at) =
                    (ContainerState::Running, Some(1), Some(at(second)));
            }
        }
        if let Some(health) = &mut container.health {
            health.results.clear();
        }
        self.state.asked(&container.id);
        self.state.inspected(container, Sight { at: at(second), horizon: at(second - 30) }, at(second));
        self.state.picture();
    }

    fn service(&mut self) -> ServiceEntry {
        let snapshot = self.state.picture();
        let entry = snapshot.services.iter().find(|entry| &*entry.key.service == "web").unwrap();
        ServiceEntry::clone(entry)
    }
}

fn live(checked: bool, acts: Acts) -> ServiceEntry {
    let mut life = Life::new(checked);
    for (id, second, act) in acts {
        life.act(id, *second, *act);
    }
    life.service()
}

#[test]
fn from_the_start_to_the_first_healthy_moment() {
    let table: [(&str, Acts, &[u64]); 4] = [
        (
            "once a run",
            &[
                ("1", 100, Start),
                ("1", 107, Health(Healthy)),
                ("1", 120, Health(Unhealthy)),
                ("1", 125, Health(Healthy)),
            ],
            &[7],
        ),
        ("unhealthy first", &[("1", 100, Start), ("1", 120, Health(Unhealthy)), ("1", 150, Health(Healthy))], &[50]),
        (
            "each run anew",
            &[
                ("1", 100, Start),
                ("1", 102, Health(Healthy)),
                ("1", 110, Die(1)),
                ("1", 111, Start),
                ("1", 116, Health(Healthy)),
            ],
            &[2, 5],
        ),
        ("never", &[("1", 100, Start), ("1", 110, Die(1))], &[]),
    ];
    for (what, acts, took) in table {
        let startup = live(true, acts).counters.startup;
        assert_eq!(
            (startup.count(), startup.sum),
            (took.len() as u64, Duration::from_secs(took.iter().sum())),
            "{what}"
        );
    }
}

#[test]
fn from_the_loss_to_the_next_that_serves() {
    let table: [(&str, bool, Acts, &[u64]); 10] = [
        ("restarted by its policy", false, &[("1", 100, Start), ("1", 110, Die(1)), ("1", 113, Start)], &[3]),
        (
            "back when healthy",
            true,
            &[
                ("1", 100, Start),
                ("1", 105, Health(Healthy)),
                ("1", 110, Die(1)),
                ("1", 111, Start),
                ("1", 119, Health(Healthy)),
            ],
            &[9],
        ),
        (
            "unhealthy and healthy again",
            true,
            &[
                ("1", 100, Start),
                ("1", 105, Health(Healthy)),
                ("1", 130, Health(Unhealthy)),
                ("1", 170, Health(Healthy)),
            ],
            &[40],
        ),
        (
            "another replica serves",
            false,
            &[("1", 100, Start), ("2", 101, Start), ("1", 110, Die(1)), ("1", 150, Start)],
            &[],
        ),
        (
            "the last of two",
            false,
            &[("1", 100, Start), ("2", 101, Start), ("1", 110, Die(1)), ("2", 120, Die(1)), ("1", 126, Start)],
            &[6],
        ),
        (
            "stopped by a person",
            false,
            &[("1", 100, Start), ("1", 110, Signal(15)), ("1", 111, Die(0)), ("1", 112, Stop), ("1", 200, Start)],
            &[],
        ),
        (
            "a stop told after the end only",
            false,
            &[("1", 100, Start), ("1", 111, Die(0)), ("1", 112, Stop), ("1", 200, Start)],
            &[],
        ),
        (
            "removed by force",
            false,
            &[("1", 100, Start), ("1", 110, Signal(9)), ("1", 110, Die(137)), ("1", 111, Destroy), ("3", 131, Start)],
            &[20],
        ),
        ("a job run again", false, &[("1", 100, Start), ("1", 110, Die(0)), ("1", 400, Start)], &[]),
        (
            "recreated",
            false,
            &[
                ("1", 100, Start),
                ("1", 110, Signal(15)),
                ("1", 111, Die(0)),
                ("1", 112, Stop),
                ("1", 113, Destroy),
                ("3", 115, Start),
            ],
            &[],
        ),
    ];
    for (what, checked, acts, took) in table {
        let failover = live(checked, acts).counters.failover;
        assert_eq!(
            (failover.count(), failover.sum),
            (took.len() as u64, Duration::from_secs(took.iter().sum())),
            "{what}"
        );
    }
}

#[test]
fn what_was_taken_down_is_stopped_and_what_vanished_is_missing() {
    let table: [(&str, Acts, (u64, u64)); 5] = [
        (
            "compose down",
            &[("1", 100, Start), ("1", 110, Signal(15)), ("1", 111, Die(0)), ("1", 112, Stop), ("1", 113, Destroy)],
            (1, 1),
        ),
        (
            "killed, looked at, removed",
            &[("1", 100, Start), ("1", 110, Signal(9)), ("1", 110, Die(137)), ("1", 130, Destroy)],
            (1, 1),
        ),
        (
            "removed by force",
            &[("1", 100, Start), ("1", 110, Signal(9)), ("1", 110, Die(137)), ("1", 111, Destroy)],
            (1, 0),
        ),
        ("crashed and removed", &[("1", 100, Start), ("1", 110, Die(1)), ("1", 130, Destroy)], (1, 0)),
        (
            "taken down and up again",
            &[
                ("1", 100, Start),
                ("1", 110, Signal(15)),
                ("1", 111, Die(0)),
                ("1", 112, Stop),
                ("1", 113, Destroy),
                ("2", 120, Start),
            ],
            (1, 0),
        ),
    ];
    for (what, acts, told) in table {
        let entry = live(false, acts);
        assert_eq!((entry.expected, entry.stopped), told, "{what}");
    }
}

#[test]
fn a_loss_outlives_the_agent() {
    let mut life = Life::new(false);
    life.act("1", 100, Start);
    life.act("1", 110, Die(1));
    let saved = life.state.save();
    let mut life = Life { state: State::new(&Settings::default(), saved, Metrics::default()), checked: false };
    life.state.engine.ready_since = Some(at(120));
    life.act("1", 125, Start);
    assert_eq!(life.service().counters.failover.sum, Duration::from_secs(15));
}
