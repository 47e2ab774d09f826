//! The engine handle under test, joined to the fake.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use spyhop::{
    engine::{Address, Deadlines, Engine, Error},
    model::{ContainerId, Event},
    telemetry::Metrics,
};

use super::fake_engine::{FakeEngine, id_of};

/// Short enough for tests of hanging engines, long enough for a loaded machine to answer within.
pub const DEADLINE: Duration = Duration::from_millis(1500);

pub fn connect(fake: &FakeEngine) -> (Engine, Metrics) {
    let metrics = Metrics::default();
    let deadlines = Deadlines { ping: DEADLINE, answer: DEADLINE };
    let address = Address::parse(&fake.address()).expect("a socket's address");
    (Engine::with_deadlines(address, metrics.clone(), deadlines).expect("a handle"), metrics)
}

pub fn id(name: &str) -> ContainerId {
    ContainerId::new(id_of(name))
}

pub fn page(metrics: &Metrics) -> String {
    let mut page = String::new();
    prometheus_client::encoding::text::encode(&mut page, metrics.registry()).expect("a page");
    page
}

/// The error with all of its causes, as a log would print it, and as a careless log would.
pub fn told(error: &Error) -> String {
    let mut text = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text += &format!(" / {next}");
        cause = next.source();
    }
    text
}

pub async fn next(stream: &mut (impl Stream<Item = Result<Event, Error>> + Unpin)) -> Option<Result<Event, Error>> {
    tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("an item within ten seconds")
}
