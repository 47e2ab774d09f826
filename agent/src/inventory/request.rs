//! Questions on their way to the engine: a bounded number at once, every answer told apart.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;

use super::{
    schedule::Looks,
    source::{Source, Trouble},
};
use crate::model::{Container, ContainerId, EngineInfo, Event, Image, Network};

/// Inspections at once: enough to catch up with a thousand containers in seconds, few enough not to be felt by the engine.
const LOOKS_AT_ONCE: usize = 8;

/// Images asked for at once; they are few and nobody waits for them.
const IMAGES_AT_ONCE: usize = 2;

/// A history is finite and at most 256 events on Docker; Podman may keep more.
const MAX_HISTORY: usize = 10_000;

/// How long the engine may take to repeat it.
const HISTORY_DEADLINE: Duration = Duration::from_secs(10);

/// What came back.
pub(super) enum Answer {
    Looked {
        id: ContainerId,
        asked: Timestamp,
        result: Result<Option<Box<Container>>, Trouble>,
    },
    Image {
        id: Arc<str>,
        result: Result<Option<Image>, Trouble>,
    },
    Networks(Result<Vec<Network>, Trouble>),
    Listed {
        asked: Timestamp,
        result: Result<Vec<ContainerId>, Trouble>,
    },
    History(Result<Vec<Event>, Trouble>),
    Pinged(Result<(), Trouble>),
    /// Asked and answered between these two times of our own clock.
    Informed {
        before: Timestamp,
        after: Timestamp,
        result: Result<Box<EngineInfo>, Trouble>,
    },
}

/// Everything that has been asked and not answered.
pub(super) struct Requests<S> {
    source: S,
    flying: FuturesUnordered<BoxFuture<'static, Answer>>,
    pub(super) looks: Looks,
    images_waiting: VecDeque<Arc<str>>,
    images: HashSet<Arc<str>>,
    pinging: bool,
    asking_info: bool,
}

impl<S: Source> Requests<S> {
    pub(super) fn new(source: S) -> Self {
        Self {
            source,
            flying: FuturesUnordered::new(),
            looks: Looks::new(LOOKS_AT_ONCE),
            images_waiting: VecDeque::new(),
            images: HashSet::new(),
            pinging: false,
            asking_info: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }

    /// The next answer; `None` when nothing was asked.
    pub(super) async fn next(&mut self) -> Option<Answer> {
        let answer = self.flying.next().await;
        match &answer {
            Some(Answer::Image { id, .. }) => drop(self.images.remove(id)),
            Some(Answer::Pinged(_)) => self.pinging = false,
            Some(Answer::Informed { .. }) => self.asking_info = false,
            _ => {}
        }
        answer
    }

    /// Asks for the next wanted inspections, as far as there is room. `asked` is the engine's clock.
    pub(super) fn look(&mut self, asked: Timestamp, mut asking: impl FnMut(&ContainerId)) {
        while let Some(id) = self.looks.start() {
            asking(&id);
            let source = self.source.clone();
            let look = async move {
                let result = source.inspect(&id).await.map(|found| found.map(Box::new));
                Answer::Looked { id, asked, result }
            };
            self.flying.push(look.boxed());
        }
        while self.images.len() < IMAGES_AT_ONCE {
            let Some(id) = self.images_waiting.pop_front() else { break };
            if self.images.insert(id.clone()) {
                let source = self.source.clone();
                let ask = async move {
                    let result = source.image(&id).await;
                    Answer::Image { id, result }
                };
                self.flying.push(ask.boxed());
            }
        }
    }

    /// Wants the build time of an image. No more wait than there are containers, each of which wants one.
    pub(super) fn want_image(&mut self, id: Arc<str>) {
        if !self.images_waiting.contains(&id) && self.images_waiting.len() < super::MAX_CONTAINERS {
            self.images_waiting.push_back(id);
        }
    }

    pub(super) fn ask_networks(&self) {
        let source = self.source.clone();
        self.flying.push(async move { Answer::Networks(source.networks().await) }.boxed());
    }

    pub(super) fn ask_list(&self, asked: Timestamp) {
        let source = self.source.clone();
        self.flying.push(async move { Answer::Listed { asked, result: source.list().await } }.boxed());
    }

    pub(super) fn ask_history(&self, since: Timestamp, until: Timestamp) {
        let events = self.source.events(since, Some(until)).take(MAX_HISTORY);
        let read = async move {
            let whole = tokio::time::timeout(HISTORY_DEADLINE, events.collect::<Vec<_>>()).await;
            let late = || Trouble { text: "the engine's past events did not come in time".into(), local: false };
            Answer::History(whole.map_err(|_| late()).and_then(|events| events.into_iter().collect()))
        };
        self.flying.push(read.boxed());
    }

    /// Asks for the facts of the host and the engine's clock, unless that question is on its way already.
    pub(super) fn ask_info(&mut self) {
        if !std::mem::replace(&mut self.asking_info, true) {
            let source = self.source.clone();
            let ask = async move {
                let before = source.clock();
                let result = source.info().await.map(Box::new);
                Answer::Informed { before, after: source.clock(), result }
            };
            self.flying.push(ask.boxed());
        }
    }

    /// Asks whether the engine is there, unless that question is on its way already.
    pub(super) fn ping(&mut self) {
        if !std::mem::replace(&mut self.pinging, true) {
            let source = self.source.clone();
            self.flying.push(async move { Answer::Pinged(source.ping().await) }.boxed());
        }
    }
}
