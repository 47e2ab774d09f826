//! The scrape thread and the handle everybody else holds of it.
//!
//! Reading kernel files blocks, and compression takes milliseconds: neither belongs on the async workers. One thread does
//! both for all clients, one scrape after the other; a bounded queue stands before it.

use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::{Builder, JoinHandle},
    time::Instant,
};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Collector, Moment, Settings, Source, gzip::Gzip};
use crate::{
    exposition::Format,
    inventory::Reader,
    model::metric::Group,
    telemetry::{Metrics, Reason},
};

/// Scrapes that may wait; a Prometheus pair and a few people never come near it.
pub const MAX_WAITING_SCRAPES: usize = 8;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Format of the page.
    pub format: Format,
    /// Groups asked for by `?collect[]=`; `None` for all that are switched on.
    pub groups: Option<BTreeSet<Group>>,
    /// The client takes gzip.
    pub gzip: bool,
}

/// A finished page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeBody {
    /// The bytes to send.
    pub bytes: Bytes,
    /// They are compressed.
    pub gzip: bool,
}

/// Why there is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScrapeError {
    /// The queue is full; counted as refused.
    #[error("{MAX_WAITING_SCRAPES} scrapes are waiting already")]
    Busy,
    /// The scrape thread has ended.
    #[error("the scrape thread has ended")]
    Stopped,
}

enum Message {
    Scrape(Request, oneshot::Sender<ScrapeBody>),
    Configure(Box<Settings>),
    Refresh,
}

/// Asks the scrape thread for pages; cheap to clone. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Scraper {
    queue: SyncSender<Message>,
    refresh_waits: Arc<AtomicBool>,
    /// Upgrades while the thread runs: its end, a panic included, drops the other side.
    thread: Weak<()>,
    metrics: Metrics,
}

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scraper").finish_non_exhaustive()
    }
}

impl Scraper {
    /// Waits for a page.
    ///
    /// # Errors
    /// [`ScrapeError::Busy`] at once when too many wait already, [`ScrapeError::Stopped`] when nobody would answer.
    pub async fn scrape(&self, request: Request) -> Result<ScrapeBody, ScrapeError> {
        let (reply, page) = oneshot::channel();
        match self.queue.try_send(Message::Scrape(request, reply)) {
            Ok(()) => page.await.map_err(|_| ScrapeError::Stopped),
            Err(TrySendError::Full(_)) => {
                self.metrics.refuse(Reason::Scrapes, 1);
                Err(ScrapeError::Busy)
            }
            Err(TrySendError::Disconnected(_)) => Err(ScrapeError::Stopped),
        }
    }

    /// Whether the scrape thread still runs.
    pub fn alive(&self) -> bool {
        self.thread.strong_count() > 0
    }

    /// Replaces the settings from the next scrape on.
    ///
    /// # Errors
    /// As [`Self::scrape`].
    pub fn configure(&self, settings: Settings) -> Result<(), ScrapeError> {
        self.queue.try_send(Message::Configure(Box::new(settings))).map_err(|error| match error {
            TrySendError::Full(_) => ScrapeError::Busy,
            TrySendError::Disconnected(_) => ScrapeError::Stopped,
        })
    }

    /// Lets the thread take over the newest picture of the inventory, so that it closes the handles of containers that
    /// ended. Never waits; at most one refresh is queued, and none is needed where a scrape is.
    pub fn refresh(&self) {
        if !self.refresh_waits.swap(true, Ordering::AcqRel) && self.queue.try_send(Message::Refresh).is_err() {
            self.refresh_waits.store(false, Ordering::Release);
        }
    }
}

/// Starts the scrape thread, which owns `source` from now on.
///
/// # Errors
/// When the operating system refuses another thread.
pub fn spawn(
    source: impl Source + Send + 'static,
    reader: Reader,
    settings: Settings,
    metrics: Metrics,
) -> io::Result<(Scraper, JoinHandle<()>)> {
    let (queue, inbox) = sync_channel(MAX_WAITING_SCRAPES);
    let refresh_waits = Arc::new(AtomicBool::new(false));
    let running = Arc::new(());
    let scraper = Scraper {
        queue,
        refresh_waits: Arc::clone(&refresh_waits),
        thread: Arc::downgrade(&running),
        metrics: metrics.clone(),
    };
    let collector = Collector::new(source, reader, settings, metrics.clone());
    let mut worker =
        Worker { collector, gzip: Gzip::new(), page: Spare::default(), compressed: Spare::default(), metrics };
    let thread = Builder::new().name("scrape".to_owned()).spawn(move || {
        let _running = running;
        worker.run(&inbox, &refresh_waits);
    })?;
    Ok((scraper, thread))
}

struct Worker<S> {
    collector: Collector<S>,
    gzip: Gzip,
    page: Spare,
    compressed: Spare,
    metrics: Metrics,
}

impl<S: Source> Worker<S> {
    /// Answers until the last handle is gone.
    fn run(&mut self, inbox: &Receiver<Message>, refresh_waits: &AtomicBool) {
        let began = Instant::now();
        while let Ok(message) = inbox.recv() {
            match message {
                Message::Configure(settings) => self.collector.configure(*settings),
                Message::Refresh => {
                    // Lowered first: a picture published from here on asks again.
                    refresh_waits.store(false, Ordering::Release);
                    self.collector.refresh();
                }
                // Whoever gave up waiting needs no page any more.
                Message::Scrape(_, reply) if reply.is_closed() => {}
                Message::Scrape(request, reply) => {
                    let body = self.answer(&request, Moment::now(began));
                    // The client may give up at any time; then there is nobody left to tell.
                    drop(reply.send(body));
                }
            }
        }
    }

    fn answer(&mut self, request: &Request, now: Moment) -> ScrapeBody {
        let started = Instant::now();
        let buffer = self.page.take();
        let page = self.collector.scrape_into(request.format, request.groups.as_ref(), now, buffer);
        self.metrics.scrape_duration.observe(started.elapsed().as_secs_f64());
        if request.gzip {
            let mut compressed = self.compressed.take();
            if self.gzip.write(&page, &mut compressed) {
                self.page.keep(page);
                return ScrapeBody { bytes: self.compressed.share(compressed), gzip: true };
            }
        }
        ScrapeBody { bytes: self.page.share(page), gzip: false }
    }
}

/// A buffer that goes out with an answer and is used again once the answer has been sent: no page is copied, and a steady
/// scraper costs no allocation.
#[derive(Debug, Default)]
struct Spare {
    kept: Vec<u8>,
    lent: Option<Bytes>,
}

impl Spare {
    /// An empty buffer: the lent one when it is back, else the kept one.
    fn take(&mut self) -> Vec<u8> {
        if let Some(Ok(mut returned)) = self.lent.take().map(Bytes::try_into_mut) {
            returned.clear();
            return returned.into();
        }
        std::mem::take(&mut self.kept)
    }

    /// Keeps a buffer for the next time.
    fn keep(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.kept = buffer;
    }

    /// Lends a buffer out.
    fn share(&mut self, buffer: Vec<u8>) -> Bytes {
        let bytes = Bytes::from(buffer);
        self.lent = Some(bytes.clone());
        bytes
    }
}

#[cfg(test)]
mod tests;
