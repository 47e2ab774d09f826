//! Scrapes in flight, by who asked: one client that asks faster than pages are made must not fill the queue for all.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// Scrapes one subscriber may have waiting at once: half of what the scrape thread queues. Two Prometheus servers behind one
/// address and a person with a browser stay below it.
const MOST: usize = 4;

/// Who has how many. As small as there are connections: a subscriber without a scrape is not in it.
#[derive(Debug, Default)]
pub(super) struct Shares(Mutex<HashMap<IpAddr, usize>>);

/// One scrape; dropped, it is over.
#[derive(Debug)]
pub(super) struct Share<'a> {
    shares: &'a Shares,
    subscriber: IpAddr,
}

impl Shares {
    /// One more scrape for that subscriber; `None` when it has all it may have.
    pub(super) fn take(&self, subscriber: IpAddr) -> Option<Share<'_>> {
        let mut shares = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = shares.entry(subscriber).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Share { shares: self, subscriber })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut shares = self.shares.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = shares.get_mut(&self.subscriber) {
            *count -= 1;
            if *count == 0 {
                shares.remove(&self.subscriber);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_and_gives_it_back() {
        let shares = Shares::default();
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|address| address.parse().unwrap());
        let mut held: Vec<_> = (0..MOST).map(|_| shares.take(one).expect("within the share")).collect();
        assert!(shares.take(one).is_none());
        assert!(shares.take(other).is_some(), "another one is not held up");
        held.pop();
        assert!(shares.take(one).is_some());
        drop(held);
        assert!(shares.0.lock().unwrap().is_empty());
    }
}
