//! All that one scrape has read, and what is kept for the next: label sets, sample storage, CPU marks.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::{Moment, NamePatterns, Origin, ProcessSample, Settings, Source, row::Row};
use crate::{
    exposition::LabelSet,
    host::Target,
    inventory::{ServiceEntry, Snapshot},
    model::{ContainerId, ContainerSample, HostSample, MachineSample},
    telemetry::{Metrics, Reason},
};

/// What an engine without cgroups says of its driver: rootless Docker on cgroup v1. Its containers are in the cgroup of whoever
/// started it, whose figures are nobody's in particular.
const NO_CGROUPS: &str = "none";

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
    #[expect(
        clippy::vec_box,
        reason = "a row is a kilobyte and moves twice with every new picture: 10 times slower unboxed"
    )]
    pub(super) rows: Vec<Box<Row>>,
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
    /// Where the figures of containers came from.
    pub(super) origin: Origin,
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
            origin: Origin::default(),
            scrape_error: false,
        }
    }

    /// Takes over a picture. `true` when its containers are others than before.
    ///
    /// The engine is heard every few seconds, and each time there is a new picture: what did not change in it is not touched.
    pub(super) fn follow(&mut self, snapshot: Arc<Snapshot>, settings: &Settings, metrics: &Metrics) -> bool {
        let host_name = snapshot.host.clone().unwrap_or_default();
        let renamed = host_name != self.host_name;
        self.host_name = host_name;
        let changed = renamed || !same(self.rows.iter().map(|row| &row.entry), &snapshot.containers);
        if changed {
            let refused = self.follow_containers(&snapshot, renamed, &settings.labels);
            metrics.refuse(Reason::Labels, refused);
        }
        if renamed || !same(self.services.iter().map(|row| &row.entry), &snapshot.services) {
            self.services = (snapshot.services.iter())
                .map(|entry| ServiceRow { labels: service_labels(entry, &self.host_name), entry: Arc::clone(entry) })
                .collect();
        }
        self.snapshot = snapshot;
        changed
    }

    /// Rows of containers that stayed keep what they know; label sets are rendered only for those that changed.
    fn follow_containers(&mut self, snapshot: &Snapshot, renamed: bool, policy: &NamePatterns) -> u64 {
        let mut known: HashMap<ContainerId, Box<Row>> =
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
                Box::new(row)
            }
        }));
        refused
    }

    /// Renders the labels of every row anew, by another policy.
    pub(super) fn relabel(&mut self, policy: &NamePatterns) {
        for row in &mut self.rows {
            row.renew(Arc::clone(&row.entry), &self.host_name, policy);
        }
    }

    /// Every container the kernel accounts for now.
    pub(super) fn targets(&self) -> Vec<Target> {
        self.rows.iter().filter_map(|row| row.target()).collect()
    }

    /// Reads every container with processes, and the root.
    pub(super) fn read_containers<S: Source>(&mut self, source: &mut S, now: Moment, policy: &NamePatterns) {
        let info = self.snapshot.engine.info.as_ref();
        let without_cgroups = info.is_some_and(|info| info.cgroup_driver.as_deref() == Some(NO_CGROUPS));
        for row in &mut self.rows {
            let container = &row.entry.container;
            if container.has_processes() && source.container(&container.id, &mut row.sample).is_ok() {
                let at = source.read_at(&container.id, now.elapsed);
                if without_cgroups {
                    row.sample = ContainerSample { network: row.sample.network.take(), ..ContainerSample::default() };
                }
                row.sampled(at, policy);
            } else {
                row.silent();
            }
        }
        let tracked = self.rows.iter().filter(|row| row.entry.container.has_processes()).count();
        let told = self.rows.iter().filter(|row| row.live && row.sample.cgroup_path.is_some());
        self.origin = source.origin(tracked, told.count());
        source.root(&mut self.root);
    }

    /// The root and every container that answered, with the labels of their `container_*` series.
    pub(super) fn live(&self) -> impl Iterator<Item = (&LabelSet, &ContainerSample)> {
        let root = std::iter::once((&self.root_labels, &self.root));
        root.chain(self.live_rows().map(|row| (&row.labels, &row.sample)))
    }

    /// Every container that answered.
    pub(super) fn live_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().map(|row| &**row).filter(|row| row.live)
    }
}

/// Whether what is held is exactly these entries, in their order.
fn same<'a, E: 'a>(held: impl ExactSizeIterator<Item = &'a Arc<E>>, entries: &[Arc<E>]) -> bool {
    held.len() == entries.len() && held.zip(entries).all(|(held, entry)| Arc::ptr_eq(held, entry))
}

fn service_labels(entry: &ServiceEntry, host: &str) -> LabelSet {
    LabelSet::new([("host", host), ("project", entry.key.project.as_ref()), ("service", entry.key.service.as_ref())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collectors::row::tests::entry;

    /// A source in which everybody has used as much CPU as the cgroup they share.
    struct Shared;

    impl Source for Shared {
        fn track(&mut self, _: &[Target]) {}

        fn container(&mut self, _: &ContainerId, into: &mut ContainerSample) -> Result<(), crate::host::Gone> {
            into.cpu.usage_ns = Some(7);
            into.cgroup_path = Some("/user.slice".into());
            into.network = Some(Vec::new());
            Ok(())
        }

        fn root(&mut self, _: &mut ContainerSample) {}

        fn host(&mut self, _: &mut HostSample) {}

        fn machine(&mut self) -> MachineSample {
            MachineSample::default()
        }

        fn availability(&self) -> Vec<(&'static str, bool)> {
            Vec::new()
        }

        fn open_handles(&self) -> usize {
            0
        }
    }

    #[test]
    fn an_engine_without_cgroups_has_no_figures_of_them() {
        let now = Moment { wall: Timestamp::UNIX_EPOCH, elapsed: std::time::Duration::ZERO };
        for (driver, figures) in [("none", None), ("cgroupfs", Some(7))] {
            let mut reading = Reading::new();
            let info = crate::model::EngineInfo { cgroup_driver: Some(driver.into()), ..Default::default() };
            let engine = crate::inventory::EngineStatus { info: Some(info.into()), ..Default::default() };
            follow(
                &mut reading,
                Snapshot { containers: vec![Arc::new(entry("web", 7))], engine, ..Snapshot::default() },
            );
            reading.read_containers(&mut Shared, now, &NamePatterns::default());
            assert_eq!(reading.rows[0].sample.cpu.usage_ns, figures, "{driver}");
            assert!(reading.rows[0].live && reading.rows[0].sample.network.is_some());
            let expected = usize::from(figures.is_some());
            assert_eq!((reading.origin.kernel, reading.origin.none), (expected, 1 - expected), "{driver}");
        }
    }

    fn follow(reading: &mut Reading, snapshot: Snapshot) -> bool {
        reading.follow(Arc::new(snapshot), &Settings::default(), &Metrics::default())
    }

    fn addresses(reading: &Reading) -> Vec<*const u8> {
        reading.rows.iter().map(|row| row.own.as_str().as_ptr()).collect()
    }

    #[test]
    fn only_what_changed_is_rendered_anew() {
        let mut reading = Reading::new();
        let containers: Vec<_> = (1..4).map(|pid| Arc::new(entry(&format!("c{pid}"), pid))).collect();
        let mut snapshot = Snapshot { containers, ..Snapshot::default() };
        assert!(follow(&mut reading, snapshot.clone()));
        let first = addresses(&reading);
        assert!(!follow(&mut reading, snapshot.clone()), "the engine was heard, nothing else");
        assert_eq!(addresses(&reading), first);

        snapshot.containers[1] = Arc::new(entry("renamed", 2));
        snapshot.containers.rotate_left(1);
        assert!(follow(&mut reading, snapshot.clone()));
        let second = addresses(&reading);
        assert_eq!((second[1], second[2]), (first[2], first[0]), "rows follow the picture's order");
        assert!(reading.rows[0].own.as_str().contains("service=\"renamed\""));

        snapshot.host = Some("whale".into());
        assert!(follow(&mut reading, snapshot));
        assert!(reading.rows.iter().all(|row| row.own.as_str().starts_with("host=\"whale\"")));
    }
}
