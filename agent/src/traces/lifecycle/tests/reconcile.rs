//! Events twice, out of order and lost; pictures; clocks that jump.

use proptest::prelude::*;

use super::{
    scene::{Scene, checked, ended, id, policy, runs, time},
    waterfall::shop,
};
use crate::{
    model::{EventKind, HealthStatus, RestartPolicy},
    traces::lifecycle::Lost,
};

#[test]
fn what_was_there_before_is_not_told() {
    let mut scene = Scene::default();
    scene.now = 1_000_000;
    scene.declare("db", "shop", "db", "");
    scene.show("db", runs(990_000));
    scene.look();
    scene.to(2_000_000);
    assert_eq!(scene.waterfalls(), [""; 0]);
    // ... but what happens to it is.
    scene.die(2_000_000, "db", 1);
    scene.to(2_010_000);
    assert_eq!(scene.waterfalls(), ["container.stop shop/db-1 2000000..2000000 ERROR exit_1\n"]);
}

#[test]
fn found_between_two_runs_the_next_is_a_restart() {
    let mut scene = Scene::default();
    scene.now = 1_000_000;
    scene.show("db", runs(990_000));
    scene.show("db", policy(RestartPolicy::Always));
    scene.show("db", ended(995_000, 2));
    scene.show("db", |db| db.state = crate::model::ContainerState::Restarting);
    scene.look();
    scene.start(1_005_000, "db");
    scene.to(1_100_000);
    let expected = "\
container.restart db 995000..1005000 ERROR exit_2 ready
  backoff 995000..1005000
  run (restart 1) 1005000..1005000
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn what_inspection_shows_of_long_ago_is_counted_and_known() {
    let mut scene = Scene::watched();
    scene.create(0, "db");
    scene.start(100, "db");
    scene.show("db", runs(90));
    scene.look();
    scene.to(60_000);
    scene.told.clear();
    // The agent was not there for hours.
    scene.show("db", runs(1_000_000));
    scene.now = 8_000_000;
    scene.look();
    scene.to(9_000_000);
    assert_eq!((scene.waterfalls().len(), scene.counts.lost(Lost::Old)), (0, 1));
    scene.die(9_000_000, "db", 1);
    scene.to(9_010_000);
    assert_eq!(scene.waterfalls(), ["container.stop db 9000000..9000000 ERROR exit_1 ->1\n"]);
}

#[test]
fn on_a_host_where_nothing_was_told_yet_the_last_minutes_are() {
    let mut scene = Scene::default();
    scene.fresh = true;
    scene.now = 1_000_000;
    scene.declare("db", "shop", "db", "");
    scene.declare("old", "shop", "old", "");
    scene.show("db", runs(990_000));
    scene.show("old", runs(600_000));
    scene.look();
    scene.to(2_000_000);
    let expected = "\
compose.up shop 989900..990000
  shop/db-1 startup 989900..990000 ready
    create 989900..989900
    start 990000..990000
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn a_start_known_from_pictures_alone() {
    let mut scene = Scene::watched();
    scene.now = 30_000;
    scene.declare("db", "shop", "db", "");
    scene.show("db", runs(20_000));
    scene.show("db", checked(HealthStatus::Healthy, &[(20_900, 21_000, 1), (21_900, 22_000, 0), (22_900, 23_000, 0)]));
    scene.look();
    scene.to(60_000);
    let expected = "\
compose.up shop 19900..22000
  shop/db-1 startup 19900..22000 ready
    create 19900..19900
    start 20000..20000
    become healthy 20000..22000
      health probe #1 (exit 1) 20900..21000 ERROR exit_1
      health probe #2 (exit 0) 21900..22000
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn a_restart_known_from_pictures_alone() {
    let mut scene = Scene::watched();
    scene.create(0, "db");
    scene.start(100, "db");
    scene.show("db", runs(90));
    scene.show("db", |db| db.restart_count = Some(0));
    scene.show("db", policy(RestartPolicy::Always));
    scene.look();
    scene.to(60_000);
    scene.told.clear();
    scene.show("db", runs(58_000));
    scene.show("db", |db| (db.restart_count, db.finished_at) = (Some(1), Some(time(57_000))));
    scene.look();
    scene.to(90_000);
    let expected = "\
container.restart db 57000..58000 ready ->1
  backoff 57000..58000
  run (restart 1) 58000..58000
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn an_end_known_from_pictures_alone_and_one_that_vanished() {
    let mut scene = Scene::watched();
    for name in ["a", "b"] {
        scene.create(0, name);
        scene.start(100, name);
        scene.show(name, runs(90));
    }
    scene.look();
    scene.to(60_000);
    scene.told.clear();
    scene.show("a", ended(59_000, 7));
    scene.hide("b");
    scene.look();
    scene.to(90_000);
    assert_eq!(scene.waterfalls(), ["container.stop a 59000..59000 ERROR exit_7 ->1\n"]);
    assert_eq!(scene.machine.lives.len(), 1);
}

#[test]
fn heard_again_after_it_is_gone_is_no_news() {
    let mut scene = Scene::watched();
    let story = |scene: &mut Scene| {
        for (at, kind) in [
            (100, EventKind::Created(id("job"))),
            (200, EventKind::Started(id("job"))),
            (300, EventKind::Died { id: id("job"), exit_code: Some(0) }),
            (400, EventKind::Destroyed(id("job"))),
        ] {
            scene.event(at, "job", kind);
        }
    };
    story(&mut scene);
    story(&mut scene);
    scene.to(60_000);
    story(&mut scene);
    scene.to(120_000);
    assert_eq!(scene.waterfalls().len(), 1);
}

#[test]
fn a_picture_older_than_the_events_changes_nothing() {
    let mut scene = Scene::watched();
    scene.create(0, "db");
    scene.start(100, "db");
    scene.show("db", runs(90));
    scene.show("db", policy(RestartPolicy::Always));
    scene.look();
    scene.die(500, "db", 1);
    scene.start(700, "db");
    // Asked for before the second start.
    scene.show("db", ended(490, 1));
    scene.look();
    scene.to(60_000);
    let [waterfall] = scene.waterfalls().try_into().unwrap();
    assert!(
        waterfall.ends_with("  run (failed) 90..500 ERROR exit_1\n  backoff 500..700\n  run (restart 1) 700..700\n"),
        "{waterfall}"
    );
}

#[test]
fn a_clock_that_is_set_back_blinds_nobody() {
    let mut scene = Scene::watched();
    scene.create(3_600_000, "db");
    scene.start(3_600_100, "db");
    scene.show("db", runs(3_600_090));
    scene.look();
    scene.to(3_700_000);
    scene.told.clear();
    let info = crate::model::EngineInfo { system_time: Some(time(10_000)), ..Default::default() };
    let mut picture = std::sync::Arc::unwrap_or_clone(scene.snapshot());
    picture.engine.info = Some(info.into());
    let now = std::time::Duration::from_millis(scene.now);
    scene.machine.picture(&picture.into(), false, now);
    scene.die(20_000, "db", 5);
    scene.look();
    scene.to(3_800_000);
    assert_eq!(scene.waterfalls(), ["container.stop db 20000..20000 ERROR exit_5 ->1\n"]);
}

#[test]
fn a_clock_that_jumps_makes_nothing_last_for_ever() {
    let mut scene = Scene::watched();
    scene.create(100, "a");
    // An hour ahead by the engine's clock, at once by ours.
    scene.hear(3_600_000, "a", EventKind::Started(id("a")));
    scene.to(20_000);
    let [waterfall] = scene.waterfalls().try_into().unwrap();
    assert!(waterfall.starts_with("container.start a 100..3600000 ready"), "{waterfall}");
}

#[test]
fn what_is_left_out_is_left_out() {
    let mut scene = Scene::watched();
    let event = crate::model::Event {
        time: time(100),
        kind: EventKind::Created(id("x")),
        attributes: crate::model::Labels::new(
            [("name", "x"), ("spyhop.enable", "False")].map(|(k, v)| (k.into(), v.into())),
        ),
    };
    scene.machine.event(&event, std::time::Duration::ZERO);
    // Events without a name say nothing of who it is.
    let bare = crate::model::Event { attributes: crate::model::Labels::default(), ..event };
    scene.machine.event(&bare, std::time::Duration::ZERO);
    assert_eq!(scene.machine.lives.len(), 0);
}

/// One thing that happens to one of three containers.
fn step() -> impl Strategy<Value = (usize, u64, u8, i64)> {
    (0..3_usize, 0..3_000_u64, 0..10_u8, prop_oneof![Just(0_i64), Just(137), Just(1)])
}

fn kind(name: &str, what: u8, code: i64) -> EventKind {
    let id = id(name);
    match what {
        0 => EventKind::Created(id),
        1 | 2 => EventKind::Started(id),
        3 | 4 => EventKind::Died { id, exit_code: Some(code) },
        5 => EventKind::Oom(id),
        6 => EventKind::StopRequested { id, signal: Some(15).filter(|_| code > 0) },
        7 => EventKind::Health { id, status: if code == 0 { HealthStatus::Healthy } else { HealthStatus::Unhealthy } },
        8 => EventKind::Changed(id),
        _ => EventKind::Destroyed(id),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 4_000 }))]

    /// Whatever is heard, in whatever order: every trace is sound (`scene::spans` looks), no span is told twice, and nothing stays under way.
    #[test]
    fn any_story_gives_sound_traces(steps in proptest::collection::vec(step(), 1..60), again in 0..40_usize) {
        let mut scene = Scene::watched();
        let names = ["a", "b", "c"];
        for name in &names[..2] {
            scene.declare(name, "shop", name, if *name == "b" { "a:service_healthy:false" } else { "" });
        }
        let mut at = 0;
        let mut heard = Vec::new();
        for (who, pause, what, code) in steps {
            at += pause;
            // Slightly out of order now and then.
            let time = if code == 1 { at.saturating_sub(700) } else { at };
            heard.push((time, names[who], kind(names[who], what, code)));
            scene.to(at);
            scene.hear(time, names[who], kind(names[who], what, code));
            if pause % 3 == 0 {
                scene.look();
            }
        }
        // A gap: the engine repeats the newest.
        for (time, name, kind) in heard.iter().rev().take(again).rev() {
            scene.hear(*time, name, kind.clone());
        }
        scene.to(at + 400_000);
        let mut ids: Vec<_> = scene.told.iter().flat_map(super::scene::spans).map(|(_, span)| (span.trace_id, span.span_id)).collect();
        let all = ids.len();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), all, "told twice");
        prop_assert_eq!(scene.machine.due(), None);
        prop_assert!(scene.machine.bursts.is_empty());
    }

    /// The same events twice in a row, each heard again at once, tell the same as once.
    #[test]
    fn hearing_twice_is_hearing_once(steps in proptest::collection::vec(step(), 1..40)) {
        let story = |twice: bool| {
            let mut scene = Scene::watched();
            let mut at = 0;
            for (who, pause, what, code) in &steps {
                at += pause + 1;
                let name = ["a", "b", "c"][*who];
                scene.event(at, name, kind(name, *what, *code));
                if twice {
                    scene.event(at, name, kind(name, *what, *code));
                }
            }
            scene.to(at + 400_000);
            scene.waterfalls()
        };
        prop_assert_eq!(story(true), story(false));
    }
}

#[test]
fn the_waterfall_is_the_same_from_events_in_another_order() {
    let mut scene = Scene::watched();
    shop(&mut scene);
    scene.start(10_300, "api");
    scene.to(60_000);
    let expected = scene.waterfalls();
    let mut scene = Scene::watched();
    scene.declare("api", "shop", "api", "db:service_healthy:false");
    scene.hear(300, "api", EventKind::Created(id("api")));
    shop(&mut scene);
    scene.start(10_300, "api");
    scene.hear(10_300, "api", EventKind::Started(id("api")));
    scene.to(60_000);
    assert_eq!(scene.waterfalls(), expected);
}
