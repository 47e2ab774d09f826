//! What a reading says of the last hour and of objectives. Nothing is read for it.

use super::{Settings, reading::Reading};
use crate::{
    history::{Board, Figures},
    telemetry::{Metrics, Reason},
};

/// What a reading was of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) containers: bool,
    pub(super) host: bool,
}

/// Notes it, `at` on the clock of the collectors.
pub(super) fn note(
    board: &Board,
    reading: &Reading,
    read: Read,
    at: std::time::Duration,
    settings: &Settings,
    metrics: &Metrics,
) {
    let mut left_out = 0;
    // A page of the agent's own figures alone says nothing of anybody, and would have everybody look ended.
    if read.containers {
        left_out += board.reading(reading.at, |pass| {
            for row in reading.live_rows() {
                let figures = Figures {
                    at: row.read_at,
                    cpu_ns: row.sample.cpu.usage_ns,
                    cpu_cores: row.window.cores(),
                    memory_bytes: row.sample.memory.working_set,
                };
                pass.container(&row.entry, figures);
            }
            if read.host {
                pass.host(&reading.host, at);
            }
        });
    }
    if let (Some(policy), Some(probes)) = (&settings.policy, &settings.probes) {
        left_out += board.count(&policy.policy(), &reading.snapshot, || probes.records(), board.now());
    }
    if left_out > 0 {
        metrics.refuse(Reason::History, left_out as u64);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use jiff::Timestamp;

    use super::*;
    use crate::{
        collectors::{Collector, Moment, Source, row::tests::entry},
        exposition::Format,
        host::{Gone, Target},
        inventory::{Reader, Snapshot},
        model::{ContainerId, ContainerSample, HostSample, LoadAverage, MachineSample},
    };

    /// A source that counts how often it is read, by somebody whom that costs or not.
    #[derive(Default)]
    struct Counted {
        elsewhere: bool,
        read: u64,
    }

    impl Source for Counted {
        fn track(&mut self, _: &[Target]) {}

        fn container(&mut self, _: &ContainerId, into: &mut ContainerSample) -> Result<(), Gone> {
            self.read += 1;
            into.cpu.usage_ns = Some(self.read * 15_000_000_000);
            into.memory.working_set = Some(self.read);
            Ok(())
        }

        fn root(&mut self, _: &mut ContainerSample) {}

        fn host(&mut self, into: &mut HostSample) {
            into.load = Some(LoadAverage { one: 0.5, ..LoadAverage::default() });
        }

        fn machine(&mut self) -> MachineSample {
            MachineSample::default()
        }

        fn availability(&self) -> Vec<(&'static str, bool)> {
            Vec::new()
        }

        fn open_handles(&self) -> usize {
            0
        }

        fn asks_elsewhere(&self) -> bool {
            self.elsewhere
        }
    }

    fn collector(source: Counted, board: &Board) -> Collector<Counted> {
        let reader = Reader::new();
        reader.publish(Snapshot { containers: vec![Arc::new(entry("web", 7))], ..Snapshot::default() });
        let settings = Settings { history: Some(board.clone()), ..Settings::default() };
        Collector::new(source, reader, settings, Metrics::default())
    }

    fn at(seconds: u64) -> Moment {
        Moment { wall: Timestamp::now(), elapsed: Duration::from_secs(seconds) }
    }

    #[test]
    fn a_scrape_is_a_reading_and_so_is_a_look_without_one() {
        let board = Board::default();
        let mut collector = collector(Counted::default(), &board);
        let id = entry("web", 7).container.id;
        let memory = || board.usage(&id).and_then(|usage| usage.memory_bytes);
        collector.scrape(Format::Text, None, at(0));
        assert_eq!(memory(), Some(1));
        let now = at(15);
        collector.look(now, false);
        assert_eq!(memory(), Some(2));
        assert_eq!(board.usage(&id).and_then(|usage| usage.cpu_cores), Some(1.0));
        assert_eq!(board.container_at(&id, now.wall).map(|sparks| sparks.memory_bytes[59]), Some(2.0));
        assert_eq!(board.host_at(now.wall).map(|host| host.load[59]), Some(0.5));
        let agent = [crate::model::metric::Group::Agent].into();
        collector.scrape(Format::Text, Some(&agent), at(30));
        assert_eq!(memory(), Some(2), "a page without containers says nothing of them");
    }

    #[test]
    fn nobody_elsewhere_is_asked_while_nobody_looks() {
        let board = Board::default();
        let mut collector = collector(Counted { elsewhere: true, read: 0 }, &board);
        let id = entry("web", 7).container.id;
        collector.look(at(0), false);
        assert_eq!(board.usage(&id), None);
        collector.look(at(15), true);
        assert!(board.usage(&id).is_some());
    }
}
