//! The one task that writes the state file, off the async workers and never in anybody's way.

use std::{sync::Arc, time::Duration};

use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{saved::Saved, store::Store};

/// A disk that refused is asked again after this.
const RETRY: Duration = Duration::from_secs(10);

/// A disk that does not answer holds up the end of the process no longer than this.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// Takes the newest state; one that was not written when the next comes is left out.
#[derive(Debug)]
pub(super) struct Writer {
    newest: watch::Sender<Option<Arc<Saved>>>,
    task: JoinHandle<()>,
}

impl Writer {
    /// Starts the writer.
    pub(super) fn spawn(store: Arc<Store>) -> Self {
        let (newest, incoming) = watch::channel(None);
        Self { newest, task: tokio::spawn(follow(store, incoming)) }
    }

    /// Hands over a state; never waits.
    pub(super) fn save(&self, saved: Saved) {
        self.newest.send_replace(Some(Arc::new(saved)));
    }

    /// Waits until what was handed over is written, or has failed.
    pub(super) async fn finish(self) {
        drop(self.newest);
        if tokio::time::timeout(LAST_WRITE, self.task).await.is_err() {
            tracing::warn!("state file not written in time, the last counts are lost");
        }
    }
}

async fn follow(store: Arc<Store>, mut incoming: watch::Receiver<Option<Arc<Saved>>>) {
    let mut open = true;
    // A state handed over before the other end was dropped still counts as a change.
    while open && incoming.changed().await.is_ok() {
        loop {
            let Some(saved) = incoming.borrow_and_update().clone() else { break };
            let store = Arc::clone(&store);
            // A panic in there has been reported by the runtime; the next state finds another thread.
            let written = tokio::task::spawn_blocking(move || store.write(&saved)).await.unwrap_or(false);
            if written || !open {
                break;
            }
            open = wait_for_retry(&mut incoming).await;
        }
    }
}

/// Waits before a disk that refused is asked again; `false` when the end has come, and the next attempt is the last.
async fn wait_for_retry(incoming: &mut watch::Receiver<Option<Arc<Saved>>>) -> bool {
    let again = Instant::now() + RETRY;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(again) => return true,
            changed = incoming.changed() => if changed.is_err() { return false },
        }
    }
}
