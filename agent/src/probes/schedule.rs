//! Who is asked when: pure, on a clock that begins at 0 and never jumps.
//!
//! Each target has a time of its own in its interval, by a hash of what it is, so that hundreds that come at once are not asked at once,
//! and a target that is made anew keeps its time. After a first failure a target is asked every second for a while: how long an outage
//! was is known to the second then. Nobody is asked twice at a time, and who never answers keeps nobody else from being asked: targets
//! that did not answer well last time, and those that were never asked, share half of the places.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// Probes at once.
pub(super) const PLACES: usize = 128;
/// Of these, for targets which did not do well last time.
pub(super) const UNPROVEN_PLACES: usize = PLACES / 2;
/// Time between two probes of a target that has just begun to fail.
pub(super) const QUICK: Duration = Duration::from_secs(1);
/// Quick probes after a first failure, until a success allows them again.
pub(super) const QUICK_PROBES: u8 = 30;
/// Targets that are asked quickly at once: when everything is gone, nobody is served by asking for all of it every second.
pub(super) const QUICK_TARGETS: usize = 64;
/// First probes are spread over so much for each target, and over one interval at most.
const SPREAD: Duration = Duration::from_millis(30);
/// Targets of one such time are asked together, eight of five hundred: what a probe needs has left the caches by the next wake-up.
const TOGETHER: Duration = Duration::from_millis(250);

/// What is known of a target's time.
#[derive(Clone, Debug)]
struct Timing {
    interval: Duration,
    /// A time at which it is due, and with it every interval before and after.
    anchor: Duration,
    /// When it is asked next; `None` while it runs or waits for a place.
    due: Option<Duration>,
    /// How the last probe ended; `None` before the first.
    last: Option<bool>,
    /// Quick probes that are left.
    quick: u8,
    /// When the running probe began.
    began: Duration,
    /// Number of the interval since the anchor in which one was counted last.
    slot: Option<u128>,
}

impl Timing {
    fn is_unproven(&self) -> bool {
        self.last != Some(true)
    }
}

/// The times of all targets.
#[derive(Debug)]
pub(super) struct Schedule<K> {
    targets: HashMap<K, Timing>,
    /// By the time at which they are due.
    queue: BTreeSet<(Duration, K)>,
    /// Due, and waiting for one of the places of the unproven; with the time since when.
    held: VecDeque<(Duration, K)>,
    /// Who runs, and whether he holds one of the places of the unproven. Also those which nobody wants any more.
    running: HashMap<K, bool>,
    unproven_running: usize,
    quick_targets: usize,
}

/// A probe to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start<K> {
    pub(super) key: K,
    /// Probes that should have begun before it and had no place.
    pub(super) missed: u64,
    /// It is one beside those at the target's interval: it tells how things are, and is none of those that are counted.
    pub(super) extra: bool,
}

impl<K: Clone + Ord + Hash> Schedule<K> {
    pub(super) fn new() -> Self {
        Self {
            targets: HashMap::new(),
            queue: BTreeSet::new(),
            held: VecDeque::new(),
            running: HashMap::new(),
            unproven_running: 0,
            quick_targets: 0,
        }
    }

    /// These targets are asked from now on, at these intervals, and no others.
    pub(super) fn replace(&mut self, wanted: &HashMap<K, Duration>, now: Duration) {
        let gone: Vec<K> = self.targets.keys().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        gone.iter().for_each(|key| self.remove(key));
        let fresh = wanted.keys().filter(|key| !self.targets.contains_key(*key)).count();
        let spread = SPREAD.saturating_mul(u32::try_from(fresh).unwrap_or(u32::MAX));
        for (key, interval) in wanted {
            match self.targets.get(key) {
                Some(known) if known.interval == *interval => {}
                Some(_) => {
                    let due = together(now + part(key, *interval));
                    self.reschedule(key, *interval, due);
                }
                None => {
                    let anchor = together(now + part(key, spread.min(*interval)));
                    let due = Some(anchor);
                    let timing = Timing {
                        interval: *interval,
                        anchor,
                        due,
                        last: None,
                        quick: 0,
                        began: Duration::ZERO,
                        slot: None,
                    };
                    self.targets.insert(key.clone(), timing);
                    self.queue.insert((anchor, key.clone()));
                }
            }
        }
    }

    /// Something has happened to the target: it is asked within a second.
    pub(super) fn hurry(&mut self, key: &K, now: Duration) {
        let soon = now + part(key, SPREAD);
        let Some(timing) = self.targets.get_mut(key) else { return };
        if let Some(due) = timing.due.filter(|due| *due > soon) {
            timing.due = Some(soon);
            self.queue.remove(&(due, key.clone()));
            self.queue.insert((soon, key.clone()));
        }
    }

    /// When somebody is due next; `None` when nobody is, or none can begin before another has ended.
    pub(super) fn next(&self) -> Option<Duration> {
        let room = self.running.len() < PLACES;
        self.queue.first().map(|(due, _)| *due).filter(|_| room)
    }

    /// Who begins now.
    pub(super) fn start(&mut self, now: Duration) -> Vec<Start<K>> {
        let mut starts = Vec::new();
        while self.running.len() < PLACES && self.unproven_running < UNPROVEN_PLACES {
            let Some((since, key)) = self.held.pop_front() else { break };
            self.begin(since, key, now, &mut starts);
        }
        while self.running.len() < PLACES {
            let Some((due, key)) = self.queue.first().cloned().filter(|(due, _)| *due <= now) else { break };
            self.queue.remove(&(due, key.clone()));
            let Some(timing) = self.targets.get_mut(&key) else { continue };
            timing.due = None;
            if timing.is_unproven() && self.unproven_running >= UNPROVEN_PLACES {
                self.held.push_back((due, key));
            } else {
                self.begin(due, key, now, &mut starts);
            }
        }
        starts
    }

    fn begin(&mut self, due: Duration, key: K, now: Duration, starts: &mut Vec<Start<K>>) {
        // A target that was made anew while its last probe runs on: it comes when that has ended.
        if self.running.contains_key(&key) {
            return;
        }
        let Some(timing) = self.targets.get_mut(&key) else { return };
        timing.began = now;
        let waited = now.saturating_sub(due).as_nanos() / timing.interval.as_nanos().max(1);
        self.unproven_running += usize::from(timing.is_unproven());
        self.running.insert(key.clone(), timing.is_unproven());
        // One counts in each of its intervals: whoever is asked every second, or for as long as an interval, has no moments to be told by.
        let slot = now.checked_sub(timing.anchor).map(|since| since.as_nanos() / timing.interval.as_nanos().max(1));
        let extra = slot <= timing.slot;
        timing.slot = timing.slot.max(slot);
        starts.push(Start { key, missed: u64::try_from(waited).unwrap_or(u64::MAX), extra });
    }

    /// A probe is over.
    pub(super) fn ended(&mut self, key: &K, good: bool, now: Duration) {
        if let Some(unproven) = self.running.remove(key) {
            self.unproven_running -= usize::from(unproven);
        }
        let Some(timing) = self.targets.get_mut(key) else { return };
        let was_quick = timing.quick > 0;
        match (good, timing.last) {
            (true, _) => timing.quick = 0,
            (false, Some(false)) => timing.quick = timing.quick.saturating_sub(1),
            (false, _) if self.quick_targets < QUICK_TARGETS => timing.quick = QUICK_PROBES,
            (false, _) => {}
        }
        timing.last = Some(good);
        match (was_quick, timing.quick > 0) {
            (false, true) => self.quick_targets += 1,
            (true, false) => self.quick_targets -= 1,
            _ => {}
        }
        let regular = after(timing.anchor, timing.interval, now);
        let due = if timing.quick > 0 { (timing.began + QUICK).max(now).min(regular) } else { regular };
        // Put in place of what a change of interval has put there meanwhile.
        let before = timing.due.replace(due);
        if let Some(before) = before {
            self.queue.remove(&(before, key.clone()));
        }
        self.queue.insert((due, key.clone()));
    }

    fn reschedule(&mut self, key: &K, interval: Duration, due: Duration) {
        let Some(timing) = self.targets.get_mut(key) else { return };
        (timing.interval, timing.anchor, timing.slot) = (interval, due, None);
        // Who runs or waits for a place gets his time when that is over.
        if let Some(before) = timing.due {
            timing.due = Some(due);
            self.queue.remove(&(before, key.clone()));
            self.queue.insert((due, key.clone()));
        }
    }

    fn remove(&mut self, key: &K) {
        let Some(timing) = self.targets.remove(key) else { return };
        if let Some(due) = timing.due {
            self.queue.remove(&(due, key.clone()));
        }
        self.held.retain(|(_, held)| held != key);
        self.quick_targets -= usize::from(timing.quick > 0);
    }
}

/// The first time after `now` on the grid of an anchor.
fn after(anchor: Duration, interval: Duration, now: Duration) -> Duration {
    if anchor > now {
        return anchor;
    }
    let past = (now - anchor).as_nanos() % interval.as_nanos().max(1);
    let past = Duration::from_nanos(u64::try_from(past).unwrap_or_default());
    now + interval.saturating_sub(past)
}

/// The next time at which targets are asked together.
fn together(time: Duration) -> Duration {
    after(Duration::ZERO, TOGETHER, time)
}

/// A part of a span that is always the same for the same key.
fn part(key: &impl Hash, span: Duration) -> Duration {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    // The lower half of the hash as a fraction.
    span.mul_f64(f64::from(hasher.finish() as u32) / f64::from(u32::MAX))
}

#[cfg(test)]
#[path = "schedule/tests.rs"]
mod tests;
