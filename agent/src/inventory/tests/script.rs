//! The model engine behind the watch's own questions: it can be slow, hang and go away.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures_util::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use tokio::{sync::Notify, time::Instant};

use super::model_engine::ModelEngine;
use crate::{
    inventory::source::{Source, Trouble},
    model::{Container, ContainerId, EngineInfo, EngineVersion, Event, Image, Network},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Up,
    /// Nobody listens.
    Gone,
    /// Takes questions and does not answer.
    Hung,
}

#[derive(Clone)]
pub(crate) struct Script(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    news: Notify,
    born: Instant,
}

pub(crate) struct Inner {
    pub(crate) model: ModelEngine,
    mode: Mode,
    /// Grows when all streams are broken off.
    epoch: u64,
    /// How long an inspection takes.
    pub(crate) latency: Duration,
    pub(crate) inspections: HashMap<ContainerId, Vec<Instant>>,
    flying: usize,
    pub(crate) most_flying: usize,
    /// When a session was begun.
    pub(crate) attempts: Vec<Instant>,
    pub(crate) pings: u64,
    /// What was added to the engine's clock by setting it, nanoseconds.
    set: i64,
    /// The agent's clock minus the engine's, nanoseconds.
    pub(crate) apart: i64,
    /// It does not answer `GET /info`.
    pub(crate) mute: bool,
}

impl Script {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            model: ModelEngine::new(),
            mode: Mode::Up,
            epoch: 0,
            latency: Duration::from_millis(1),
            inspections: HashMap::new(),
            flying: 0,
            most_flying: 0,
            attempts: Vec::new(),
            pings: 0,
            set: 0,
            apart: 0,
            mute: false,
        };
        Self(Arc::new(Shared { inner: Mutex::new(inner), news: Notify::new(), born: Instant::now() }))
    }

    /// Changes something; the engine's clock is that of the test.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut ModelEngine) -> T) -> T {
        let done = act(&mut self.lock().model);
        self.0.news.notify_waiters();
        done
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.0.inner.lock().unwrap();
        let clock = 1_700_000_000_000_000_000 + i64::try_from(self.0.born.elapsed().as_nanos()).unwrap();
        inner.model.clock = inner.model.clock.max(clock + inner.set);
        inner
    }

    /// Sets the engine's clock.
    pub(crate) fn set_clock(&self, by_seconds: i64) {
        let mut inner = self.lock();
        inner.set += by_seconds * 1_000_000_000;
        inner.model.clock += by_seconds * 1_000_000_000;
    }

    /// Goes into another mode. Going away breaks all streams off, hanging leaves them open and silent.
    pub(crate) fn turn(&self, mode: Mode) {
        let mut inner = self.lock();
        inner.mode = mode;
        inner.epoch += u64::from(mode == Mode::Gone);
        drop(inner);
        self.0.news.notify_waiters();
    }

    async fn answer<T>(&self, answer: impl FnOnce(&mut Inner) -> T) -> Result<T, Trouble> {
        let mode = self.lock().mode;
        match mode {
            Mode::Up => Ok(answer(&mut self.lock())),
            Mode::Gone => Err(trouble("connect to engine")),
            Mode::Hung => {
                tokio::time::sleep(Duration::from_secs(5)).await;
                Err(trouble("no answer within 5s"))
            }
        }
    }
}

fn trouble(text: &str) -> Trouble {
    Trouble { text: text.into(), local: false }
}

impl Source for Script {
    async fn ping(&self) -> Result<(), Trouble> {
        self.answer(|inner| inner.pings += 1).await
    }

    async fn version(&self) -> Result<EngineVersion, Trouble> {
        self.lock().attempts.push(Instant::now());
        self.answer(|_| EngineVersion::default()).await
    }

    async fn info(&self) -> Result<EngineInfo, Trouble> {
        let info = |inner: &mut Inner| EngineInfo {
            name: "model".into(),
            system_time: Some(inner.model.now()),
            ..EngineInfo::default()
        };
        if self.lock().mute {
            tokio::time::sleep(Duration::from_secs(10)).await;
            return Err(trouble("no answer within 10s"));
        }
        self.answer(info).await
    }

    async fn list(&self) -> Result<Vec<ContainerId>, Trouble> {
        self.answer(|inner| inner.model.containers.keys().cloned().collect()).await
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Option<Container>, Trouble> {
        let latency = {
            let mut inner = self.lock();
            inner.flying += 1;
            inner.most_flying = inner.most_flying.max(inner.flying);
            inner.inspections.entry(id.clone()).or_default().push(Instant::now());
            inner.latency
        };
        tokio::time::sleep(latency).await;
        let found = self.answer(|inner| inner.model.containers.get(id).cloned()).await;
        self.lock().flying -= 1;
        found
    }

    async fn networks(&self) -> Result<Vec<Network>, Trouble> {
        let network = || Network {
            id: "1".into(),
            name: "bridge".into(),
            driver: None,
            scope: None,
            internal: None,
            subnets: Vec::new(),
            ..Network::default()
        };
        self.answer(|_| vec![network()]).await
    }

    async fn image(&self, id: &str) -> Result<Option<Image>, Trouble> {
        self.answer(|_| Some(Image { id: id.into(), created: Some(Timestamp::UNIX_EPOCH) })).await
    }

    fn events(&self, since: Timestamp, until: Option<Timestamp>) -> BoxStream<'static, Result<Event, Trouble>> {
        let inner = self.lock();
        let past = inner.model.history(since, until);
        let (place, epoch) = (inner.model.log.len(), inner.epoch);
        drop(inner);
        let past = stream::iter(past).map(Ok);
        if until.is_some() {
            return past.boxed();
        }
        let live = stream::unfold((self.clone(), place), move |(script, place)| async move {
            loop {
                let shared = script.0.clone();
                let news = shared.news.notified();
                let (event, broken) = {
                    let inner = script.lock();
                    let event = inner.model.log.get(place).filter(|_| inner.mode == Mode::Up).cloned();
                    (event, inner.epoch != epoch)
                };
                match event {
                    _ if broken => return None,
                    Some(event) => return Some((Ok(event), (script, place + 1))),
                    None => news.await,
                }
            }
        });
        past.chain(live).boxed()
    }

    fn clock(&self) -> Timestamp {
        let inner = self.lock();
        super::model_engine::time(inner.model.clock + inner.apart)
    }
}
