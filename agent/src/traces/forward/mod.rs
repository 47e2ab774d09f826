//! Requests to back ends: acknowledged when every destination that takes the signal holds them, sent until it has answered.
//!
//! ```text
//!  put --split near 4 MiB--> queue of each destination (disk, memory) --sender--> OTLP/gRPC, OTLP/HTTP
//! ```
//!
//! At least once: what was acknowledged survives the agent, and a request whose answer was lost is sent again. One that the destination refuses
//! is counted and never sent again. Each destination has a queue, a pace and waits of its own; one that is away gives up its oldest when its queue
//! is full, one that is merely slow asks senders to come again. Nothing runs while nothing waits.

mod board;
mod queue;
mod sender;
pub(crate) mod split;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    sync::{Mutex, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use self::queue::{Limits, Parcel, Queue};
pub use self::{
    board::{Board, Lost, Outcome},
    queue::Full,
};
use super::settings::{Destination, Queue as Settings, Sync};
use crate::{
    delivery::{
        blocking,
        http::SettingsError,
        spool::{self, MAX_PAYLOAD, Spool},
    },
    otlp::{Client, Signal, wire::count},
};

/// Larger requests are sent in parts: what most receivers take.
const MAX_REQUEST: usize = 4 << 20;

/// A segment of the spool: what is given up at a time when it is full.
const SEGMENT: u64 = 4 << 20;

/// Requests that are written to queues at a time.
const WRITERS: usize = 2;

/// The folder of all queues in the state directory.
const FOLDER: &str = "otlp";

/// Why requests cannot be sent on.
#[derive(Debug, thiserror::Error)]
#[error("destination {name}")]
pub struct StartError {
    name: String,
    /// What is wrong with it.
    #[source]
    source: SettingsError,
}

/// All destinations.
#[derive(Debug)]
pub struct Forwarder {
    destinations: Vec<Taker>,
    boards: Vec<Arc<Board>>,
    sync: Sync,
    stop: CancellationToken,
    senders: Mutex<JoinSet<()>>,
    writers: Semaphore,
}

/// One destination.
#[derive(Debug)]
struct Taker {
    signals: Vec<Signal>,
    queue: Queue,
}

impl Forwarder {
    /// Opens what is kept of each destination in the state directory and starts to send. A disk that refuses costs what is kept, not the start.
    /// `failed` is cancelled when a sender ends before it is told.
    ///
    /// # Errors
    /// A destination that can never be reached.
    pub fn start(
        destinations: Vec<Destination>,
        settings: Settings,
        state: Option<&Path>,
        failed: &CancellationToken,
    ) -> Result<Self, StartError> {
        let stop = CancellationToken::new();
        let mut senders = JoinSet::new();
        let (mut takers, mut boards) = (Vec::new(), Vec::new());
        for destination in destinations {
            let name = destination.name.clone();
            let client = Client::new(destination.protocol, &destination.server, destination.gzip)
                .map_err(|source| StartError { name: name.clone(), source })?;
            let folder = state.map(|state| state.join(FOLDER).join(destination.folder));
            let limit = if folder.is_some() { settings.max_bytes } else { settings.max_memory as u64 };
            let board = Arc::new(Board::new(name, limit));
            let limits = Limits { disk: settings.max_bytes, memory: settings.max_memory, age: settings.max_age };
            let store = folder.and_then(|folder| open(&folder, &settings, &board));
            let queue = Queue::new(limits, store, Arc::clone(&board));
            let run = sender::run(queue.clone(), client, settings.sync, stop.clone());
            senders.spawn(watched(run, stop.clone(), failed.clone()));
            takers.push(Taker { signals: destination.signals, queue });
            boards.push(board);
        }
        let (senders, writers) = (Mutex::new(senders), Semaphore::new(WRITERS));
        Ok(Self { destinations: takers, boards, sync: settings.sync, stop, senders, writers })
    }

    /// Whether any destination takes this signal.
    pub fn wants(&self, signal: Signal) -> bool {
        self.destinations.iter().any(|taker| taker.signals.contains(&signal))
    }

    /// Takes a request of so many records. Ready when every destination that takes the signal holds it; then it survives the agent where there
    /// is a disk, and the host where `Sync::Always` says so.
    ///
    /// # Errors
    /// [`Full`]: there is no room, and no destination holds anything of it. With `Sync::Always` also where a disk does not take it, after
    /// those before have: sent again, it may come to these twice.
    pub async fn put(&self, signal: Signal, request: Bytes, records: u32) -> Result<(), Full> {
        if self.stop.is_cancelled() {
            return Err(Full { retry: Duration::from_secs(1) });
        }
        let takers = || self.destinations.iter().filter(|taker| taker.signals.contains(&signal));
        // Nobody is to be sent envelopes with nothing in them.
        if records == 0 || takers().next().is_none() {
            return Ok(());
        }
        let bytes = request.len();
        let (parcels, lost) = parcels(signal, request, records);
        // Whoever writes takes a thread of the runtime, of which there are few.
        let _turn = self.writers.acquire().await;
        blocking(|| {
            let mut rooms = Vec::new();
            for taker in takers() {
                rooms.push((&taker.queue, taker.queue.reserve(bytes, Instant::now())?));
            }
            for (queue, room) in rooms {
                match self.sync {
                    Sync::Always => queue.push_safely(room, signal, &parcels)?,
                    Sync::Interval | Sync::Off => queue.push(room, signal, &parcels),
                }
                queue.board().lose(signal, Lost::TooLarge, lost);
            }
            Ok(())
        })
    }

    /// Gives the destinations a moment to take what waits, and puts the rest on disk. Takes nothing from then on.
    pub async fn stop(&self) {
        self.stop.cancel();
        let mut senders = self.senders.lock().await;
        while senders.join_next().await.is_some() {}
    }

    /// What is known of each destination, in the order of the configuration.
    pub fn boards(&self) -> &[Arc<Board>] {
        &self.boards
    }
}

/// The request in parts of which none is too large for most receivers, and how many records are in none: larger than can be kept.
fn parcels(signal: Signal, request: Bytes, records: u32) -> (Vec<Parcel>, u64) {
    if request.len() <= MAX_REQUEST {
        return (vec![Parcel { body: request, records }], 0);
    }
    // What is malformed was let in by somebody; the destination is to say what it thinks of it.
    let parts = split::split(&request, MAX_REQUEST).ok().flatten().unwrap_or_else(|| vec![request.clone()]);
    let whole = parts.len() == 1;
    let mut lost = 0;
    let mut kept = Vec::with_capacity(parts.len());
    for body in parts {
        let counted = count(signal, &body).ok().and_then(|count| u32::try_from(count).ok());
        let records = if whole { records } else { counted.unwrap_or(0) };
        if body.len() > MAX_PAYLOAD {
            lost += u64::from(records);
        } else if records > 0 {
            kept.push(Parcel { body, records });
        }
    }
    if lost > 0 {
        tracing::warn!(signal = signal.as_str(), records = lost, "records larger than the queue can hold are given up");
    }
    (kept, lost)
}

/// What an earlier process left. Without it, memory alone holds what waits.
fn open(folder: &Path, settings: &Settings, board: &Board) -> Option<Spool> {
    let limits = spool::Limits { max_bytes: settings.max_bytes, max_age: settings.max_age, segment_bytes: SEGMENT };
    match Spool::open(folder, limits) {
        Ok((store, found)) => {
            if found.records > 0 || found.torn + found.damaged + found.aside > 0 {
                tracing::info!(destination = board.name(), ?found, "OTLP requests of before are waiting on disk");
            }
            Some(store)
        }
        Err(error) => {
            board.disk_failed(&error, "open the queue of OTLP requests: memory alone holds what waits");
            None
        }
    }
}

/// Runs a sender, and tells when it ends unasked.
async fn watched(run: impl Future<Output = ()> + Send + 'static, stop: CancellationToken, failed: CancellationToken) {
    // In a task of its own, so that a panic is seen here.
    let ended = tokio::spawn(run).await;
    if ended.is_err() || !stop.is_cancelled() {
        tracing::error!("a sender of OTLP requests has failed");
        failed.cancel();
    }
}
