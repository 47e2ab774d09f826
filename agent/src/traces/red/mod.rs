//! Metrics of requests, errors and durations, made from spans before anything is sampled away.
//!
//! ```text
//!  span --Tap--> Names of one service: name, kind, state -> Series      (one short lock of that service a span, nothing allocated)
//!         \----> halves of calls -> Graph: client, server -> Calls      (one lock a tap)
//! ```
//!
//! Names and bounds are those of Tempo's metrics generator, or of the collector's spanmetrics connector; labels come from
//! applications, so everything has a ceiling, and what is above it is counted in one overflow series a family.

pub mod figures;
mod graph;
mod hash;
pub mod histogram;
mod label;
mod recent;
mod service;
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
use service::{Names, Room, Seen};

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
    services: Room,
    room: Room,
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
            services: Room::new(settings.max_series),
            room: Room::new(settings.max_series),
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
        let known = self.shards.get(hash as usize % SHARDS).and_then(|shard| {
            let mut shard = lock(shard);
            if let Some(service) = shard.get(key.as_bytes()) {
                return Some(Arc::clone(service));
            }
            // Before it has a series: the next sweep lets it go again if it gets none.
            let service = self.services.take().then(|| Arc::new(Service::of(&service, &project, &compose)))?;
            shard.insert(Name(key.into()), Arc::clone(&service));
            Some(service)
        });
        let (service, listed) = match known {
            Some(service) => (service, true),
            None => (Arc::new(Service::of(&service, &project, &compose)), false),
        };
        Tap { red: self, service, listed, now, halves: Vec::new(), full: false }
    }

    /// Lets go of what got nothing for [`IDLE`] seconds.
    pub fn sweep(&self, now: Now) {
        let idle = now.second.saturating_sub(IDLE);
        for shard in &self.shards {
            lock(shard).retain(|_, service| {
                let mut names = lock(&service.names);
                self.room.give(names.forget_idle(idle));
                // A tap that is open may still write to it: its clone was made under this lock.
                let stays = !names.is_empty() || Arc::strong_count(service) > 1;
                self.services.give(usize::from(!stays));
                stays
            });
        }
        if let Some(graph) = &self.graph {
            lock(graph).forget_idle(idle, now.second);
        }
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
    fn of(service: &str, project: &str, compose_service: &str) -> Self {
        let who = Who { service: service.into(), project: project.into(), compose_service: compose_service.into() };
        Self { who: Arc::new(who), names: Mutex::default() }
    }
}

/// Takes the spans of one resource. Holds no lock between two spans; calls are put together when it is dropped.
#[derive(Debug)]
pub struct Tap<'r> {
    red: &'r Red,
    service: Arc<Service>,
    /// There was room for it in the list.
    listed: bool,
    now: Now,
    halves: Vec<Half>,
    full: bool,
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
        let taken = self.listed && {
            let mut names = lock(&self.service.names);
            if is_entry(span) {
                names.recent.observe(now.second, red.scale.bucket(ns), span.status == words::ERROR);
            }
            names.observe(red.scale, span.name, slot, &seen, &red.room)
        };
        if !taken {
            self.overflow(&seen);
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
    fn overflow(&mut self, seen: &Seen) {
        self.full = true;
        self.red.overflowed.fetch_add(1, Ordering::Relaxed);
        // A trace of any service is an example of nothing.
        lock(&self.red.overflow).observe(self.red.scale, &Seen { exemplar: None, ..*seen });
    }
}

impl Drop for Tap<'_> {
    fn drop(&mut self) {
        self.pair();
        if self.full {
            self.red.clear(self.now);
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
