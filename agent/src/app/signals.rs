//! What the agent is told by signals, and what it does with time.

use std::time::Duration;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use super::reload::Reload;
use crate::memory;

/// How often heap pages that bursts left behind are given back. Twice a minute keeps them from staying, and trimming takes
/// about a millisecond.
const TRIM_EVERY: Duration = Duration::from_secs(30);

pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

/// Answers SIGHUP, gives memory back now and then, and returns the signal to end at.
pub(super) async fn follow_signals(signals: &mut Signals, reload: &mut Reload) -> &'static str {
    let mut trim = interval(TRIM_EVERY);
    trim.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return "SIGTERM",
            _ = signals.interrupt.recv() => return "SIGINT",
            _ = signals.hang_up.recv() => reload.run(),
            _ = trim.tick() => memory::trim(),
        }
    }
}
