//! Log lines: generated ones at a chosen rate, and those of the other parts. One thread owns both standard streams, so a reader
//! which stops reading stalls neither requests nor calls: the queue to the thread is bounded, and what finds it full is counted.

mod chatter;
mod line;
mod pace;
mod writer;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use self::{chatter::Chatter, pace::Pace, writer::Writer};
pub use self::{
    chatter::Levels,
    line::{Level, Line, Origin},
};
use crate::{dice::Dice, knobs::Knobs, metrics::Metrics, settings::Settings};

/// Lines waiting for the thread.
const QUEUE: usize = 1024;

/// What is still unwritten this long after the end was asked for is lost.
const CLOSING_PATIENCE: Duration = Duration::from_secs(1);

enum Message {
    Line(Box<Line>),
    Wake,
}

/// Where the other parts put their lines. Never blocks.
#[derive(Clone)]
pub struct Logger {
    queue: SyncSender<Message>,
    metrics: Metrics,
}

impl Logger {
    /// Hands a line to the thread; dropped and counted when too many are waiting.
    pub fn write(&self, line: Line) {
        if self.queue.try_send(Message::Line(Box::new(line))).is_err() {
            self.metrics.log_lines_dropped.inc();
        }
    }

    /// Makes the thread look at the knobs now. A thread with a full queue is awake anyway.
    pub fn wake(&self) {
        let _full: Result<(), _> = self.queue.try_send(Message::Wake);
    }
}

/// The thread's other end: ends it.
pub struct Ending {
    closing: Arc<AtomicBool>,
    logger: Logger,
    finished: Receiver<()>,
}

impl Ending {
    /// Writes what is waiting and ends the thread; gives up after a second when nobody reads.
    pub fn close(self) {
        self.closing.store(true, Ordering::Release);
        self.logger.wake();
        let _late: Result<(), _> = self.finished.recv_timeout(CLOSING_PATIENCE);
    }
}

/// Starts the thread.
pub fn start(
    settings: &Settings,
    knobs: watch::Receiver<Knobs>,
    metrics: Metrics,
    dice: Arc<Dice>,
) -> io::Result<(Logger, Ending)> {
    let (queue, lines) = sync_channel(QUEUE);
    let (finish, finished) = sync_channel(1);
    let closing = Arc::new(AtomicBool::new(false));
    let writer = Writer::new(settings, metrics.clone());
    let chatter = Chatter::new(settings.log_levels.clone(), settings.log_traces, settings.log_personal, dice);
    let remaining = settings.log_lines.unwrap_or(u64::MAX);
    let worker = Worker { lines, knobs, chatter, remaining, writer, closing: Arc::clone(&closing) };
    thread::Builder::new().name("logs".to_owned()).spawn(move || {
        worker.run();
        let _nobody_waits: Result<(), _> = finish.try_send(());
    })?;
    let logger = Logger { queue, metrics };
    Ok((logger.clone(), Ending { closing, logger, finished }))
}

struct Worker {
    lines: Receiver<Message>,
    knobs: watch::Receiver<Knobs>,
    chatter: Chatter,
    remaining: u64,
    writer: Writer,
    closing: Arc<AtomicBool>,
}

impl Worker {
    /// Ends when the streams are closed, or when told to and nothing is waiting.
    fn run(mut self) {
        let mut pace = Pace::new(self.knobs.borrow().log_rate, Instant::now());
        // When nobody reads any more, whoever still writes finds the queue closed, and the line counted as dropped.
        while self.step(&mut pace).is_ok() {
            if self.closing.load(Ordering::Acquire) {
                let _nobody_reads: io::Result<()> = self.drain();
                return;
            }
        }
    }

    /// Waits for a line or for the moment the next generated one is due, and writes what there is.
    fn step(&mut self, pace: &mut Pace) -> io::Result<()> {
        pace.set_rate(self.knobs.borrow().log_rate, Instant::now());
        let wait = if self.remaining > 0 { pace.until_next(Instant::now()) } else { None };
        let received = match wait {
            Some(wait) => self.lines.recv_timeout(wait),
            None => self.lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(Message::Line(line)) => self.writer.write(&line)?,
            Ok(Message::Wake) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(io::ErrorKind::BrokenPipe.into()),
        }
        for _ in 0..pace.take_due(Instant::now()).min(self.remaining) {
            self.remaining -= 1;
            self.writer.write(&self.chatter.next_line())?;
        }
        self.writer.flush()
    }

    fn drain(&mut self) -> io::Result<()> {
        while let Ok(message) = self.lines.try_recv() {
            if let Message::Line(line) = message {
                self.writer.write(&line)?;
            }
        }
        self.writer.flush()
    }
}
