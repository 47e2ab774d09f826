//! What a session has asked of the engine and is not answered yet: questions run beside its loop, a bounded number at once.
//!
//! Several wishes for one thing become one question; a wish while its question is on the way becomes one more. So a storm of
//! events costs the engine no more than it can answer, and the newest answer is never older than the newest event.

use std::{collections::VecDeque, sync::Arc};

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::{saved::Saved, schedule::Looks, store::Store};
use crate::{
    engine::{Engine, Error},
    model::{Container, ContainerId, Image, Network},
};

/// Inspections of containers on their way at once.
const LOOKS_AT_ONCE: usize = 8;

/// Inspections of images on their way at once.
const IMAGES_AT_ONCE: usize = 4;

/// What comes back to the loop.
pub(super) enum Answer {
    /// An inspection. Boxed: a container is many times larger than the other answers.
    Look(ContainerId, Result<Option<Box<Container>>, Error>),
    Image(Arc<str>, Result<Option<Image>, Error>),
    Networks(Result<Vec<Network>, Error>),
    /// The list, with the engine's clock when it was asked for.
    List(Timestamp, Result<Vec<ContainerId>, Error>),
    Ping(Result<(), Error>),
    /// The state file has been written, or could not be.
    Saved,
}

/// Questions that wait and questions on their way.
pub(super) struct Errands {
    engine: Engine,
    /// Which containers are to be inspected.
    pub(super) looks: Looks,
    images: VecDeque<Arc<str>>,
    images_asked: usize,
    networks_wanted: bool,
    networks_asked: bool,
    asking: JoinSet<Answer>,
}

impl Errands {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            looks: Looks::new(LOOKS_AT_ONCE),
            images: VecDeque::new(),
            images_asked: 0,
            networks_wanted: false,
            networks_asked: false,
            asking: JoinSet::new(),
        }
    }

    /// Wants the build time of an image. The caller asks once for each image.
    pub(super) fn want_image(&mut self, id: Arc<str>) {
        self.images.push_back(id);
    }

    /// Wants the list of networks.
    pub(super) fn want_networks(&mut self) {
        self.networks_wanted = true;
    }

    /// Sends the questions that there is room for; `asked` hears of each container before it is inspected.
    pub(super) fn send(&mut self, mut asked: impl FnMut(&ContainerId)) {
        while let Some(id) = self.looks.start() {
            asked(&id);
            self.ask(|engine| async move {
                let answer = engine.container(&id).await;
                Answer::Look(id, answer.map(|found| found.map(Box::new)))
            });
        }
        while self.images_asked < IMAGES_AT_ONCE {
            let Some(id) = self.images.pop_front() else { break };
            self.images_asked += 1;
            self.ask(|engine| async move {
                let answer = engine.image(&id).await;
                Answer::Image(id, answer)
            });
        }
        if self.networks_wanted && !self.networks_asked {
            (self.networks_wanted, self.networks_asked) = (false, true);
            self.ask(|engine| async move { Answer::Networks(engine.networks().await) });
        }
    }

    /// Asks whether the engine is there. Its deadline is shorter than the time between two of these.
    pub(super) fn ping(&mut self) {
        self.ask(|engine| async move { Answer::Ping(engine.ping().await) });
    }

    /// Asks for the whole list; `now` is the engine's clock.
    pub(super) fn list(&mut self, now: Timestamp) {
        self.ask(|engine| async move { Answer::List(now, engine.containers().await) });
    }

    /// Writes the state file off the async workers.
    pub(super) fn save(&mut self, store: Arc<Store>, saved: Saved) {
        self.asking.spawn_blocking(move || {
            store.write(&saved);
            Answer::Saved
        });
    }

    /// The next answer; `None` when nothing is on its way, or what was has panicked. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Answer> {
        let answer = self.asking.join_next().await?.ok()?;
        match answer {
            Answer::Image(..) => self.images_asked -= 1,
            Answer::Networks(_) => self.networks_asked = false,
            Answer::Look(..) | Answer::List(..) | Answer::Ping(_) | Answer::Saved => {}
        }
        Some(answer)
    }

    /// Drops all questions, and waits for a save that has begun: the state file has one writer at a time.
    pub(super) async fn end(mut self) {
        self.asking.shutdown().await;
    }

    fn ask<F>(&mut self, question: impl FnOnce(Engine) -> F)
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        self.asking.spawn(question(self.engine.clone()));
    }
}
