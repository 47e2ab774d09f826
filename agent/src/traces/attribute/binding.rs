//! What a connection is bound to.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::{sync::Mutex, time::Instant};

use super::{
    judge::Connection,
    life::Life,
    pieces::Pieces,
    reason::{Miss, Rule},
};
use crate::traces::caller::{Caller, Way};

/// A connection, bound when it was accepted; cheap to clone.
#[derive(Clone, Debug)]
pub struct Binding(pub(super) Arc<Bound>);

/// See [`Binding`].
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) from: From,
    pub(super) at: Instant,
    state: ArcSwap<State>,
    /// One at a time finds out who it is; what the last one went by.
    pub(super) turn: Mutex<Turn>,
}

/// What a connection is known by.
#[derive(Clone, Debug)]
pub(super) enum From {
    Tcp(Connection),
    /// Containers that the process is in, the innermost last; `None` where it is not seen.
    Unix(Option<Vec<String>>),
    Inside,
}

/// What is known of who it is.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// One container, for as long as its run lasts.
    Container(Arc<Life>, Rule),
    /// Several in one namespace, with what they share.
    Shared(Arc<Pieces>),
    /// None, with what is known of it all the same.
    Missed(Miss, Option<Arc<Pieces>>),
    /// None so far: the next request asks again.
    Open(Miss),
    /// The agent.
    Inside,
}

/// What the last attempt went by.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// What the table had heard by then.
    pub(super) news: u64,
    pub(super) tried: Option<Instant>,
}

impl Binding {
    /// Nothing is known of it but where it comes from; `containers` tells what containers a process is in.
    pub(super) fn new(caller: &Caller, wall: Timestamp, containers: impl FnOnce(u32) -> Option<Vec<String>>) -> Self {
        let at = Instant::now();
        let tcp = |peer: SocketAddr, local| From::Tcp(Connection { peer, local, at, wall });
        let (from, state) = match caller.way {
            Way::Tcp { peer, local } => (tcp(peer, local), State::Open(Miss::NotDescribed)),
            Way::Unix { pid, .. } => (From::Unix(pid.and_then(containers)), State::Open(Miss::NotDescribed)),
            Way::Inside => (From::Inside, State::Inside),
        };
        Self(Arc::new(Bound { from, at, state: ArcSwap::from_pointee(state), turn: Mutex::default() }))
    }

    /// The container of the process at the other end of a unix socket, as far as the kernel tells; the innermost one.
    pub(in crate::traces) fn container(&self) -> Option<&str> {
        match &self.0.from {
            From::Unix(ids) => ids.as_ref()?.last().map(String::as_str),
            From::Tcp(_) | From::Inside => None,
        }
    }

    pub(super) fn state(&self) -> arc_swap::Guard<Arc<State>> {
        self.0.state.load()
    }

    pub(super) fn set(&self, state: State) {
        self.0.state.store(Arc::new(state));
    }

    /// Whether nothing will change what is known.
    pub(super) fn is_settled(&self) -> bool {
        !matches!(**self.state(), State::Open(_))
    }
}
