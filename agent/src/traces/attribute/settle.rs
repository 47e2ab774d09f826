//! Finding out who is at the other end, before the first request of a connection is named.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{
    Attributor,
    binding::{Binding, From, State},
    judge::{Connection, GRACE, Judged, judge},
    kernel::{Kernel, Owner},
    reason::{Miss, Rule},
    table::{Candidate, Table},
};
use crate::model::ContainerId;

/// How long the first request of a connection waits at most.
pub(super) const HOLD: Duration = Duration::from_secs(1);

/// A connection of which nobody is known is looked at again this often at most.
const AGAIN: Duration = Duration::from_secs(1);

/// What an attempt came to.
enum Attempt {
    /// It is known, or never will be.
    Settled(State),
    /// It is not known; it may be at this time, or after any news.
    Open(Miss, Option<Instant>),
}

impl Attributor {
    /// Finds out who a connection comes from; at once where that is known already. What is about to be described is waited for, until a second
    /// after the connection was accepted; later requests never wait.
    pub async fn settle(&self, binding: &Binding) {
        if binding.is_settled() {
            return;
        }
        let mut turn = binding.0.turn.lock().await;
        let mut news = self.0.news.subscribe();
        let limit = binding.0.at + HOLD;
        loop {
            let (heard, now) = (*news.borrow_and_update(), Instant::now());
            let waits = now < limit;
            let soon = turn.tried.is_some_and(|tried| now < tried + AGAIN || turn.news == heard);
            if binding.is_settled() || (!waits && soon) {
                return;
            }
            (turn.tried, turn.news) = (Some(now), heard);
            match self.attempt(binding, now).await {
                Attempt::Settled(state) => return binding.set(state),
                Attempt::Open(miss, again) => {
                    binding.set(State::Open(miss));
                    let Some(again) = again.filter(|again| waits && *again > now) else { return };
                    tokio::select! {
                        changed = news.changed() => if changed.is_err() { return },
                        () = sleep_until(again.min(limit)) => {}
                    }
                }
            }
        }
    }

    async fn attempt(&self, binding: &Binding, now: Instant) -> Attempt {
        match &binding.0.from {
            From::Inside => Attempt::Settled(State::Inside),
            From::Unix(None) => Attempt::Settled(State::Missed(Miss::UnknownProcess, None)),
            From::Unix(Some(ids)) => {
                of_process(&self.table(), ids, (Rule::Socket, Miss::HostProcess), binding.0.at, now)
            }
            From::Tcp(connection) => {
                let judged = judge(&self.table(), connection, self.0.sight, now);
                match judged {
                    Judged::Take(candidate) => Attempt::Settled(state_of(&candidate)),
                    Judged::Prove { candidates, connection: whole } => {
                        Attempt::Settled(self.prove(candidates, *connection, whole).await)
                    }
                    Judged::Owner(miss) => self.owner(*connection, miss, now).await,
                    Judged::Later(at) => Attempt::Open(Miss::NotDescribed, Some(at)),
                    Judged::Wait(miss) => Attempt::Open(miss, Some(binding.0.at + HOLD)),
                    Judged::Missed(Miss::UnknownIp) => self.unknown(*connection, now).await,
                    Judged::Missed(miss) => Attempt::Settled(State::Missed(miss, self.of_host(miss))),
                }
            }
        }
    }

    /// Which of them the kernel confirms.
    async fn prove(&self, candidates: Vec<Candidate>, connection: Connection, whole: bool) -> State {
        let Connection { peer, local, .. } = connection;
        let confirms = move |kernel: &dyn Kernel, candidate: &Candidate| match whole {
            true => kernel.has_socket(&candidate.owner, peer, local),
            false => kernel.has_address(&candidate.owner, peer.ip().to_canonical()),
        };
        let confirmed = move |kernel: &dyn Kernel| -> Vec<Candidate> {
            candidates.into_iter().filter(|candidate| confirms(kernel, candidate)).collect()
        };
        match self.ask(confirmed).await.as_deref() {
            Some([candidate]) => state_of(candidate),
            Some([_, _, ..]) => State::Missed(Miss::Ambiguous, None),
            Some([]) | None => State::Missed(Miss::UnknownIp, None),
        }
    }

    /// An address that no container has. The host has more than the engine tells of, and its own rules may translate what stays on it.
    async fn unknown(&self, connection: Connection, now: Instant) -> Attempt {
        let address = connection.peer.ip().to_canonical();
        let of_host = self.0.sight.kernel && self.ask(move |kernel| kernel.is_of_host(address)).await == Some(true);
        match of_host {
            true => self.owner(connection, Miss::HostNet, now).await,
            // What is not known may be described later, however long that takes.
            false => Attempt::Open(Miss::UnknownIp, None),
        }
    }

    /// Whose socket of the host it is.
    async fn owner(&self, connection: Connection, miss: Miss, now: Instant) -> Attempt {
        let Connection { peer, local, .. } = connection;
        let owner = self.ask(move |kernel: &dyn Kernel| kernel.owner(peer, local)).await;
        match owner {
            Some(Owner::Container(ids)) => {
                of_process(&self.table(), &ids, (Rule::HostSocket, miss), connection.at, now)
            }
            Some(Owner::Agent) => Attempt::Settled(State::Missed(Miss::AgentItself, None)),
            Some(Owner::Process | Owner::Unknown) | None => Attempt::Settled(State::Missed(miss, self.of_host(miss))),
        }
    }

    /// Asks the kernel, off the runtime's threads. `None` if that thread has failed.
    async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&dyn Kernel) -> T + Send + 'static) -> Option<T> {
        // The place goes with the work: who asked may leave, and the thread does not.
        let place = Arc::clone(&self.0.questions).acquire_owned().await.ok()?;
        let kernel = Arc::clone(&self.0.kernel);
        let asked = tokio::task::spawn_blocking(move || {
            let _place = place;
            question(&*kernel)
        });
        asked.await.ok()
    }

    /// What comes from the host itself has the host's name.
    fn of_host(&self, miss: Miss) -> Option<Arc<super::pieces::Pieces>> {
        (miss == Miss::HostNet).then(|| Arc::clone(&self.table().of_host))
    }
}

/// Who runs in a namespace.
fn state_of(candidate: &Candidate) -> State {
    match &*candidate.members {
        [] => State::Missed(Miss::AgentItself, None),
        [life] => State::Container(Arc::clone(life), Rule::Address),
        [first, others @ ..] => {
            let others: Vec<_> = others.iter().map(|life| life.who()).collect();
            let shared = first.who().pieces().shared(others.iter().map(|who| who.pieces()));
            State::Shared(Arc::new(shared))
        }
    }
}

/// The container of a process that was there at a time: the innermost one that is known. `none` is for a process in no container.
fn of_process(table: &Table, ids: &[String], (rule, none): (Rule, Miss), at: Instant, now: Instant) -> Attempt {
    if ids.is_empty() {
        return Attempt::Settled(State::Missed(none, None));
    }
    let ids: Vec<_> = ids.iter().map(|id| ContainerId::new(id.as_str())).collect();
    if let Some(life) = ids.iter().rev().find_map(|id| table.life(id)) {
        return Attempt::Settled(match table.is_own(&life.id) {
            true => State::Missed(Miss::AgentItself, None),
            false => State::Container(life, rule),
        });
    }
    let known = ids.iter().any(|id| table.knows(id));
    match known {
        // There was a process in it: that it runs is about to be told, unless it has ended meanwhile.
        true => Attempt::Open(Miss::Ended, Some(at + HOLD)),
        false if table.has_due(now) => Attempt::Open(Miss::NotDescribed, Some(at + HOLD)),
        false => Attempt::Open(Miss::NoSuchContainer, Some(at + GRACE)),
    }
}
