//! What blocks a thread: asking for names, reading files. Bounded, and names that nobody answers for hold up few others.

use std::{
    collections::HashSet,
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::policy::probe::Family;

/// Threads that ask for names at once, and of these for names that nobody answered for last time.
const LOOK_UPS: usize = 4;
const DOUBTFUL: usize = 2;
/// Threads that read files at once.
const READS: usize = 2;
/// Names in doubt that are remembered: more than the file can have.
const MAX_DOUBTS: usize = 2 * super::plan::MAX_PROBES;

/// The threads.
#[derive(Debug)]
pub(super) struct Threads {
    look_ups: Arc<Semaphore>,
    doubtful: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    /// Names that were asked for and had no answer yet, or a bad one.
    doubts: Arc<Mutex<HashSet<Arc<str>>>>,
}

impl Threads {
    pub(super) fn new() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { look_ups: places(LOOK_UPS), doubtful: places(DOUBTFUL), reads: places(READS), doubts: Arc::default() }
    }

    /// The address of a name to connect to: one, so that half of a service is not taken for all of it. Waits as long as it takes.
    pub(super) async fn look_up(&self, host: &Arc<str>, port: u16, family: Option<Family>) -> io::Result<SocketAddr> {
        let doubted = !doubts(&self.doubts, |doubts| doubts.len() < MAX_DOUBTS && doubts.insert(Arc::clone(host)));
        let closed = |_| io::Error::other("the agent ends");
        let doubtful = match doubted {
            true => Some(Arc::clone(&self.doubtful).acquire_owned().await.map_err(closed)?),
            false => None,
        };
        let place = Arc::clone(&self.look_ups).acquire_owned().await.map_err(closed)?;
        let (known, name) = (Arc::clone(&self.doubts), Arc::clone(host));
        let asked = spawn_blocking(move || {
            // Held by the thread: whoever waits may leave before the resolver gives up.
            let _places = (doubtful, place);
            let found = (&*name, port).to_socket_addrs().map(|found| choose(found.collect(), family));
            if matches!(found, Ok(Some(_))) {
                doubts(&known, |doubts| doubts.remove(&name));
            }
            found
        });
        let found = asked.await.map_err(io::Error::other)??;
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address of that protocol"))
    }

    /// Does something that reads files, on a thread of its own. Waits as long as it takes.
    pub(super) async fn read<T: Send + 'static>(&self, read: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let place = Arc::clone(&self.reads).acquire_owned().await.map_err(io::Error::other)?;
        let reading = spawn_blocking(move || {
            let _place = place;
            read()
        });
        reading.await.map_err(io::Error::other)
    }
}

fn doubts<T>(doubts: &Mutex<HashSet<Arc<str>>>, with: impl FnOnce(&mut HashSet<Arc<str>>) -> T) -> T {
    with(&mut doubts.lock().unwrap_or_else(PoisonError::into_inner))
}

/// IPv4 before IPv6 unless said, and of each the first.
fn choose(found: Vec<SocketAddr>, family: Option<Family>) -> Option<SocketAddr> {
    let first = |v4: bool| found.iter().copied().find(|address| address.is_ipv4() == v4);
    match family {
        Some(Family::V4) => first(true),
        Some(Family::V6) => first(false),
        None => first(true).or_else(|| first(false)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_chosen() {
        let [v4, v6]: [SocketAddr; 2] = ["192.0.2.1:1", "[2001:db8::1]:1"].map(|text| text.parse().unwrap());
        assert_eq!(choose(vec![v6, v4], None), Some(v4));
        assert_eq!(choose(vec![v6], None), Some(v6));
        assert_eq!(choose(vec![v4, v6], Some(Family::V6)), Some(v6));
        assert_eq!(choose(vec![v4], Some(Family::V6)), None);
        assert_eq!(choose(vec![], None), None);
    }

    #[tokio::test]
    async fn names_and_addresses_are_looked_up_and_doubts_are_dropped() {
        let threads = Threads::new();
        for host in ["127.0.0.1", "::1", "localhost"] {
            let address = threads.look_up(&host.into(), 80, None).await.unwrap();
            assert!(address.ip().is_loopback() && address.port() == 80, "{address}");
        }
        assert!(threads.look_up(&"127.0.0.1".into(), 80, Some(Family::V6)).await.is_err());
        assert_eq!(threads.doubts.lock().unwrap().len(), 1, "of the last one alone");
        assert_eq!(threads.read(|| 7).await.unwrap(), 7);
    }
}
