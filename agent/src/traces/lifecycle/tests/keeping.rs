//! Restarts of the agent in the middle.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::{
    scene::{Scene, checked, id, machine, policy, runs, spans, time},
    waterfall::shop,
};
use crate::{
    model::{EventKind, HealthStatus, RestartPolicy},
    traces::lifecycle::{
        at::At,
        ids::Link,
        journal::Change,
        keep,
        life::{Life, MAX_PROBES, MAX_RUNS, Place, Policy, Probe, Unhealthy},
        run::{End, Run, Seen},
        who::Who,
    },
};

/// What is kept of the machine as it is, and a new one that takes it up.
fn restart(scene: &mut Scene, kept: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    for (key, value) in scene.machine.unsaved() {
        let _: Option<Vec<u8>> = match value {
            Some(value) => kept.insert(key, value),
            None => kept.remove(&key),
        };
    }
    scene.machine = machine(&scene.counts);
    let newest = kept.get(keep::COMMON).and_then(|value| keep::read_common(value));
    let lives = kept.iter().filter(|(key, _)| *key != keep::COMMON).map(|(key, value)| {
        let id = crate::model::ContainerId::new(String::from_utf8(key.clone()).unwrap());
        let life = keep::read_life(&id, value).unwrap();
        (id, life)
    });
    scene.machine.resume(lives, newest, Duration::from_millis(scene.now));
}

/// A step of a story.
type Step = (u64, fn(&mut Scene, u64));

/// A start, a crash with its restart, an unhealthy spell and a stop, with a look after each step.
fn story() -> Vec<Step> {
    vec![
        (10_300, |scene, at| scene.start(at, "api")),
        (10_350, |scene, _| {
            scene.show("api", runs(10_280));
            scene.show("api", policy(RestartPolicy::Always));
            scene.show("api", |api| api.created = Some(time(280)));
        }),
        (40_000, |_, _| {}),
        (60_000, |scene, at| scene.die(at, "api", 3)),
        (61_000, |scene, at| scene.start(at, "api")),
        (61_100, |scene, _| scene.show("api", runs(60_990))),
        (90_000, |_, _| {}),
        (100_000, |scene, at| scene.health(at, "db", HealthStatus::Unhealthy)),
        (100_100, |scene, _| {
            scene.show("db", checked(HealthStatus::Unhealthy, &[(99_900, 99_990, 1), (101_000, 101_100, 1)]))
        }),
        (105_000, |scene, at| scene.health(at, "db", HealthStatus::Healthy)),
        (120_000, |_, _| {}),
        (130_000, |scene, at| scene.kill(at, "db", Some(15))),
        (131_000, |scene, at| scene.die(at, "db", 0)),
        (131_500, |scene, at| scene.destroy(at, "db")),
    ]
}

/// Ids of spans with their names, in the order of their traces.
fn ids(scene: &Scene) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let mut all: Vec<_> =
        scene.told.iter().flat_map(spans).map(|(_, span)| (span.name, span.trace_id, span.span_id)).collect();
    all.sort();
    all
}

fn play(restarts: &[usize]) -> Scene {
    let mut scene = Scene::watched();
    let mut kept = BTreeMap::new();
    shop(&mut scene);
    for (number, (at, step)) in story().into_iter().enumerate() {
        if restarts.contains(&number) {
            restart(&mut scene, &mut kept);
            // The engine repeats what it told last, before there is a picture.
            scene.hear(9_800, "db", EventKind::Health { id: id("db"), status: HealthStatus::Healthy });
            scene.hear(300, "api", EventKind::Created(id("api")));
            scene.look();
        }
        scene.to(at);
        step(&mut scene, at);
        scene.look();
    }
    scene.to(1_000_000);
    scene
}

#[test]
fn a_restart_at_any_moment_tells_the_same_once() {
    let whole = play(&[]);
    let expected = ids(&whole);
    assert_eq!(whole.told.len(), 4, "{:?}", whole.waterfalls());
    for number in 0..story().len() {
        let scene = play(&[number]);
        assert_eq!(ids(&scene), expected, "restarted before step {number}");
        assert_eq!(scene.waterfalls(), whole.waterfalls(), "restarted before step {number}");
    }
    let every: Vec<usize> = (0..story().len()).collect();
    assert_eq!(ids(&play(&every)), expected);
}

#[test]
fn what_happened_while_nobody_was_there_is_told_as_far_as_it_shows() {
    let mut scene = Scene::watched();
    shop(&mut scene);
    restart(&mut scene, &mut BTreeMap::new());
    // Meanwhile: the application was started, and somebody made another project.
    scene.declare("other", "blog", "web", "");
    scene.show("api", runs(12_000));
    scene.show("api", |api| api.created = Some(time(280)));
    scene.show("other", runs(20_000));
    scene.now = 100_000;
    scene.look();
    scene.to(200_000);
    let mut waterfalls = scene.waterfalls();
    waterfalls.sort();
    let [blog, shop] = waterfalls.try_into().unwrap();
    assert!(blog.starts_with("compose.up blog 19900..20000\n"), "{blog}");
    assert!(shop.contains("wait for dependencies 300..12000\n    start 12000..12000\n"), "{shop}");
}

fn moment() -> impl Strategy<Value = Option<At>> {
    proptest::option::of(any::<u64>().prop_map(At))
}

fn run() -> impl Strategy<Value = Run> {
    let end = (any::<u64>(), any::<bool>(), proptest::option::of(any::<i64>()), any::<bool>());
    let end = end.prop_map(|(at, told, code, oom)| End { at: At(at), told, code, oom });
    let seen = (any::<u64>(), any::<bool>()).prop_map(|(at, inferred)| Seen { at: At(at), inferred });
    let signals = proptest::collection::vec((any::<u64>().prop_map(At), any::<i64>()), 0..4);
    let moments = [moment(), moment(), moment(), moment(), moment(), moment(), moment(), moment()];
    (moments, any::<bool>(), proptest::option::of(end), proptest::option::of(seen), signals).prop_map(
        |([begun, told, prepared, oom, oom_told, stopped, unhealthy, health_at], exact, end, healthy, signals)| Run {
            begun,
            exact,
            told,
            prepared,
            end,
            oom,
            oom_told,
            signals,
            stopped,
            healthy,
            unhealthy,
            health_at,
        },
    )
}

prop_compose! {
    fn life()(
        runs in proptest::collection::vec(run(), 0..MAX_RUNS),
        probes in proptest::collection::vec((any::<u32>(), any::<u64>(), moment(), any::<i64>()), 0..MAX_PROBES),
        [created, create_told, sign, shown, gone] in [moment(), moment(), moment(), moment(), moment()],
        flags in any::<[bool; 3]>(),
        place in prop_oneof![Just(Place::Idle), Just(Place::Burst), Just(Place::Spell)],
        policy in prop_oneof![
            Just(Policy::Unknown), Just(Policy::Never), Just(Policy::Always), Just(Policy::OnFailure(None)),
            (1..1_000_u64).prop_map(|most| Policy::OnFailure(Some(most))),
        ],
        marks in [moment(), moment()],
        numbers in any::<(u32, u32, Option<u64>, Option<u64>, Option<bool>)>(),
        failed_start in proptest::option::of((any::<u64>().prop_map(At), any::<i64>())),
        link in proptest::option::of(any::<([u8; 16], [u8; 8])>()),
        unhealthy in proptest::option::of((any::<u64>().prop_map(At), moment())),
        words in proptest::collection::vec("\\PC{0,20}", 7),
    ) -> Life {
        let link = link.map(|(trace, span)| Link { trace, span });
        let who = Who {
            id: id("x"),
            name: words[0].as_str().into(),
            project: words[1].as_str().into(),
            service: words[2].as_str().into(),
            replica: words[3].as_str().into(),
            image: words[4].as_str().into(),
            compose: flags[0],
            one_off: flags[1],
            depends_on: words[5..].iter().map(|word| word.as_str().into()).collect(),
        };
        let unhealthy = unhealthy.map(|(since, until)| Unhealthy { since, until, told: link });
        let told = place != Place::Idle || unhealthy.is_some();
        let probes = probes.into_iter().map(|(number, start, end, exit_code)| Probe { number, start: At(start), end, exit_code });
        Life {
            who: told.then(|| who.into()),
            created, create_told, sign, shown, gone, runs, place, policy, failed_start, link, unhealthy,
            fresh: flags[0],
            before: marks[0],
            probe_mark: marks[1],
            resting: flags[1],
            pictured: flags[2],
            probes: probes.collect(),
            runs_left_out: numbers.0,
            probe_count: numbers.1,
            restart_count: numbers.2,
            failing_streak: numbers.3,
            checked: numbers.4,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_kept_is_read(life in life()) {
        prop_assert_eq!(keep::read_life(&id("x"), &keep::life(&life)), Some(life));
    }

    #[test]
    fn what_is_no_entry_is_none_or_bounded(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Some(life) = keep::read_life(&id("x"), &bytes) {
            prop_assert!(life.runs.len() <= MAX_RUNS && life.probes.len() <= MAX_PROBES);
        }
        prop_assert!(keep::read_common(&bytes).is_none_or(|_| !bytes.is_empty()));
    }
}

#[test]
fn changes_are_told_once() {
    let mut scene = Scene::watched();
    shop(&mut scene);
    let keys = |changes: Vec<Change>| {
        changes.into_iter().map(|(key, value)| (key.first().copied(), value.is_some())).collect::<Vec<_>>()
    };
    let mut first = keys(scene.machine.unsaved());
    first.sort_unstable();
    assert_eq!(first, [(Some(b' '), true), (Some(b'a'), true), (Some(b'd'), true)]);
    scene.destroy(20_000, "db");
    scene.to(400_000);
    let mut second = keys(scene.machine.unsaved());
    second.sort_unstable();
    assert_eq!(second, [(Some(b' '), true), (Some(b'a'), true), (Some(b'd'), false)]);
}
