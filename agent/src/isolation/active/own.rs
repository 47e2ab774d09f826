//! What the agent's own probes leave in the kernel's lists of sockets, so that nobody takes it for traffic.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a probe is remembered: twice the minute that an ended connection stays listed (`TCP_TIMEWAIT_LEN`).
const KEPT: Duration = Duration::from_secs(120);

/// Probes remembered at once: of two minutes, at a hundred a second and with several pids each. The oldest go first.
const MAX: usize = 65_536;

/// A process in the namespace of a probe, and the port the probe has there.
type Mark = (u32, u16);

/// The probes of the last two minutes; cheap to clone, all clones know the same.
#[derive(Clone, Debug, Default)]
pub struct Own(Arc<Mutex<Marks>>);

#[derive(Debug, Default)]
struct Marks {
    /// With the time after which they are forgotten.
    marks: HashMap<Mark, Instant>,
    /// In the order of that time.
    order: VecDeque<(Instant, Mark)>,
}

impl Own {
    /// Whether a socket with this local address in the namespace of that process is, or was a moment ago, a probe of ours. The port decides:
    /// the kernel gives it to nobody else while we have it.
    pub fn is_ours(&self, pid: u32, local: SocketAddr) -> bool {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.marks.get(&(pid, local.port())).is_some_and(|until| *until > Instant::now())
    }

    /// A probe with this port is about to begin in a namespace which has these processes.
    pub(super) fn begins(&self, pids: &[u32], port: u16) {
        self.mark(pids, port, Instant::now());
    }

    fn mark(&self, pids: &[u32], port: u16, now: Instant) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Marks { marks, order } = &mut *marks;
        for pid in pids {
            marks.insert((*pid, port), now + KEPT);
            order.push_back((now + KEPT, (*pid, port)));
        }
        while order.front().is_some_and(|(until, _)| *until <= now || order.len() > MAX) {
            // One that was used again meanwhile has a later time, and stays for that.
            let Some((until, mark)) = order.pop_front() else { break };
            if marks.get(&mark) == Some(&until) {
                marks.remove(&mark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([172, 20, 0, 2], port))
    }

    #[test]
    fn a_probe_is_known_for_two_minutes_in_every_process_of_its_namespace() {
        let own = Own::default();
        let long_ago = Instant::now().checked_sub(KEPT + Duration::from_secs(1)).unwrap();
        own.mark(&[7], 40_000, long_ago);
        own.mark(&[7], 40_001, long_ago);
        assert!(!own.is_ours(7, at(40_000)));
        own.begins(&[7, 8], 40_000);
        assert!(own.is_ours(7, at(40_000)) && own.is_ours(8, at(40_000)));
        assert!(!own.is_ours(9, at(40_000)), "another namespace has ports of its own");
        assert!(!own.is_ours(7, at(40_001)));
        assert_eq!(own.0.lock().unwrap().marks.len(), 2, "what is over is forgotten, and nothing else");
        assert_eq!(own.0.lock().unwrap().order.len(), 2);
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let own = Own::default();
        for pid in 0..70 {
            (1..=1000).for_each(|port| own.begins(&[pid], port));
        }
        assert_eq!(own.0.lock().unwrap().marks.len(), MAX);
        assert!(own.is_ours(69, at(1000)) && !own.is_ours(0, at(1)), "the oldest went");
    }
}
