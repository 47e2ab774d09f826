//! What containers and the host use: from counters read at whatever times to a point a minute.

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{HostSparks, MAX_CONTAINERS, Sparks, Usage, ring::Ring};
use crate::{
    inventory::Entry,
    model::{ContainerId, HostSample, ServiceKey},
};

/// Two readings further apart say nothing of a minute: the mean of a longer time would hide what happened in it.
const APART: Duration = Duration::from_secs(150);

/// `idle` and `iowait` among the modes of `/proc/stat`; guests, behind the first eight, are contained in `user` and `nice`.
const IDLE: [usize; 2] = [3, 4];
const MODES: usize = 8;

/// A counter, and how much of it fell into the minute that runs.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    last: Option<(f64, f64)>,
    used: f64,
    of: f64,
}

impl Rate {
    /// Another minute begins.
    const fn begin(&mut self) {
        (self.used, self.of) = (0.0, 0.0);
    }

    /// Takes in two counters, `used` of which the share of `of` is asked. The mean of the minute so far.
    fn add(&mut self, used: f64, of: f64) -> Option<f32> {
        if let Some((before, of_before)) = self.last.replace((used, of)) {
            let (more, of_more) = (used - before, of - of_before);
            // A counter that fell belongs to a new run, and one read twice tells nothing.
            if more >= 0.0 && of_more > 0.0 {
                self.used += more;
                self.of += of_more;
            }
        }
        (self.of > 0.0).then(|| (self.used / self.of) as f32)
    }
}

/// One container.
#[derive(Debug)]
struct Life {
    /// Whose it is: one made anew in its place goes on with the hour of the one before.
    key: ServiceKey,
    replica: Arc<str>,
    started_at: Option<Timestamp>,
    ring: Ring<2>,
    cpu: Rate,
    read_at: Duration,
    highest: Option<u64>,
    now: Usage,
    /// The reading it was last part of.
    pass: u64,
}

impl Life {
    fn new(entry: &Entry, minute: i64) -> Self {
        Self {
            key: entry.container.identity.key.clone(),
            replica: Arc::clone(&entry.replica),
            started_at: entry.container.started_at,
            ring: Ring::new(minute),
            cpu: Rate::default(),
            read_at: Duration::ZERO,
            highest: None,
            now: Usage { cpu_cores: None, memory_bytes: None, at: Timestamp::UNIX_EPOCH },
            pass: 0,
        }
    }

    fn is(&self, entry: &Entry) -> bool {
        self.key == entry.container.identity.key && self.replica == entry.replica
    }

    /// Takes a reading. `cpu`: nanoseconds used so far.
    fn read(&mut self, entry: &Entry, minute: i64, figures: &Figures) {
        if self.started_at != entry.container.started_at || figures.at.saturating_sub(self.read_at) > APART {
            self.cpu.last = None;
        }
        self.started_at = entry.container.started_at;
        if self.ring.newest() != minute {
            self.cpu.begin();
            self.highest = None;
        }
        let cpu = figures.cpu_ns.map(|used| self.cpu.add(used as f64 / 1e9, figures.at.as_secs_f64()));
        self.highest = self.highest.max(figures.memory_bytes);
        self.read_at = figures.at;
        self.ring.put(minute, [cpu.flatten(), self.highest.map(|bytes| bytes as f32)]);
    }
}

/// What a reading says of a container.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// When it is of, on a clock that never jumps.
    pub at: Duration,
    /// CPU time used so far in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// CPU over the last seconds in cores.
    pub cpu_cores: Option<f64>,
    /// Working set in bytes.
    pub memory_bytes: Option<u64>,
}

/// The host.
#[derive(Debug)]
struct Host {
    ring: Ring<3>,
    cpu: Rate,
    read_at: Duration,
    memory: Option<f32>,
    load: Option<f32>,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Usages {
    lives: HashMap<ContainerId, Box<Life>>,
    host: Option<Box<Host>>,
    pass: u64,
    /// Of the last reading, since 1970.
    minute: i64,
    left_out: usize,
    /// Left out in the reading that goes on.
    leaving_out: usize,
}

impl Usages {
    /// A reading begins.
    pub(super) fn begin(&mut self, minute: i64) {
        if minute != self.minute {
            // Once a minute: what ended an hour ago has no point left.
            let kept = minute.saturating_sub(super::MINUTES as i64)..=minute;
            self.lives.retain(|_, life| kept.contains(&life.ring.newest()) || life.pass == self.pass);
        }
        self.minute = minute;
        self.pass += 1;
        self.leaving_out = 0;
    }

    /// What it says of one container that runs.
    pub(super) fn container(&mut self, entry: &Entry, at: Timestamp, figures: Figures) {
        let (minute, pass) = (self.minute, self.pass);
        let Some(life) = self.life(entry) else { return };
        life.read(entry, minute, &figures);
        life.pass = pass;
        life.now = Usage { cpu_cores: figures.cpu_cores, memory_bytes: figures.memory_bytes, at };
    }

    fn life(&mut self, entry: &Entry) -> Option<&mut Life> {
        let id = &entry.container.id;
        if !self.lives.contains_key(id) {
            let before = self.before(entry);
            if before.is_none() && self.lives.len() >= MAX_CONTAINERS && !self.make_room() {
                self.leaving_out += 1;
                return None;
            }
            let life = before.unwrap_or_else(|| Box::new(Life::new(entry, self.minute)));
            self.lives.insert(id.clone(), life);
        }
        self.lives.get_mut(id).map(|life| &mut **life)
    }

    /// Who had this place before: no two containers of a picture are the same replica.
    fn before(&mut self, entry: &Entry) -> Option<Box<Life>> {
        let gone = self.lives.iter().find(|(_, life)| life.pass != self.pass && life.is(entry));
        let id = gone.map(|(id, _)| id.clone())?;
        self.lives.remove(&id)
    }

    /// Takes the place of who has been gone for longest; `false` when all run.
    fn make_room(&mut self) -> bool {
        let runs = self.pass.saturating_sub(1);
        let gone = self.lives.iter().filter(|(_, life)| life.pass < runs);
        let oldest = gone.min_by_key(|(_, life)| life.pass).map(|(id, _)| id.clone());
        oldest.is_some_and(|id| self.lives.remove(&id).is_some())
    }

    /// What it says of the host.
    pub(super) fn host(&mut self, sample: &HostSample, at: Duration) {
        let minute = self.minute;
        let host = self.host.get_or_insert_with(|| {
            Box::new(Host { ring: Ring::new(minute), cpu: Rate::default(), read_at: at, memory: None, load: None })
        });
        if at.saturating_sub(host.read_at) > APART {
            host.cpu.last = None;
        }
        if host.ring.newest() != minute {
            host.cpu.begin();
            (host.memory, host.load) = (None, None);
        }
        host.read_at = at;
        let busy = busy(sample).and_then(|(busy, all)| host.cpu.add(busy, all));
        host.memory = highest(host.memory, memory_used(sample));
        host.load = highest(host.load, sample.load.map(|load| load.one as f32));
        host.ring.put(minute, [busy, host.memory, host.load]);
    }

    /// The reading is over: how many more containers have no place than in the one before.
    pub(super) fn end(&mut self) -> usize {
        let before = std::mem::replace(&mut self.left_out, self.leaving_out);
        self.left_out.saturating_sub(before)
    }

    pub(super) fn usage(&self, id: &ContainerId) -> Option<Usage> {
        self.lives.get(id).filter(|life| life.pass == self.pass).map(|life| life.now)
    }

    pub(super) fn sparks(&self, id: &ContainerId, minute: i64) -> Option<Sparks> {
        let life = self.lives.get(id)?;
        Some(Sparks { cpu_cores: life.ring.spark(0, minute), memory_bytes: life.ring.spark(1, minute) })
    }

    pub(super) fn host_sparks(&self, minute: i64) -> Option<HostSparks> {
        let ring = &self.host.as_ref()?.ring;
        Some(HostSparks {
            cpu_busy: ring.spark(0, minute),
            memory_used: ring.spark(1, minute),
            load: ring.spark(2, minute),
        })
    }

    pub(super) const fn left_out(&self) -> usize {
        self.left_out
    }
}

fn highest(before: Option<f32>, now: Option<f32>) -> Option<f32> {
    before.into_iter().chain(now).reduce(f32::max)
}

/// Seconds of all CPUs that were neither idle nor waiting, and all of them.
fn busy(sample: &HostSample) -> Option<(f64, f64)> {
    let modes = || sample.cpus.iter().flat_map(|cpu| cpu.seconds.iter().take(MODES).enumerate());
    let all: f64 = modes().map(|(_, seconds)| seconds).sum();
    let idle: f64 = modes().filter(|(mode, _)| IDLE.contains(mode)).map(|(_, seconds)| seconds).sum();
    (!sample.cpus.is_empty()).then_some((all - idle, all))
}

/// As the kernel estimates what programs can have without swapping; absent before Linux 3.14, which does not say.
fn memory_used(sample: &HostSample) -> Option<f32> {
    let field =
        |name: &str| sample.meminfo.iter().find(|(field, ..)| **field == *name).map(|(_, bytes, _)| *bytes as f64);
    let total = field("MemTotal").filter(|total| *total > 0.0)?;
    Some((1.0 - field("MemAvailable")? / total) as f32)
}

#[cfg(test)]
mod tests;
