//! A watch that runs over a scripted engine, and what a test wants of it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::script::Script;
use crate::{
    inventory::{Reader, Settings, Snapshot, watch},
    model::{ContainerId, ContainerState, ServiceCounters},
    telemetry::Metrics,
};

pub(super) struct Running {
    pub(super) reader: Reader,
    pub(super) metrics: Metrics,
    news: Arc<Notify>,
    pub(super) pictures: Arc<AtomicU64>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(super) fn start(script: &Script) -> Self {
        Self::start_with(script, None)
    }

    pub(super) fn start_with(script: &Script, state_dir: Option<PathBuf>) -> Self {
        let (reader, metrics, shutdown) = (Reader::new(), Metrics::default(), CancellationToken::new());
        let (news, pictures) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let changed = {
            let (news, pictures) = (news.clone(), pictures.clone());
            move || {
                pictures.fetch_add(1, Ordering::Relaxed);
                news.notify_one();
            }
        };
        let settings = Settings { state_dir, ..Settings::default() };
        let run = watch::run(script.clone(), settings, reader.clone(), metrics.clone(), changed, shutdown.clone());
        Self { reader, metrics, news, pictures, shutdown, task: tokio::spawn(run) }
    }

    /// Waits for a picture; how long it took.
    pub(super) async fn until(&self, within: Duration, what: &str, seen: impl Fn(&Snapshot) -> bool) -> Duration {
        let begun = Instant::now();
        let wait = async {
            while !seen(&self.reader.load()) {
                self.news.notified().await;
            }
        };
        let waited = tokio::time::timeout(within, wait).await;
        assert!(waited.is_ok(), "not within {within:?}: {what}; there is {:?}", self.reader.load());
        begun.elapsed()
    }

    pub(super) async fn ready(&self) {
        self.until(Duration::from_secs(40), "connected", |snapshot| snapshot.engine.connected).await;
    }

    pub(super) fn counters(&self, service: &str) -> ServiceCounters {
        let snapshot = self.reader.load();
        let found = snapshot.services.iter().find(|entry| &*entry.key.service == service);
        found.map(|entry| entry.counters).unwrap_or_default()
    }

    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

pub(super) fn state(snapshot: &Snapshot, id: &ContainerId) -> Option<ContainerState> {
    snapshot.container(id).map(|entry| entry.container.state)
}

pub(super) fn refused_events(metrics: &Metrics) -> bool {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, metrics.registry()).unwrap();
    !text.contains("spyhop_refused_total{reason=\"events\"} 0")
}
