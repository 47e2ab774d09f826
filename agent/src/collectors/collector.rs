//! The owner of everything a scrape touches: reads what the page needs, then has it written.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::{
    Settings, Source, cpu,
    history::{self, Read},
    io, isolation, itself, lifecycle, limits, logs, machine, memory, network, node, node_devices, policy, pressure,
    probes,
    reading::Reading,
    service, state, targets, traces,
};
use crate::{
    exposition::{Format, Page},
    inventory::Reader,
    model::metric::Group,
    telemetry::{Metrics, Reason},
};

/// The time of a scrape on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Wall clock, for timestamps and ages.
    pub wall: Timestamp,
    /// Time since the collectors began on a clock that never jumps, for rates.
    pub elapsed: Duration,
}

impl Moment {
    /// Now, `began` being the start of the collectors.
    pub fn now(began: Instant) -> Self {
        Self { wall: Timestamp::now(), elapsed: began.elapsed() }
    }
}

/// Reads and writes pages; the scraper's, and for tests and benches without one.
#[derive(Debug)]
pub struct Collector<S> {
    source: S,
    reader: Reader,
    settings: Settings,
    metrics: Metrics,
    reading: Reading,
    page: Page,
}

impl<S: Source> Collector<S> {
    /// Collects from `source` what the newest picture of `reader` speaks of.
    pub fn new(source: S, reader: Reader, settings: Settings, metrics: Metrics) -> Self {
        Self { source, reader, settings, metrics, reading: Reading::new(), page: Page::new(Format::Text) }
    }

    /// Goes on with other settings; what is kept of containers for rates stays.
    pub fn configure(&mut self, settings: Settings) {
        self.reading.relabel(&settings.labels);
        self.settings = settings;
    }

    /// Takes over the newest picture, so that the source lets go of containers that ended. Done by every scrape too.
    pub fn refresh(&mut self) {
        if self.reading.follow(self.reader.load(), &self.settings, &self.metrics) {
            self.source.track(&self.reading.targets());
        }
    }

    /// Reads the kernel for the last hour's sake alone. The engine is asked for nothing while nobody looks (`watched`).
    pub(super) fn look(&mut self, now: Moment, watched: bool) {
        let Some(board) = self.settings.history.clone() else { return };
        self.refresh();
        self.reading.at = now.wall;
        let read = Read { containers: watched || !self.source.asks_elsewhere(), host: true };
        if read.containers {
            self.reading.read_containers(&mut self.source, now, &self.settings.labels);
        }
        self.source.host(&mut self.reading.host);
        history::note(&board, &self.reading, read, now.elapsed, &self.settings, &self.metrics);
    }

    /// Reads the kernel and writes one page. `groups`: the wish of the client, `None` for all that the settings allow.
    pub fn scrape(&mut self, format: Format, groups: Option<&BTreeSet<Group>>, now: Moment) -> &[u8] {
        self.fill(format, groups, now);
        self.page.finish()
    }

    /// [`Self::scrape`] into `buffer`, which is handed back with the page in it.
    pub(super) fn scrape_into(
        &mut self,
        format: Format,
        groups: Option<&BTreeSet<Group>>,
        now: Moment,
        buffer: Vec<u8>,
    ) -> Vec<u8> {
        let own = self.page.exchange(buffer);
        self.fill(format, groups, now);
        self.page.finish();
        self.page.exchange(own)
    }

    fn fill(&mut self, format: Format, groups: Option<&BTreeSet<Group>>, now: Moment) {
        let wanted = |group: Group| {
            group == Group::Agent
                || (self.settings.groups.contains(&group) && groups.is_none_or(|groups| groups.contains(&group)))
        };
        let wanted = Group::ALL.map(|group| (group, wanted(group)));
        let wanted = |group: Group| wanted.contains(&(group, true));
        self.refresh();
        let read = self.read(&wanted, now);
        if let Some(board) = &self.settings.history {
            history::note(board, &self.reading, read, now.elapsed, &self.settings, &self.metrics);
        }
        self.page.clear(format);
        self.write(&wanted);
        self.metrics.refuse(Reason::Samples, self.page.refused());
    }

    /// Reads what the wanted groups need and nothing else.
    fn read(&mut self, wanted: &impl Fn(Group) -> bool, now: Moment) -> Read {
        let errors_before = self.metrics.scrape_errors.get();
        self.reading.at = now.wall;
        self.reading.machine = self.source.machine();
        let read = Read {
            containers: wanted(Group::Container) || wanted(Group::Service),
            host: wanted(Group::Node) || wanted(Group::Container),
        };
        if read.containers {
            self.reading.read_containers(&mut self.source, now, &self.settings.labels);
        }
        if read.host {
            self.source.host(&mut self.reading.host);
        }
        self.source.process(&mut self.reading.process);
        self.reading.availability = self.source.availability();
        self.reading.open_handles = self.source.open_handles();
        self.reading.scrape_error = self.metrics.scrape_errors.get() > errors_before;
        read
    }

    fn write(&mut self, wanted: &impl Fn(Group) -> bool) {
        let (reading, page) = (&self.reading, &mut self.page);
        if wanted(Group::Container) {
            lifecycle::write(reading, page);
            cpu::write(reading, page);
            memory::write(reading, page);
            io::write(reading, page);
            network::write(reading, page);
            pressure::write(reading, page);
        }
        if wanted(Group::Machine) {
            machine::write(reading, &self.settings, page);
        }
        if wanted(Group::Node) {
            node::write(reading, page);
            node_devices::write(reading, &self.settings, page);
        }
        if wanted(Group::Service) {
            state::write(reading, page);
            limits::write(reading, page);
            service::write(reading, page);
        }
        if let Some(declared) = self.settings.targets.as_ref().filter(|_| wanted(Group::Target)) {
            targets::write(declared, page);
        }
        if let Some(board) = self.settings.logs.as_ref().filter(|_| wanted(Group::Logs)) {
            logs::write(board, reading, page);
        }
        if let Some(board) = self.settings.policy.as_ref().filter(|_| wanted(Group::Policy)) {
            policy::write(board, self.settings.isolation.as_ref(), reading, page);
        }
        if let Some(board) = self.settings.probes.as_ref().filter(|_| wanted(Group::Probes)) {
            probes::write(board, reading, page);
        }
        if let Some(board) = self.settings.isolation.as_ref().filter(|_| wanted(Group::Isolation)) {
            isolation::write(board, reading, page);
        }
        if let Some(board) = self.settings.traces.as_ref().filter(|_| wanted(Group::Traces)) {
            traces::write(board, reading, page);
        }
        itself::write(reading, &self.settings, page);
        page.registry(self.metrics.registry());
    }
}
