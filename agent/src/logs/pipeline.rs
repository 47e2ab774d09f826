//! Starts the parts of the pipeline, and ends them in the order in which lines go through them.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{
    bell::Bell,
    board::Board,
    followers::Followers,
    options::Options,
    queue::{Cursors, Limits, Queue, Store},
    sender::{self, Way},
    stream::Origins,
    worker::{Parts, Side, Word, Worker},
};
use crate::{
    delivery::{
        http::{Client, Settings as Server, SettingsError},
        journal::JournalError,
        spool::{self, SpoolError},
    },
    inventory,
    model::{ContainerId, Event},
    otlp::{self, Protocol},
};

/// A segment of the spool: what is given up at a time when it is full.
const SEGMENT: u64 = 4 << 20;

/// Words that wait for the worker: of a person or two.
const WORDS: usize = 16;

/// Events and lines of the agent's own that wait for it: a storm of events is a few hundred a second.
const SIDES: usize = 2048;

/// The worker closes what grows within this time, or is left behind.
const WORKER_DEADLINE: Duration = Duration::from_secs(2);

/// One place where lines go.
#[derive(Debug)]
pub struct Destination {
    /// For people and labels: host and port.
    pub name: String,
    /// Its folder below `logs` in the state directory.
    pub folder: &'static str,
    /// How it is reached.
    pub to: To,
}

/// What is spoken with a destination.
#[derive(Debug)]
pub enum To {
    /// Loki, the path of pushes included.
    Loki(Server),
    /// A back end that takes OTLP log records.
    Otlp {
        /// Over which transport.
        protocol: Protocol,
        /// Where; for HTTP the address is the base to which `/v1/logs` is added.
        server: Server,
        /// Whether requests are compressed.
        gzip: bool,
    },
}

impl To {
    fn way(self) -> Result<Way, SettingsError> {
        match self {
            Self::Loki(server) => Client::new(server).map(Box::new).map(Way::Loki),
            Self::Otlp { protocol, server, gzip } => otlp::Client::new(protocol, &server, gzip).map(Way::Otlp),
        }
    }
}

/// Why lines cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A destination that can never be reached.
    #[error("destination {name}")]
    Server {
        /// Which.
        name: String,
        /// What is wrong with it.
        #[source]
        source: SettingsError,
    },
    /// Its spool.
    #[error("open the spool of {name}")]
    Spool {
        /// Which.
        name: String,
        /// What is wrong with it.
        #[source]
        source: SpoolError,
    },
    /// Its positions.
    #[error("open the positions of {name}")]
    Journal {
        /// Which.
        name: String,
        /// What is wrong with them.
        #[source]
        source: JournalError,
    },
    /// The system has no descriptor or thread left.
    #[error("start to read logs")]
    System(#[from] io::Error),
}

/// What the pipeline stands between.
pub struct Surroundings {
    /// Who there is.
    pub inventory: inventory::Reader,
    /// Who is asked for lines that stand in no file.
    pub engine: crate::engine::Engine,
    /// The agent's own container, where it is in one.
    pub own: Option<ContainerId>,
    /// Where queues are kept; `None` keeps nothing.
    pub state: Option<PathBuf>,
}

/// The running pipeline.
pub struct Pipeline {
    board: Board,
    handle: Handle,
    senders: JoinSet<()>,
    worker: JoinHandle<()>,
    stop_senders: CancellationToken,
}

/// What others say to it; cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    words: mpsc::SyncSender<Word>,
    sides: mpsc::SyncSender<Side>,
    missed: Arc<AtomicU64>,
    bell: Bell,
}

impl Handle {
    /// The inventory has changed.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// The configuration was read again.
    pub fn configure(&self, options: Options) {
        self.say(Word::Options(Arc::new(options)));
    }

    /// The engine has told of something.
    pub fn event(&self, event: &Event) {
        self.aside(Side::Event(event.clone()));
    }

    /// The agent has said something of its own. Never waits: what comes too fast is counted.
    pub fn own_line(&self, line: String) {
        let now = i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX);
        self.aside(Side::Own(line, now));
    }

    fn aside(&self, side: Side) {
        if self.sides.try_send(side).is_err() {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
        self.bell.ring();
    }

    fn say(&self, word: Word) {
        // Nobody hears it once the worker has ended, and a worker that does not hear is about to be left behind.
        self.words.try_send(word).ok();
        self.bell.ring();
    }
}

impl Pipeline {
    /// Opens what is kept of each destination and starts to read and to send. `failed` is cancelled when the worker ends before it is told.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        options: Options,
        destinations: Vec<Destination>,
        around: Surroundings,
        failed: &CancellationToken,
    ) -> Result<Self, StartError> {
        let board = Board::new(destinations.iter().map(|destination| destination.name.clone()));
        let origins = Origins::new(destinations.len());
        let bell = Bell::new()?;
        let stop_senders = CancellationToken::new();
        let (mut queues, mut senders) = (Vec::new(), JoinSet::new());
        for (index, destination) in destinations.into_iter().enumerate() {
            let Destination { name, folder, to } = destination;
            let way = to.way().map_err(|source| StartError::Server { name: name.clone(), source })?;
            let kept = around.state.as_deref().map(|state| state.join("logs").join(folder));
            let (store, cursors, read_only) = open(kept.as_deref(), &name, &options)?;
            let limits = Limits { stream_rate: options.stream_rate, ..Limits::default() };
            let queue = Queue::new(index, limits, store, cursors, &board, origins.clone());
            queue.log().spool_limit.set(if kept.is_some() { options.spool_bytes } else { 0 });
            if read_only {
                let error = io::Error::from(io::ErrorKind::ReadOnlyFilesystem);
                queue
                    .log()
                    .spool_failed(&error, "spool log lines: those on disk are sent, and come again after a restart");
            }
            let freed = bell.clone();
            senders.spawn(sender::run(queue.clone(), way, move || freed.ring(), stop_senders.clone()));
            queues.push(queue);
        }
        let (words, heard) = mpsc::sync_channel(WORDS);
        let (sides, aside) = mpsc::sync_channel(SIDES);
        let missed = Arc::new(AtomicU64::new(0));
        let (followers, messages) = Followers::new(around.engine, around.inventory.clone(), bell.clone());
        let parts = Parts {
            options: Arc::new(options),
            own: around.own,
            inventory: around.inventory,
            queues,
            origins,
            board: board.clone(),
            bell: bell.clone(),
            words: heard,
            messages,
            followers,
            sides: aside,
            missed: Arc::clone(&missed),
        };
        let worker = spawn(parts, failed)?;
        Ok(Self { board, handle: Handle { words, sides, missed, bell }, senders, worker, stop_senders })
    }

    /// What it counts.
    pub const fn board(&self) -> &Board {
        &self.board
    }

    /// What others say to it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Closes what grows, gives the destinations a moment to take it, and puts the rest on disk.
    pub async fn stop(mut self) {
        self.handle.say(Word::End);
        if tokio::time::timeout(WORKER_DEADLINE, &mut self.worker).await.is_err() {
            tracing::warn!(
                "reading logs did not end in time: lines of the last second are read again at the next start"
            );
        }
        self.stop_senders.cancel();
        while let Some(ended) = self.senders.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a sender of logs failed");
            }
        }
    }
}

/// The worker on its thread, and a task that waits for it.
fn spawn(parts: Parts, failed: &CancellationToken) -> io::Result<JoinHandle<()>> {
    let (ends, ended) = oneshot::channel::<()>();
    thread::Builder::new().name("logs".to_owned()).spawn(move || {
        // Dropped by a panic too, unsent then.
        let worker = Worker::new(parts);
        worker.run();
        ends.send(()).ok();
    })?;
    let failed = failed.clone();
    Ok(tokio::spawn(async move {
        if ended.await.is_err() {
            tracing::error!("reading logs has failed");
            failed.cancel();
        }
    }))
}

/// What an earlier process left, and whether its disk has become read-only since.
fn open(kept: Option<&Path>, name: &str, options: &Options) -> Result<(Option<Store>, Cursors, bool), StartError> {
    let Some(folder) = kept else {
        tracing::warn!(
            destination = name,
            "no state directory: a restart reads all logs again, and nothing outlasts an outage"
        );
        return Ok((None, Cursors::default(), false));
    };
    let limits = spool::Limits { max_bytes: options.spool_bytes, max_age: options.spool_age, segment_bytes: SEGMENT };
    let spooled = Store::open(&folder.join("spool"), limits);
    let (store, found) = spooled.map_err(|source| StartError::Spool { name: name.to_owned(), source })?;
    if found.records > 0 || found.torn + found.damaged + found.aside > 0 {
        tracing::info!(destination = name, ?found, "log lines of before are waiting on disk");
    }
    let cursors = Cursors::open(&folder.join("positions"));
    let cursors = cursors.map_err(|source| StartError::Journal { name: name.to_owned(), source })?;
    Ok((Some(store), cursors, found.read_only))
}
