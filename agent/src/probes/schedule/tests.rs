//! Times on a clock of paper: every second of an hour, and what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn wanted(count: u32, interval: u64) -> HashMap<u32, Duration> {
    (0..count).map(|key| (key, Duration::from_secs(interval))).collect()
}

/// A world in which some targets answer at once, and others only at their deadline.
struct World {
    schedule: Schedule<u32>,
    now: Duration,
    /// When a running probe ends, and how.
    ends: BTreeSet<(Duration, u32, bool)>,
    /// When each target was asked.
    asked: BTreeMap<u32, Vec<Duration>>,
    /// How often each was asked at its interval.
    regular: BTreeMap<u32, usize>,
    missed: u64,
}

impl World {
    fn new(wanted: &HashMap<u32, Duration>) -> Self {
        let mut schedule = Schedule::new();
        schedule.replace(wanted, Duration::ZERO);
        Self {
            schedule,
            now: Duration::ZERO,
            ends: BTreeSet::new(),
            asked: BTreeMap::new(),
            regular: BTreeMap::new(),
            missed: 0,
        }
    }

    /// Runs until `end`; `answers` says how long a probe takes and whether it is good.
    fn run(&mut self, end: Duration, answers: impl Fn(u32, Duration) -> (Duration, bool)) {
        loop {
            let next = [self.schedule.next(), self.ends.first().map(|(at, ..)| *at)].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            while let Some((_, key, good)) = self.ends.first().copied().filter(|(at, ..)| *at <= self.now) {
                self.ends.pop_first();
                self.schedule.ended(&key, good, self.now);
            }
            for Start { key, missed, extra } in self.schedule.start(self.now) {
                assert!(!self.ends.iter().any(|(_, running, _)| *running == key), "{key} is asked twice at a time");
                self.missed += missed;
                *self.regular.entry(key).or_default() += usize::from(!extra);
                self.asked.entry(key).or_default().push(self.now);
                let (takes, good) = answers(key, self.now);
                self.ends.insert((self.now + takes, key, good));
            }
            assert!(self.ends.len() <= PLACES);
        }
        self.now = end;
    }

    fn count(&self, key: u32) -> usize {
        self.asked.get(&key).map_or(0, Vec::len)
    }
}

fn at_once(_: u32, _: Duration) -> (Duration, bool) {
    (Duration::from_millis(2), true)
}

#[test]
fn five_hundred_are_spread_and_each_is_asked_in_its_turn() {
    let mut world = World::new(&wanted(500, 15));
    world.run(150 * SECOND, at_once);
    let mut seconds = [0; 151];
    for (key, times) in &world.asked {
        assert_eq!(times.len(), 10, "{key}");
        for (a, b) in times.iter().zip(times.iter().skip(1)) {
            assert_eq!(*b - *a, 15 * SECOND, "{key}");
        }
        times.iter().for_each(|at| seconds[usize::try_from(at.as_secs()).unwrap()] += 1);
    }
    // The last second has but its first moment.
    assert!(seconds[..150].iter().all(|count| (10..80).contains(count)), "{seconds:?}");
}

#[test]
fn a_few_are_asked_at_once() {
    let mut world = World::new(&wanted(3, 3600));
    world.run(SECOND, at_once);
    assert_eq!(world.asked.len(), 3);
}

#[test]
fn tarpits_delay_no_other() {
    let tarpits = 300;
    let mut world = World::new(&wanted(200 + tarpits, 5));
    let tarpit = |key: u32, _| if key >= 200 { (5 * SECOND, false) } else { (Duration::from_millis(2), true) };
    // To just before the moment of those whose moment it is.
    world.run(300 * SECOND - Duration::from_millis(1), tarpit);
    for key in 0..200 {
        let times = &world.asked[&key];
        let gaps = times.iter().zip(times.iter().skip(1)).map(|(a, b)| *b - *a);
        assert!(gaps.clone().all(|gap| gap <= 5 * SECOND), "{key}, which has answered once: {:?}", gaps.max());
    }
    // Only before it is known who answers does anybody wait.
    let later = |key: u32| world.asked[&key].iter().filter(|at| at.as_secs() >= 60).count();
    assert!((0..200).all(|key| later(key) == 48), "{:?}", (0..200).map(later).collect::<BTreeSet<_>>());
    assert!((200..500).all(|key| world.count(key) > 5) && world.missed > 0, "they wait for each other, in turn");
}

#[test]
fn a_failure_is_followed_every_second_for_a_while() {
    let mut world = World::new(&wanted(1, 15));
    world.run(100 * SECOND, |_, now| (Duration::from_millis(5), now < 30 * SECOND));
    let times: Vec<_> = world.asked[&0].iter().filter(|at| at.as_secs() >= 30).collect();
    let gaps: Vec<_> = times.iter().zip(times.iter().skip(1)).map(|(a, b)| **b - **a).collect();
    assert!(gaps[..usize::from(QUICK_PROBES)].iter().all(|gap| *gap <= SECOND), "{gaps:?}");
    assert_eq!(gaps.last(), Some(&(15 * SECOND)), "{gaps:?}");
    // A success allows it again.
    world.run(130 * SECOND, |_, now| (Duration::from_millis(5), now < 116 * SECOND));
    assert!(world.asked[&0].iter().filter(|at| at.as_secs() >= 116).count() >= 10);
    // Every fifteen seconds since the first one is what counts; the others are beside.
    assert_eq!(world.regular[&0], usize::try_from((130 * SECOND - world.asked[&0][0]).as_secs() / 15 + 1).unwrap());
}

#[test]
fn when_everything_fails_not_everything_is_asked_every_second() {
    let mut world = World::new(&wanted(500, 15));
    world.run(30 * SECOND, |_, _| (Duration::from_millis(5), false));
    let quick = world.asked.values().filter(|times| times.len() > 5).count();
    assert!(quick <= QUICK_TARGETS, "{quick}");
    assert_eq!(world.asked.len(), 500);
}

#[test]
fn a_target_made_anew_keeps_its_time_and_one_in_need_is_asked_soon() {
    let mut world = World::new(&wanted(50, 15));
    world.run(20 * SECOND, at_once);
    let before = world.asked[&7][0];
    world.schedule.replace(&wanted(50, 15), world.now);
    world.run(40 * SECOND, at_once);
    assert_eq!(world.asked[&7][1] - before, 15 * SECOND);
    let count = world.count(7);
    world.schedule.hurry(&7, world.now);
    world.run(world.now + SECOND, at_once);
    assert_eq!(world.count(7), count + 1);
}

#[test]
fn a_removed_target_is_not_asked_and_its_probe_holds_its_place_to_its_end() {
    let mut world = World::new(&wanted(1, 1));
    world.run(SECOND, |_, _| (10 * SECOND, false));
    assert_eq!(world.schedule.running.len(), 1);
    world.schedule.replace(&HashMap::new(), world.now);
    world.schedule.replace(&wanted(1, 1), world.now);
    world.run(5 * SECOND, at_once);
    assert_eq!(world.count(0), 1, "never twice at a time");
    world.run(30 * SECOND, at_once);
    assert!(world.count(0) > 10, "{:?}", world.asked);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_happens_nobody_is_forgotten(
        steps in proptest::collection::vec((0_u32..80, 1_u64..20, 0_u64..30, any::<bool>(), 0_u32..80), 1..40),
        takes in 1_u64..4_000,
        bad in 0_u32..5,
    ) {
        let mut world = World::new(&wanted(0, 1));
        let answers = |key: u32, _| (Duration::from_millis(takes), bad == 0 || !key.is_multiple_of(bad));
        let mut last = HashMap::new();
        for (count, interval, span, hurry, key) in steps {
            last = wanted(count, interval);
            world.schedule.replace(&last, world.now);
            if hurry {
                world.schedule.hurry(&key, world.now);
            }
            world.run(world.now + Duration::from_secs(span), answers);
            let quick = world.schedule.targets.values().filter(|timing| timing.quick > 0).count();
            prop_assert_eq!(quick, world.schedule.quick_targets);
            let unproven = world.schedule.running.values().filter(|unproven| **unproven).count();
            prop_assert_eq!(unproven, world.schedule.unproven_running);
            prop_assert!(unproven <= UNPROVEN_PLACES);
        }
        let before: HashMap<u32, usize> = last.keys().map(|key| (*key, world.count(*key))).collect();
        // Long enough for everybody: 80 targets that take 4 s in 64 places.
        world.run(world.now + Duration::from_secs(60), answers);
        for (key, count) in before {
            prop_assert!(world.count(key) > count, "{} was not asked any more", key);
        }
    }
}
