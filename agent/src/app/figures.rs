//! Whether the engine is asked for figures, and the task that asks.

use tokio_util::sync::CancellationToken;

use crate::{
    config::{Config, engine::Stats},
    engine::Engine,
    figures::{self, Board},
    host::Host,
    inventory::Reader,
};

/// What decides, and what the task needs.
pub(super) struct Wanted<'a> {
    pub(super) engine: &'a Engine,
    /// The engine is on another machine: kernel files here are not those of its containers.
    pub(super) elsewhere: bool,
    pub(super) shutdown: &'a CancellationToken,
}

impl Wanted<'_> {
    /// A board where the engine's figures are wanted: always, or because kernel files say nothing of the containers.
    pub(super) fn board(&self, config: &Config, host: &Host) -> Option<Board> {
        let available = host.availability();
        let sees = |name: &str| available.iter().any(|(collector, readable)| *collector == name && *readable);
        let blind = self.elsewhere || !(sees("cgroup_cpu") || sees("cgroup_memory"));
        let why = match config.engine.stats {
            Stats::Never => return None,
            Stats::Always => "engine.stats is always",
            Stats::Auto if !blind => return None,
            Stats::Auto if self.elsewhere => "the engine is on another machine",
            Stats::Auto => "no cgroup files can be seen here",
        };
        let interval = config.engine.stats_interval;
        tracing::info!(why, ?interval, "figures of containers are asked of the engine");
        Some(Board::new(interval))
    }

    /// Starts to ask.
    pub(super) fn start(&self, board: &Board, reader: &Reader) {
        let (engine, reader, board) = (self.engine.clone(), reader.clone(), board.clone());
        // It has nothing to save and ends with the runtime at the latest.
        drop(tokio::spawn(figures::watch(engine, reader, board, self.shutdown.clone())));
    }
}
