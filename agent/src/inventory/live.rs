//! The live event stream of one session: read by a task of its own into a bounded queue, whatever the session is busy with.

use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::{
    engine::{Engine, Error},
    model::Event,
    telemetry::{Metrics, Reason},
};

/// Events that may wait while the inventory is being made; more, and it is made anew.
const MAX_WAITING_EVENTS: usize = 4096;

/// Why the engine cannot be heard, for people.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// A call failed.
    #[error(transparent)]
    Engine(#[from] Error),
    /// The engine closed the stream.
    #[error("follow events: the engine closed the stream")]
    Closed,
    /// More happened than could be taken in.
    #[error("follow events: more than {MAX_WAITING_EVENTS} wait, the inventory is made anew")]
    Flooded,
    /// The engine began to tell of the past and fell silent.
    #[error("read past events: the engine fell silent")]
    Stalled,
}

/// Events as they come; an error is the last item.
pub(super) type Live = mpsc::Receiver<Result<Event, Trouble>>;

/// Follows events from `since` on until the engine ends the stream or nobody listens any more.
pub(super) fn listen(engine: Engine, since: Timestamp, metrics: Metrics) -> Live {
    let (sender, receiver) = mpsc::channel(MAX_WAITING_EVENTS);
    tokio::spawn(async move {
        let mut stream = engine.events(since, None);
        loop {
            let event = tokio::select! {
                // The session has ended: nobody listens any more.
                () = sender.closed() => return,
                event = stream.next() => event,
            };
            let Some(event) = event else { return };
            let failed = event.is_err();
            if sender.try_send(event.map_err(Trouble::Engine)).is_err() {
                metrics.refuse(Reason::Events, 1);
                if let Ok(room) = sender.reserve().await {
                    room.send(Err(Trouble::Flooded));
                }
                return;
            }
            if failed {
                return;
            }
        }
    });
    receiver
}
