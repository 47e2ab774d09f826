//! Every open connection of a server, as a task of its own, and which of them goes when there is one too many.
//!
//! A connection that is only kept open must not keep others out. So at the ceiling the newcomer gets in, and the connection goes whose client
//! is being waited for: of the origin that has most of them, first one that never asked anything, and of those the one that has been waited
//! for longest. Many connections of one attacker so push each other out, and nobody else's. A connection that waits for us is never ended;
//! where all do, there is no place for the newcomer.

use std::{cmp::Reverse, collections::HashMap, hash::Hash, sync::Arc};

use tokio::{
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, timeout_at},
};

/// What a connection tells of itself.
pub trait Seat {
    /// A moment, or its number.
    type Since: Ord;

    /// Since when the client is waited for, which is lower the longer that is; `None` while it waits for us.
    fn waits_since(&self) -> Option<Self::Since>;

    /// Whether it ever asked anything.
    fn has_asked(&self) -> bool;
}

/// Every open connection, by whose it is.
#[derive(Debug)]
pub struct Crowd<O, S> {
    /// Whose connections these are, for the log.
    of: &'static str,
    serving: JoinSet<()>,
    members: HashMap<Id, Member<O, S>>,
}

#[derive(Debug)]
struct Member<O, S> {
    origin: O,
    seat: Arc<S>,
    task: AbortHandle,
}

impl<O: Eq + Hash, S: Seat> Crowd<O, S> {
    /// Nobody yet. `of` is what the log calls a connection.
    pub fn new(of: &'static str) -> Self {
        Self { of, serving: JoinSet::new(), members: HashMap::new() }
    }

    /// Whether there are `most`.
    pub fn is_full(&self, most: usize) -> bool {
        self.serving.len() >= most
    }

    /// Ends connections until there are fewer than `most`; `false` where all of them wait for us.
    pub async fn make_place(&mut self, most: usize) -> bool {
        let Some(member) = self.dispensable() else { return false };
        member.task.abort();
        // It was waiting, so it ends the next time it is looked at. Until then there is no place.
        while self.is_full(most) {
            self.reap().await;
        }
        true
    }

    /// Serves one.
    pub fn add(&mut self, origin: O, seat: Arc<S>, serving: impl Future<Output = ()> + Send + 'static) {
        let task = self.serving.spawn(serving);
        self.members.insert(task.id(), Member { origin, seat, task });
    }

    fn dispensable(&self) -> Option<&Member<O, S>> {
        let mut crowds: HashMap<&O, usize> = HashMap::new();
        for member in self.members.values() {
            *crowds.entry(&member.origin).or_default() += 1;
        }
        let waited_for = self.members.values().filter_map(|member| Some((member, member.seat.waits_since()?)));
        let ranked = waited_for.map(|(member, since)| {
            let crowd = crowds.get(&member.origin).copied().unwrap_or_default();
            ((crowd, !member.seat.has_asked(), Reverse(since)), member)
        });
        ranked.max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, member)| member)
    }

    /// Waits until a connection has ended; for ever while there is none.
    pub async fn reap(&mut self) {
        let Some(ended) = self.serving.join_next_with_id().await else { return std::future::pending().await };
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.members.remove(&id);
        report(self.of, ended.map(drop));
    }

    /// Lets connections end until `deadline`, and cuts the rest; how many that were.
    pub async fn drain(mut self, deadline: Instant) -> usize {
        let drained = timeout_at(deadline, async {
            while let Some(ended) = self.serving.join_next().await {
                report(self.of, ended);
            }
        });
        if drained.await.is_ok() {
            return 0;
        }
        let cut = self.serving.len();
        self.serving.shutdown().await;
        cut
    }
}

/// A panic ends one connection and is said aloud; being aborted is no news.
pub fn report(of: &'static str, ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "{of} panicked");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Since when it is waited for, and whether it ever asked.
    type Told = Mutex<(Option<u64>, bool)>;

    impl Seat for Told {
        type Since = u64;

        fn waits_since(&self) -> Option<u64> {
            self.lock().unwrap().0
        }

        fn has_asked(&self) -> bool {
            self.lock().unwrap().1
        }
    }

    fn crowd() -> Crowd<u32, Told> {
        Crowd::new("a connection of a test")
    }

    /// Adds a connection that does nothing, and gives its id.
    fn joins(crowd: &mut Crowd<u32, Told>, origin: u32, since: u64, asked: bool) -> (Id, Arc<Told>) {
        let seat = Arc::new(Mutex::new((Some(since), asked)));
        let before: Vec<Id> = crowd.members.keys().copied().collect();
        crowd.add(origin, Arc::clone(&seat), std::future::pending());
        let id = crowd.members.keys().find(|id| !before.contains(id)).copied().unwrap();
        (id, seat)
    }

    fn goes(crowd: &Crowd<u32, Told>) -> Option<Id> {
        crowd.dispensable().map(|member| member.task.id())
    }

    #[tokio::test]
    async fn who_has_been_waited_for_longest_goes_and_nobody_who_waits_for_us() {
        let mut crowd = crowd();
        assert_eq!(goes(&crowd), None);
        let (first, seat) = joins(&mut crowd, 1, 10, false);
        let (second, other) = joins(&mut crowd, 2, 20, false);
        assert_eq!(goes(&crowd), Some(first));
        seat.lock().unwrap().0 = None;
        assert_eq!(goes(&crowd), Some(second), "the other one waits for us");
        seat.lock().unwrap().0 = Some(30);
        assert_eq!(goes(&crowd), Some(second), "and has only now begun to be waited for");
        (seat.lock().unwrap().0, other.lock().unwrap().0) = (None, None);
        assert_eq!(goes(&crowd), None);
    }

    #[tokio::test]
    async fn whoever_never_asked_goes_before_those_who_did() {
        let mut crowd = crowd();
        joins(&mut crowd, 1, 10, true);
        let (silent, _) = joins(&mut crowd, 1, 20, false);
        assert_eq!(goes(&crowd), Some(silent));
    }

    #[tokio::test]
    async fn the_largest_crowd_pushes_out_its_own() {
        let mut crowd = crowd();
        joins(&mut crowd, 1, 1, true);
        let (new, _) = joins(&mut crowd, 2, 100, false);
        let crowded: Vec<_> = (0..3).map(|at| joins(&mut crowd, 3, 50 + at, true).0).collect();
        for id in &crowded[..2] {
            assert_eq!(goes(&crowd), Some(*id), "one origin is one crowd");
            crowd.members.remove(id);
        }
        assert_eq!(goes(&crowd), Some(new), "among equals who never asked");
    }

    #[tokio::test]
    async fn a_place_is_made_when_the_one_that_goes_has_gone() {
        let mut crowd = crowd();
        let (_, busy) = joins(&mut crowd, 1, 1, true);
        busy.lock().unwrap().0 = None;
        assert!(crowd.is_full(1) && !crowd.make_place(1).await, "who is there waits for us");
        joins(&mut crowd, 1, 1, true);
        assert!(crowd.make_place(2).await && !crowd.is_full(2));
        assert_eq!(crowd.members.len(), 1);
        assert_eq!(crowd.drain(Instant::now()).await, 1, "cut");
    }
}
