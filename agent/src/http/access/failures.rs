//! How often an address may be wrong: a bucket for each, a ceiling on buckets.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Wrong attempts in a row before an address has to wait: a person with a new keyboard layout needs fewer.
const BURST: u32 = 10;

/// After them one attempt for each of these. With passwords hashed at cost 10 (70 ms) a guesser then gets 4 % of one core.
const REFILL: Duration = Duration::from_secs(2);

/// Addresses remembered. Each is forgotten once its bucket is full again.
const ADDRESSES: usize = 1024;

/// Wrong attempts by address.
#[derive(Debug, Default)]
pub(super) struct Failures {
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

/// The moment at which this bucket is full again: what was taken and not refilled lies between now and then.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    full_at: Instant,
}

impl Failures {
    /// Takes one attempt; false when the address has none left.
    pub(super) fn take(&self, peer: IpAddr) -> bool {
        self.take_at(peer, Instant::now())
    }

    /// Gives an attempt back: it was right, or not made.
    pub(super) fn give_back(&self, peer: IpAddr) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(&subscriber(peer)) {
            bucket.full_at = bucket.full_at.checked_sub(REFILL).unwrap_or(bucket.full_at);
        }
    }

    fn take_at(&self, peer: IpAddr, now: Instant) -> bool {
        // What is counted is plain data: a panic elsewhere leaves nothing half done in it.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = subscriber(peer);
        if buckets.len() >= ADDRESSES && !buckets.contains_key(&peer) {
            make_room(&mut buckets, now);
        }
        let bucket = buckets.entry(peer).or_insert(Bucket { full_at: now });
        let full_at = bucket.full_at.max(now) + REFILL;
        if full_at > now + REFILL * BURST {
            return false;
        }
        bucket.full_at = full_at;
        true
    }
}

/// Forgets full buckets, and where there is none the one that is nearest to it.
fn make_room(buckets: &mut HashMap<IpAddr, Bucket>, now: Instant) {
    buckets.retain(|_, bucket| bucket.full_at > now);
    if buckets.len() >= ADDRESSES
        && let Some(fullest) = buckets.iter().min_by_key(|(_, bucket)| bucket.full_at).map(|(peer, _)| *peer)
    {
        buckets.remove(&fullest);
    }
}

/// One subscriber: an IPv4 address, or the /64 of an IPv6 address, all of which a single machine may use.
pub(in crate::http) fn subscriber(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_burst_and_then_one_at_a_time() {
        let failures = Failures::default();
        let start = Instant::now();
        let peer = address("10.0.0.1");
        for attempt in 0..BURST {
            assert!(failures.take_at(peer, start), "{attempt}");
        }
        assert!(!failures.take_at(peer, start));
        assert!(failures.take_at(address("10.0.0.2"), start), "others are not held up");
        assert!(!failures.take_at(peer, start + REFILL / 2));
        assert!(failures.take_at(peer, start + REFILL));
        assert!(!failures.take_at(peer, start + REFILL));
        let later = start + REFILL * (BURST + 5);
        for _ in 0..BURST {
            assert!(failures.take_at(peer, later), "the bucket is full again and no fuller");
        }
        assert!(!failures.take_at(peer, later));
    }

    #[test]
    fn what_was_right_costs_nothing() {
        let failures = Failures::default();
        let peer = address("10.0.0.1");
        for _ in 0..3 * BURST {
            assert!(failures.take(peer));
            failures.give_back(peer);
        }
    }

    #[test]
    fn one_subscriber_is_one_address() {
        let failures = Failures::default();
        let now = Instant::now();
        for host in 0..BURST {
            assert!(failures.take_at(address(&format!("2001:db8::{host:x}")), now));
        }
        assert!(!failures.take_at(address("2001:db8::ffff"), now));
        assert!(failures.take_at(address("2001:db8:0:1::1"), now));
        for _ in 0..BURST {
            assert!(failures.take_at(address("::ffff:10.0.0.9"), now));
        }
        assert!(!failures.take_at(address("10.0.0.9"), now), "an IPv4 address is itself in whatever form");
    }

    #[test]
    fn the_table_has_a_ceiling() {
        let failures = Failures::default();
        let now = Instant::now();
        let guesser = address("192.0.2.1");
        while failures.take_at(guesser, now) {}
        for n in 0..10 * u32::try_from(ADDRESSES).unwrap() {
            assert!(failures.take_at(IpAddr::from(n.to_be_bytes()), now));
        }
        assert_eq!(failures.buckets.lock().unwrap().len(), ADDRESSES);
        assert!(!failures.take_at(guesser, now), "whoever was wrong most often is remembered longest");
    }
}
