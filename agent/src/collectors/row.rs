//! One container as the collectors keep it from scrape to scrape.

use std::{sync::Arc, time::Duration};

use super::{NamePatterns, labels, oom::OomCount, window::CpuWindow};
use crate::{
    exposition::LabelSet,
    host::Target,
    inventory::Entry,
    model::{ContainerSample, NetworkMode},
};

/// A container of any state; its sample counts only while `live`.
#[derive(Debug)]
pub(super) struct Row {
    /// What the inventory says.
    pub(super) entry: Arc<Entry>,
    /// Labels of `container_*` series.
    pub(super) labels: LabelSet,
    /// Labels of `spyhop_container_*` series.
    pub(super) own: LabelSet,
    /// What the kernel says, read into the same storage at each scrape.
    pub(super) sample: ContainerSample,
    /// The kernel answered in this scrape.
    pub(super) live: bool,
    /// When that was, on the clock of the collectors.
    pub(super) read_at: Duration,
    /// CPU use over the last seconds.
    pub(super) window: CpuWindow,
    oom: OomCount,
    labelled_path: Option<Arc<str>>,
}

impl Row {
    /// A container seen for the first time. The second value counts labels left out.
    pub(super) fn new(entry: Arc<Entry>, host: &str, policy: &NamePatterns) -> (Self, u64) {
        let (labels, refused) = labels::cadvisor(&entry, None, policy);
        let row = Self {
            labels,
            own: labels::own(&entry, host),
            sample: ContainerSample::default(),
            live: false,
            read_at: Duration::ZERO,
            window: CpuWindow::default(),
            oom: OomCount::default(),
            labelled_path: None,
            entry,
        };
        (row, refused)
    }

    /// Takes over what the inventory says now; labels are rendered anew.
    pub(super) fn renew(&mut self, entry: Arc<Entry>, host: &str, policy: &NamePatterns) {
        if entry.container.started_at != self.entry.container.started_at {
            self.window.reset();
        }
        self.own = labels::own(&entry, host);
        self.entry = entry;
        self.render(policy);
    }

    /// Called after the sample was read; labels are rendered anew when the cgroup moved.
    pub(super) fn sampled(&mut self, elapsed: Duration, policy: &NamePatterns) {
        self.live = true;
        self.read_at = elapsed;
        if let Some(usage) = self.sample.cpu.usage_ns {
            self.window.record(elapsed, usage);
        }
        if let Some(kills) = self.sample.memory.oom_kills {
            self.oom.record(self.entry.container.started_at, kills);
        }
        if self.sample.cgroup_path != self.labelled_path {
            self.labelled_path.clone_from(&self.sample.cgroup_path);
            self.render(policy);
        }
    }

    /// Labels left out were counted when the container was first seen: a container's labels never change.
    fn render(&mut self, policy: &NamePatterns) {
        (self.labels, _) = labels::cadvisor(&self.entry, self.labelled_path.as_deref(), policy);
    }

    /// The kernel has nothing to say of it in this scrape.
    pub(super) fn silent(&mut self) {
        self.live = false;
        self.window.reset();
    }

    /// Kills because memory ran out, over all runs.
    pub(super) fn oom_kills(&self) -> u64 {
        self.oom.total(self.entry.oom_events)
    }

    /// What the host is told to read; `None` without processes.
    pub(super) fn target(&self) -> Option<Target> {
        let container = &self.entry.container;
        let pid = container.pid.filter(|_| container.has_processes())?;
        Some(Target {
            id: container.id.clone(),
            pid,
            started_at: container.started_at,
            // Interfaces of a shared namespace belong to its owner once: the host's are node_network_*, another
            // container's are on that container. `none` has nothing but loopback.
            network: matches!(container.network_mode, NetworkMode::Own(_)),
            limits: container.limits,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{Container, ContainerState, Labels};

    /// A running container of no project, made from `image:1`.
    pub(in super::super) fn entry(name: &str, pid: u32) -> Entry {
        let container = Container {
            image: "image:1".into(),
            state: ContainerState::Running,
            pid: Some(pid),
            started_at: Timestamp::from_second(1_700_000_000).ok(),
            network_mode: NetworkMode::Own("bridge".into()),
            ..Container::bare(format!("{pid:064x}"), name, Labels::default())
        };
        Entry::bare(container, Timestamp::UNIX_EPOCH)
    }

    fn row(entry: Entry) -> Row {
        Row::new(Arc::new(entry), "h", &NamePatterns::identity()).0
    }

    #[test]
    fn only_own_namespaces_are_read() {
        let cases = [
            (NetworkMode::Own("shop_default".into()), true),
            (NetworkMode::Host, false),
            (NetworkMode::None, false),
            (NetworkMode::Container("abc".into()), false),
        ];
        for (mode, network) in cases {
            let mut entry = entry("web", 7);
            entry.container.network_mode = mode;
            assert_eq!(row(entry).target().unwrap().network, network);
        }
    }

    #[test]
    fn only_containers_with_processes_are_targets() {
        let mut paused = entry("web", 7);
        paused.container.state = ContainerState::Paused;
        assert!(row(paused).target().is_some());
        let mut exited = entry("web", 7);
        exited.container.state = ContainerState::Exited;
        assert!(row(exited).target().is_none());
        let mut without_pid = entry("web", 7);
        without_pid.container.pid = None;
        assert!(row(without_pid).target().is_none());
    }

    #[test]
    fn labels_follow_the_cgroup_and_the_entry() {
        let policy = NamePatterns::identity();
        let mut row = row(entry("web", 7));
        assert_eq!(row.labels.as_str(), r#"name="web",image="image:1""#);
        row.sample.cgroup_path = Some("/docker/7".into());
        row.sampled(Duration::ZERO, &policy);
        assert_eq!(row.labels.as_str(), r#"id="/docker/7",name="web",image="image:1""#);
        row.renew(Arc::new(entry("web2", 7)), "h", &policy);
        assert_eq!(row.labels.as_str(), r#"id="/docker/7",name="web2",image="image:1""#);
        assert_eq!(row.own.as_str(), r#"host="h",project="",service="web2",replica="1""#);
    }

    #[test]
    fn a_new_run_starts_the_cpu_window_anew_and_keeps_the_kills() {
        let policy = NamePatterns::identity();
        let mut row = row(entry("web", 7));
        row.sample.cpu.usage_ns = Some(0);
        row.sample.memory.oom_kills = Some(2);
        row.sampled(Duration::ZERO, &policy);
        row.sample.cpu.usage_ns = Some(10_000_000_000);
        row.sampled(Duration::from_secs(20), &policy);
        assert_eq!((row.window.cores(), row.oom_kills()), (Some(0.5), 2));
        let mut restarted = entry("web", 8);
        restarted.container.started_at = Timestamp::from_second(1_700_000_100).ok();
        row.renew(Arc::new(restarted), "h", &policy);
        row.sample.memory.oom_kills = Some(1);
        row.sampled(Duration::from_secs(40), &policy);
        assert_eq!((row.window.cores(), row.oom_kills()), (None, 3));
    }
}
