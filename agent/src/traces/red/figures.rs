//! What stands on the page and in the API, taken out at once: whoever writes it holds up nobody who counts.

use std::{collections::BTreeMap, sync::Arc, sync::atomic::Ordering};

use super::{Calls, Edge, Minute, Now, Red, Series, histogram::Scale, lock, words};
use crate::traces::Names;

/// Everything counted, at one moment.
#[derive(Debug)]
pub struct Figures {
    /// Under whose names.
    pub names: Names,
    /// Bounds of [`Series::latency`]; those of calls are [`super::histogram::GRAPH`].
    pub scale: &'static Scale,
    /// Every set of labels.
    pub rows: Vec<Row>,
    /// Spans for whose labels there was no room; `None` while there are none.
    pub overflow: Option<Series>,
    /// Every pair of services.
    pub edges: Vec<Edge>,
    /// Calls between pairs for which there was no room; `None` while there are none.
    pub edge_overflow: Option<Calls>,
    /// Whether calls between services are counted at all.
    pub graph: bool,
    /// Halves of calls without the other.
    pub unpaired: u64,
    /// Halves of calls for which there was no room.
    pub dropped_halves: u64,
    /// Spans and calls counted in an overflow.
    pub overflowed: u64,
    /// Spans that ended too long ago to be counted.
    pub old: u64,
    /// Spans of the future.
    pub ahead: u64,
}

/// One set of labels.
#[derive(Clone, Debug)]
pub struct Row {
    /// `service.name`.
    pub service: Arc<str>,
    /// Project of the container.
    pub project: Arc<str>,
    /// Service of the container in its project.
    pub compose_service: Arc<str>,
    /// Name of the spans.
    pub name: Arc<str>,
    /// `SPAN_KIND_*`.
    pub kind: &'static str,
    /// `STATUS_CODE_*`.
    pub status: &'static str,
    /// What was counted.
    pub series: Series,
}

/// One service of late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recently {
    /// `service.name`.
    pub service: Arc<str>,
    /// Project of the container.
    pub project: Arc<str>,
    /// Service of the container in its project.
    pub compose_service: Arc<str>,
    /// Its last full minute.
    pub minute: Minute,
}

impl Red {
    /// All of it, after idle series have gone. Rows are in no order.
    pub fn figures(&self, now: Now) -> Figures {
        self.sweep(now);
        let mut rows = Vec::new();
        for shard in &self.shards {
            for service in lock(shard).values() {
                let names = lock(&service.names);
                rows.extend(names.series().map(|(name, slot, series)| {
                    let (kind, status) = words::words(slot);
                    Row {
                        service: Arc::clone(&service.who.service),
                        project: Arc::clone(&service.who.project),
                        compose_service: Arc::clone(&service.who.compose_service),
                        name: Arc::clone(name),
                        kind,
                        status,
                        series: series.clone(),
                    }
                }));
            }
        }
        let overflow = lock(&self.overflow).clone();
        let graph = self.graph.as_ref().map(lock);
        let counts = graph.as_ref().map(|graph| graph.counts).unwrap_or_default();
        Figures {
            names: self.names,
            scale: self.scale,
            rows,
            overflow: (overflow.latency.count() > 0).then_some(overflow),
            edges: graph.as_ref().map(|graph| graph.edges()).unwrap_or_default(),
            edge_overflow: graph.as_ref().and_then(|graph| graph.overflow()),
            graph: graph.is_some(),
            unpaired: counts.unpaired,
            dropped_halves: counts.dropped,
            overflowed: self.overflowed.load(Ordering::Relaxed) + counts.overflow,
            old: self.old.load(Ordering::Relaxed),
            ahead: self.ahead.load(Ordering::Relaxed),
        }
    }

    /// Sets of labels at present, without those of calls.
    pub fn series(&self) -> usize {
        lock(&self.room).taken()
    }

    /// Services in the order of project and name, with their last minute.
    pub fn recently(&self, now: Now) -> Vec<Recently> {
        let mut services = BTreeMap::new();
        for shard in &self.shards {
            for service in lock(shard).values() {
                let who = &service.who;
                let recently = Recently {
                    service: Arc::clone(&who.service),
                    project: Arc::clone(&who.project),
                    compose_service: Arc::clone(&who.compose_service),
                    minute: lock(&service.names).recent.minute(self.scale, now.second),
                };
                let key = (Arc::clone(&who.project), Arc::clone(&who.service), Arc::clone(&who.compose_service));
                services.insert(key, recently);
            }
        }
        services.into_values().collect()
    }
}
