//! When readers get a new picture: soon after a change, but not with every event of a burst.

use std::time::Duration;

use tokio::time::Instant;

use super::{Reader, Snapshot, state::State};

/// Shortest time between two pictures: a burst of 200 containers costs twenty pictures a second, not thousands.
const GAP: Duration = Duration::from_millis(50);

/// The publishing end.
#[derive(Debug)]
pub(super) struct Publisher<F> {
    reader: Reader,
    changed: F,
    last: Option<Instant>,
}

impl<F: Fn()> Publisher<F> {
    pub(super) const fn new(reader: Reader, changed: F) -> Self {
        Self { reader, changed, last: None }
    }

    /// When the next picture is due; `None` while nothing has changed.
    pub(super) fn due(&self, state: &State) -> Option<Instant> {
        let now = Instant::now();
        state.changed().then(|| self.last.map_or(now, |last| last + GAP))
    }

    /// Publishes if a picture is due.
    pub(super) fn publish_if_due(&mut self, state: &mut State) {
        if self.due(state).is_some_and(|due| due <= Instant::now()) {
            self.publish(state);
        }
    }

    /// Publishes now and tells whoever wants to know.
    pub(super) fn publish(&mut self, state: &mut State) {
        self.last = Some(Instant::now());
        self.reader.publish(state.picture());
        (self.changed)();
    }

    /// Brings the age of the picture up to date. Nothing else is new: same generation, nobody is told.
    pub(super) fn heartbeat(&self, state: &State) {
        let published = self.reader.load();
        if published.engine.heard_at != state.engine.heard_at {
            self.reader.publish(Snapshot { engine: state.engine.clone(), ..Snapshot::clone(&published) });
        }
    }
}
