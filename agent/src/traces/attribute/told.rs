//! Whom proxies name: what one request was bound to serves those behind it, so that not each of them waits until it is sure who that is.
//!
//! A connection proves that its other end is still who it was; a header does not. So what was bound to an address is taken again only while
//! the table knows of nobody else there: as soon as an event takes the address away, or the run ends, the next request is bound anew.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use tokio::time::Instant;

use super::{
    binding::{Binding, State},
    settle::HOLD,
    table::Table,
};

/// Addresses that are remembered at most.
pub(super) const MAX_TOLD: usize = 1024;

/// Bindings by the address that was named and our own at which it was.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashMap<(IpAddr, IpAddr), Binding>>);

impl Told {
    /// What is bound to an address, by an earlier request or anew.
    pub(super) fn bind(&self, at: (IpAddr, IpAddr), table: &Table, bind: impl FnOnce() -> Binding) -> Binding {
        let now = Instant::now();
        let stands = |address: IpAddr, binding: &Binding| match &**binding.state() {
            State::Container(life, _) => !life.is_over() && table.is_held_by(address, life, now),
            // Whoever asks while that is found out waits with the others, and no longer.
            State::Open(_) => now < binding.0.at + HOLD,
            // The rest is found out without waiting.
            State::Shared(_) | State::Missed(..) | State::Inside => false,
        };
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = told.get(&at).filter(|known| stands(at.0, known)) {
            return known.clone();
        }
        if told.len() >= MAX_TOLD && !told.contains_key(&at) {
            told.retain(|(address, _), known| stands(*address, known));
            if told.len() >= MAX_TOLD {
                told.clear();
            }
        }
        let new = bind();
        told.insert(at, new.clone());
        new
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
