//! What a connection's socket, its requests and the crowd tell each other: whether it is the client that is waited for, and since when.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// One connection.
#[derive(Debug)]
pub(super) struct Seat {
    begun: AtomicUsize,
    /// Requests under way: from the head to the answer.
    open: AtomicUsize,
    /// Of these, those whose body is whole: the client waits for us.
    working: AtomicUsize,
    accepted: Instant,
    /// Milliseconds from then to the last time something began or ended.
    changed: AtomicU64,
}

impl Seat {
    /// A new one.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            working: AtomicUsize::new(0),
            accepted: Instant::now(),
            changed: AtomicU64::new(0),
        })
    }

    /// A head is complete; the request is under way until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Request {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        self.change();
        Request { seat: Arc::clone(self), whole: false }
    }

    /// Requests that ever began.
    pub(super) fn begun(&self) -> usize {
        self.begun.load(Ordering::Relaxed)
    }

    /// When it will have been without a request for so long; `None` while it has one.
    pub(super) fn idle_at(&self, patience: Duration) -> Option<Instant> {
        (self.open.load(Ordering::Relaxed) == 0).then(|| self.last_change() + patience)
    }

    /// Since when the client is waited for; `None` while it waits for us.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        (self.working.load(Ordering::Relaxed) == 0).then(|| self.last_change())
    }

    fn last_change(&self) -> Instant {
        self.accepted + Duration::from_millis(self.changed.load(Ordering::Relaxed))
    }

    fn change(&self) {
        let since = u64::try_from(self.accepted.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.changed.store(since, Ordering::Relaxed);
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Request {
    seat: Arc<Seat>,
    whole: bool,
}

impl Request {
    /// Its body is whole: from now on the client waits for us.
    pub(super) fn is_whole(&mut self) {
        if !std::mem::replace(&mut self.whole, true) {
            self.seat.working.fetch_add(1, Ordering::Relaxed);
            self.seat.change();
        }
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.whole {
            self.seat.working.fetch_sub(1, Ordering::Relaxed);
        }
        self.seat.open.fetch_sub(1, Ordering::Relaxed);
        self.seat.change();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_client_is_waited_for_until_its_request_is_whole() {
        let second = Duration::from_secs(1);
        let seat = Seat::new();
        let start = Instant::now();
        assert_eq!((seat.waits_since(), seat.idle_at(second)), (Some(start), Some(start + second)));
        tokio::time::advance(second).await;
        let mut request = seat.begin();
        assert_eq!((seat.waits_since(), seat.idle_at(second), seat.begun()), (Some(start + second), None, 1));
        request.is_whole();
        request.is_whole();
        assert_eq!(seat.waits_since(), None);
        let other = seat.begin();
        tokio::time::advance(second).await;
        drop(request);
        assert_eq!((seat.waits_since(), seat.idle_at(second)), (Some(start + 2 * second), None));
        drop(other);
        assert_eq!(seat.idle_at(second), Some(start + 3 * second));
    }
}
