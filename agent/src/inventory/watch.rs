//! The task that owns the inventory: one session with the engine after another, and what lies between them.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    Reader, Settings,
    live::Trouble,
    session::{self, Desk, End},
    state::State,
    store::Store,
};
use crate::{
    engine::{Backoff, Engine},
    telemetry::Metrics,
};

/// Follows the engine until `shutdown`, publishes pictures through `reader`, calls `changed` after each.
///
/// An engine that is gone or hung changes nothing in the picture but its [`super::EngineStatus`]: containers stay as they were
/// last seen, and the kernel says which of them still are.
pub async fn watch<F>(
    engine: Engine,
    settings: Settings,
    reader: Reader,
    metrics: Metrics,
    changed: F,
    shutdown: CancellationToken,
) where
    F: Fn() + Send + 'static,
{
    let store = Arc::new(Store::open(settings.state_dir.as_deref(), metrics.clone()));
    let loading = Arc::clone(&store);
    let saved = tokio::task::spawn_blocking(move || loading.load()).await.unwrap_or_default();
    let state = State::new(&settings, saved, metrics.clone());
    let mut desk = Desk { engine, state, store, reader, changed, metrics, shutdown };
    let mut backoff = Backoff::seeded();
    loop {
        match session::run(&mut desk).await {
            End::Shutdown => break,
            End::Lost(trouble) => lost(&mut desk, &trouble, &mut backoff),
        }
        let wait = backoff.wait();
        tokio::select! {
            () = desk.shutdown.cancelled() => break,
            () = sleep(wait) => desk.metrics.engine_reconnects.inc(),
        };
    }
    let (store, saved) = (Arc::clone(&desk.store), desk.state.save());
    // A panic in there has been reported by the runtime; there is nobody left to tell.
    drop(tokio::task::spawn_blocking(move || store.write(&saved)).await);
}

/// Says what happened, once for each change of mind: in the picture for people and rules, in the log for the rest.
fn lost<F: Fn()>(desk: &mut Desk<F>, trouble: &Trouble, backoff: &mut Backoff) {
    let was_connected = std::mem::take(&mut desk.state.engine.connected);
    let text = text_of(trouble);
    let news = desk.state.engine.trouble.as_deref() != Some(text.as_str());
    if was_connected {
        backoff.reset();
    }
    if was_connected || news {
        let silent_since = desk.state.engine.heard_at;
        tracing::warn!(trouble = text, ?silent_since, "the engine is not heard");
    }
    desk.state.engine.trouble = Some(text.into());
    desk.state.forget(Timestamp::now());
    desk.state.engine_changed();
    desk.publish();
}

/// The error with its causes, which are not in its own text.
fn text_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}
