//! When to look at which container.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use tokio::time::Instant;

use super::model_engine::{container, health};
use crate::{
    inventory::schedule::{LOOK_PERIOD, Looks, Schedule, period, spread},
    model::{ContainerId, ContainerState, HealthStatus, Labels},
};

fn id(number: u32) -> ContainerId {
    ContainerId::new(format!("{number:04}"))
}

#[test]
fn how_often_a_container_is_looked_at() {
    let seconds = Duration::from_secs;
    let (calm, failing) = ((HealthStatus::Healthy, Some(0)), (HealthStatus::Healthy, Some(1)));
    let table = [
        (ContainerState::Running, Some((calm, seconds(10))), seconds(40)),
        (ContainerState::Running, Some(((HealthStatus::Healthy, None), seconds(10))), seconds(40)),
        (ContainerState::Running, Some((failing, seconds(10))), seconds(10)),
        (ContainerState::Running, Some(((HealthStatus::Unhealthy, Some(9)), seconds(10))), seconds(10)),
        (ContainerState::Running, Some(((HealthStatus::Starting, Some(0)), seconds(10))), seconds(10)),
        (ContainerState::Running, Some((calm, Duration::from_millis(1))), seconds(1)),
        (ContainerState::Running, Some((calm, seconds(3600))), LOOK_PERIOD),
        (ContainerState::Running, Some((calm, Duration::MAX)), LOOK_PERIOD),
        (ContainerState::Running, None, LOOK_PERIOD),
        (ContainerState::Exited, Some((failing, seconds(10))), LOOK_PERIOD),
    ];
    for (state, checked, expected) in table {
        let mut container = container("a", "a", Labels::default());
        container.state = state;
        container.health = checked.map(|((status, streak), interval)| {
            let mut health = health();
            (health.status, health.failing_streak, health.check.interval) = (status, streak, interval);
            health
        });
        assert_eq!(period(&container), expected, "{state:?} {checked:?}");
    }
}

#[test]
fn looks_are_spread_over_the_last_fifth_of_a_period() {
    let whole = Duration::from_secs(40);
    let times: BTreeSet<_> = (0..100).map(|number| spread(whole, &id(number), 1)).collect();
    assert!(times.iter().all(|time| (whole * 4 / 5..=whole).contains(time)), "{times:?}");
    assert!(times.len() > 80, "{} different times", times.len());
    assert_eq!(spread(Duration::from_millis(10), &id(1), 1), Duration::from_secs(1), "however short");
}

#[tokio::test(start_paused = true)]
async fn a_new_decision_replaces_the_old_one_and_leaves_no_rest() {
    let mut schedule = Schedule::default();
    let now = Instant::now();
    for round in 0..100 {
        for number in 0..50 {
            schedule.set_at(&id(number), now + Duration::from_secs(round + 1));
        }
    }
    let (due, heap) = schedule.len();
    assert_eq!(due, 50);
    assert!(heap <= 2 * 50 + 64, "{heap}");
    assert_eq!(schedule.next(), Some(now + Duration::from_secs(100)));
    assert_eq!(schedule.pop(now + Duration::from_secs(99)), None);
    schedule.remove(&id(7));
    let popped: BTreeSet<_> = std::iter::from_fn(|| schedule.pop(now + Duration::from_secs(100))).collect();
    assert_eq!(popped.len(), 49);
    assert!(!popped.contains(&id(7)));
    assert_eq!((schedule.next(), schedule.len().0), (None, 0));
}

#[test]
fn wishes_for_one_container_become_one_inspection() {
    let mut looks = Looks::new(2);
    for number in [1, 1, 2, 3, 1] {
        looks.want(&id(number));
    }
    assert_eq!([looks.start(), looks.start(), looks.start()], [Some(id(1)), Some(id(2)), None], "two at once");
    looks.want(&id(1));
    looks.want(&id(1));
    assert!(looks.done(&id(1)));
    assert_eq!([looks.start(), looks.start()], [Some(id(3)), None]);
    assert!(looks.done(&id(2)) && looks.done(&id(3)));
    assert_eq!([looks.start(), looks.start()], [Some(id(1)), None], "once more, for both wishes");
}

#[test]
fn the_answer_for_a_destroyed_container_is_void() {
    let mut looks = Looks::new(2);
    looks.want(&id(1));
    looks.start();
    looks.want(&id(1));
    looks.forget(&id(1));
    assert!(!looks.done(&id(1)));
    assert_eq!(looks.start(), None);
    looks.want(&id(2));
    looks.forget(&id(2));
    assert_eq!(looks.start(), None);
}

proptest! {
    #[test]
    fn never_more_at_once_than_allowed_and_nothing_is_forgotten(
        wishes in proptest::collection::vec((0..20_u32, any::<bool>()), 1..200),
    ) {
        let mut looks = Looks::new(8);
        let (mut flying, mut owed) = (Vec::new(), BTreeSet::new());
        for (number, answer) in wishes {
            looks.want(&id(number));
            owed.insert(id(number));
            while let Some(id) = looks.start() {
                owed.remove(&id);
                prop_assert!(!flying.contains(&id), "twice at once");
                flying.push(id);
            }
            prop_assert!(flying.len() <= 8);
            if answer && !flying.is_empty() {
                looks.done(&flying.remove(0));
            }
        }
        while let Some(id) = flying.pop().or_else(|| looks.start()) {
            owed.remove(&id);
            looks.done(&id);
        }
        prop_assert_eq!(owed, BTreeSet::new());
    }
}
