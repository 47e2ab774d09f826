//! What the watch asks for, as a trait: the engine in earnest, a scripted one in tests.

use std::{error::Error as _, fmt, sync::Arc};

use futures_util::{StreamExt, stream::BoxStream};
use jiff::Timestamp;

use crate::{
    engine::{self, Engine},
    model::{Container, ContainerId, EngineInfo, EngineVersion, Event, Image, Network},
};

/// Why a question was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// For people; holds no body and no secret.
    pub(super) text: Arc<str>,
    /// It is about the one thing asked for; the engine itself answers.
    pub(super) local: bool,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<engine::Error> for Trouble {
    fn from(error: engine::Error) -> Self {
        use engine::Error::{InvalidId, Malformed, Refused, TooLarge};
        let local = matches!(error, Refused { .. } | Malformed { .. } | TooLarge { .. } | InvalidId { .. });
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        Self { text: text.into(), local }
    }
}

/// The engine's answers, and a clock beside it.
pub(super) trait Source: Clone + Send + Sync + 'static {
    fn ping(&self) -> impl Future<Output = Result<(), Trouble>> + Send;
    fn version(&self) -> impl Future<Output = Result<EngineVersion, Trouble>> + Send;
    fn info(&self) -> impl Future<Output = Result<EngineInfo, Trouble>> + Send;
    fn list(&self) -> impl Future<Output = Result<Vec<ContainerId>, Trouble>> + Send;
    fn inspect(&self, id: &ContainerId) -> impl Future<Output = Result<Option<Container>, Trouble>> + Send;
    fn networks(&self) -> impl Future<Output = Result<Vec<Network>, Trouble>> + Send;
    fn image(&self, id: &str) -> impl Future<Output = Result<Option<Image>, Trouble>> + Send;
    fn events(&self, since: Timestamp, until: Option<Timestamp>) -> BoxStream<'static, Result<Event, Trouble>>;

    /// The agent's own clock.
    fn clock(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Source for Engine {
    async fn ping(&self) -> Result<(), Trouble> {
        Ok(Self::ping(self).await?)
    }

    async fn version(&self) -> Result<EngineVersion, Trouble> {
        Ok(Self::version(self).await?)
    }

    async fn info(&self) -> Result<EngineInfo, Trouble> {
        Ok(Self::info(self).await?)
    }

    async fn list(&self) -> Result<Vec<ContainerId>, Trouble> {
        Ok(self.containers().await?)
    }

    async fn inspect(&self, id: &ContainerId) -> Result<Option<Container>, Trouble> {
        Ok(self.container(id).await?)
    }

    async fn networks(&self) -> Result<Vec<Network>, Trouble> {
        Ok(Self::networks(self).await?)
    }

    async fn image(&self, id: &str) -> Result<Option<Image>, Trouble> {
        Ok(Self::image(self, id).await?)
    }

    fn events(&self, since: Timestamp, until: Option<Timestamp>) -> BoxStream<'static, Result<Event, Trouble>> {
        Self::events(self, since, until).map(|event| event.map_err(Trouble::from)).boxed()
    }
}
