//! Scripted readings, and clocks that jump.

use proptest::prelude::*;

use super::*;
use crate::{
    history::MINUTES,
    model::{Container, ContainerState, CpuTimes, Labels, LoadAverage},
};

const SECOND: u64 = 1_000_000_000;
const NOTHING: [f32; 0] = [];

fn entry(id: &str, name: &str, started: i64) -> Entry {
    let container = Container {
        state: ContainerState::Running,
        pid: Some(7),
        started_at: Timestamp::from_second(started).ok(),
        ..Container::bare(id, name, Labels::default())
    };
    Entry::bare(container, Timestamp::UNIX_EPOCH)
}

/// One reading of one container: `used` seconds of CPU and `memory` bytes at `at` seconds, in the minute that the clock shows.
fn read(usages: &mut Usages, entry: &Entry, minute: i64, (at, used, memory): (u64, u64, u64)) {
    usages.begin(minute);
    let figures = Figures {
        at: Duration::from_secs(at),
        cpu_ns: Some(used * SECOND),
        cpu_cores: Some(0.5),
        memory_bytes: Some(memory),
    };
    usages.container(entry, Timestamp::UNIX_EPOCH, figures);
    usages.end();
}

/// What is there, newest first.
fn points(spark: &[f32; MINUTES]) -> Vec<f32> {
    spark.iter().rev().copied().filter(|value| !value.is_nan()).collect()
}

#[test]
fn a_minute_has_its_mean_of_cpu_and_its_highest_memory() {
    let (mut usages, web) = (Usages::default(), entry("a", "web", 1));
    for (minute, reading) in [(10, (0, 0, 64)), (10, (30, 15, 256)), (10, (40, 35, 128)), (11, (80, 55, 32))] {
        read(&mut usages, &web, minute, reading);
    }
    let sparks = usages.sparks(&web.container.id, 11).unwrap();
    // 15 and 20 seconds of 40; then 20 of 40.
    assert_eq!(points(&sparks.cpu_cores), [0.5, 0.875]);
    assert_eq!(points(&sparks.memory_bytes), [32.0, 256.0]);
    let now = usages.usage(&web.container.id).unwrap();
    assert_eq!((now.cpu_cores, now.memory_bytes), (Some(0.5), Some(32)));
}

#[test]
fn a_new_run_a_counter_that_fell_and_a_long_silence_begin_anew() {
    let mut usages = Usages::default();
    read(&mut usages, &entry("a", "web", 1), 1, (0, 100, 1));
    read(&mut usages, &entry("a", "web", 2), 2, (60, 130, 1));
    let cpu = |usages: &Usages, minute| points(&usages.sparks(&ContainerId::new("a"), minute).unwrap().cpu_cores);
    assert_eq!(cpu(&usages, 2), NOTHING, "30 seconds of another run");
    read(&mut usages, &entry("a", "web", 2), 3, (120, 10, 1));
    assert_eq!(cpu(&usages, 3), NOTHING);
    read(&mut usages, &entry("a", "web", 2), 4, (180, 40, 1));
    assert_eq!(cpu(&usages, 4), [0.5]);
    read(&mut usages, &entry("a", "web", 2), 20, (1_140, 900, 1));
    assert_eq!(cpu(&usages, 20), [0.5], "sixteen minutes are no minute");
}

#[test]
fn a_container_made_anew_goes_on_with_the_hour_of_its_place() {
    let mut usages = Usages::default();
    read(&mut usages, &entry("a", "web", 1), 1, (0, 0, 100));
    read(&mut usages, &entry("b", "web", 9), 2, (60, 5, 200));
    let sparks = usages.sparks(&ContainerId::new("b"), 2).unwrap();
    assert_eq!(points(&sparks.memory_bytes), [200.0, 100.0]);
    assert_eq!(points(&sparks.cpu_cores), NOTHING, "counters of two containers have no difference");
    assert_eq!(usages.sparks(&ContainerId::new("a"), 2), None);
    read(&mut usages, &entry("c", "db", 9), 3, (120, 5, 7));
    assert_eq!(usages.usage(&ContainerId::new("b")), None, "it was not in the last reading");
    assert_eq!(points(&usages.sparks(&ContainerId::new("c"), 3).unwrap().memory_bytes), [7.0]);
}

#[test]
fn what_ended_is_forgotten_after_an_hour_and_makes_room_before() {
    let mut usages = Usages::default();
    read(&mut usages, &entry("gone", "gone", 1), 1, (0, 0, 1));
    read(&mut usages, &entry("a", "web", 1), 2, (60, 0, 1));
    read(&mut usages, &entry("a", "web", 1), 61, (3_600, 0, 1));
    assert!(usages.sparks(&ContainerId::new("gone"), 61).is_some());
    read(&mut usages, &entry("a", "web", 1), 62, (3_660, 0, 1));
    assert_eq!(usages.sparks(&ContainerId::new("gone"), 62), None);

    let figures = Figures { at: Duration::from_secs(4_000), cpu_ns: None, cpu_cores: None, memory_bytes: Some(1) };
    let crowd = |usages: &mut Usages, minute, from: usize, count: usize| {
        usages.begin(minute);
        for number in from..from + count {
            let name = format!("c{number}");
            usages.container(&entry(&name, &name, 1), Timestamp::UNIX_EPOCH, figures);
        }
        usages.end()
    };
    assert_eq!(crowd(&mut usages, 63, 0, MAX_CONTAINERS), 1, "the place of who was read the moment before is kept");
    assert_eq!(crowd(&mut usages, 63, 0, MAX_CONTAINERS), 0, "and given away then");
    assert_eq!(crowd(&mut usages, 63, 0, MAX_CONTAINERS + 7), 7);
    assert_eq!(crowd(&mut usages, 63, 0, MAX_CONTAINERS + 7), 0, "each counts once");
    assert_eq!(usages.left_out(), 7);
    crowd(&mut usages, 64, 0, 10);
    assert_eq!(crowd(&mut usages, 64, 5_000, 20), 0);
    assert_eq!((usages.lives.len(), usages.left_out()), (MAX_CONTAINERS, 0));
}

#[test]
fn a_life_is_half_a_kilobyte() {
    let size = size_of::<Life>() + size_of::<(ContainerId, Box<Life>)>() * 2;
    assert!(size <= 560, "{size} bytes");
}

fn host(busy: f64, idle: f64, available: u64, load: f64) -> HostSample {
    let mut seconds = [0.0; 10];
    (seconds[0], seconds[3], seconds[8]) = (busy, idle, busy);
    HostSample {
        cpus: vec![CpuTimes { cpu: 0, seconds }, CpuTimes { cpu: 1, seconds }],
        meminfo: vec![("MemTotal".into(), 1_000, true), ("MemAvailable".into(), available, true)],
        load: Some(LoadAverage { one: load, ..LoadAverage::default() }),
        ..HostSample::default()
    }
}

#[test]
fn the_host_has_its_busy_share_its_memory_and_its_load() {
    let mut usages = Usages::default();
    assert_eq!(usages.host_sparks(0), None);
    for (minute, at, sample) in [
        (5, 0, host(100.0, 900.0, 500, 1.0)),
        (5, 30, host(110.0, 920.0, 250, 4.0)),
        (6, 70, host(150.0, 920.0, 750, 2.0)),
        (6, 80, HostSample::default()),
    ] {
        usages.begin(minute);
        usages.host(&sample, Duration::from_secs(at));
        usages.end();
    }
    let sparks = usages.host_sparks(6).unwrap();
    assert_eq!(points(&sparks.cpu_busy), [1.0, 0.333_984_38], "a third, to the last place there is");
    assert_eq!(points(&sparks.memory_used), [0.25, 0.75]);
    assert_eq!(points(&sparks.load), [2.0, 4.0]);
}

#[derive(Clone, Debug)]
struct Step {
    /// How far the wall clock moves, in minutes; how far time does, in seconds.
    jump: i64,
    passes: u64,
    used: u64,
    restarts: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let jump = prop_oneof![8 => 0_i64..2, 1 => -200_i64..200];
    (jump, 1_u64..90, 0_u64..180, prop::bool::weighted(0.05)).prop_map(|(jump, passes, used, restarts)| Step {
        jump,
        passes,
        used,
        restarts,
    })
}

proptest! {
    /// Two cores at most are used, so no minute ever shows more, whatever the clock does.
    #[test]
    fn no_clock_makes_garbage(steps in prop::collection::vec(step(), 1..120)) {
        let (mut usages, mut minute, mut at, mut used, mut run) = (Usages::default(), 1_000, 0, 0, 1);
        for step in steps {
            minute += step.jump;
            at += step.passes;
            used += step.used.min(2 * step.passes);
            if step.restarts {
                (used, run) = (0, run + 1);
            }
            read(&mut usages, &entry("a", "web", run), minute, (at, used, 4_096));
            let sparks = usages.sparks(&ContainerId::new("a"), minute).unwrap();
            prop_assert!(points(&sparks.cpu_cores).iter().all(|cores| (0.0..=2.01).contains(cores)), "{sparks:?}");
            prop_assert!(points(&sparks.memory_bytes).iter().all(|bytes| *bytes == 4_096.0), "{sparks:?}");
            prop_assert!(!sparks.memory_bytes[MINUTES - 1].is_nan());
        }
    }
}
