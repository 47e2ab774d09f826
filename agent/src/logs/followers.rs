//! The tasks that ask the engine for lines, one a container, and the channel on which the worker hears them.
//!
//! Nothing is lost when the worker is slow: a full channel holds up the tasks, and they the engine, which keeps what it has. After an
//! error a task waits for the inventory to be in touch with the engine again: it is not for logs to find out when the engine is back.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc},
    task::AbortHandle,
};

use super::{Follow, FollowCounts, FollowError, Mark, Piece, Position, bell::Bell};
use crate::{
    engine::Engine,
    inventory,
    model::{ContainerId, LogStream},
    net::Backoff,
};

/// Containers followed at a time: each is a connection to the engine and a task of its own on both sides.
const MAX_FOLLOWED: usize = 512;

/// Batches that wait for the worker.
const WAITING: usize = 32;

/// A batch is handed over when it has so many bytes, or when nothing more is there at once.
const BATCH: usize = 64 << 10;

/// How often the inventory is asked whether the engine is there.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a container has no follower.
pub(super) const TOO_MANY: &str = "too many containers to be followed";

/// What a task says to the worker.
#[derive(Debug)]
pub(super) enum Message {
    /// Messages in their order.
    Batch(ContainerId, Batch),
    /// Lines are missing which the engine once had.
    Gaps(ContainerId, u64),
    /// Everything there was has been handed over; the container has ended.
    Ended(ContainerId),
    /// There never will be anything.
    Unreadable(ContainerId),
}

/// Owned pieces, their bytes in one run.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    stream: LogStream,
    time: i64,
    length: usize,
    ended: bool,
    start: Mark,
    end: Mark,
}

impl Batch {
    fn add(&mut self, piece: Piece<'_>) {
        let Piece { stream, time, text, ended, start, end } = piece;
        self.bytes.extend_from_slice(text);
        self.rows.push(Row { stream, time, length: text.len(), ended, start, end });
    }

    /// The pieces again.
    pub(super) fn iter(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut at = 0;
        self.rows.iter().map(move |row| {
            let Row { stream, time, length, ended, start, end } = *row;
            let text = self.bytes.get(at..at + length).unwrap_or_default();
            at += length;
            Piece { stream, time, text, ended, start, end }
        })
    }
}

/// See the head of this file.
pub(super) struct Followers {
    engine: Engine,
    inventory: inventory::Reader,
    runtime: Handle,
    sender: mpsc::Sender<Message>,
    bell: Bell,
    running: HashMap<ContainerId, Running>,
}

struct Running {
    /// The container runs again.
    again: Arc<Notify>,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Followers {
    /// Nobody is followed yet. To be called within the runtime the tasks are to live in.
    pub(super) fn new(engine: Engine, inventory: inventory::Reader, bell: Bell) -> (Self, mpsc::Receiver<Message>) {
        let (sender, messages) = mpsc::channel(WAITING);
        let runtime = Handle::current();
        (Self { engine, inventory, runtime, sender, bell, running: HashMap::new() }, messages)
    }

    /// Whether this container has a task.
    pub(super) fn follows(&self, id: &ContainerId) -> bool {
        self.running.contains_key(id)
    }

    /// Begins to follow a container from the places of its outputs; `false` when there are too many.
    pub(super) fn start(&mut self, id: &ContainerId, tty: bool, from: [Option<Position>; 2]) -> bool {
        if self.running.len() >= MAX_FOLLOWED {
            return false;
        }
        let again = Arc::new(Notify::new());
        let task = Task {
            follow: Follow::new(self.engine.clone(), id.clone(), tty, from, true),
            id: id.clone(),
            inventory: self.inventory.clone(),
            sender: self.sender.clone(),
            bell: self.bell.clone(),
            again: Arc::clone(&again),
        };
        let task = self.runtime.spawn(task.run()).abort_handle();
        self.running.insert(id.clone(), Running { again, task });
        true
    }

    /// The container runs again: what it writes from now on is asked for.
    pub(super) fn again(&self, id: &ContainerId) {
        if let Some(running) = self.running.get(id) {
            running.again.notify_one();
        }
    }

    /// Ends a container's task.
    pub(super) fn stop(&mut self, id: &ContainerId) {
        self.running.remove(id);
    }
}

struct Task {
    follow: Follow,
    id: ContainerId,
    inventory: inventory::Reader,
    sender: mpsc::Sender<Message>,
    bell: Bell,
    again: Arc<Notify>,
}

/// How one stream of the engine's ended.
enum End {
    /// With the container.
    Container,
    /// By an error, to be tried again.
    Engine,
    /// For good.
    Unreadable,
    /// Nobody listens any more.
    Worker,
}

impl Task {
    async fn run(mut self) {
        let mut backoff = Backoff::seeded();
        let mut told = FollowCounts::default();
        loop {
            let end = self.read(&mut backoff).await;
            let counts = self.follow.counts();
            let gaps = counts.gaps.saturating_sub(told.gaps);
            told = counts;
            if gaps > 0 && !self.say(Message::Gaps(self.id.clone(), gaps)).await {
                return;
            }
            match end {
                End::Container => {
                    if !self.say(Message::Ended(self.id.clone())).await {
                        return;
                    }
                    tokio::select! {
                        () = self.again.notified() => {}
                        () = self.goes_on(&mut backoff) => {}
                    }
                }
                End::Engine => self.wait_for_engine(&mut backoff).await,
                End::Unreadable => {
                    self.say(Message::Unreadable(self.id.clone())).await;
                    return;
                }
                End::Worker => return,
            }
        }
    }

    /// Hands over what the engine tells, until it ends.
    async fn read(&mut self, backoff: &mut Backoff) -> End {
        loop {
            let mut batch = Batch::default();
            let mut next = self.follow.next().await;
            let end = loop {
                match next {
                    Some(Ok(piece)) => batch.add(piece),
                    Some(Err(FollowError::Gone(_))) | None => break Some(End::Container),
                    Some(Err(FollowError::Unreadable(_))) => break Some(End::Unreadable),
                    Some(Err(FollowError::Engine(error))) => {
                        let error: &(dyn std::error::Error + 'static) = &error;
                        tracing::debug!(container = self.id.short(), error, "ask the engine for logs");
                        break Some(End::Engine);
                    }
                }
                if batch.bytes.len() >= BATCH {
                    break None;
                }
                match self.follow.next().now_or_never() {
                    Some(more) => next = more,
                    None => break None,
                }
            };
            if !batch.rows.is_empty() {
                backoff.reset();
                if !self.say(Message::Batch(self.id.clone(), batch)).await {
                    return End::Worker;
                }
            }
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Waits until it turns out that the container has not ended at all, only the engine's stream of it: an engine which ends in order and leaves
    /// its containers alone (live-restore) ends streams as if they had. For ever where the container has ended.
    async fn goes_on(&self, backoff: &mut Backoff) {
        loop {
            tokio::time::sleep(backoff.wait()).await;
            let snapshot = self.inventory.load();
            if !snapshot.engine.connected {
                continue;
            }
            let entry = snapshot.containers.iter().find(|entry| entry.container.id == self.id);
            if entry.is_some_and(|entry| entry.container.has_processes()) {
                return;
            }
            return std::future::pending().await;
        }
    }

    async fn wait_for_engine(&self, backoff: &mut Backoff) {
        tokio::time::sleep(backoff.wait()).await;
        while !self.inventory.load().engine.connected {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn say(&self, message: Message) -> bool {
        let heard = self.sender.send(message).await.is_ok();
        self.bell.ring();
        heard
    }
}
