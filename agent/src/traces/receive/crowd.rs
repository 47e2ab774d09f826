//! Every open connection, as a task of its own, and which of them goes when there is one too many.
//!
//! A connection that is only kept open must not keep others out. So at the ceiling the newcomer gets in, and the connection goes whose client
//! is being waited for: of the origin that has most of them, first one that never asked anything, and of those the one that has been waited
//! for longest. A connection that waits for us is never ended; where all do, the newcomer is closed.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use tokio::{
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, timeout_at},
};

use super::{Drained, Shared, connection, counts::Reason, exchange::From, origin::Origin, seat::Seat, stream::Socket};
use crate::traces::{caller::Caller, intake::Greeted};

/// Every open connection.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    serving: JoinSet<()>,
    members: HashMap<Id, Member>,
}

#[derive(Debug)]
struct Member {
    origin: Origin,
    seat: Arc<Seat>,
    task: AbortHandle,
}

impl Crowd {
    /// Serves a connection in a place that is free or made free, or closes it.
    pub(super) async fn admit(&mut self, socket: Socket, caller: Caller, shared: &Arc<Shared>) {
        let most = shared.receiver.max_connections.max(1);
        if self.serving.len() >= most {
            shared.counts.refuse(Reason::Connections);
            let Some(member) = self.dispensable() else { return };
            member.task.abort();
            // It was waiting, so it ends the next time it is looked at. Until then there is no place.
            while self.serving.len() >= most {
                self.reap().await;
            }
        }
        // Here, not in its task: whose address it is may be another one's a moment later.
        let Greeted { bound, container } = shared.intake.greet(caller.clone());
        let (origin, seat) = (Origin::of(&caller, container), Seat::new());
        let from = From { caller, origin: origin.clone(), bound };
        let served = connection::serve(socket, from, Arc::clone(&seat), Arc::clone(shared));
        let task = self.serving.spawn(served);
        self.members.insert(task.id(), Member { origin, seat, task });
    }

    fn dispensable(&self) -> Option<&Member> {
        let mut crowds: HashMap<&Origin, usize> = HashMap::new();
        for member in self.members.values() {
            *crowds.entry(&member.origin).or_default() += 1;
        }
        let waited_for = self.members.values().filter_map(|member| Some((member, member.seat.waits_since()?)));
        let chosen = waited_for.max_by_key(|(member, since)| {
            let crowd = crowds.get(&member.origin).copied().unwrap_or_default();
            (crowd, member.seat.begun() == 0, Reverse(*since))
        });
        chosen.map(|(member, _)| member)
    }

    /// Waits until a connection has ended; for ever while there is none.
    pub(super) async fn reap(&mut self) {
        match self.serving.join_next_with_id().await {
            Some(ended) => self.leave(ended),
            None => std::future::pending().await,
        }
    }

    fn leave(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match &ended {
            Ok((id, ())) => *id,
            Err(error) => error.id(),
        };
        self.members.remove(&id);
        report(ended.map(drop));
    }

    /// Lets connections end until `deadline`, and cuts the rest.
    pub(super) async fn drain(mut self, deadline: Instant) -> Drained {
        let drained = timeout_at(deadline, async {
            while let Some(ended) = self.serving.join_next().await {
                report(ended);
            }
        });
        if drained.await.is_ok() {
            return Drained::default();
        }
        let cut = self.serving.len();
        self.serving.shutdown().await;
        Drained { cut }
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "an OTLP connection panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joins(crowd: &mut Crowd, user: u32) -> (Id, Arc<Seat>) {
        let seat = Seat::new();
        let task = crowd.serving.spawn(std::future::pending());
        let id = task.id();
        crowd.members.insert(id, Member { origin: Origin::User(user), seat: Arc::clone(&seat), task });
        (id, seat)
    }

    fn goes(crowd: &Crowd) -> Option<Id> {
        crowd.dispensable().map(|member| member.task.id())
    }

    #[tokio::test(start_paused = true)]
    async fn those_go_who_are_waited_for_longest_and_never_asked() {
        let step = || tokio::time::advance(std::time::Duration::from_millis(10));
        let mut crowd = Crowd::default();
        let (asked, seat) = joins(&mut crowd, 1);
        drop(seat.begin());
        step().await;
        let (silent, _) = joins(&mut crowd, 1);
        step().await;
        let (_, busy) = joins(&mut crowd, 1);
        let mut request = busy.begin();
        request.is_whole();
        assert_eq!(goes(&crowd), Some(silent), "who asked before has shown what it is there for");
        crowd.members.remove(&silent);
        assert_eq!(goes(&crowd), Some(asked));
        crowd.members.remove(&asked);
        assert_eq!(goes(&crowd), None, "nobody goes who waits for us");
    }

    #[tokio::test(start_paused = true)]
    async fn the_largest_crowd_pushes_out_its_own() {
        let mut crowd = Crowd::default();
        let (_, other) = joins(&mut crowd, 1);
        let crowded: Vec<_> = (0..2)
            .map(|_| {
                let (id, seat) = joins(&mut crowd, 2);
                drop(seat.begin());
                id
            })
            .collect();
        assert_eq!(other.begun(), 0);
        assert!(crowded.contains(&goes(&crowd).unwrap()));
    }
}
