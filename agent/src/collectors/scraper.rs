//! The handle everybody asks for pages, and the one collector behind it.
//!
//! Reading kernel files blocks, and compression takes milliseconds: neither belongs on the async workers. Whoever asks turns its
//! own thread into a blocking one for that time ([`tokio::task::block_in_place`]), the runtime goes on with another. A thread of
//! our own would do the same work for a tenth more: two megabytes written on one CPU and sent by another cross between their
//! caches at every scrape. One scrape runs after the other; a bounded number may wait.

use std::{
    collections::BTreeSet,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::{Notify, Semaphore},
    task::block_in_place,
};

use super::{Collector, Moment, Settings, Source, gzip::Gzip, spare::Spare};
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
    /// Too many wait already; counted as refused.
    #[error("{MAX_WAITING_SCRAPES} scrapes are waiting already")]
    Busy,
    /// The collectors have failed.
    #[error("the collectors have failed")]
    Failed,
}

/// Asks the collectors for pages; cheap to clone. The kernel files are closed with the last handle.
#[derive(Clone)]
pub struct Scraper(Arc<Shared>);

struct Shared {
    /// `None` once it has panicked: what it held may be half written.
    worker: Mutex<Option<Box<dyn Work>>>,
    /// One for the scrape that runs.
    turn: Semaphore,
    /// One for it and for each that may wait.
    places: Semaphore,
    /// For the next scrape to take over.
    settings: Mutex<Option<Settings>>,
    refresh_waits: AtomicBool,
    failed: AtomicBool,
    failure: Notify,
    metrics: Metrics,
}

impl fmt::Debug for Scraper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scraper").finish_non_exhaustive()
    }
}

impl Scraper {
    /// Collects from `source`, which nobody else reads from now on.
    pub fn new(source: impl Source + Send + 'static, reader: Reader, settings: Settings, metrics: Metrics) -> Self {
        let worker = Worker {
            collector: Collector::new(source, reader, settings, metrics.clone()),
            gzip: Gzip::new(),
            page: Spare::default(),
            compressed: Spare::default(),
            began: Instant::now(),
            metrics: metrics.clone(),
        };
        Self(Arc::new(Shared {
            worker: Mutex::new(Some(Box::new(worker))),
            turn: Semaphore::new(1),
            places: Semaphore::new(MAX_WAITING_SCRAPES + 1),
            settings: Mutex::default(),
            refresh_waits: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            failure: Notify::new(),
            metrics,
        }))
    }

    /// Makes a page, when it is our turn. Whoever gives up waiting costs nothing.
    ///
    /// # Errors
    /// [`ScrapeError::Busy`] at once when too many wait already, [`ScrapeError::Failed`] after a panic in the collectors.
    pub async fn scrape(&self, request: Request) -> Result<ScrapeBody, ScrapeError> {
        let Ok(_place) = self.0.places.try_acquire() else {
            self.0.metrics.refuse(Reason::Scrapes, 1);
            return Err(ScrapeError::Busy);
        };
        let _turn = self.0.turn.acquire().await.map_err(|_| ScrapeError::Failed)?;
        off_the_workers(|| {
            self.0.work(|worker| {
                let settings = self.0.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let Some(settings) = settings {
                    worker.configure(settings);
                }
                worker.answer(&request)
            })
        })
    }

    /// Reads everything for the last hour's sake, in its turn, when nobody has scraped for some time; `watched` while somebody looks.
    pub async fn look(&self, watched: bool) {
        let Ok(_turn) = self.0.turn.acquire().await else { return };
        // Whoever asks for a page hears of a failure.
        off_the_workers(|| self.0.work(|worker| worker.look(watched))).unwrap_or_default();
    }

    /// Whether pages can still be made.
    pub fn alive(&self) -> bool {
        !self.0.failed.load(Ordering::Acquire)
    }

    /// Waits until no page can be made any more. For one waiter: the owner, who then ends the agent.
    pub async fn failed(&self) {
        self.0.failure.notified().await;
    }

    /// Replaces the settings from the next scrape on.
    pub fn configure(&self, settings: Settings) {
        *self.0.settings.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings);
    }

    /// Takes over the newest picture of the inventory, so that the handles of containers that ended are closed. Never waits: while a
    /// scrape runs it is left to the background, where at most one refresh waits and sees the newest picture whenever its turn comes.
    pub fn refresh(&self) {
        if let Ok(slot) = self.0.worker.try_lock() {
            // Whoever asks for a page hears of a failure. Nothing is read here, and mostly nothing has changed.
            return self.0.work_in(slot, |worker| worker.refresh()).unwrap_or_default();
        }
        if self.0.refresh_waits.swap(true, Ordering::AcqRel) {
            return;
        }
        let shared = Arc::clone(&self.0);
        let run = move || {
            let refreshed = shared.work(|worker| {
                // Lowered first: a picture published from here on asks again.
                shared.refresh_waits.store(false, Ordering::Release);
                worker.refresh();
            });
            refreshed.unwrap_or_default();
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(run)),
            Err(_) => run(),
        }
    }
}

impl Shared {
    /// Works with the collectors, alone. A panic ends them for good and is told to the owner.
    fn work<T>(&self, job: impl FnOnce(&mut dyn Work) -> T) -> Result<T, ScrapeError> {
        self.work_in(self.worker.lock().unwrap_or_else(PoisonError::into_inner), job)
    }

    fn work_in<T>(&self, mut slot: Slot<'_>, job: impl FnOnce(&mut dyn Work) -> T) -> Result<T, ScrapeError> {
        let worker = slot.as_deref_mut().ok_or(ScrapeError::Failed)?;
        match catch_unwind(AssertUnwindSafe(|| job(worker))) {
            Ok(done) => Ok(done),
            Err(_) => {
                *slot = None;
                self.failed.store(true, Ordering::Release);
                self.failure.notify_one();
                Err(ScrapeError::Failed)
            }
        }
    }
}

/// Runs what blocks on this thread, while the runtime's other duties go on elsewhere. A runtime of one thread has no elsewhere.
fn off_the_workers<T>(job: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(job),
        _ => job(),
    }
}

/// The collectors, held by one.
type Slot<'held> = MutexGuard<'held, Option<Box<dyn Work>>>;

/// What the handle needs of the collectors, whatever their source is.
trait Work: Send {
    fn answer(&mut self, request: &Request) -> ScrapeBody;
    fn configure(&mut self, settings: Settings);
    fn refresh(&mut self);
    fn look(&mut self, watched: bool);
}

struct Worker<S> {
    collector: Collector<S>,
    gzip: Gzip,
    page: Spare,
    compressed: Spare,
    began: Instant,
    metrics: Metrics,
}

impl<S: Source + Send> Work for Worker<S> {
    fn answer(&mut self, request: &Request) -> ScrapeBody {
        let started = Instant::now();
        let (now, buffer) = (Moment::now(self.began), self.page.take());
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

    fn configure(&mut self, settings: Settings) {
        self.collector.configure(settings);
    }

    fn refresh(&mut self) {
        self.collector.refresh();
    }

    fn look(&mut self, watched: bool) {
        self.collector.look(Moment::now(self.began), watched);
    }
}

#[cfg(test)]
mod tests;
