//! All that one scrape has read, and what is kept for the next: label sets, sample storage, CPU marks.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{LabelPolicy, Moment, ProcessSample, Settings, Source, row::Row};
use crate::{
    exposition::LabelSet,
    host::Target,
    inventory::{ServiceEntry, Snapshot},
    model::{ContainerId, ContainerSample, HostSample, MachineSample},
    telemetry::{Metrics, Reason},
};

/// One expected service with its rendered labels.
#[derive(Debug)]
pub(super) struct ServiceRow {
    /// What the inventory says.
    pub(super) entry: Arc<ServiceEntry>,
    /// Labels of `spyhop_service_*` series.
    pub(super) labels: LabelSet,
}

/// The input of every family. Writers read it; only the collector fills it.
#[derive(Debug)]
pub(super) struct Reading {
    /// When it was read.
    pub(super) at: Timestamp,
    /// The picture it belongs to.
    pub(super) snapshot: Arc<Snapshot>,
    /// `host` of own series and the host's node name; empty before the engine has said it.
    pub(super) host_name: Arc<str>,
    /// Containers of every state, in the order of the snapshot.
    pub(super) rows: Vec<Row>,
    /// Expected services.
    pub(super) services: Vec<ServiceRow>,
    /// Labels of the root, `id="/"`.
    pub(super) root_labels: LabelSet,
    /// The root cgroup.
    pub(super) root: ContainerSample,
    /// The host.
    pub(super) host: HostSample,
    /// The machine.
    pub(super) machine: MachineSample,
    /// The agent itself.
    pub(super) process: ProcessSample,
    /// What can be read here.
    pub(super) availability: Vec<(&'static str, bool)>,
    /// Kernel files kept open.
    pub(super) open_handles: usize,
    /// Some kernel file could not be understood in this scrape.
    pub(super) scrape_error: bool,
}

impl Reading {
    pub(super) fn new() -> Self {
        Self {
            at: Timestamp::UNIX_EPOCH,
            snapshot: Arc::default(),
            host_name: "".into(),
            rows: Vec::new(),
            services: Vec::new(),
            root_labels: LabelSet::new([("id", "/")]),
            root: ContainerSample::default(),
            host: HostSample::default(),
            machine: MachineSample::default(),
            process: ProcessSample::default(),
            availability: Vec::new(),
            open_handles: 0,
            scrape_error: false,
        }
    }

    /// Takes over a picture. `false` when it is the one already held.
    pub(super) fn follow(&mut self, snapshot: Arc<Snapshot>, settings: &Settings, metrics: &Metrics) -> bool {
        if Arc::ptr_eq(&self.snapshot, &snapshot) {
            return false;
        }
        let engine_name = snapshot.engine.info.as_ref().map(|info| Arc::clone(&info.name));
        let host_name = settings.host.clone().or(engine_name).unwrap_or_default();
        let renamed = host_name != self.host_name;
        self.host_name = host_name;
        let refused = self.follow_containers(&snapshot, renamed, &settings.labels);
        metrics.refuse(Reason::Labels, refused);
        self.services = (snapshot.services.iter())
            .map(|entry| ServiceRow { labels: service_labels(entry, &self.host_name), entry: Arc::clone(entry) })
            .collect();
        self.snapshot = snapshot;
        true
    }

    /// Rows of containers that stayed keep what they know; label sets are rendered only for those that changed.
    fn follow_containers(&mut self, snapshot: &Snapshot, renamed: bool, policy: &LabelPolicy) -> u64 {
        let mut known: HashMap<ContainerId, Row> =
            self.rows.drain(..).map(|row| (row.entry.container.id.clone(), row)).collect();
        let mut refused = 0;
        self.rows.extend(snapshot.containers.iter().map(|entry| match known.remove(&entry.container.id) {
            Some(mut row) => {
                if renamed || !Arc::ptr_eq(&row.entry, entry) {
                    row.renew(Arc::clone(entry), &self.host_name, policy);
                }
                row
            }
            None => {
                let (row, left_out) = Row::new(Arc::clone(entry), &self.host_name, policy);
                refused += left_out;
                row
            }
        }));
        refused
    }

    /// Every container the kernel accounts for now.
    pub(super) fn targets(&self) -> Vec<Target> {
        self.rows.iter().filter_map(Row::target).collect()
    }

    /// Reads every container with processes, and the root.
    pub(super) fn read_containers<S: Source>(&mut self, source: &mut S, now: Moment, policy: &LabelPolicy) {
        for row in &mut self.rows {
            let container = &row.entry.container;
            if container.has_processes() && source.container(&container.id, &mut row.sample).is_ok() {
                row.sampled(now.elapsed, policy);
            } else {
                row.silent();
            }
        }
        source.root(&mut self.root);
    }

    /// The root and every container that answered, with the labels of their `container_*` series.
    pub(super) fn live(&self) -> impl Iterator<Item = (&LabelSet, &ContainerSample)> {
        let root = std::iter::once((&self.root_labels, &self.root));
        root.chain(self.live_rows().map(|row| (&row.labels, &row.sample)))
    }

    /// Every container that answered.
    pub(super) fn live_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.live)
    }
}

fn service_labels(entry: &ServiceEntry, host: &str) -> LabelSet {
    LabelSet::new([("host", host), ("project", entry.key.project.as_ref()), ("service", entry.key.service.as_ref())])
}
