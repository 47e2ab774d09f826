//! The task that owns the inventory: sessions with the engine, one after the other, until the agent stops.
//!
//! While the engine is away everything stays as it was last heard, marked as such: `connected` is false, `heard_at` says how old
//! it is. Kernel counters do not depend on it.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Listener, Reader, Settings,
    clock::EngineClock,
    publisher::Publisher,
    saved::Unsaved,
    session::Session,
    source::{Source, Trouble},
    state::State,
    store::Store,
    writer::Writer,
};
use crate::{engine::Engine, net::Backoff, telemetry::Metrics};

/// What would be lost is written this soon.
const SAVE_DELAY: Duration = Duration::from_secs(1);

/// What the engine would tell again may wait: a host with health checks changes all the time, its disk should not.
const SAVE_DELAY_MINOR: Duration = Duration::from_secs(15);

/// A session that lasted so long proves the engine well. After shorter ones the waits grow: an engine which hangs up at once would
/// otherwise have its whole inventory taken every second.
const GOOD_SESSION: Duration = Duration::from_secs(30);

/// Pace of housekeeping while there is no session.
const IDLE_TICK: Duration = Duration::from_secs(5);

/// Watches the engine until `shutdown`, publishing through `reader` and calling `changed` after each new picture. Returns when the
/// state file is written for the last time.
pub async fn watch(
    engine: Engine,
    settings: Settings,
    reader: Reader,
    metrics: Metrics,
    changed: impl Fn() + Send + 'static,
    shutdown: CancellationToken,
) {
    run(engine, settings, reader, metrics, changed, shutdown).await;
}

/// [`watch`] over any source.
pub(super) async fn run<S: Source, F: Fn() + Send + 'static>(
    source: S,
    settings: Settings,
    reader: Reader,
    metrics: Metrics,
    changed: F,
    shutdown: CancellationToken,
) {
    let store = Arc::new(Store::open(settings.state_dir.as_deref(), metrics.clone()));
    let loading = Arc::clone(&store);
    // A panic while reading the file has been reported by the runtime, and is as good as no file.
    let saved = tokio::task::spawn_blocking(move || loading.load()).await.unwrap_or_default();
    let writer = settings.state_dir.is_some().then(|| Writer::spawn(store));
    let mut watch = Watch {
        source,
        state: State::new(&settings, saved, metrics.clone()),
        publisher: Publisher::new(reader, changed),
        metrics,
        writer,
        save_due: None,
        sessions: 0,
        clock: EngineClock::default(),
        connected_at: None,
        listener: settings.listener,
    };
    let mut backoff = Backoff::seeded();
    while let Some(trouble) = watch.session(&shutdown).await {
        if watch.connected_at.take().is_some_and(|at| at.elapsed() >= GOOD_SESSION) {
            backoff.reset();
        }
        watch.lost(trouble);
        watch.idle(Instant::now() + backoff.wait(), &shutdown).await;
    }
    watch.finish().await;
}

/// What one session hands to the next.
pub(super) struct Watch<S, F> {
    pub(super) source: S,
    pub(super) state: State,
    pub(super) metrics: Metrics,
    publisher: Publisher<F>,
    writer: Option<Writer>,
    save_due: Option<Instant>,
    sessions: u64,
    /// The engine's clock as it was last told.
    pub(super) clock: EngineClock,
    /// Since when this session is complete.
    connected_at: Option<Instant>,
    pub(super) listener: Option<Listener>,
}

impl<S: Source, F: Fn()> Watch<S, F> {
    /// One session; what ended it, or `None` when the agent stops.
    async fn session(&mut self, shutdown: &CancellationToken) -> Option<Trouble> {
        let opened = tokio::select! {
            () = shutdown.cancelled() => return None,
            opened = Session::open(self) => opened,
        };
        let mut session = match opened {
            Ok(session) => session,
            Err(trouble) => return Some(trouble),
        };
        session.run(shutdown).await
    }

    /// The inventory is complete and followed.
    pub(super) fn connected(&mut self) {
        if self.sessions > 0 {
            self.metrics.engine_reconnects.inc();
        }
        self.sessions += 1;
        self.connected_at = Some(Instant::now());
        let engine = &mut self.state.engine;
        engine.connected = true;
        engine.trouble = None;
        engine.ready_since.get_or_insert(self.source.clock());
        self.state.engine_changed();
        tracing::info!(containers = self.state.ids().count(), "inventory is complete");
    }

    /// The engine is not heard any more.
    fn lost(&mut self, trouble: Trouble) {
        let engine = &mut self.state.engine;
        let news = engine.connected || engine.trouble.as_ref() != Some(&trouble.text);
        engine.connected = false;
        if news {
            tracing::warn!(error = %trouble, "engine is not heard");
            engine.trouble = Some(trouble.text);
            self.state.engine_changed();
        }
        self.publisher.publish_if_due(&mut self.state);
    }

    /// Waits for the next attempt, without letting pictures and the state file wait.
    async fn idle(&mut self, until: Instant, shutdown: &CancellationToken) {
        let mut tick = Instant::now() + IDLE_TICK;
        while Instant::now() < until {
            let due = [Some(until), Some(tick), self.next_due()].into_iter().flatten().min().unwrap_or(until);
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep_until(due) => {}
            }
            if tick <= Instant::now() {
                tick = Instant::now() + IDLE_TICK;
                self.housekeeping();
            }
            self.keep_up();
        }
    }

    /// Publishes and saves what has come due.
    pub(super) fn keep_up(&mut self) {
        let now = Instant::now();
        self.publisher.publish_if_due(&mut self.state);
        let delay = match self.state.unsaved() {
            Unsaved::Nothing => None,
            Unsaved::Minor => Some(SAVE_DELAY_MINOR),
            Unsaved::Major => Some(SAVE_DELAY),
        };
        let Some(delay) = delay.filter(|_| self.writer.is_some()) else { return };
        let due = self.save_due.map_or(now + delay, |due| due.min(now + delay));
        self.save_due = Some(due);
        if due <= now {
            self.save();
        }
    }

    /// What time alone changes.
    pub(super) fn housekeeping(&mut self) {
        self.state.forget(self.source.clock());
        self.publisher.heartbeat(&self.state);
    }

    /// When [`Self::keep_up`] has something to do.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.publisher.due(&self.state).into_iter().chain(self.save_due).min()
    }

    fn save(&mut self) {
        self.save_due = None;
        if let Some(writer) = &self.writer {
            writer.save(self.state.save());
        }
    }

    async fn finish(mut self) {
        // Also when no count has changed: the next start has less to ask the engine for.
        if self.sessions > 0 {
            // What services are expected to have is counted with each picture, and the last one may be older than the last event.
            drop(self.state.picture());
            self.save();
        }
        if let Some(writer) = self.writer.take() {
            writer.finish().await;
        }
    }
}
