//! Every open connection, as a task of its own, and which of them goes when there is one too many.
//!
//! A connection that is only kept open must not keep others out. So at the ceiling the newcomer gets in, and the connection
//! goes whose client is being waited for: of the address that has most of them, first one that never asked anything, and of
//! those the one that has been waited for longest. Many connections of one attacker so push each other out, and not a scraper's.
//! A connection that waits for us is never ended; where all do, the newcomer is turned away.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use tokio::{
    net::TcpStream,
    task::{AbortHandle, Id, JoinError, JoinSet},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    App, Drained, Scrape,
    access::{self, Caller},
    connection,
    handlers::Shared,
    stall::Turn,
};
use crate::telemetry::Reason;

/// Connections being told at once that there are too many; the next ones are closed without a word.
const MAX_TURNED_AWAY: usize = 16;

/// Every open connection.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    serving: JoinSet<()>,
    members: HashMap<Id, Member>,
    turned_away: JoinSet<()>,
}

#[derive(Debug)]
struct Member {
    /// Whose it is: an address, or the network of one subscriber.
    subscriber: IpAddr,
    turn: Arc<Turn>,
    task: AbortHandle,
}

impl Crowd {
    /// Serves a connection in a place that is free or made free, or turns it away.
    pub(super) async fn admit<S: Scrape>(
        &mut self,
        stream: TcpStream,
        peer: IpAddr,
        shared: &Arc<Shared<S>>,
        shutdown: &CancellationToken,
    ) {
        let App { settings, metrics, gate, .. } = &shared.app;
        if self.serving.len() >= settings.max_connections {
            metrics.refuse(Reason::Connections, 1);
            let Some(member) = self.dispensable() else {
                // Told in plain text, which is nothing to a client that speaks TLS.
                if self.turned_away.len() < MAX_TURNED_AWAY && !gate.is_secure() {
                    self.turned_away.spawn(connection::turn_away(stream));
                }
                return;
            };
            member.task.abort();
            // It was waiting, so it ends the next time it is looked at. Until then there is no place.
            while self.serving.len() >= settings.max_connections {
                self.reap().await;
            }
        }
        let turn = Arc::new(Turn::default());
        let caller = Caller { peer, secure: None };
        let served = connection::serve(stream, caller, Arc::clone(&turn), Arc::clone(shared), shutdown.clone());
        let task = self.serving.spawn(served);
        self.members.insert(task.id(), Member { subscriber: access::subscriber(peer), turn, task });
    }

    fn dispensable(&self) -> Option<&Member> {
        let mut crowds: HashMap<IpAddr, usize> = HashMap::new();
        for member in self.members.values() {
            *crowds.entry(member.subscriber).or_default() += 1;
        }
        let waited_for = self.members.values().filter_map(|member| Some((member, member.turn.waits_since()?)));
        let chosen = waited_for.max_by_key(|(member, since)| {
            let crowd = crowds.get(&member.subscriber).copied().unwrap_or_default();
            (crowd, !member.turn.has_served(), std::cmp::Reverse(*since))
        });
        chosen.map(|(member, _)| member)
    }

    /// Waits until a connection has ended; for ever while there is none.
    pub(super) async fn reap(&mut self) {
        tokio::select! {
            Some(ended) = self.serving.join_next_with_id() => self.leave(ended),
            Some(ended) = self.turned_away.join_next() => report(ended),
            else => std::future::pending().await,
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
        self.turned_away.abort_all();
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

/// A panic ends one connection and is said aloud; being aborted is no news.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "connection task panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds a connection that does nothing, and gives its id.
    fn joins(crowd: &mut Crowd, peer: &str) -> (Id, Arc<Turn>) {
        let turn = Arc::new(Turn::default());
        let task = crowd.serving.spawn(std::future::pending());
        let id = task.id();
        let subscriber = access::subscriber(peer.parse().unwrap());
        crowd.members.insert(id, Member { subscriber, turn: Arc::clone(&turn), task });
        (id, turn)
    }

    fn goes(crowd: &Crowd) -> Option<Id> {
        crowd.dispensable().map(|member| member.task.id())
    }

    #[tokio::test]
    async fn who_has_been_waited_for_longest_goes() {
        let mut crowd = Crowd::default();
        assert_eq!(goes(&crowd), None);
        let (first, turn) = joins(&mut crowd, "10.0.0.1");
        let (second, _) = joins(&mut crowd, "10.0.0.2");
        assert_eq!(goes(&crowd), Some(first));
        let serving = turn.begin();
        assert_eq!(goes(&crowd), Some(second), "the other one waits for us");
        drop(serving);
        turn.wait();
        assert_eq!(goes(&crowd), Some(second), "and has only now begun to be waited for");
    }

    #[tokio::test]
    async fn nobody_goes_who_waits_for_us() {
        let mut crowd = Crowd::default();
        let (_, turn) = joins(&mut crowd, "10.0.0.1");
        let _serving = turn.begin();
        assert_eq!(goes(&crowd), None);
    }

    #[tokio::test]
    async fn whoever_never_asked_goes_before_those_who_did() {
        let mut crowd = Crowd::default();
        let (_, asked) = joins(&mut crowd, "10.0.0.1");
        drop(asked.begin());
        asked.wait();
        let (silent, _) = joins(&mut crowd, "10.0.0.1");
        assert_eq!(goes(&crowd), Some(silent));
    }

    #[tokio::test]
    async fn the_largest_crowd_pushes_out_its_own() {
        let mut crowd = Crowd::default();
        let (_, scraper) = joins(&mut crowd, "10.0.0.1");
        drop(scraper.begin());
        scraper.wait();
        let (new, _) = joins(&mut crowd, "10.0.0.2");
        let crowded: Vec<_> = ["2001:db8::1", "2001:db8::2", "2001:db8::3"]
            .into_iter()
            .map(|peer| {
                let (id, turn) = joins(&mut crowd, peer);
                drop(turn.begin());
                turn.wait();
                id
            })
            .collect();
        for id in &crowded[..2] {
            assert_eq!(goes(&crowd), Some(*id), "one network is one crowd");
            crowd.members.remove(id);
        }
        assert_eq!(goes(&crowd), Some(new), "among equals who never asked");
    }
}
