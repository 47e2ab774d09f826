//! Open connections, and what becomes of one too many: see [`net::crowd`](crate::net::crowd). Where nobody can go, the newcomer is told.

use std::{net::IpAddr, sync::Arc};

use tokio::{net::TcpStream, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    App, Drained, Scrape,
    access::{self, Caller},
    connection,
    handlers::Shared,
    stall::Turn,
};
use crate::{
    net::crowd::{self, Seat, report},
    telemetry::Reason,
};

/// Connections being told at once that there are too many; the next ones are closed without a word.
const MAX_TURNED_AWAY: usize = 16;

/// What the log calls one.
const CONNECTION: &str = "connection task";

/// Every open connection, by address or by the network of one subscriber.
#[derive(Debug)]
pub(super) struct Crowd {
    serving: crowd::Crowd<IpAddr, Turn>,
    turned_away: JoinSet<()>,
}

impl Seat for Turn {
    type Since = u64;

    fn waits_since(&self) -> Option<u64> {
        self.waits_since()
    }

    fn has_asked(&self) -> bool {
        self.has_served()
    }
}

impl Default for Crowd {
    fn default() -> Self {
        Self { serving: crowd::Crowd::new(CONNECTION), turned_away: JoinSet::new() }
    }
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
        if self.serving.is_full(settings.max_connections) {
            metrics.refuse(Reason::Connections, 1);
            if !self.serving.make_place(settings.max_connections).await {
                // Told in plain text, which is nothing to a client that speaks TLS.
                if self.turned_away.len() < MAX_TURNED_AWAY && !gate.is_secure() {
                    self.turned_away.spawn(connection::turn_away(stream));
                }
                return;
            }
        }
        let turn = Arc::new(Turn::default());
        let caller = Caller { peer, secure: None };
        let served = connection::serve(stream, caller, Arc::clone(&turn), Arc::clone(shared), shutdown.clone());
        self.serving.add(access::subscriber(peer), turn, served);
    }

    /// Waits until a connection has ended; for ever while there is none.
    pub(super) async fn reap(&mut self) {
        tokio::select! {
            () = self.serving.reap() => {}
            Some(ended) = self.turned_away.join_next() => report(CONNECTION, ended),
        }
    }

    /// Lets connections end until `deadline`, and cuts the rest.
    pub(super) async fn drain(mut self, deadline: Instant) -> Drained {
        self.turned_away.abort_all();
        Drained { cut: self.serving.drain(deadline).await }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_says_who_is_waited_for_and_who_has_asked() {
        let (turn, later) = (Arc::new(Turn::default()), Turn::default());
        assert!(!turn.has_asked() && Seat::waits_since(&*turn) < Seat::waits_since(&later));
        let serving = turn.begin();
        assert!(turn.has_asked() && Seat::waits_since(&*turn).is_none(), "it waits for us");
        drop(serving);
        turn.wait();
        assert!(Seat::waits_since(&*turn) > Seat::waits_since(&later), "and has only now begun to be waited for");
    }
}
