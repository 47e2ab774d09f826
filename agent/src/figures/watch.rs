//! The task that asks.

use std::{collections::HashMap, time::Instant};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{AT_ONCE, Board, Held, STEP};
use crate::{
    engine::{self, Engine},
    inventory::{Reader, Snapshot},
    model::{ContainerId, ContainerSample},
};

/// Where figures come from: the engine in earnest, a script in tests.
pub(super) trait Source: Sync {
    fn stats(&self, id: &ContainerId) -> impl Future<Output = Result<Option<ContainerSample>, engine::Error>> + Send;
}

impl Source for Engine {
    async fn stats(&self, id: &ContainerId) -> Result<Option<ContainerSample>, engine::Error> {
        Self::stats(self, id).await
    }
}

/// Asks until shutdown.
pub async fn watch(engine: Engine, reader: Reader, board: Board, shutdown: CancellationToken) {
    let mut rounds = Rounds::new(board);
    let mut tick = interval(STEP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = rounds.run(&engine, &reader) => {}
        }
    }
}

/// Who was asked for and when.
pub(super) struct Rounds {
    board: Board,
    asked: HashMap<ContainerId, Instant>,
}

impl Rounds {
    pub(super) fn new(board: Board) -> Self {
        Self { board, asked: HashMap::new() }
    }

    /// Asks for everybody who is due, and ends when all have answered or run out of time: rounds never overlap.
    pub(super) async fn run(&mut self, source: &impl Source, reader: &Reader) {
        let snapshot = reader.load();
        let running: HashMap<ContainerId, Option<Timestamp>> = running(&snapshot).collect();
        self.board.keep(|id| running.contains_key(id));
        self.asked.retain(|id, _| running.contains_key(id));
        if !snapshot.engine.connected || !self.board.is_watched() {
            return;
        }
        let now = Instant::now();
        let is_due = |id: &ContainerId| {
            self.asked.get(id).is_none_or(|at| now.saturating_duration_since(*at) >= self.board.interval())
        };
        let due: Vec<_> = running.into_iter().filter(|(id, _)| is_due(id)).collect();
        self.asked.extend(due.iter().map(|(id, _)| (id.clone(), now)));
        let board = &self.board;
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |(id, started_at)| async move {
                // An engine that has gone is not waited for once for each container.
                if reader.load().engine.connected {
                    ask(source, board, id, started_at).await;
                }
            })
            .await;
    }
}

async fn ask(source: &impl Source, board: &Board, id: ContainerId, started_at: Option<Timestamp>) {
    match source.stats(&id).await {
        Ok(Some(sample)) => {
            let held = Held { sample: sample.into(), started_at, at: Instant::now() };
            board.put(id, Some(held));
        }
        Ok(None) => board.put(id, None),
        // What is there grows old, and says so.
        Err(error) => tracing::debug!(%error, container = id.short(), "no figures"),
    }
}

fn running(snapshot: &Snapshot) -> impl Iterator<Item = (ContainerId, Option<Timestamp>)> {
    let containers = snapshot.containers.iter().map(|entry| &entry.container);
    containers
        .filter(|container| container.has_processes())
        .map(|container| (container.id.clone(), container.started_at))
}
