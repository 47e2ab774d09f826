//! Metrics of requests, errors and durations, made from spans before anything is sampled away.
//!
//! ```text
//!  span --Tap--> Names of one service: name, kind, state -> Series      (one short lock of that service a span, nothing allocated)
//!         \----> halves of calls -> Graph: client, server -> Calls      (one lock a tap)
//! ```
//!
//! Names and bounds are those of Tempo's metrics generator, or of the collector's spanmetrics connector; labels come from
//! applications, so everything has a ceiling of which each container's service has a [`share`], and what is above it is counted in one
//! overflow series a family.

pub mod figures;
mod graph;
mod hash;
pub mod histogram;
mod label;
mod recent;
mod service;
mod share;
pub mod words;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

pub use graph::{Calls, Edge, MAX_EDGES, MAX_HALVES, WAIT};
use graph::{Graph, Half, Who};
pub(super) use hash::Keyed;
use histogram::{Exemplar, Scale};
pub use label::MAX_NAME;
use label::Name;
pub use recent::Minute;
pub use service::{MAX_NAMES, Series};
use service::{Names, Seen};
use share::{Grant, Places, Share};

use super::settings;
use crate::otlp::wire::Span;

/// A span that ended longer ago, in nanoseconds, is of another time than the series it would stand in; as Tempo has it.
pub const MAX_AGE_NS: u64 = 30_000_000_000;

/// A span that ends later from now, in nanoseconds, is of a clock that is wrong.
pub const MAX_AHEAD_NS: u64 = 30_000_000_000;

/// Seconds after which a series that got nothing goes.
pub const IDLE: u32 = 15 * 60;

/// Seconds between two looks for idle series when there is no room.
const CLEARING: u32 = 10;

/// Halves of calls that are kept of one resource before they are put together.
const HALVES: usize = 1024;

/// Parts of the list of services, each behind its own lock.
const SHARDS: usize = 8;

/// The time on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds since 1970.
    pub wall_ns: u64,
    /// Seconds since the start, by a clock that never jumps.
    pub second: u32,
}

impl Now {
    /// Now, `began` being the start.
    pub fn since(began: Instant) -> Self {
        Self {
            wall_ns: u64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or_default(),
            second: u32::try_from(began.elapsed().as_secs()).unwrap_or(u32::MAX),
        }
    }
}

/// Whose container spans came from; empty words where nobody knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owner<'a> {
    /// Its project.
    pub project: &'a str,
    /// Its service in the project.
    pub service: &'a str,
}

/// Everything counted of spans. One for all requests.
#[derive(Debug)]
pub struct Red {
    names: settings::Names,
    scale: &'static Scale,
    hasher: Keyed,
    shards: [Mutex<HashMap<Name, Arc<Service>, Keyed>>; SHARDS],
    /// By project and service of the container; as many as the engine has of late.
    origins: Mutex<HashMap<Name, Arc<Share>, Keyed>>,
    room: Mutex<Places>,
    overflow: Mutex<Series>,
    graph: Option<Mutex<Graph>>,
    overflowed: AtomicU64,
    old: AtomicU64,
    ahead: AtomicU64,
    cleared: AtomicU32,
}

/// One service and what is counted of it.
#[derive(Debug)]
struct Service {
    who: Arc<Who>,
    names: Mutex<Names>,
}

impl Red {
    /// Nothing counted yet; `None` where nothing is to be.
    pub fn new(settings: &settings::Red) -> Option<Self> {
        let names = settings.names?;
        Some(Self {
            names,
            scale: match names {
                settings::Names::Tempo => &histogram::TEMPO,
                settings::Names::Connector => &histogram::CONNECTOR,
            },
            hasher: Keyed::new(),
            shards: Default::default(),
            origins: Mutex::default(),
            room: Mutex::new(Places::new(settings.max_series)),
            overflow: Mutex::default(),
            graph: settings.graph.then(Mutex::default),
            overflowed: AtomicU64::new(0),
            old: AtomicU64::new(0),
            ahead: AtomicU64::new(0),
            cleared: AtomicU32::new(0),
        })
    }

    /// What takes the spans of one resource: of `service` (its `service.name`), from the container of `owner`.
    pub fn tap(&self, service: &[u8], owner: Owner<'_>, now: Now) -> Tap<'_> {
        let service = label::text(service);
        let (project, compose) = (label::text(owner.project.as_bytes()), label::text(owner.service.as_bytes()));
        // With lengths no two are written alike.
        let key = format!("{} {} {service}{project}{compose}", service.len(), project.len());
        let hash = std::hash::BuildHasher::hash_one(&self.hasher, key.as_bytes());
        let new = || Arc::new(Service::of(&service, &project, &compose, self.origin(&project, &compose)));
        let shard = hash as usize % SHARDS;
        let (service, new) = match self.shards.get(shard) {
            None => (new(), None),
            Some(listed) => {
                let mut listed = lock(listed);
                match listed.get(key.as_bytes()) {
                    Some(service) => (Arc::clone(service), None),
                    // Before it has a series: it goes again with this tap if it gets none, so that there are no more than series.
                    None => {
                        let (service, key) = (new(), Name(key.into()));
                        service.who.origin.names.fetch_add(1, Ordering::Relaxed);
                        listed.insert(key.clone(), Arc::clone(&service));
                        (service, Some((shard, key)))
                    }
                }
            }
        };
        Tap { red: self, service, new, now, halves: Vec::new(), full: false, owed: false }
    }

    /// What the origin of spans holds.
    fn origin(&self, project: &str, compose_service: &str) -> Arc<Share> {
        let key = format!("{} {project}{compose_service}", project.len());
        Arc::clone(lock(&self.origins).entry(Name(key.into())).or_default())
    }

    /// Lets go of what got nothing for [`IDLE`] seconds.
    pub fn sweep(&self, now: Now) {
        let idle = now.second.saturating_sub(IDLE);
        for shard in &self.shards {
            lock(shard).retain(|_, service| {
                let mut names = lock(&service.names);
                self.give(&service.who.origin, names.forget(idle, usize::MAX));
                // A tap that is open may still write to it: its clone was made under this lock.
                let stays = !names.is_empty() || Arc::strong_count(service) > 1;
                service.who.origin.names.fetch_sub(usize::from(!stays), Ordering::Relaxed);
                stays
            });
        }
        if let Some(graph) = &self.graph {
            lock(graph).forget_idle(idle, now.second);
        }
        // Whoever is about to have one has a clone of it.
        lock(&self.origins).retain(|_, origin| Arc::strong_count(origin) > 1);
    }

    fn give(&self, origin: &Share, series: usize) {
        if series > 0 {
            lock(&self.room).give(&origin.series, series);
        }
    }

    /// Takes series from the origin that has most, those first that got nothing for longest, because `owed` has fewer than its share.
    #[cold]
    fn reclaim(&self, owed: &Share) {
        let held = |origin: &Arc<Share>| origin.series.load(Ordering::Relaxed);
        let Some(largest) = lock(&self.origins).values().max_by_key(|origin| held(origin)).cloned() else { return };
        let mut left = lock(&self.room).excess(&largest.series, &owed.series);
        let of_largest = |each: &mut dyn FnMut(&mut Names)| {
            for shard in &self.shards {
                let services = lock(shard);
                let of_it = services.values().filter(|service| Arc::ptr_eq(&service.who.origin, &largest));
                of_it.for_each(|service| each(&mut lock(&service.names)));
            }
        };
        let mut last = Vec::new();
        of_largest(&mut |names| last.extend(names.series().map(|(.., series)| series.last)));
        if left == 0 || last.len() < left {
            return;
        }
        let (_, newest, _) = last.select_nth_unstable(left - 1);
        let before = newest.saturating_add(1);
        of_largest(&mut |names| {
            let gone = names.forget(before, left);
            left -= gone;
            self.give(&largest, gone);
        });
    }

    /// Makes room now and then while there is none.
    #[cold]
    fn clear(&self, now: Now) {
        let due = |last: u32| (now.second >= last.saturating_add(CLEARING)).then_some(now.second);
        if self.cleared.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok() {
            self.sweep(now);
        }
    }
}

impl Service {
    fn of(service: &str, project: &str, compose_service: &str, origin: Arc<Share>) -> Self {
        let (service, project) = (service.into(), project.into());
        let who = Who { service, project, compose_service: compose_service.into(), origin };
        Self { who: Arc::new(who), names: Mutex::default() }
    }
}

/// Takes the spans of one resource. Holds no lock between two spans; calls are put together when it is dropped.
#[derive(Debug)]
pub struct Tap<'r> {
    red: &'r Red,
    service: Arc<Service>,
    /// Where it is listed, if it is not known to have a series.
    new: Option<(usize, Name)>,
    now: Now,
    halves: Vec<Half>,
    full: bool,
    /// ... and others have more than their share.
    owed: bool,
}

impl Tap<'_> {
    /// Counts one valid span. `kept`: it is, or may be, sent on, so that its trace can be found and serves as an example. The flag
    /// "sampled" of spans is not asked: SDKs leave it out of spans they have sampled.
    pub fn record(&mut self, span: &Span<'_>, kept: bool) {
        let (red, now) = (self.red, self.now);
        if span.end_ns < now.wall_ns.saturating_sub(MAX_AGE_NS) {
            red.old.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if span.end_ns > now.wall_ns.saturating_add(MAX_AHEAD_NS) {
            red.ahead.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let ns = span.end_ns.saturating_sub(span.start_ns);
        let trace_id = <[u8; 16]>::try_from(span.trace_id).ok().filter(|_| kept);
        let exemplar = trace_id.map(|trace_id| Exemplar { trace_id, ns, at_ns: span.end_ns });
        let seen = Seen { size: span.message.len() as u64, ns, exemplar, second: now.second };
        let slot = words::slot(span);
        let origin = &self.service.who.origin.series;
        let grant = {
            let mut names = lock(&self.service.names);
            if is_entry(span) {
                names.recent.observe(now.second, red.scale.bucket(ns), span.status == words::ERROR);
            }
            names.observe(red.scale, span.name, slot, &seen, || lock(&red.room).take(origin))
        };
        if grant != Grant::Yes {
            self.overflow(&seen, grant);
        }
        if red.graph.is_some()
            && let Some(half) = Half::of(span, &self.service.who, ns, exemplar)
        {
            self.halves.push(half);
            if self.halves.len() >= HALVES {
                self.pair();
            }
        }
    }

    /// Puts calls together.
    fn pair(&mut self) {
        if let Some(graph) = self.red.graph.as_ref().filter(|_| !self.halves.is_empty()) {
            let mut graph = lock(graph);
            for half in self.halves.drain(..) {
                graph.take(half, self.now.second);
            }
        }
    }

    #[cold]
    fn overflow(&mut self, seen: &Seen, grant: Grant) {
        (self.full, self.owed) = (true, self.owed || grant == Grant::Owed);
        self.red.overflowed.fetch_add(1, Ordering::Relaxed);
        // A trace of any service is an example of nothing.
        lock(&self.red.overflow).observe(self.red.scale, &Seen { exemplar: None, ..*seen });
    }
}

impl Drop for Tap<'_> {
    fn drop(&mut self) {
        self.pair();
        let origin = &self.service.who.origin;
        if let Some((shard, key)) = self.new.take()
            && lock(&self.service.names).is_empty()
            && let Some(shard) = self.red.shards.get(shard)
        {
            let mut shard = lock(shard);
            // Listed, and here: nobody else has a tap of it.
            if Arc::strong_count(&self.service) == 2 && shard.remove(&key).is_some() {
                origin.names.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if self.full {
            self.red.clear(self.now);
        }
        if self.owed {
            self.red.reclaim(origin);
        }
    }
}

/// Whether a span is work that somebody asked of the service, and no part of other work of its own.
#[inline]
fn is_entry(span: &Span<'_>) -> bool {
    matches!(span.kind, words::SERVER | words::CONSUMER) || span.parent_span_id.is_empty()
}

/// What is counted is right after a panic of somebody who counted, too.
fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
