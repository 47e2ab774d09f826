//! Open connections, and what becomes of one too many: see [`net::crowd`](crate::net::crowd). Where nobody can go, the newcomer is closed.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Drained, Shared, connection, counts::Reason, exchange::From, origin::Origin, seat::Seat, stream::Socket};
use crate::{
    net::crowd,
    traces::{caller::Caller, intake::Greeted},
};

/// Every open connection.
#[derive(Debug)]
pub(super) struct Crowd(crowd::Crowd<Origin, Seat>);

impl crowd::Seat for Seat {
    type Since = Instant;

    fn waits_since(&self) -> Option<Instant> {
        self.waits_since()
    }

    fn has_asked(&self) -> bool {
        self.begun() > 0
    }
}

impl Default for Crowd {
    fn default() -> Self {
        Self(crowd::Crowd::new("an OTLP connection"))
    }
}

impl Crowd {
    /// Serves a connection in a place that is free or made free, or closes it.
    pub(super) async fn admit(&mut self, socket: Socket, caller: Caller, shared: &Arc<Shared>) {
        let most = shared.receiver.max_connections.max(1);
        if self.0.is_full(most) {
            shared.counts.refuse(Reason::Connections);
            if !self.0.make_place(most).await {
                return;
            }
        }
        // Here, not in its task: whose address it is may be another one's a moment later.
        let Greeted { bound, container } = shared.intake.greet(caller.clone());
        let (origin, seat) = (Origin::of(&caller, container), Seat::new());
        let from = From { caller, origin: origin.clone(), bound };
        let served = connection::serve(socket, from, Arc::clone(&seat), Arc::clone(shared));
        self.0.add(origin, seat, served);
    }

    /// Waits until a connection has ended; for ever while there is none.
    pub(super) async fn reap(&mut self) {
        self.0.reap().await;
    }

    /// Lets connections end until `deadline`, and cuts the rest.
    pub(super) async fn drain(self, deadline: Instant) -> Drained {
        Drained { cut: self.0.drain(deadline).await }
    }
}
