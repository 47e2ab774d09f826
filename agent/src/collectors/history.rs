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
